"""Votes: each is an object whose key says all that is counted, so that counting reads no object.

    feedback/counted/2026-03-01/doodle/0123456789abcdef-1    that answer of that day was right
    feedback/counted/2026-03-01/doodle/fedcba9876543210-0    … was wrong
    feedback/forced/…                                        the caller had chosen the model
    experiment.votes.json                                    the counts, by day and arm

The day is that of the answer, in UTC, so a day is over once its ids have expired: its counts stay
as they are. Of the others the counts are made anew from the keys each time, which makes a fold
that dies, comes twice or runs beside another harmless.
"""

import re
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import Annotated

import msgspec

from chalicelib.aws.documents import Documents
from chalicelib.aws.s3 import Found
from chalicelib.errors import ImageTooLarge
from chalicelib.experiment.ids import EXPIRY

REPORT = "experiment.votes.json"
COUNTED, FORCED = "feedback/counted/", "feedback/forced/"
DAY = 86400
LAST_SECOND = 253402300799
"""Of the year 9999."""

OPEN_DAYS = EXPIRY // DAY + 1
"""Days after its own in which a day's counts may change: an id's life, and one for clocks."""

_KEY = re.compile(COUNTED + r"(\d{4}-\d\d-\d\d)/([a-z0-9._-]+)/([0-9a-f]{16})-([01])")


class Vote(msgspec.Struct, frozen=True, omit_defaults=True):
    """The object of a vote: what training may want to know of it later.

    label: what the caller says is to be seen, where that was said. Times are seconds since the
    epoch.
    """

    inference_id: str
    nonce: str
    arm: str
    predicted: str
    correct: bool
    assigned: bool
    issued_at: int
    voted_at: float
    label: str | None = None


class Tally(msgspec.Struct, frozen=True):
    """Votes, and how many of them say that the answer was right."""

    votes: int = 0
    correct: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.votes + other.votes, self.correct + other.correct)


Days = dict[str, dict[str, Tally]]
"""Tallies by day and arm."""


class Report(msgspec.Struct, frozen=True):
    """The counts as of `updated_at`, in seconds since the epoch: when the fold began."""

    updated_at: Annotated[float, msgspec.Meta(ge=0, le=LAST_SECOND)]
    days: Days

    def totals(self) -> dict[str, Tally]:
        """Tallies by arm, over all days."""
        totals: dict[str, Tally] = {}
        for tallies in self.days.values():
            for arm, tally in tallies.items():
                totals[arm] = totals.get(arm, Tally()) + tally
        return totals


class Votes:
    """The votes of one bucket. Every method raises what the store does."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def cast(self, vote: Vote) -> None:
        """Write a vote; a second one on the same answer takes the first's place."""
        root = COUNTED if vote.assigned else FORCED
        stem = f"{root}{_day(vote.issued_at)}/{vote.arm}/{vote.nonce}-"
        # Deleted before, never after: of two at once at least one stays. And S3's clock of whole
        # seconds could not tell which of two quick ones was the last.
        self._documents.store.delete(self._documents.bucket, f"{stem}{1 - vote.correct}")
        self._documents.put(f"{stem}{int(vote.correct)}", vote)

    def fold(self, now: float) -> None:
        """Bring the report up to date; it lists only days that may have changed since."""
        before, etag = self._tagged()
        if before is None:
            days = self._count(COUNTED)
        else:
            first = int(min(now, before.updated_at)) // DAY - OPEN_DAYS
            open_days = [_day(number * DAY) for number in range(first, int(now) // DAY + 1)]
            days = {day: tallies for day, tallies in before.days.items() if day < open_days[0]}
            with ThreadPoolExecutor(OPEN_DAYS + 1) as pool:
                for counts in pool.map(self._count, [f"{COUNTED}{day}/" for day in open_days]):
                    days |= counts
        # of two folds at once the first one counts, and the next one brings the rest
        self._documents.put(REPORT, Report(now, days), replacing=etag)

    def report(self) -> Report | None:
        """The counts of the last fold; None where there are none that can be read."""
        return self._tagged()[0]

    def _tagged(self) -> tuple[Report | None, str | None]:
        """The report and its ETag; neither where the next fold is to count all votes."""
        try:
            return self._documents.tagged(REPORT, Report) or (None, None)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ImageTooLarge):
            return None, None

    def _count(self, prefix: str) -> Days:
        return count(self._documents.store.list(self._documents.bucket, prefix))


def count(listing: Iterable[Found]) -> Days:
    """The tallies of objects in the order of their keys; an answer counts once.

    Of two votes on one answer the later counts, and of two in the same second the one that says it
    was wrong. Objects that are no votes are passed over.
    """
    days: Days = {}
    votes = ((found.modified, match) for found in listing if (match := _KEY.fullmatch(found.key)))
    for (day, arm, _), same in groupby(votes, key=lambda vote: vote[1].group(1, 2, 3)):
        _, correct = max((modified, -int(match[4])) for modified, match in same)
        tallies = days.setdefault(day, {})
        tallies[arm] = tallies.get(arm, Tally()) + Tally(1, -correct)
    return days


def _day(seconds: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))
