"""Measure how long the stages of an answer take."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """Milliseconds spent in each stage, added up over threads. ms: their start values."""

    def __init__(self, **ms: float) -> None:
        self._ms = ms
        self._lock = threading.Lock()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds the time spent inside to that stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add({name: (time.perf_counter() - start) * 1000})

    def add(self, timing_ms: dict[str, float]) -> None:
        """Adds what another watch has read."""
        with self._lock:
            for name, ms in timing_ms.items():
                self._ms[name] = self._ms.get(name, 0.0) + ms

    def reading(self) -> dict[str, float]:
        """Milliseconds by stage."""
        return {stage: round(ms, 2) for stage, ms in self._ms.items()}
