"""What went missing of a round: messages that nobody will bring any more, and images done alone.

    batches/ID/rounds/0/repairs/000001-2    the chunk was queued again, for the second time
    batches/ID/rounds/0/repairs/now         written to read the store's clock
    batches/ID/rounds/0/begun/000001-1      a worker has had that first message
    batches/ID/rounds/0/begun/000001-2-0007     or, of images one by one, that image's
    batches/ID/rounds/0/alone/000001/0007.json      the record of one image of that chunk

Chunk 0 is the fan-out. All times are the store's, because a function's clock may be wrong.
"""

from collections.abc import Callable, Iterable

from chalicelib.answers.predictions import ErrorInfo
from chalicelib.aws.s3 import Found
from chalicelib.aws.sqs import Queue
from chalicelib.batch.ledger import Ledger
from chalicelib.bulk.manifests import Entry
from chalicelib.bulk.records import Record
from chalicelib.errors import ObjectMissing, ServiceUnavailable

FAN_OUT = 0
"""The number of the fan-out among a round's chunks."""

REPAIRS = 3
"""Times that what is missing is queued again before it is given up."""

IMAGE_LOST = ErrorInfo(
    "ChunkLost",
    "Workers failed on this image again and again, even when it was alone; see the dead-letter "
    "queue for the reason, and retry the batch when it is fixed.",
    retryable=True,
)


class Pace:
    """How it is with the queue: asked at most once, and before anything is sent."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._found: tuple[bool, float] | None = None

    def get(self) -> tuple[bool, float]:
        """Whether it is idle, and its patience; see Queue."""
        if self._found is None:
            self._found = self._queue.idle(), self._queue.patience()
        return self._found


class Losses:
    """The messages of one round, as they are when this is made: one listing of each kind of mark.

    started: when the round began, or was resumed: what was counted before that counts no more.
    Raises what the store and the queue do.
    """

    def __init__(self, ledger: Ledger, round: int, pace: Pace, started: float) -> None:
        self._ledger, self._round = ledger, round
        self._idle, self._patience = pace.get()
        ledger.mark(ledger.round_key(round, "repairs/now"))
        marks = {_name(found): found.modified for found in self._list("repairs/")}
        if "now" not in marks:
            raise ServiceUnavailable(detail="the store does not list what was just written")
        self._now = marks.pop("now")
        begun = {_name(found): found.modified for found in self._list("begun/")}
        counted = sorted(_numbered(marks, started).items())
        self._again = {chunk: (number, at) for (chunk, number), at in counted}
        self._begun = _numbered(begun, started)
        self._had = {name for name, at in begun.items() if at >= started}
        self._first = {int(_name(found)[:6]): found.modified for found in self._list("chunks/")}
        for checkpoint in self._list("fanout."):  # its own, and that of the listing before it
            self._first[FAN_OUT] = max(checkpoint.modified, self._first.get(FAN_OUT, 0.0))
        self._started = started

    def _list(self, prefix: str) -> Iterable[Found]:
        return self._ledger.store.list(
            self._ledger.bucket, self._ledger.round_key(self._round, prefix)
        )

    def tries(self, chunk: int) -> int:
        """How often the chunk was queued again."""
        number, _ = self._again.get(chunk, (0, 0.0))
        return number

    def is_lost(self, chunk: int) -> bool:
        """Whether the chunk's last message will come no more.

        It is neither waiting nor with a worker where the queue is idle. Where others keep it busy
        its age tells: what a worker has had is a dead letter after so many visibility timeouts.
        What none has had may yet wait behind others, so it is given twice the time from try to
        try; if it comes after all, the chunk is done already.
        """
        number, queued = self._again.get(chunk, (0, self._started))
        begun = self._begun.get((chunk, number))
        seen = max(queued, self._first.get(chunk, 0.0), begun or 0.0)
        wait = self._patience * (2**number if begun is None else 1)
        return self._idle or self._now - seen > wait

    def is_spent(self, chunk: int, places: Callable[[int], list[int]] | None = None) -> bool:
        """Whether what is lost is to be given up: the last workers that had it came to no end.

        places: of a chunk, the images that are missing, where they go one by one: each of those has
        had its worker, because one that has not may wait behind others yet.
        """
        number = self.tries(chunk)
        if number < REPAIRS or self._idle:
            return number >= REPAIRS
        had = [_begun(chunk, number, place) for place in (places(chunk) if places else [None])]
        return self._had.issuperset(had)

    def count(self, chunk: int) -> None:
        """Write down that the chunk is queued again; for the last time as often as it takes."""
        number = min(self.tries(chunk) + 1, REPAIRS)
        self._ledger.mark(repair_key(self._ledger, self._round, chunk, number))


def repair_key(ledger: Ledger, round: int, chunk: int, number: int) -> str:
    """The key of the mark that the chunk was queued again for that time."""
    return ledger.round_key(round, f"repairs/{chunk:06d}-{number}")


def begin(ledger: Ledger, round: int, chunk: int, number: int, place: int | None = None) -> None:
    """Mark that a worker has that message, which costs nothing where nothing was lost.

    place: of the image in the chunk, where the message is of one alone.
    """
    if number:
        ledger.mark(ledger.round_key(round, f"begun/{_begun(chunk, number, place)}"))


def _begun(chunk: int, number: int, place: int | None) -> str:
    return f"{chunk:06d}-{number}" + ("" if place is None else f"-{place:04d}")


class Alone:
    """The images of one chunk that are done one by one."""

    def __init__(self, ledger: Ledger, round: int, chunk: int) -> None:
        self._ledger, self._root = ledger, ledger.round_key(round, f"alone/{chunk:06d}/")
        self._round, self._chunk = round, chunk

    def keep(self, place: int, record: Record) -> None:
        """Write the record of the image at that place of the chunk, unless there is one."""
        self._ledger.put(f"{self._root}{place:04d}.json", record, only_new=True)

    def places(self) -> set[int]:
        """Those that are done."""
        listed = self._ledger.store.list(self._ledger.bucket, self._root)
        return {int(_name(found)[:4]) for found in listed}

    def join(self, entries: list[Entry], error: ErrorInfo | None = None) -> bool:
        """Write the chunk's part once each image has its record; whether it is written.

        error: of the images that have none and will get none.
        """
        done = self.places()
        if len(done) < len(entries) and error is None:
            return False
        records = [
            self._record(place) if place in done else Record(entry.id, entry.source, error=error)
            for place, entry in enumerate(entries)
        ]
        self._ledger.complete(self._round, self._chunk, records)
        return True

    def _record(self, place: int) -> Record:
        record = self._ledger.get(f"{self._root}{place:04d}.json", Record)
        if record is None:
            raise ObjectMissing(detail=f"{self._root}{place:04d}.json was there, and is no more")
        return record


def _name(found: Found) -> str:
    return found.key.rsplit("/", 1)[1]


def _numbered(marks: dict[str, float], since: float) -> dict[tuple[int, int], float]:
    """By chunk and number, the last times of marks that were written since then."""
    later = sorted((at, name.split("-")) for name, at in marks.items() if at >= since)
    return {(int(chunk), int(number)): at for at, (chunk, number, *_) in later}
