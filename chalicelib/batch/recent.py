"""The index of batches: a single listing tells which batches exist, and how each one ended.

    recent/TIME-ID      a batch, newest first
    recent/TIME-ID/0.finished.91.91.1.1800000000.1800000031/SOURCE      how a round of it ended

The second key holds what a list of batches shows: round, status, images requested, done and failed,
when the batch was created, when the round ended, and the source. It is written after the summary
and before the mark in `active/` is deleted, so it counts only if that mark is gone.
"""

import math
import re
from collections.abc import Iterable
from typing import Literal, NamedTuple, cast
from urllib.parse import quote, unquote

from chalicelib.answers.batchviews import BatchOutline, BatchStatus, Counts
from chalicelib.aws.store import Listed
from chalicelib.batch.ledger import Ledger
from chalicelib.batch.objects import Batch, Summary
from chalicelib.sources.read import MAX_KEY_BYTES
from chalicelib.times import moment

PREFIX = "recent/"

Ended = Literal["finished", "cancelled", "failed"]

_END = re.compile(r"(\d+)\.(finished|cancelled|failed)\.(\d+)\.(\d+)\.(\d+)\.(-?\d+)\.(-?\d+)/(.*)")


class _End(NamedTuple):
    """How a round ended. Of two ends of a batch, the one of the higher rank is the later."""

    rank: tuple[float, ...]
    outline: BatchOutline


def recent_key(batch: Batch) -> str:
    """Returns an index key; the newest sorts first. A year over 5138 is an event's mistake."""
    return f"{PREFIX}{max(10**11 - int(batch.created_at), 0):011d}-{batch.batch_id}"


def mark_end(ledger: Ledger, batch: Batch, status: Ended, summary: Summary) -> None:
    """Writes how the batch's round ended, unless the source is too long for a key."""
    counts = summary.counts
    times = math.floor(batch.created_at), math.floor(summary.finished_at)
    figures = (batch.round, status, counts.total, counts.done, counts.failed, *times)
    source = quote(batch.source, safe="")
    key = f"{recent_key(batch)}/{'.'.join(map(str, figures))}/{source}"
    if len(key) <= MAX_KEY_BYTES:
        ledger.mark(key)


def last_ends(marks: Iterable[Listed]) -> dict[str, BatchOutline | None]:
    """Returns how each batch ended last, by its id; None if it has not ended."""
    ends: dict[str, list[_End]] = {}
    for mark in marks:
        batch, _, end = mark.key.removeprefix(PREFIX).partition("/")
        _, _, batch_id = batch.partition("-")
        own = ends.setdefault(batch_id, [])
        if match := _END.fullmatch(end):
            own.append(_read(batch_id, match, mark.modified))
    return {
        batch_id: max(own, key=lambda end: end.rank).outline if own else None
        for batch_id, own in ends.items()
    }


def _read(batch_id: str, match: re.Match[str], written: float) -> _End:
    round, total, done, failed, created, finished = map(int, match.group(1, 3, 4, 5, 6, 7))
    status = cast(BatchStatus, match[2])
    outline = BatchOutline(
        batch_id=batch_id,
        source=unquote(match[8]),
        created_at=moment(created),
        status=status,
        counts=Counts(total, done, failed),
        finished_at=moment(finished),
    )
    return _End((round, status == "finished", written, done), outline)
