"""Simulate a large workflow run: Prepare, distributed Map, Judge, Report."""

from dataclasses import dataclass

import numpy as np
import simpy

from benchmarks.scale.durations import Times, spread
from benchmarks.scale.elements import Bucket, Functions, Outcome, Work
from benchmarks.scale.limits import Backoff, Limits, Ours
from chalicelib.bulk.chunks import LARGE_CHUNK, SMALL_CHUNK
from chalicelib.workflow.run import OBJECTS_AT_ONCE

TRANSITIONS = 5
"""Transitions of a child execution: its start, Chunk, Champion, Compare, No challenger."""

MAIN_TRANSITIONS = 9
"""Transitions of the run itself: Prepare to Done."""

CALLS = 5
"""Requests to S3 of a chunk besides its images: read plan, part, chunk and partial; write the part
(chalicelib/workflow/tasks.py)."""


@dataclass(frozen=True)
class Machine:
    """The limits of Step Functions and Lambda. side_by_side: children at once."""

    concurrency: int
    side_by_side: int
    retry: Backoff
    scaling: Bucket
    requests: Bucket
    starts: Bucket
    transitions: Bucket
    gets: Bucket


def on_aws(limits: Limits, ours: Ours, concurrency: int) -> Machine:
    """Describes AWS, in an account of that concurrency."""
    value = {name: limit.value for name, limit in limits.items()}
    requests = concurrency * value["lambda-requests-per-concurrency"]
    return Machine(
        concurrency=concurrency,
        side_by_side=int(min(ours.map_concurrency, value["map-children"])),
        retry=ours.retry,
        scaling=Bucket(value["lambda-scaling"] / 10, value["lambda-scaling"]),
        requests=Bucket(requests, requests),
        starts=Bucket(value["start-execution-rate"], value["start-execution-burst"]),
        transitions=Bucket(value["state-transition-rate"], value["state-transition-burst"]),
        gets=Bucket(value["s3-gets"], value["s3-gets"]),
    )


class Workflow:
    """A run of one model; `run` simulates it. The same seed gives the same run."""

    def __init__(
        self, chunks: int, machine: Machine, times: Times, memory_gb: float, seed: int = 1,
        images: int = LARGE_CHUNK,
    ) -> None:  # fmt: skip
        self.env = simpy.Environment()
        self.out = Outcome(done=[0] * chunks)
        self.functions = Functions(machine.concurrency, machine.scaling, machine.requests)
        self._chunks, self._machine, self._times = chunks, machine, times
        self._memory_gb, self._images = memory_gb, images
        self._rng = np.random.default_rng([seed, 3])
        self._seconds = spread(times, self._rng, chunks, images)
        self._next = self._over = 0
        self._phase = "cutting the manifest"

    def run(self) -> Outcome:
        """Simulates until the report is written."""
        self.env.process(self._watch())
        self.env.run(self.env.process(self._main()))
        self.out.seconds = self.env.now
        self.out.peak, self.out.cold = self.functions.peak, self.functions.created
        self.out.throttles.update(self.functions.refused)
        self.out.usage.invocations += self.functions.calls
        return self.out

    def _main(self) -> Work:
        times, usage, images = self._times, self.out.usage, self._chunks * self._images
        written = max(times.call, times.store / OBJECTS_AT_ONCE) * self._chunks
        yield from self._busy(2 * images * times.line + written)
        usage.s3_puts += self._chunks + 3
        self._phase = "Map"
        workers = min(self._machine.side_by_side, self._chunks)
        yield self.env.all_of([self.env.process(self._children()) for _ in range(workers)])
        self._phase = "judging"
        # Judge reads every chunk and its part
        read = 2 * max(times.call, times.store / OBJECTS_AT_ONCE) * self._chunks
        yield from self._busy(read + images * times.row)
        usage.s3_gets += 2 * self._chunks
        usage.invocations += 3
        usage.transitions += MAIN_TRANSITIONS

    def _children(self) -> Work:
        """Runs chunk after chunk in one of the Map's places."""
        while self._next < self._chunks:
            chunk = self._next
            self._next += 1
            machine, now = self._machine, self.env.now
            wait = max(machine.starts.take(1, now), machine.transitions.take(TRANSITIONS, now))
            if wait:
                self.out.throttles["Step Functions' rates"] += 1
                yield self.env.timeout(wait)
            yield from self._child(chunk)
            self._over += 1

    def _child(self, chunk: int) -> Work:
        """Tries a chunk as often as its Retry says, then counts it as lost."""
        retry, usage = self._machine.retry, self.out.usage
        usage.transitions += TRANSITIONS
        for attempt in range((retry.tries or 0) + 1):
            cold = self.functions.start(self.env.now)
            if cold is not None:
                yield from self._classify(chunk, cold)
                return
            usage.transitions += 1
            yield self.env.timeout(self._rng.uniform(0, retry.ceiling(attempt)))
        self.out.lost += 1

    def _classify(self, chunk: int, cold: bool) -> Work:
        times, usage = self._times, self.out.usage
        if cold:
            yield from self._busy(times.cold * self._rng.lognormal(0, times.cold_spread))
        requests = CALLS + self._images
        busy = requests * times.call + (CALLS + 1) * times.store + self._seconds[chunk]
        parts = -(-self._images // SMALL_CHUNK)
        for _ in range(parts):  # images are fetched as they are needed, not all at the start
            slow = self._machine.gets.take(self._images / parts, self.env.now)
            if slow:
                self.out.throttles["S3"] += 1
            yield from self._busy(busy / parts + slow)
        usage.s3_gets += requests - 1
        usage.s3_puts += 1
        self.functions.end()
        self.out.done[chunk] += 1

    def _busy(self, seconds: float) -> Work:
        self.out.usage.gb_seconds += seconds * self._memory_gb
        yield self.env.timeout(seconds)

    def _watch(self) -> Work:
        refused = 0
        while True:
            left = self._chunks - self._over
            self.out.sample(self.env.now, self.functions.running, left)
            yield self.env.timeout(1)
            now = self.functions.refused.total()
            self.out.bottleneck[self._held_up_by(now > refused)] += 1
            refused = now

    def _held_up_by(self, throttled: bool) -> str:
        if self._phase != "Map":
            return self._phase
        self._machine.gets.refill(self.env.now)
        if self._machine.gets.tokens < 0:
            return "S3's requests a second"
        if self._machine.starts.tokens < 0 or self._machine.transitions.tokens < 0:
            return "Step Functions' rates"
        if throttled or self.functions.running >= self.functions.concurrency:
            return "account concurrency"
        return "Map's MaxConcurrency" if self._next < self._chunks else "the last chunks"
