"""Adapters that fail on demand, a cloud of them, and the count that shows that nothing was lost.

A process asks its adapters for things; each call has two moments, before its effect and after. A
fault is what happens at one moment: the process dies, the call fails (before: nothing was done;
after: it was, and the answer got lost), or something else runs there from beginning to end. Running
a scenario once counts its moments; running it once more for each of them leaves no place untried.
"""

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec

from chalicelib.answers.batchviews import Counts
from chalicelib.batch.ledger import Ledger, parse_active
from chalicelib.batch.objects import Batch
from chalicelib.batch.outlines import outline_of
from chalicelib.bulk.deadline import Remaining
from chalicelib.bulk.records import Record
from chalicelib.errors import AccessRefused, InceptionError, ServiceUnavailable, SourceRefused
from chalicelib.inference.pool import Load
from chalicelib.requests import BatchRequest, Instance
from tests.fakes import MemoryBus, MemoryItems, MemoryQueue, MemoryStore
from tests.sampleimages import picture
from tests.wired import wired

MAX_RECEIVES = 5
"""Deliveries of a message before it goes to the dead-letter queue, as in infrastructure.yaml."""

PICTURES = [picture(colour, (8, 6)) for colour in ("red", "green", "blue")]


class Killed(BaseException):
    """The process is gone: nothing that it would have done after this happens."""


class Steps:
    """The moments of one process, and what happens at one of them.

    at: number of the moment, from 0; none where negative. act: what happens there, once.
    """

    def __init__(self, at: int = -1, act: Callable[[], object] = lambda: None) -> None:
        self._at, self._act = at, act
        self.names: list[str] = []
        self._dead = False
        self._lock = threading.Lock()

    @property
    def fired(self) -> bool:
        """Whether it came so far."""
        return 0 <= self._at < len(self.names)

    def moment(self, name: str) -> None:
        """A moment of that name has come."""
        with self._lock:
            if self._dead:
                raise Killed
            mine = len(self.names) == self._at
            self.names.append(name)
        if mine:
            try:
                self._act()
            except Killed:
                self._dead = True
                raise


class Watched:
    """An adapter whose calls are moments of a process."""

    def __init__(self, target: Any, steps: Steps) -> None:
        self._target, self._steps = target, steps

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._target, name)

        def call(*arguments: Any, **options: Any) -> Any:
            told = f"{name} {arguments[1] if len(arguments) > 1 else ''}".strip()
            self._steps.moment(f"before {told}")
            answer = method(*arguments, **options)
            self._steps.moment(f"after {told}")
            return answer

        return call


def kill() -> None:
    """A fault: the process dies."""
    raise Killed


def fail() -> None:
    """A fault: the store or queue does not answer."""
    raise ServiceUnavailable


def deny() -> None:
    """A fault: AccessDenied, as while a policy or a key's grant is being changed."""
    raise AccessRefused


def ours(name: str) -> bool:
    """Whether a refusal at that moment is one of our buckets or queues, which is not done then."""
    return name.startswith("before ") and not name.endswith("fetch")


class Outcome(Protocol):
    """What became of an image."""

    @property
    def labels(self) -> Any: ...

    @property
    def error(self) -> Any: ...


def balanced(submitted: Sequence[str], answered: Iterable[tuple[str, Outcome | None]]) -> list[str]:
    """Fails unless each id that was submitted is found exactly once, as labels or as an error.

    Returns the ids of those that are errors, in their order.
    """
    pairs = list(answered)
    ids = Counter(id for id, _ in pairs)
    lost = Counter(submitted) - ids
    assert not lost, f"lost: {sorted(lost)[:5]}"
    doubled = ids - Counter(submitted)
    assert not doubled, f"doubled or made up: {sorted(doubled)[:5]}"
    assert [id for id, _ in pairs] == list(submitted), "in another order"
    for id, outcome in pairs:
        assert outcome is not None, f"{id} has no outcome"
        both = (outcome.labels is None) + (outcome.error is None)
        assert both == 1, f"{id} must have either labels or an error"
    return [id for id, outcome in pairs if outcome is not None and outcome.error is not None]


class Process:
    """A container of one of the functions, or of the API."""

    def __init__(self, cloud: "BatchCloud", steps: Steps) -> None:
        self.steps = steps
        store: Any = Watched(cloud.store, steps)
        self.services = wired(
            cloud.models_in(store),
            cloud.environment,
            cloud.load,
            store=store,
            queue=Watched(cloud.queue, steps),
            answers=Watched(cloud.answers, steps),
            bus=Watched(cloud.bus, steps),
            items=Watched(cloud.items, steps),
            fetch=Watched(cloud, steps).fetch,
            clock=lambda: next(cloud.clock),
        )
        self.batches, self.events = self.services.batches, self.services.events


class BatchCloud:
    """Buckets, queues and hosts; processes come and go.

    The queue delivers at least once, and says that it is idle while its messages are worked on, as
    SQS may, whose figures are approximate.
    """

    def __init__(self, store: Any = None, queue: Any = None) -> None:
        self.store, self.queue = store or MemoryStore(), queue or MemoryQueue()
        self.answers, self.dead = MemoryQueue(), list[str]()
        self.bus, self.items = MemoryBus(), MemoryItems()
        self.models_in: Callable[[Any], Any] = lambda store: None
        self.load: Load | None = None
        self.environment: dict[str, str] = {}
        self.clock = map(float, itertools.count(1_800_000_000))
        self.broken, self.killers = {"bad"}, set[str]()
        self.submitted: dict[str, list[str]] = {}
        self.received: Counter[str] = Counter()

    def copy(self) -> "BatchCloud":
        """Another one in the same state."""
        twin = BatchCloud(type(self.store)(dict(self.store.objects)))
        twin.queue.bodies, twin.broken = list(self.queue.bodies), set(self.broken)
        twin.killers, twin.queue.busy = set(self.killers), self.queue.busy
        twin.store.late = self.store.late
        twin.submitted, twin.dead = dict(self.submitted), list(self.dead)
        twin.answers.bodies = list(self.answers.bodies)
        twin.bus.events = list(self.bus.events)
        twin.models_in, twin.load, twin.environment = self.models_in, self.load, self.environment
        twin.clock = map(float, itertools.count(1_800_001_000))
        return twin

    def fetch(self, url: str) -> bytes:
        """The image of an address that ends in its id."""
        id = url.rsplit("/", 1)[-1]
        if id in self.killers:
            raise Killed
        if id in self.broken:
            raise SourceRefused("The host says 404.")
        return PICTURES[len(id) % len(PICTURES)]

    def process(self, steps: Steps | None = None) -> Process:
        """A new one, with nothing in memory."""
        return Process(self, steps or Steps())

    def start(self, count: int = 30, bad: bool = True) -> str:
        """A batch of so many instances, one of which fails; its id."""
        ids = [f"id{n}" for n in range(count - bad)] + ["bad"] * bad
        instances = [Instance(id=id, url=f"http://h/{id}") for id in ids]
        batch_id = self.process().batches.create(BatchRequest(instances=instances)).batch_id
        self.submitted[batch_id] = ids
        return str(batch_id)

    def batch(self, batch_id: str) -> Batch:
        """What was asked for."""
        return Ledger(self.store, "results", batch_id).batch()

    def deliver(self, process: Process, body: str, left: Remaining = lambda: 900.0) -> bool:
        """Let the process work on a message that was taken off the queue; whether it is deleted."""
        try:
            process.events.on_message(body, left)
            process.steps.moment("after delete message")
        except (InceptionError, TimeoutError, Killed) as error:
            self.received[body] += 1
            if self.received[body] < MAX_RECEIVES:
                self.queue.bodies.append(body)
            else:
                self.dead.append(body)
            if isinstance(error, Killed):
                raise
            return False
        return True

    def drain(self, process: Process) -> None:
        """Deliver until nothing waits."""
        while self.queue.bodies:
            self.deliver(process, self.queue.bodies.pop(0))

    def pass_time(self) -> None:
        """Ten hours go by."""
        self.store.late += 10 * 3600.0

    def tick(self, process: Process | None = None) -> None:
        """What the schedule does, whatever comes of it, after hours in which nothing came."""
        self.pass_time()
        with suppress(InceptionError):
            (process or self.process()).events.on_tick(lambda: 60.0)

    @property
    def active(self) -> list[str]:
        """What the schedule still looks after.

        Not the mark of a retry that died before it began: that waits for the caller to ask again.
        """
        marks = [parse_active(entry.key) for entry in self.store.list("results", "active/")]
        return [id for id, round in marks if round <= self.batch(id).round]

    def settle(self, ticks: int = 6) -> int:
        """Let all that waits be done by healthy processes; how many ticks that took."""
        process = self.process()
        self.drain(process)
        for number in range(ticks):
            if not self.active and not self.queue.bodies:
                return number
            self.tick(process)
            self.drain(process)
        assert not self.active and not self.queue.bodies, "it never ends"
        return ticks

    def records(self, batch_id: str) -> list[Record]:
        """The results that the batch's view links to."""
        view = self.process().batches.view(batch_id)
        assert view.status == "finished", view
        key = "batches/" + urlsplit(view.results or "").path.partition("batches/")[2]
        return msgspec.json.Decoder(Record).decode_lines(self.store.read("results", key, 2**30))

    def balance(self, batch_id: str) -> list[str]:
        """See `balanced`; the figures of the view and of the list are those of the results too."""
        records = self.records(batch_id)
        failed = balanced(self.submitted[batch_id], ((record.id, record) for record in records))
        batches = self.process().batches
        view = batches.view(batch_id)
        assert view.counts == Counts(len(records), len(records), len(failed))
        told = [end for _, end in self.bus.events if end["batch_id"] == batch_id]
        assert told[-1]["status"] == "finished" and told[-1]["counts"]["done"] == len(records)
        assert not self.active and outline_of(view) in batches.recent()
        return failed
