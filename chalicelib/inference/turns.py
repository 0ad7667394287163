"""Share networks among threads: a lone thread gets all CPU threads, several share them."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """Lends things that only one thread at a time may use.

    shared: a thing for each thread that may run at the same time. alone: the thing for a thread
    that runs alone; None if it takes one of `shared` too.
    """

    def __init__(self, shared: Sequence[T], alone: T | None = None) -> None:
        self._room = threading.Semaphore(len(shared))
        self._lock = threading.Lock()
        self._shared, self._alone = list(shared), alone
        self.sample = shared[0]  # for what is the same in all
        self._running = 0

    @contextmanager
    def turn(self) -> Iterator[T]:
        """Waits for a free thing, and lends it for the block."""
        with self._room:
            with self._lock:
                if self._running == 0 and self._alone is not None:
                    lent = self._alone
                else:
                    lent = self._shared.pop()
                self._running += 1
            try:
                yield lent
            finally:
                with self._lock:
                    self._running -= 1
                    if lent is not self._alone:
                        self._shared.append(lent)
