"""Batches under faults: whatever happens, every id is in the results exactly once."""

import itertools
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cache, partial
from typing import TypeVar

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from chalicelib.answers.predictions import ErrorInfo
from chalicelib.aws.s3events import Put
from chalicelib.aws.store import Listed
from chalicelib.batch.fanout import ChunkMessage, FanOutMessage
from chalicelib.batch.outlines import outline_of
from chalicelib.bulk.records import Record
from chalicelib.errors import Conflict, InceptionError, ServiceUnavailable
from chalicelib.requests import BatchRequest, Instance
from tests.fakes import MemoryQueue, MemoryStore
from tests.torture.conftest import Outcome
from tests.torture.faults import (
    MAX_RECEIVES,
    PICTURES,
    BatchCloud,
    Killed,
    Process,
    Steps,
    balanced,
    deny,
    fail,
    kill,
    ours,
)

Action = Callable[[BatchCloud, Process, str], object]
"""What a process does to a batch."""

T = TypeVar("T")
State = Callable[[], tuple[BatchCloud, str]]
"""A cloud and a batch in it, ready for an action."""

BAD = ErrorInfo("SourceRefused", "The host says 404.", False)


@pytest.mark.parametrize(
    ("records", "why"),
    [
        ([("a", Record("a", "", [])), ("b", Record("b", "", [])), ("c", None)], "no outcome"),
        ([("a", Record("a", "", [])), ("b", Record("b", "", []))], r"lost: \['c'\]"),
        ([(id, Record(id, "", [])) for id in "abca"], r"doubled or made up: \['a'\]"),
        ([(id, Record(id, "", [])) for id in "abcd"], r"doubled or made up: \['d'\]"),
        ([(id, Record(id, "", [])) for id in "acb"], "another order"),
        ([(id, Record(id, "")) for id in "abc"], "either labels or an error"),
        ([(id, Record(id, "", [], error=BAD)) for id in "abc"], "either labels or an error"),
    ],
)
def test_the_count_notices_what_is_lost_or_doubled(
    records: list[tuple[str, Record | None]], why: str
) -> None:
    with pytest.raises(AssertionError, match=why):
        balanced("abc", records)
    good = [(id, Record(id, "", [])) for id in "ab"]
    assert balanced("abc", [*good, ("c", Record("c", "", error=BAD))]) == ["c"]


# What processes do


def work(cloud: BatchCloud, process: Process, batch_id: str) -> None:
    """All that waits, message by message."""
    cloud.drain(process)


def hurried(cloud: BatchCloud, process: Process, batch_id: str) -> None:
    """A message for which the time is short."""
    left = iter([900.0] + [30.0] * 9)
    cloud.deliver(process, cloud.queue.bodies.pop(0), lambda: next(left, 1.0))


def rushed(cloud: BatchCloud, process: Process, batch_id: str) -> None:
    """A message for which there is no time: it is begun, and goes back to the queue."""
    cloud.deliver(process, cloud.queue.bodies.pop(0), lambda: 1.0)


def one_message(cloud: BatchCloud, process: Process, batch_id: str) -> None:
    """The next one that waits."""
    if cloud.queue.bodies:
        cloud.deliver(process, cloud.queue.bodies.pop(0))


def tick(cloud: BatchCloud, process: Process, batch_id: str) -> None:
    process.events.on_tick(lambda: 60.0)


def retry(cloud: BatchCloud, process: Process, batch_id: str) -> None:
    with suppress(Conflict):
        process.batches.retry(batch_id)


def retry_whole(cloud: BatchCloud, process: Process, batch_id: str) -> None:
    retry(cloud, process, batch_id)
    cloud.drain(process)


def go_on(cloud: BatchCloud, process: Process, batch_id: str) -> None:
    """Resume what was cancelled, and see it through."""
    process.batches.retry(batch_id)
    cloud.drain(process)


def cancel(cloud: BatchCloud, process: Process, batch_id: str) -> None:
    with suppress(Conflict):
        process.batches.cancel(batch_id)


def fan_out_again(cloud: BatchCloud, process: Process, batch_id: str) -> None:
    deliver(cloud, process, FanOutMessage(batch_id, cloud.batch(batch_id).round))


def chunk_again(cloud: BatchCloud, process: Process, batch_id: str) -> None:
    """The message of the first chunk, which another one may be working on at this moment."""
    deliver(cloud, process, ChunkMessage(batch_id, cloud.batch(batch_id).round, 1))


def last_again(cloud: BatchCloud, process: Process, batch_id: str) -> None:
    deliver(cloud, process, ChunkMessage(batch_id, cloud.batch(batch_id).round, 2))


def deliver(cloud: BatchCloud, process: Process, message: object) -> None:
    body = msgspec.json.encode(message).decode()
    with suppress(InceptionError):  # a chunk that is not there yet; or of another round
        process.events.on_message(body, lambda: 900.0)


# What they find


class Growing(MemoryStore):
    """Gets another image as soon as its images have been listed."""

    def list(self, bucket: str, prefix: str, after: str = "") -> Iterator[Listed]:
        listed = list(super().list(bucket, prefix, after))
        if bucket == "images":
            self.put("images", f"new/another-{len(self.objects)}", PICTURES[0], "")
        return iter(listed)


WAITING = ["bad", *(f"p{n:02d}.png" for n in range(30))]


@cache
def started() -> tuple[BatchCloud, str]:
    cloud = BatchCloud()
    return cloud, cloud.start()


@cache
def listing() -> tuple[BatchCloud, str]:
    """A batch of a prefix, into which an image comes whenever anybody has listed it."""
    cloud = BatchCloud(Growing())
    for id in WAITING:
        cloud.store.put("images", f"new/{id}", PICTURES[0] if id != "bad" else b"no image", "")
    view = cloud.process().batches.create(BatchRequest(prefix="s3://images/new/"))
    return cloud, view.batch_id


@cache
def cut() -> tuple[BatchCloud, str]:
    cloud, batch_id = copied(started)
    cloud.deliver(cloud.process(), cloud.queue.bodies.pop(0))
    assert len(cloud.queue.bodies) == 2
    return cloud, batch_id


@cache
def last() -> tuple[BatchCloud, str]:
    cloud, batch_id = copied(cut)
    cloud.deliver(cloud.process(), cloud.queue.bodies.pop(0))
    return cloud, batch_id


@cache
def lost() -> tuple[BatchCloud, str]:
    cloud, batch_id = copied(last)
    cloud.queue.bodies.clear()
    return cloud, batch_id


@cache
def unfinished() -> tuple[BatchCloud, str]:
    """All is done but the end, which nobody came to."""
    cloud, batch_id = copied(last)
    body, never = cloud.queue.bodies.pop(), Steps()
    dying = cloud.process(never)
    dying.events.on_message(body, lambda: 900.0)
    for key in ("results.jsonl", "summary.json"):
        cloud.store.delete("results", f"batches/{batch_id}/{key}")
    cloud.store.put("results", f"active/{batch_id}", b"", "")
    return cloud, batch_id


@cache
def busy() -> tuple[BatchCloud, str]:
    """A chunk is lost, and others keep the queue busy."""
    cloud, batch_id = copied(lost)
    cloud.queue.busy = True
    cloud.store.late += 10 * 3600.0
    return cloud, batch_id


@cache
def alone() -> tuple[BatchCloud, str]:
    """A chunk was lost twice, and its images wait one by one."""
    cloud, batch_id = copied(lost)
    for _ in range(2):
        cloud.queue.bodies.clear()
        cloud.tick()
    assert len(cloud.queue.bodies) == 5
    return cloud, batch_id


@cache
def stopped() -> tuple[BatchCloud, str]:
    """Cancelled when a part was done, of which the results are written."""
    cloud, batch_id = copied(last)
    cloud.process().batches.cancel(batch_id)
    cloud.drain(cloud.process())
    return cloud, batch_id


@cache
def stopping() -> tuple[BatchCloud, str]:
    """The same, and its results are not written yet."""
    cloud, batch_id = copied(last)
    cloud.process().batches.cancel(batch_id)
    return cloud, batch_id


@cache
def finished() -> tuple[BatchCloud, str]:
    cloud, batch_id = copied(started)
    cloud.drain(cloud.process())
    cloud.broken.clear()
    return cloud, batch_id


@cache
def retrying() -> tuple[BatchCloud, str]:
    cloud, batch_id = copied(finished)
    cloud.process().batches.retry(batch_id)
    return cloud, batch_id


@cache
def mending() -> tuple[BatchCloud, str]:
    cloud, batch_id = copied(retrying)
    cloud.deliver(cloud.process(), cloud.queue.bodies.pop(0))
    return cloud, batch_id


def copied(state: State) -> tuple[BatchCloud, str]:
    cloud, batch_id = state()
    return cloud.copy(), batch_id


# What is tried


def run(action: Action, cloud: BatchCloud, batch_id: str, steps: Steps) -> None:
    """The action by a new process, which a fault may end."""
    with suppress(Killed, InceptionError):
        action(cloud, cloud.process(steps), batch_id)


def named_moments(state: State, action: Action) -> list[str]:
    """Those that the action has."""
    cloud, batch_id = copied(state)
    steps = Steps()
    run(action, cloud, batch_id, steps)
    return steps.names


def moments(state: State, action: Action) -> int:
    """How many the action has."""
    return len(named_moments(state, action))


def everywhere(
    state: State,
    action: Action,
    fault: Callable[[BatchCloud, str], object],
    sample: int | None = None,
    among: Callable[[str], bool] = lambda name: True,
) -> Iterator[tuple[BatchCloud, str]]:
    """The cloud and batch after the action with a fault in it, once for each of its moments.

    sample: for so many of them only. among: for those of such a name only.
    """
    places = [at for at, name in enumerate(named_moments(state, action)) if among(name)]
    for at in places if sample is None else some(places, sample):
        cloud, batch_id = copied(state)
        steps = Steps(at, partial(fault, cloud, batch_id))
        run(action, cloud, batch_id, steps)
        yield cloud, batch_id


def some(places: Sequence[T], count: int) -> list[T]:
    """So many of them, by a chance that is the same in every run."""
    return random.Random(f"{count} of {len(places)}").sample(places, min(count, len(places)))


def check(cloud: BatchCloud, batch_id: str, may_be_cancelled: bool = False) -> int:
    """Let it come to its end, and count the images that are accounted for."""
    cloud.settle()
    assert not cloud.dead
    status = cloud.process().batches.view(batch_id).status
    if may_be_cancelled and status == "cancelled":  # it can go on from there to its end
        twin = cloud.copy()
        twin.process().batches.retry(batch_id)
        return check(twin, batch_id)
    if batch_id not in cloud.submitted:  # a prefix, and more came meanwhile
        listed = {record.id for record in cloud.records(batch_id)}
        assert listed >= set(WAITING)
        cloud.submitted[batch_id] = sorted(listed)
    failed = cloud.balance(batch_id)
    mended = cloud.batch(batch_id).round > 0 and not cloud.broken
    assert failed == ([] if mended else ["bad"])
    return len(cloud.submitted[batch_id])


DYING: dict[str, dict[str, tuple[State, Action]]] = {
    "fan-out": {
        "": (started, fan_out_again), "listing": (listing, fan_out_again),
        "short of time": (started, rushed), "listing, short of time": (listing, rushed),
    },
    "worker, at every call from receive to delete": {
        "": (cut, chunk_again), "short of time": (cut, hurried), "batch": (started, work),
    },
    "finish": {"": (last, work), "of a retry": (mending, work), "retry": (retrying, work)},
    "schedule": {
        "lost chunk": (lost, tick), "no end": (unfinished, tick), "busy": (busy, tick),
        "stopped": (stopping, tick),
    },
    "images one by one": {"": (alone, work), "short of time": (alone, rushed)},
}  # fmt: skip


FAULTS: dict[str, tuple[Callable[[], None], Callable[[str], bool]]] = {
    "killed": (kill, lambda name: True),
    "refused by S3 or SQS, before the effect or after,": (fail, lambda name: True),
    "denied by S3 or SQS (403)": (deny, ours),
}


@pytest.mark.parametrize("who", DYING)
@pytest.mark.parametrize("what", FAULTS, ids=["killed", "refused", "denied"])
def test_a_fault_at_any_moment(who: str, what: str, outcome: Outcome) -> None:
    points = images = 0
    fault, among = FAULTS[what]
    for state, action in DYING[who].values():
        for cloud, batch_id in everywhere(state, action, lambda *_: fault(), among=among):
            points += 1
            images += check(cloud, batch_id, may_be_cancelled=state is stopping)
    assert points
    outcome(
        f"batch: {who}: {what} at any moment",
        "the message or the schedule comes again, and all work is done once",
        f"{points} points, {images:,} images, 0 lost, 0 doubled",
    )


ASKED: dict[str, tuple[State, Action]] = {
    "retry": (finished, retry), "cancel": (cut, cancel), "resume": (stopped, go_on),
}  # fmt: skip


def test_a_call_that_dies_can_be_made_again(outcome: Outcome) -> None:
    points = 0
    for (state, action), (fault, among) in itertools.product(ASKED.values(), FAULTS.values()):
        places = everywhere(state, action, lambda *_, fault=fault: fault(), among=among)
        for cloud, batch_id in places:
            points += 1
            if action is not cancel:  # and what was begun has come to its end, as far as it does
                check(cloud, batch_id, may_be_cancelled=action is go_on)
            came_through = cloud.process().batches.view(batch_id).status == "finished"
            if not (action is go_on and came_through):  # or it would be a retry
                action(cloud, cloud.process(), batch_id)
            check(cloud, batch_id, may_be_cancelled=action is cancel)
            wanted = "cancelled" if action is cancel else "finished"
            assert cloud.process().batches.view(batch_id).status == wanted
            assert cloud.batch(batch_id).round == (action is retry)
    outcome(
        "batch: POST /batches/{id}/retry or /cancel, or a resume, dies at any moment",
        "the batch stays whole, and the same call again does it",
        f"{points} points",
    )


def create(cloud: BatchCloud, process: Process, batch_id: str) -> None:
    instances = [Instance(id=id, url=f"http://h/{id}") for id in ("a", "b", "bad")]
    process.batches.create(BatchRequest(instances=instances))


def event(cloud: BatchCloud, process: Process, batch_id: str) -> None:
    """S3's, of a manifest; it comes again until it is taken."""
    process.events.on_put(Put("images", "list.txt", "0055AED6", 1.8e9))


def empty() -> tuple[BatchCloud, str]:
    cloud = BatchCloud()
    cloud.store.put("images", "list.txt", b"http://h/a\nhttp://h/b\nhttp://h/bad\n", "")
    return cloud, ""


BEGUN = {"kill": "dies", "fail": "fails", "deny": "is denied a call"}


@pytest.mark.parametrize("fault", [kill, fail, deny])
def test_what_begins_a_batch_can_die(fault: Callable[[], None], outcome: Outcome) -> None:
    """What was begun comes to its end, or was never there; asked again, it is there."""
    points = 0
    for action in (create, event):
        for cloud, _ in everywhere(empty, action, lambda *_: fault()):
            points += 1
            if points % 2:  # the schedule may come first
                cloud.settle()
            action(cloud, cloud.process(), "")
            cloud.settle()
            listed = cloud.process().batches.recent()
            assert 1 <= len(listed) <= (1 if action is event else 2)
            ids = ["a", "b", "bad"] if action is create else ["1", "2", "3"]
            for view in listed:
                cloud.submitted[view.batch_id] = ids
                assert cloud.balance(view.batch_id) == ids[-1:]
    outcome(
        f"batch: the start, by a call or by S3's event, {BEGUN[fault.__name__]}",
        "the batch comes to its end; a repeated event starts no second batch",
        f"{points} points",
    )


ACTIONS: dict[str, Action] = {
    "work": work, "schedule": tick, "fan-out again": fan_out_again, "cancel": cancel,
    "first chunk again": chunk_again, "last chunk again": last_again, "retry": retry_whole,
}  # fmt: skip
STATES = [
    started, cut, last, lost, unfinished, finished, retrying, mending, busy, alone,
    stopped, stopping,
]  # fmt: skip


def test_anything_in_the_middle_of_anything(long: bool, outcome: Outcome) -> None:
    """Duplicates, schedules, retries and cancels: each runs whole at each moment of each other."""
    points = images = 0
    every = list(itertools.product(STATES, ACTIONS, ACTIONS))
    sample = None if long else 1
    for state, first, second in every if long else some(every, 48):
        action, other = ACTIONS[first], ACTIONS[second]

        def meanwhile(cloud: BatchCloud, batch_id: str, other: Action = other) -> None:
            run(other, cloud, batch_id, Steps())

        for cloud, batch_id in everywhere(state, action, meanwhile, sample):
            points += 1
            was_stopped = state in (stopped, stopping)
            may_be_cancelled = was_stopped or cancel in (action, other)
            images += check(cloud, batch_id, may_be_cancelled)
    outcome(
        "batch: duplicate and out-of-order messages, the schedule, retry and cancel, each in the "
        "middle of each other",
        "the first to write a chunk wins; later writers change nothing",
        f"{points:,} interleavings, {images:,} images, 0 lost, 0 doubled",
    )


TOGETHER = {
    "two schedules": ([lost, unfinished, started], tick, tick),
    "two fan-outs": ([listing, retrying], fan_out_again, fan_out_again),
    "a worker and the schedule": ([last, mending], last_again, tick),
    "two workers at the end": ([last], last_again, last_again),
    "two retries": ([finished], retry_whole, retry_whole),
    "two of a chunk's images": ([alone], one_message, one_message),
}


def test_two_at_once(long: bool, outcome: Outcome) -> None:
    """Each is held up at any moment while the other goes on from there to its end."""
    points = Counter[str]()
    for name, (states, first, second) in TOGETHER.items():
        for state in states:
            places = list(
                itertools.product(range(moments(state, first)), range(moments(state, second)))
            )
            chosen = places if long else some(places, 12)
            for m, n in chosen:
                cloud, batch_id = copied(state)
                overlap(cloud, batch_id, first, m, second, n)
                check(cloud, batch_id)
                points[name] += 1
    outcome(
        "batch: the schedule twice at once, and other pairs, each held up at any moment",
        "the work is done once",
        "; ".join(f"{name}: {count:,}" for name, count in points.items()),
    )


def overlap(
    cloud: BatchCloud, batch_id: str, first: Action, m: int, second: Action, n: int
) -> None:
    """The first until its moment m, the second until its moment n, the first's rest, the other."""
    held, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        assert go_on.wait(20)

    def other() -> None:
        run(second, cloud, batch_id, Steps(n, hold))
        held.set()

    thread = threading.Thread(target=other)

    def begin() -> None:
        thread.start()
        assert held.wait(20)

    run(first, cloud, batch_id, Steps(m, begin))
    go_on.set()
    if thread.ident:
        thread.join()


# A minute without S3 and SQS


class Hidden(MemoryQueue):
    """A queue whose messages are hidden while they are worked on, and after a failure."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden: list[tuple[float, str]] = []

    def idle(self) -> bool:
        return not self.bodies and not self.hidden


class Minute:
    """Time that passes with the calls of processes, and an outage of a minute in it.

    begin: seconds at which it begins. share: of the calls that fail meanwhile.
    """

    def __init__(self, begin: float, share: float) -> None:
        self.now, self._begin, self._share = 0.0, begin, share
        self._chance = random.Random(f"{begin} {share}")
        self.refused = 0

    def moment(self, name: str) -> None:
        """A call takes a tenth of a second; S3 and SQS refuse it before or after its effect, or say
        before it that it is not allowed."""
        self.now += 0.05
        during = self._begin <= self.now < self._begin + 60
        if during and not name.endswith("fetch") and self._chance.random() < self._share:
            self.refused += 1
            if ours(name) and self._chance.random() < 0.5:
                deny()
            raise ServiceUnavailable


VISIBILITY, PERIOD = 720.0, 60.0
"""Seconds that a message is hidden, and between two ticks, as deployed."""


def live_through(cloud: BatchCloud, batch_id: str, minute: Minute) -> None:
    """Deliver and tick as time passes, until the batch has finished and is looked after no more."""
    process, next_tick = cloud.process(minute), PERIOD  # type: ignore[arg-type]
    while cloud.process().batches.view(batch_id).status != "finished" or cloud.active:
        queue = cloud.queue
        queue.bodies += [body for at, body in queue.hidden if at <= minute.now]
        queue.hidden = [(at, body) for at, body in queue.hidden if at > minute.now]
        if minute.now >= next_tick:
            next_tick += PERIOD
            cloud.tick(process)
        elif queue.bodies:
            body = queue.bodies.pop(0)
            queue.hidden.append((minute.now + VISIBILITY, body))
            with suppress(InceptionError):
                process.events.on_message(body, lambda: 900.0)
                queue.hidden.remove((queue.hidden[-1][0], body))
        else:
            minute.now = min([next_tick, *(at for at, _ in queue.hidden)])
        assert minute.now < 3 * 3600


@pytest.mark.parametrize(("share", "what"), [(1.0, "away"), (0.3, "throttled")])
def test_a_minute_without_s3_and_sqs(share: float, what: str, long: bool, outcome: Outcome) -> None:
    origin = BatchCloud()
    batch_id = origin.start(300, bad=False)
    points, refused, longest = 0, 0, 0.0
    length = Minute(-100, 0)
    live_through(hidden(origin), batch_id, length)
    begin = -60.0
    while begin < length.now:
        cloud, minute = hidden(origin), Minute(begin, share)
        live_through(cloud, batch_id, minute)
        assert cloud.balance(batch_id) == []
        points, refused = points + 1, refused + minute.refused
        longest = max(longest, minute.now)
        begin += 0.5 if long else 7
    assert refused
    outcome(
        f"batch: S3 and SQS {what} for a minute, at any time of it",
        "messages come again once they are visible; no image becomes an error",
        f"{points} minutes, {refused:,} calls refused, 0 lost; done at most "
        f"{longest / 60:.0f} minutes after the start",
    )


def hidden(origin: BatchCloud) -> BatchCloud:
    cloud = origin.copy()
    bodies, cloud.queue = cloud.queue.bodies, Hidden()
    cloud.queue.bodies = bodies
    return cloud


def test_results_that_cannot_be_written_after_predicting(outcome: Outcome) -> None:
    """The part of a chunk is refused three times: the chunk is classified anew, its part once."""
    times = 0
    for kind in ("/parts/", "/tally/", "results.jsonl", "summary.json"):
        cloud, batch_id = copied(cut)
        refused = Refusing(cloud.store.objects, kind)
        cloud.store = refused
        check(cloud, batch_id)
        times += refused.times
        assert refused.times == 3
    outcome(
        "batch: results cannot be written after predicting, three times in a row",
        "the message comes again, and the results are written once",
        f"{times} writes refused, 0 lost, 0 doubled",
    )


class Refusing(MemoryStore):
    """Does not take objects of one kind, three times."""

    def __init__(self, objects: dict[tuple[str, str], bytes], kind: str) -> None:
        super().__init__(objects)
        self.kind, self.times = kind, 0

    def _keep(self, bucket: str, key: str, data: bytes) -> None:
        if self.kind in key and self.times < 3:
            self.times += 1
            raise ServiceUnavailable
        super()._keep(bucket, key, data)


OLD = b"".join(b"http://h/old%d\n" % n for n in range(30))
NEW = b"".join(b"http://h/new%d\n" % n for n in range(40))


@pytest.mark.parametrize("again", [False, True], ids=["replaced", "and the event comes again"])
def test_a_manifest_replaced_at_any_moment(again: bool, outcome: Outcome) -> None:
    """The batch is all of the one or all of the other, never of both."""

    def begin(cloud: BatchCloud, process: Process, batch_id: str) -> None:
        event(cloud, process, batch_id)
        cloud.drain(process)

    def replace(cloud: BatchCloud, batch_id: str) -> None:
        cloud.store.put("images", "list.txt", NEW, "")
        if again:
            run(begin, cloud, batch_id, Steps())

    def ready() -> tuple[BatchCloud, str]:
        cloud = BatchCloud()
        cloud.store.put("images", "list.txt", OLD, "")
        return cloud, ""

    seen = Counter[str]()
    for cloud, _ in everywhere(ready, begin, replace):
        cloud.settle()
        (view,) = cloud.process().batches.recent()
        records = cloud.records(view.batch_id)
        (kind,) = {record.source[9:12] for record in records}
        cloud.submitted[view.batch_id] = [str(n + 1) for n in range({"old": 30, "new": 40}[kind])]
        assert cloud.balance(view.batch_id) == []
        seen[kind] += 1
    assert seen["old"] and seen["new"]
    outcome(
        "batch: its manifest is replaced at any moment"
        + (", and S3's event comes again at the same time" if again else ""),
        "the batch uses either the old or the new manifest, completely",
        f"{seen.total()} points: {seen['old']} of the old one, {seen['new']} of the new one",
    )


def test_a_deadline_after_any_image_of_a_chunk(outcome: Outcome) -> None:
    points = deliveries = 0
    for images in range(1, 26):
        cloud, batch_id = copied(started)
        process = cloud.process()
        while cloud.queue.bodies:
            left = itertools.chain([900.0], itertools.repeat(30.0, images), itertools.repeat(1.0))
            cloud.deliver(process, cloud.queue.bodies.pop(0), partial(next, left))
            deliveries += 1
            assert deliveries < 1000
        check(cloud, batch_id)
        points += 1
    outcome(
        "batch: the deadline comes after any image of a chunk",
        "finished results are kept, and the rest goes back to the queue",
        f"{points} places, {deliveries} deliveries, 0 lost, 0 doubled",
    )


def test_clocks_that_are_an_hour_off(outcome: Outcome) -> None:
    """Containers with clocks an hour fast and slow share one batch, and the listing."""
    cloud, now, points = BatchCloud(), 1_800_000_000.0, 0
    begun = []
    for late in (0, 3600, -3600):
        cloud.clock = map(float, itertools.count(now + late))
        begun.append(cloud.start())
        process = cloud.process()
        for shift in (3600, -3600, 0):
            cloud.clock = map(float, itertools.count(now + shift))
            cloud.tick(cloud.process())
            if cloud.queue.bodies:
                cloud.deliver(process, cloud.queue.bodies.pop(0))
            points += 1
    cloud.settle()
    for batch_id in begun:
        assert cloud.balance(batch_id) == ["bad"]
    listed = [view.batch_id for view in cloud.process().batches.recent()]
    assert listed == [begun[1], begun[0], begun[2]]
    outcome(
        "batch: clocks of containers an hour fast or slow",
        "only the order of the list and the displayed times are wrong",
        f"{len(begun)} batches, {points} ticks by other clocks, 0 lost, 0 doubled",
    )


def test_an_image_that_ends_its_worker(long: bool, outcome: Outcome) -> None:
    """Each time, whoever has it; in the end it alone is lost, and named, and so after a retry."""
    points = deaths = 0
    for place, others in itertools.product(range(0, 30, 1 if long else 7), (False, True)):
        cloud = BatchCloud()
        batch_id, killer = cloud.start(30, bad=False), f"id{place}"
        cloud.killers, cloud.queue.busy = {killer}, others
        for round in (0, 1):
            deaths += live(cloud, batch_id)
            assert cloud.balance(batch_id) == [killer]
            (record,) = (candidate for candidate in cloud.records(batch_id) if candidate.error)
            assert record.error is not None and record.error.code == "ChunkLost"
            if not round:
                cloud.process().batches.retry(batch_id)
                cloud.dead.clear()
        points += 1
    outcome(
        "batch: an image that ends its worker each time, on an idle queue or a busy one; a retry",
        "after two losses the chunk's images are classified one by one; only this image becomes "
        "an error",
        f"{points} batches of 30 images twice over, {deaths} deaths, {2 * points} images lost",
    )


def live(cloud: BatchCloud, batch_id: str) -> int:
    """Deliver and tick until it has finished, whoever dies; how many die."""
    deaths = 0
    for _ in range(40):
        while cloud.queue.bodies:
            try:
                cloud.deliver(cloud.process(), cloud.queue.bodies.pop(0))
            except Killed:
                deaths += 1
        if cloud.process().batches.view(batch_id).status == "finished":
            return deaths
        cloud.received.clear()
        cloud.tick()
    raise AssertionError("it never ends")


# Single images


def test_a_single_upload_whose_worker_dies(outcome: Outcome) -> None:
    points = 0
    for fault in (kill, fail):
        for cloud, _ in everywhere(uploaded, work, lambda *_, fault=fault: fault()):
            cloud.settle()
            keys = [key for _, key in cloud.store.objects if key.startswith("uploads/")]
            assert keys == ["uploads/a b.png.json"]
            record = msgspec.json.decode(cloud.store.objects["results", keys[0]], type=Record)
            assert balanced(["a b.png"], [(record.id, record)]) == []
            answers = [msgspec.json.decode(body, type=Record) for body in cloud.answers.bodies]
            assert {answer.id for answer in answers} == {"http://h/x"}
            assert 1 <= len(answers) <= 2, "at least once is what a queue promises"
            points += 1
    outcome(
        "an uploaded image, or a bare URL on the queue, whose worker dies or is refused",
        "the message comes again; an upload has one answer, a bare URL at least one",
        f"{points} points, 0 lost",
    )


def uploaded() -> tuple[BatchCloud, str]:
    cloud = BatchCloud()
    cloud.store.put("images", "a b.png", PICTURES[1], "")
    process = cloud.process()
    process.events.on_put(Put("images", "a b.png", "1", 0))
    cloud.queue.bodies.append("http://h/x")
    return cloud, ""


class AnyLife(RuleBasedStateMachine):
    """A batch of a manifest to which anything may happen, in any order; see `teardown`."""

    lives = steps = deaths = images = 0

    def __init__(self) -> None:
        super().__init__()
        self.cloud, self.seen = BatchCloud(), list[str]()
        self.cloud.store.put("images", "list.txt", OLD + b"http://h/bad\n", "")
        self.cloud.queue.bodies.append(EVENT)
        self.done: dict[str, int] = {}

    def hand_over(self, at: int, body: str) -> None:
        """The event itself is not let die so often that it comes to rest among the dead letters."""
        last = body == EVENT and self.cloud.received[body] >= MAX_RECEIVES - 1
        self.act(-1 if last else at, lambda cloud, process, _: cloud.deliver(process, body))

    def act(self, at: int, action: Action, batch_id: str = "") -> None:
        """By a new process, which dies at that moment if it comes so far, or is denied a call."""
        steps = Steps(at, deny if at % 3 == 0 else kill)
        run(action, self.cloud, batch_id, steps)
        AnyLife.steps += 1
        AnyLife.deaths += steps.fired

    @property
    def batch_id(self) -> str:
        recent = self.cloud.process().batches.recent()
        return str(recent[0].batch_id) if recent else ""

    @rule(at=st.integers(-1, 60), place=st.integers(0, 9), twice=st.booleans())
    def deliver(self, at: int, place: int, twice: bool) -> None:
        bodies = self.cloud.queue.bodies
        if bodies:
            body = bodies.pop(place % len(bodies))
            self.seen.append(body)
            bodies.extend([body] * twice)
            self.hand_over(at, body)

    @precondition(lambda self: self.seen)
    @rule(at=st.integers(-1, 60), place=st.integers(0, 99))
    def deliver_again(self, at: int, place: int) -> None:
        """A message that was delivered before, of whatever round."""
        body = self.seen[place % len(self.seen)]
        self.hand_over(at, body)

    @precondition(lambda self: self.cloud.queue.bodies and EVENT not in self.cloud.queue.bodies)
    @rule(place=st.integers(0, 9))
    def lose(self, place: int) -> None:
        self.cloud.queue.bodies.pop(place % len(self.cloud.queue.bodies))

    @rule(at=st.integers(-1, 30))
    def schedule(self, at: int) -> None:
        self.cloud.store.late += 10 * 3600.0
        self.act(at, tick)

    @rule(busy=st.booleans())
    def others_come_and_go(self, busy: bool) -> None:
        """What they put on the queue keeps it busy."""
        self.cloud.queue.busy = busy

    @precondition(lambda self: self.batch_id)
    @rule(at=st.integers(-1, 25))
    def stop(self, at: int) -> None:
        self.act(at, cancel, self.batch_id)

    @precondition(lambda self: self.batch_id)
    @rule(at=st.integers(-1, 25), mended=st.booleans())
    def try_again(self, at: int, mended: bool) -> None:
        if mended:
            self.cloud.broken.clear()
        self.act(at, retry, self.batch_id)

    @rule()
    def replace_the_manifest(self) -> None:
        self.cloud.store.put("images", "list.txt", NEW, "")

    @invariant()
    def progress_makes_sense(self) -> None:
        batches = self.cloud.process().batches
        for view in batches.recent():
            assert view == outline_of(batches.view(view.batch_id)), "the list says what is not so"
            counts = view.counts
            assert 0 <= counts.failed <= counts.done <= max(counts.total, counts.done) <= 40
            assert view.status in ("queued", "running", "finished", "cancelled")

    def teardown(self) -> None:
        """In the end, whatever happened, each image is in the results once."""
        self.cloud.received.clear()
        self.cloud.settle(20)
        recent = self.cloud.process().batches.recent()
        assert len(recent) == 1
        batch_id = recent[0].batch_id
        if recent[0].status == "cancelled":
            self.cloud.process().batches.retry(batch_id)
            self.cloud.settle(20)
        old = self.cloud.records(batch_id)[0].source == "http://h/old0"
        self.cloud.submitted[batch_id] = [str(n + 1) for n in range(31 if old else 40)]
        self.cloud.balance(batch_id)
        AnyLife.lives += 1
        AnyLife.images += 31 if old else 40


EVENT: str = msgspec.json.encode(
    {"Records": [{
        "eventTime": "2026-11-22T10:00:00.000Z",
        "s3": {"bucket": {"name": "images"}, "object": {"key": "list.txt", "sequencer": "00AA"}},
    }]}
).decode()  # fmt: skip


def test_any_life_of_a_batch(long: bool, outcome: Outcome) -> None:
    run_state_machine_as_test(
        AnyLife,
        settings=settings(
            max_examples=500 if long else 15,
            stateful_step_count=30,
            suppress_health_check=list(HealthCheck),
        ),
    )
    outcome(
        "batch: deaths, duplicates, losses, ticks, retries and new manifests in any order",
        "in the end every image is in the results once",
        f"{AnyLife.lives:,} lives, {AnyLife.steps:,} steps, {AnyLife.deaths:,} deaths, "
        f"{AnyLife.images:,} images, 0 lost, 0 doubled",
    )
