"""Who may run now, and on what: one alone on all threads, several on a part of them each."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """Lends things that one thread at a time may use.

    shared: one for each thread that may run at the same time. alone: for a thread that finds nobody
    else running, in place of one of `shared`; None where those do for it too.
    """

    def __init__(self, shared: Sequence[T], alone: T | None = None) -> None:
        self._room = threading.Semaphore(len(shared))
        self._lock = threading.Lock()
        self._shared, self._alone = list(shared), alone
        self._running = 0

    @contextmanager
    def turn(self) -> Iterator[T]:
        """One of them, once there is room."""
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
