"""Clock and speed."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

WINDOW_SECONDS = 30.0
"""The period over which speed is measured."""


@dataclass(frozen=True)
class Pace:
    """A monotonic clock, a sleep, and a retry's first wait, all in seconds."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    backoff: float = 0.5


class Speed:
    """The recent speed of something that is counted."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._samples: deque[tuple[float, float]] = deque()

    def add(self, done: float) -> None:
        """Note the count at this moment."""
        now = self._clock()
        self._samples.append((now, done))
        while len(self._samples) > 2 and now - self._samples[0][0] > WINDOW_SECONDS:
            self._samples.popleft()

    @property
    def rate(self) -> float:
        """Counts per second; 0.0 until known."""
        if len(self._samples) < 2:
            return 0.0
        (start, first), (end, last) = self._samples[0], self._samples[-1]
        return (last - first) / (end - start) if end > start else 0.0

    def left(self, total: float) -> float | None:
        """Seconds until `total`; None until known."""
        return (total - self._samples[-1][1]) / self.rate if self.rate > 0 else None


def told(seconds: float | None) -> str:
    """Time left in words, ", 1:02:03 left"; empty if unknown."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    clock = f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
    return f", {clock} left"
