"""Simulate a batch: fan-out, queue, event source mapping, workers, finish.

A chunk is a message, as in chalicelib/batch. Single images are not simulated, because a worker's
images share its CPU. A throttled worker keeps its message and tries again, as AWS says of event
source mappings; AWS does not say how long they wait.
"""

from collections import Counter, deque
from collections.abc import Iterator
from typing import Protocol

import numpy as np
import simpy

from benchmarks.scale.elements import Bucket, Functions, Outcome, Work
from benchmarks.scale.platforms import Platform
from chalicelib.batch.losses import REPAIRS

FAN_OUT = -1
"""The message that cuts the manifest into chunks; the others are chunks, counted from 0."""


class Job(Protocol):
    """The work and its time."""

    def start(self, sim: "Batch", cold: bool) -> Work:
        """Begins a call in an environment."""

    def fan_out(self, sim: "Batch", first: int) -> Work:
        """Queues chunks from `first` on; the event's value is how many are queued."""

    def chunk(self, sim: "Batch", number: int) -> Work:
        """Classifies a chunk."""

    def finish(self, sim: "Batch", tick: bool) -> Work:
        """Merges the parts; the event's value is whether the time sufficed. tick: the schedule."""

    def held_up(self, now: float) -> str:
        """Returns the limit outside the functions that holds the run up; empty for none."""


class Batch:
    """A batch; `run` simulates it. The same seed gives the same run."""

    def __init__(self, chunks: int, platform: Platform, job: Job, seed: int = 1) -> None:
        self.env = simpy.Environment()
        self.rng = np.random.default_rng(seed)
        self.chunks, self.platform, self.job = chunks, platform, job
        self.out = Outcome(done=[0] * chunks)
        self.queue: deque[tuple[int, int]] = deque([(FAN_OUT, 0)])
        self.functions = Functions(
            platform.concurrency,
            Bucket(platform.scaling, platform.burst),
            Bucket(platform.requests, platform.requests),
        )
        self.most_in_flight = self._in_flight = self._pollers = 0
        self._repairs: Counter[int] = Counter()
        self._dead: set[int] = set()
        self._left = chunks
        self._queued = 0
        self._waiting: deque[simpy.Event] = deque()
        self._finished = self.env.event()

    def run(self) -> Outcome:
        """Simulates until results.jsonl is written."""
        self.env.process(self._grow())
        self.env.process(self._ticks())
        self.env.process(self._watch())
        self.env.run(self._finished)
        self.out.seconds = self.env.now
        self.out.peak, self.out.cold = self.functions.peak, self.functions.created
        self.out.throttles.update(self.functions.refused)
        self.out.usage.invocations += self.functions.calls
        return self.out

    def send(self, messages: Iterator[int]) -> None:
        """Puts messages on the queue."""
        for message in messages:
            self._put(message, 0)

    def _put(self, message: int, receives: int) -> None:
        self.queue.append((message, receives))
        if self._waiting:
            self._waiting.popleft().succeed()

    def _grow(self) -> Work:
        """Adds pollers while messages wait, as the event source mapping does."""
        platform = self.platform
        while self._pollers < platform.workers:
            self._pollers += 1
            self.env.process(self._poll())
            if platform.start <= self._pollers < platform.workers:
                yield self.env.timeout(1 / platform.growth)
        yield self.env.timeout(0)

    def _poll(self) -> Work:
        while True:
            while not self.queue or self._in_flight >= self.platform.in_flight:
                event = self.env.event()
                self._waiting.append(event)
                yield event
            message, receives = self.queue.popleft()
            self._in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self._in_flight)
            done = yield self.env.process(self._invoke(message))
            self._in_flight -= 1
            self.out.usage.sqs_requests += 2
            if done:
                continue
            if receives + 1 < self.platform.receives:
                self._put(message, receives + 1)
            else:
                self._dead.add(message)

    def _invoke(self, message: int) -> Work:
        """Handles a message before it is visible again; returns whether that worked."""
        until, attempt = self.env.now + self.platform.visibility, 0
        while (cold := self.functions.start(self.env.now)) is None:
            wait = self.rng.uniform(0, self.platform.throttled.ceiling(attempt))
            attempt += 1
            if self.env.now + wait >= until:
                yield self.env.timeout(until - self.env.now)
                return False
            yield self.env.timeout(wait)
        yield from self.job.start(self, cold)
        done = yield from self._work(message)
        self.functions.end()
        if not done:
            yield self.env.timeout(max(0.0, until - self.env.now))
        return done

    def _work(self, message: int) -> Work:
        """Does a message's work; returns whether the message is done."""
        if message == FAN_OUT:
            yield from self._fan_out()
            return True
        if not self.out.done[message]:
            yield from self.job.chunk(self, message)
            self.out.done[message] += 1
            self._left -= 1
        return (yield from self._finish(tick=False))

    def _fan_out(self) -> Work:
        self._queued = yield from self.job.fan_out(self, self._queued)
        if self._queued < self.chunks:
            self._put(FAN_OUT, 0)

    def _finish(self, tick: bool) -> Work:
        """Merges the results if every chunk is counted; returns False if the time runs out."""
        if self._left or self._queued < self.chunks or self._finished.triggered:
            return True
        done = yield from self.job.finish(self, tick)
        if done and not self._finished.triggered:
            self._finished.succeed()
        return done

    def _ticks(self) -> Work:
        """Runs the schedule: finishes what no worker could, and queues again what went missing."""
        while True:
            yield self.env.timeout(self.platform.tick)
            yield from self._finish(tick=True)
            if not self.queue and not self._in_flight:
                self._repair()

    def _repair(self) -> None:
        for chunk in sorted(self._dead):
            self._dead.discard(chunk)
            if chunk == FAN_OUT or self._repairs[chunk] < REPAIRS:
                self._repairs[chunk] += 1
                self._put(chunk, 0)
            else:
                self.out.lost += 1
                self._left -= 1

    def _watch(self) -> Work:
        """Notes a point of the picture each second, and which limit holds the run up."""
        refused = 0
        while True:
            self.out.sample(self.env.now, self.functions.running, self._left)
            yield self.env.timeout(1)
            now = self.functions.refused.total()
            self.out.bottleneck[self._held_up_by(now > refused)] += 1
            refused = now

    def _held_up_by(self, throttled: bool) -> str:
        if not self._left:
            return "merging the results"
        if not self.queue and self._queued < self.chunks:
            return "cutting the manifest"
        short = self.job.held_up(self.env.now)
        if short:
            return short
        if throttled:
            reasons = self.functions.refused
            return max(reasons, key=lambda reason: reasons[reason])
        if not self.queue:
            return "the last chunks"
        grown = self._pollers >= self.platform.workers
        return "MaximumConcurrency" if grown else "pollers' growth"
