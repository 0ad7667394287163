"""Simulate a burst of requests: API Gateway and Lambda throttle, callers try again.

Requests are counted in ticks of 10 ms. Within a tick all are alike; chance decides which are
refused.
"""

from dataclasses import dataclass

import numpy as np
import simpy

from benchmarks.scale.durations import Times
from benchmarks.scale.elements import Bucket, Outcome, Work
from benchmarks.scale.limits import Backoff, Limits

STEP = 0.01
CLIENT = Backoff(first=1.0, most=20.0, tries=4)
"""How refused callers wait: full jitter, as in AWS's own clients; assumed."""


@dataclass(frozen=True)
class Front:
    """The API's limits; infinity for none. rate, burst: of its stage."""

    rate: float
    burst: float
    concurrency: int
    scaling: float
    scaling_burst: float
    requests: float
    client: Backoff = CLIENT


def on_aws(limits: Limits, rate: float, burst: float, concurrency: int) -> Front:
    """Describes AWS, in an account of that concurrency, with that throttle of the stage.

    A rate above the account's default is a quota that AWS raised.
    """
    value = {name: limit.value for name, limit in limits.items()}
    return Front(
        rate=rate,
        burst=burst,
        concurrency=concurrency,
        scaling=value["lambda-scaling"] / 10,
        scaling_burst=value["lambda-scaling"],
        requests=concurrency * value["lambda-requests-per-concurrency"],
    )


class Api:
    """An API that gets `requests` in the first `seconds`; `run` simulates until the last is over.

    answered, gave_up: callers. The same seed gives the same run.
    """

    def __init__(
        self, requests: int, seconds: float, front: Front, times: Times, memory_gb: float,
        seed: int = 1,
    ) -> None:  # fmt: skip
        self.env = simpy.Environment()
        self.out = Outcome()
        self.answered = self.gave_up = 0
        self._front, self._times, self._memory_gb = front, times, memory_gb
        self._rng = np.random.default_rng([seed, 4])
        ticks = round(seconds / STEP)
        tries = (front.client.tries or 0) + 1
        longest = ticks + round((tries * front.client.most + 120) / STEP)
        self._due = np.zeros((tries, longest), np.int64)
        arriving = self._rng.multinomial(requests, np.full(ticks, 1 / ticks))
        self._due[0, :ticks] = arriving
        self._ending = np.zeros(longest, np.int64)
        self._gateway = Bucket(front.rate, front.burst)
        self._scaling = Bucket(front.scaling, front.scaling_burst)
        self._calls = Bucket(front.requests, max(1.0, front.requests / 10))
        self._requests = requests
        self._running = self._idle = 0

    def run(self) -> Outcome:
        """Simulates until nobody waits."""
        self.env.run(self.env.process(self._ticks()))
        self.out.seconds = self.env.now
        usage = self.out.usage
        usage.api_requests = usage.invocations
        return self.out

    def _ticks(self) -> Work:
        tick = 0
        while self.answered + self.gave_up < self._requests:
            self._end(tick)
            self._arrive(tick)
            if tick % 50 == 0:
                waiting = self._due[1:, tick + 1 :].sum()
                self.out.sample(self.env.now, self._running, int(waiting))
            tick += 1
            yield self.env.timeout(STEP)

    def _end(self, tick: int) -> None:
        over = int(self._ending[tick])
        self._running -= over
        self._idle += over
        self.answered += over

    def _arrive(self, tick: int) -> None:
        asking = self._due[:, tick]
        if not asking.any():
            return
        admitted = self._some(asking, self._gateway)
        self._refused(asking - admitted, tick, "API Gateway (429)")
        started, reason = self._started(admitted, tick)
        self._refused(admitted - started, tick, reason)

    def _some(self, asking: np.ndarray, bucket: Bucket) -> np.ndarray:
        """Draws as many requests as there are tokens."""
        if np.isinf(bucket.rate):
            return asking.copy()
        bucket.refill(self.env.now)
        count = min(int(asking.sum()), int(bucket.tokens + 1e-9))
        bucket.tokens -= count
        return np.asarray(self._rng.multivariate_hypergeometric(asking, count))

    def _started(self, admitted: np.ndarray, tick: int) -> tuple[np.ndarray, str]:
        """Returns the requests that Lambda runs, and why it refuses the others."""
        front, wanted = self._front, int(admitted.sum())
        self._calls.refill(self.env.now)
        self._scaling.refill(self.env.now)
        calls = wanted if np.isinf(front.requests) else int(self._calls.tokens + 1e-9)
        new = wanted if np.isinf(front.scaling) else int(self._scaling.tokens + 1e-9)
        room = front.concurrency - self._running
        limits = {
            "account concurrency": room,
            "requests a second": calls,
            "Lambda's scaling rate": self._idle + new,
        }
        reason = min(limits, key=lambda name: limits[name])
        count = min(wanted, limits[reason])
        cold = max(0, count - self._idle)
        self._idle -= count - cold
        self._calls.tokens -= 0 if np.isinf(front.requests) else count
        self._scaling.tokens -= 0 if np.isinf(front.scaling) else cold
        self._begin(count, cold, tick)
        return np.asarray(self._rng.multivariate_hypergeometric(admitted, count)), reason

    def _begin(self, count: int, cold: int, tick: int) -> None:
        times = self._times
        seconds = self._rng.choice(np.asarray(times.image), count)
        seconds[:cold] += times.cold * self._rng.lognormal(0, times.cold_spread, cold)
        over = tick + np.maximum(1, np.ceil(seconds / STEP)).astype(np.int64)
        np.add.at(self._ending, over, 1)
        self._running += count
        self.out.peak = max(self.out.peak, self._running)
        self.out.cold += cold
        self.out.usage.invocations += count
        self.out.usage.gb_seconds += float(seconds.sum()) * self._memory_gb

    def _refused(self, refused: np.ndarray, tick: int, reason: str) -> None:
        total = int(refused.sum())
        if not total:
            return
        self.out.throttles[reason] += total
        self.out.bottleneck[reason] += total
        client = self._front.client
        for attempt, count in enumerate(refused.tolist()):
            if attempt == client.tries:
                self.gave_up += count
            elif count:
                waits = self._rng.uniform(0, client.ceiling(attempt), count)
                again = tick + 1 + (waits / STEP).astype(np.int64)
                np.add.at(self._due[attempt + 1], again, 1)
