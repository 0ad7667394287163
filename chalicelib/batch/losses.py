"""Tell which messages of a round are lost, and classify the images of lost chunks alone.

    batches/ID/rounds/0/repairs/000001-2    the chunk was queued again, for the second time
    batches/ID/rounds/0/repairs/now         written to read the store's clock
    batches/ID/rounds/0/begun/000001-1      a worker received that first message
    batches/ID/rounds/0/begun/000001-2-0007     or, for an image alone, that image's message
    batches/ID/rounds/0/alone/000001/0007.json      the record of one image of that chunk

Chunk 0 is the fan-out. All times are the store's, because a function's clock may be wrong.
"""

from collections.abc import Callable, Iterable

from chalicelib.answers.predictions import ErrorInfo
from chalicelib.aws.sqs import Queue
from chalicelib.aws.store import Listed
from chalicelib.batch.ledger import Ledger
from chalicelib.bulk.manifests import Entry
from chalicelib.bulk.records import Record
from chalicelib.errors import ObjectMissing, ServiceUnavailable

FAN_OUT = 0
"""The number of the fan-out among a round's chunks."""

REPAIRS = 3
"""Times that a missing message is queued again before it is given up."""

IMAGE_LOST = ErrorInfo(
    "ChunkLost",
    "Workers failed on this image again and again, even when it was alone; see the dead-letter "
    "queue for the reason, and retry the batch when it is fixed.",
    retryable=True,
)


class QueueState:
    """The state of the queue, asked at most once and before anything is sent."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._state: tuple[bool, float] | None = None

    def get(self) -> tuple[bool, float]:
        """Returns whether the queue is idle, and its patience; see Queue."""
        if self._state is None:
            self._state = self._queue.idle(), self._queue.patience()
        return self._state


class Losses:
    """The messages of one round at the moment of creation: a listing of each kind of mark.

    started: when the round began or was resumed; older marks do not count.
    Raises what the store and the queue do.
    """

    def __init__(self, ledger: Ledger, round: int, state: QueueState, started: float) -> None:
        self._ledger, self._round = ledger, round
        self._idle, self._patience = state.get()
        ledger.mark(ledger.round_key(round, "repairs/now"))
        marks = {_name(mark): mark.modified for mark in self._list("repairs/")}
        if "now" not in marks:
            raise ServiceUnavailable(detail="the store does not list what was just written")
        self._now = marks.pop("now")
        begun = {_name(mark): mark.modified for mark in self._list("begun/")}
        counted = sorted(_numbered(marks, started).items())
        self._again = {chunk: (number, at) for (chunk, number), at in counted}
        self._begun = _numbered(begun, started)
        self._had = {name for name, at in begun.items() if at >= started}
        self._first = {int(_name(mark)[:6]): mark.modified for mark in self._list("chunks/")}
        for checkpoint in self._list(
            "fanout."
        ):  # the fan-out's checkpoint, and that of the listing before it
            self._first[FAN_OUT] = max(checkpoint.modified, self._first.get(FAN_OUT, 0.0))
        self._started = started

    def _list(self, prefix: str) -> Iterable[Listed]:
        return self._ledger.store.list(
            self._ledger.bucket, self._ledger.round_key(self._round, prefix)
        )

    def tries(self, chunk: int) -> int:
        """Returns how often the chunk was queued again."""
        number, _ = self._again.get(chunk, (0, 0.0))
        return number

    def is_lost(self, chunk: int) -> bool:
        """Whether the chunk's last message is lost.

        If the queue is idle, the message is neither waiting nor with a worker. If other messages
        keep the queue busy, its age tells: a message that a worker received is a dead letter after
        so many visibility timeouts. A message that no worker received may still wait behind others,
        so it gets twice the time from try to try. If it arrives after all, the chunk is done.
        """
        number, queued = self._again.get(chunk, (0, self._started))
        begun = self._begun.get((chunk, number))
        seen = max(queued, self._first.get(chunk, 0.0), begun or 0.0)
        wait = self._patience * (2**number if begun is None else 1)
        return self._idle or self._now - seen > wait

    def is_spent(self, chunk: int, places: Callable[[int], list[int]] | None = None) -> bool:
        """Whether a lost chunk must be given up, because its last workers did not finish it.

        places: the missing images, if they go alone. A worker must have received each of them;
        otherwise its message may still wait behind others.
        """
        number = self.tries(chunk)
        if number < REPAIRS or self._idle:
            return number >= REPAIRS
        had = [_begun(chunk, number, place) for place in (places(chunk) if places else [None])]
        return self._had.issuperset(had)

    def count(self, chunk: int) -> None:
        """Records that the chunk is queued again. The last time may be recorded repeatedly."""
        number = min(self.tries(chunk) + 1, REPAIRS)
        self._ledger.mark(repair_key(self._ledger, self._round, chunk, number))


def repair_key(ledger: Ledger, round: int, chunk: int, number: int) -> str:
    """Returns the key that marks how often the chunk was queued again."""
    return ledger.round_key(round, f"repairs/{chunk:06d}-{number}")


def begin(ledger: Ledger, round: int, chunk: int, number: int, place: int | None = None) -> None:
    """Marks that a worker received a message. Costs nothing unless something was lost.

    place: of the image in the chunk, if the message is about one image.
    """
    if number:
        ledger.mark(ledger.round_key(round, f"begun/{_begun(chunk, number, place)}"))


def _begun(chunk: int, number: int, place: int | None) -> str:
    return f"{chunk:06d}-{number}" + ("" if place is None else f"-{place:04d}")


class SingleImages:
    """The images of one chunk that are classified alone."""

    def __init__(self, ledger: Ledger, round: int, chunk: int) -> None:
        self._ledger, self._root = ledger, ledger.round_key(round, f"alone/{chunk:06d}/")
        self._round, self._chunk = round, chunk

    def keep(self, place: int, record: Record) -> None:
        """Writes the record of the image at that place, unless there is one."""
        self._ledger.put(f"{self._root}{place:04d}.json", record, only_new=True)

    def places(self) -> set[int]:
        """Returns the places that are done."""
        listed = self._ledger.store.list(self._ledger.bucket, self._root)
        return {int(_name(mark)[:4]) for mark in listed}

    def join(self, entries: list[Entry], error: ErrorInfo | None = None) -> bool:
        """Writes the chunk's part once each image has a record. Returns whether it did.

        error: for the images that will get no record.
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


def _name(mark: Listed) -> str:
    return mark.key.rsplit("/", 1)[1]


def _numbered(marks: dict[str, float], since: float) -> dict[tuple[int, int], float]:
    """Returns the last times of marks that are newer, by chunk and number."""
    later = sorted((at, name.split("-")) for name, at in marks.items() if at >= since)
    return {(int(chunk), int(number)): at for at, (chunk, number, *_) in later}
