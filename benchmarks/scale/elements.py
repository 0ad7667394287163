"""Parts of the simulations: rates, functions, and the outcome of a run."""

import math
from collections import Counter
from dataclasses import dataclass, field

import simpy


class Bucket:
    """A token bucket of size `burst`, refilled by `rate` a second. It starts full."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst = rate, burst
        self.tokens = burst
        self._at = 0.0

    def refill(self, now: float) -> None:
        """Adds the tokens of the time since the last call."""
        if not math.isinf(self.rate):
            self.tokens = min(self.burst, self.tokens + (now - self._at) * self.rate)
        self._at = now

    def take(self, amount: float, now: float) -> float:
        """Takes tokens, on credit if needed; returns the seconds until they are paid back."""
        if math.isinf(self.rate):
            return 0.0
        self.refill(now)
        self.tokens -= amount
        return max(0.0, -self.tokens / self.rate)

    def try_take(self, now: float) -> bool:
        """Takes one token; returns whether there was one."""
        if math.isinf(self.rate):
            return True
        self.refill(now)
        if self.tokens < 1 - 1e-9:
            return False
        self.tokens -= 1
        return True


class Functions:
    """The execution environments of one function.

    concurrency: how many run at once. scaling: limits new ones. requests: limits all calls.
    """

    def __init__(self, concurrency: int, scaling: Bucket, requests: Bucket) -> None:
        self.concurrency, self._scaling, self._requests = concurrency, scaling, requests
        self.running = self.peak = self.idle = self.created = self.calls = 0
        self.refused: Counter[str] = Counter()

    def start(self, now: float) -> bool | None:
        """Begins a call. Returns whether it starts cold; None if it is throttled."""
        reason = self._refuse(now)
        if reason:
            self.refused[reason] += 1
            return None
        cold = not self.idle
        if cold:
            self.created += 1
        else:
            self.idle -= 1
        self.calls += 1
        self.running += 1
        self.peak = max(self.peak, self.running)
        return cold

    def _refuse(self, now: float) -> str:
        if self.running >= self.concurrency:
            return "account concurrency"
        if not self.idle:
            self._scaling.refill(now)
            if not math.isinf(self._scaling.rate) and self._scaling.tokens < 1 - 1e-9:
                return "Lambda's scaling rate"
        if not self._requests.try_take(now):
            return "requests a second"
        if not self.idle:
            self._scaling.try_take(now)
        return ""

    def end(self) -> None:
        """Ends a call; its environment stays warm."""
        self.running -= 1
        self.idle += 1


@dataclass
class Usage:
    """What AWS charges for."""

    gb_seconds: float = 0.0
    invocations: int = 0
    s3_gets: int = 0
    s3_puts: int = 0
    sqs_requests: int = 0
    transitions: int = 0
    api_requests: int = 0


@dataclass
class Outcome:
    """The outcome of a simulated run.

    done: how often each chunk was done. lost: chunks whose images became error records. throttles:
    refusals by reason. bottleneck: seconds that each limit held the run up; for the API, refusals.
    times, running, waiting: for the picture; functions at once, and chunks or callers that wait.
    """

    seconds: float = 0.0
    done: list[int] = field(default_factory=list)
    lost: int = 0
    peak: int = 0
    cold: int = 0
    throttles: Counter[str] = field(default_factory=Counter)
    bottleneck: Counter[str] = field(default_factory=Counter)
    usage: Usage = field(default_factory=Usage)
    times: list[float] = field(default_factory=list)
    running: list[float] = field(default_factory=list)
    waiting: list[float] = field(default_factory=list)

    @property
    def held_up_by(self) -> str:
        """What held the run up longest."""
        return self.bottleneck.most_common(1)[0][0] if self.bottleneck else "nothing"

    def sample(self, now: float, running: float, waiting: float) -> None:
        """Adds a point to the picture."""
        self.times.append(round(now, 3))
        self.running.append(running)
        self.waiting.append(waiting)


Work = simpy.events.ProcessGenerator
