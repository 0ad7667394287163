"""The index of outcomes: a single listing tells what came of the latest runs.

outcomes/TIME-NAME/kept/VERDICT     an empty object, newest first
"""

from itertools import islice
from typing import NamedTuple, cast
from urllib.parse import quote, unquote

from chalicelib.answers.judged import Outcome
from chalicelib.aws.store import ObjectStore
from chalicelib.sources.read import MAX_KEY_BYTES
from chalicelib.workflow.run import Plan, Run

_INDEX = "outcomes/"
_LATEST = 10**11
_MOST_READ = 1000
"""Marks that one listing returns, of which the latest runs need the first few."""


class Came(NamedTuple):
    """What came of a run. prepared: when it was planned, in seconds since the epoch."""

    prepared: int
    outcome: Outcome
    verdict: str


def mark_outcome(run: Run, plan: Plan, outcome: Outcome, verdict: str) -> None:
    """Writes what came of the run; without a verdict that is too long for a key."""
    key = f"{_INDEX}{_LATEST - int(plan.created_at):011d}-{run.name}/{outcome}/"
    with_verdict = key + quote(verdict, safe="", errors="replace")
    run.mark(with_verdict if len(with_verdict) <= MAX_KEY_BYTES else key)


def latest_outcomes(store: ObjectStore, bucket: str) -> dict[str, Came]:
    """Returns what came of the latest runs, by their names."""
    latest: dict[str, Came] = {}
    for mark in islice(store.list(bucket, _INDEX), _MOST_READ):
        run, outcome, verdict = mark.key.removeprefix(_INDEX).split("/")
        time, _, name = run.partition("-")
        came = Came(_LATEST - int(time), cast(Outcome, outcome), unquote(verdict))
        latest.setdefault(name, came)  # a name may come again after 90 days
    return latest
