"""Host names -> addresses, in bounded time."""

import socket
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

from chalicelib.patience import begin
from chalicelib.sources.addresses import Address

MAX_OF_A_NAME = 32
"""Look-ups of one name that may be under way at once: twice the instances of a request."""

MAX_LOOKUPS = 512
"""Look-ups under way at once, of whatever names. A system gives up on a dead name server after some
ten seconds, so these are those of thirty requests whose every name hangs."""

Resolve = Callable[[str, int], list[Address]]
"""Host, port -> every address. Raises OSError where there is none."""


@dataclass(frozen=True)
class Deadline:
    """A moment on `clock`, in seconds, by which everything must be done."""

    clock: Callable[[], float]
    moment: float

    def remaining(self) -> float:
        """Seconds that are left, more than 0. Raises TimeoutError where there are none."""
        left = self.moment - self.clock()
        if left <= 0:
            raise TimeoutError
        return left


def system_resolver(host: str, port: int) -> list[Address]:
    """Every address the system knows for `host`, best first. Raises OSError where it has none."""
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ip_address(address) for *_, (address, *_) in answers]


class Lookups:
    """Runs a resolver, which knows no time limit, on threads that can be left behind.

    A name that hangs costs those alone who ask for it: at most MAX_OF_A_NAME of its look-ups are
    under way, and MAX_LOOKUPS in all, because a dead name server must not pile them up.
    """

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._under_way: Counter[str] = Counter()
        self._changed = threading.Condition()

    def __call__(self, host: str, port: int, deadline: Deadline) -> list[Address]:
        """The host's addresses. Raises OSError, TimeoutError included."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._has_room(host), deadline.remaining()):
                raise TimeoutError
            self._under_way[host] += 1
        return begin(lambda: self._run(host, port)).result(timeout=deadline.remaining())

    def _has_room(self, host: str) -> bool:
        under_way = self._under_way
        return under_way[host] < MAX_OF_A_NAME and under_way.total() < MAX_LOOKUPS

    def _run(self, host: str, port: int) -> list[Address]:
        try:
            return self._resolve(host, port)
        finally:
            with self._changed:
                self._under_way[host] -= 1
                self._under_way += Counter()  # without the names that are done
                self._changed.notify_all()
