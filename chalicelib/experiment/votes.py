"""Store votes as objects, whose keys say everything, so that counting reads no object.

    feedback/counted/2026-03-01/doodle/0123456789abcdef-1    an answer of that day was right
    feedback/counted/2026-03-01/doodle/fedcba9876543210-0    … was wrong
    feedback/forced/…                                        the caller chose the model
    experiment.votes.json                                    the counts, by day and arm

The day is that of the answer, in UTC. A fold counts all of today's votes from their keys, so it
does no harm if a fold dies, runs twice or runs beside another. A day that is over still gets a few
votes until its ids expire. Until then it is counted again now and then, at least once a day, and
once more after that.
"""

import calendar
import re
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from operator import attrgetter
from typing import Annotated, NamedTuple

import msgspec

from chalicelib.aws.documents import Documents
from chalicelib.aws.store import Listed
from chalicelib.errors import ObjectTooLarge
from chalicelib.experiment.ids import EXPIRY

REPORT = "experiment.votes.json"
COUNTED, FORCED = "feedback/counted/", "feedback/forced/"
HOUR, DAY = 3600, 86400
LAST_SECOND = 253402300799
"""Seconds of the year 9999."""

OPEN_DAYS = EXPIRY // DAY + 1
"""Days after which a day's counts stay: the life of an id, and a day for clocks."""

PAGE = 1000
"""Votes that one request lists. A day that is over is counted again after an hour for each of its
pages, but within a day."""

AT_ONCE = 100 * PAGE
"""Votes on past days that a fold counts, unless one day has more."""

FEWEST = AT_ONCE // 10
"""The least votes that a past day is taken to have: it may have got any number since."""

LISTERS = 8
"""Days listed at the same time."""

_KEY = re.compile(COUNTED + r"(\d{4}-\d\d-\d\d)/([a-z0-9._-]+)/([0-9a-f]{16})-([01])")


class Vote(msgspec.Struct, frozen=True, omit_defaults=True):
    """The contents of a vote's object, for training later.

    label: what the caller says the image shows, if anything. Times are seconds since the
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
    """A count of votes, and of those that say the answer was right."""

    votes: int = 0
    correct: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.votes + other.votes, self.correct + other.correct)


Days = dict[str, dict[str, Tally]]
"""Tallies by day and arm."""


class Report(msgspec.Struct, frozen=True):
    """The counts as of `updated_at`, in seconds since the epoch: when the fold began.

    counted: for each day whose counts may still change, when it was counted.
    """

    updated_at: Annotated[float, msgspec.Meta(ge=0, le=LAST_SECOND)]
    days: Days
    counted: dict[str, float] = {}

    def totals(self) -> dict[str, Tally]:
        """Returns tallies by arm, over all days."""
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
        """Writes a vote. A second vote on the same answer replaces the first."""
        root = COUNTED if vote.assigned else FORCED
        stem = f"{root}{_day(vote.issued_at)}/{vote.arm}/{vote.nonce}-"
        # Deleted before, never after: of two votes at once at least one stays. And S3's clock of
        # whole seconds could not tell which of two quick votes was the last.
        self._documents.store.delete(self._documents.bucket, f"{stem}{1 - vote.correct}")
        self._documents.put(f"{stem}{int(vote.correct)}", vote)

    def fold(self, now: float) -> None:
        """Updates the report: counts today's votes, and those of days that are due."""
        before, etag = self._tagged()
        if before is None:
            report = Report(now, self._count(COUNTED), dict.fromkeys(_open(now, now), now))
        else:
            report = self._updated(before, now)
        # if two fold at once, the first wins, and the next fold counts the rest
        self._documents.put(REPORT, report, replacing=etag)

    def _updated(self, before: Report, now: float) -> Report:
        counted = dict.fromkeys(_open(before.updated_at, now), before.updated_at) | before.counted
        due = _due(counted, before.days, now)
        days = {day: tallies for day, tallies in before.days.items() if day not in due}
        with ThreadPoolExecutor(LISTERS) as pool:
            for counts in pool.map(self._count, [f"{COUNTED}{day}/" for day in due]):
                days |= counts
        counted |= dict.fromkeys(due, now)
        return Report(now, days, {day: at for day, at in counted.items() if at < _closed(day)})

    def report(self) -> Report | None:
        """Returns the counts of the last fold; None if they cannot be read."""
        report, _ = self._tagged()
        return report

    def _tagged(self) -> tuple[Report | None, str | None]:
        """Returns the report and its ETag; neither if the next fold must count all votes."""
        try:
            return self._documents.tagged(REPORT, Report) or (None, None)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ObjectTooLarge):
            return None, None

    def _count(self, prefix: str) -> Days:
        return count(self._documents.store.list(self._documents.bucket, prefix))


class _Mark(NamedTuple):
    """A vote as its key tells it: on which answer, when, and whether that was wrong, as 0 or 1."""

    answer: tuple[str, ...]
    at: float
    wrong: int


def count(listing: Iterable[Listed]) -> Days:
    """Counts objects in the order of their keys; each answer counts once.

    Of two votes on one answer the later counts; of two in the same second, the vote that says it
    was wrong. Objects that are not votes are skipped.
    """
    days: Days = {}
    marks = (
        _Mark(match.group(1, 2, 3), entry.modified, 1 - int(match[4]))
        for entry in listing
        if (match := _KEY.fullmatch(entry.key))
    )
    for (day, arm, _), same in groupby(marks, key=attrgetter("answer")):
        last = max(same)
        tallies = days.setdefault(day, {})
        tallies[arm] = tallies.get(arm, Tally()) + Tally(1, 1 - last.wrong)
    return days


def _open(since: float, now: float) -> list[str]:
    """Returns the days whose counts may have changed since then."""
    first = int(min(since, now)) // DAY - OPEN_DAYS
    return [_day(number * DAY) for number in range(first, int(now) // DAY + 1)]


def _due(counted: dict[str, float], days: Days, now: float) -> list[str]:
    """Returns today, and past days that are due again, those counted longest ago first."""
    today = _day(int(now))
    due, listed = [today], 0
    for day in sorted(counted.keys() - {today}, key=lambda day: (counted[day], day)):
        votes = sum(tally.votes for tally in days.get(day, {}).values())
        if 0 <= now - counted[day] < min(HOUR * max(votes / PAGE, 1), DAY):
            continue
        listed += max(votes, FEWEST)
        if listed > AT_ONCE and len(due) > 1:
            break
        due.append(day)
    return due


def _closed(day: str) -> float:
    """Returns when a day's last ids have expired."""
    start = calendar.timegm(time.strptime(day, "%Y-%m-%d"))
    return float(start + (OPEN_DAYS + 1) * DAY)


def _day(seconds: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))
