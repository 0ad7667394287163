"""Wait for work only for a limited time."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


def begin(work: Callable[[], T]) -> "Future[T]":
    """Starts the work on its own thread, which the caller may abandon."""
    future: Future[T] = Future()
    threading.Thread(target=_run, args=(work, future), daemon=True).start()
    return future


def _run(work: Callable[[], T], future: "Future[T]") -> None:
    try:
        future.set_result(work())
    except BaseException as error:
        future.set_exception(error)


class Patient(Generic[T]):
    """Asks for a thing, once at a time, and waits for it for a limited time.

    patience: seconds from the moment it was asked for. Whoever asks meanwhile waits for the same
    answer. Whoever asks later does not wait until the answer has come.
    """

    def __init__(
        self,
        ask: Callable[[], T],
        patience: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask, self._patience, self._clock = ask, patience, clock
        self._lock = threading.Lock()
        self._asked: Future[T] | None = None
        self._until = 0.0

    def __call__(self) -> T:
        """Returns the answer. Raises TimeoutError, and what asking raises."""
        with self._lock:
            if self._asked is None or self._asked.done():
                self._until = self._clock() + self._patience
                self._asked = begin(self._ask)
            asked, left = self._asked, self._until - self._clock()
        return asked.result(timeout=max(left, 0))
