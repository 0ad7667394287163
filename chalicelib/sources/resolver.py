"""Resolve host names to addresses, in bounded time."""

import socket
import threading
from collections import Counter
from collections.abc import Callable
from ipaddress import ip_address

import msgspec

from chalicelib.patience import begin
from chalicelib.sources.addresses import Address

MAX_OF_A_NAME = 32
"""Look-ups of one name at the same time: twice the instances of a request."""

MAX_LOOKUPS = 512
"""Look-ups of all names at the same time: enough for thirty requests in which every name hangs. A
system gives up on a dead name server after some ten seconds."""

Resolve = Callable[[str, int], list[Address]]
"""Resolves host and port to every address. Raises OSError if there is none."""


class Deadline(msgspec.Struct, frozen=True):
    """A moment on `clock`, in seconds, by which everything must be done."""

    clock: Callable[[], float]
    moment: float

    def remaining(self) -> float:
        """Returns the seconds that are left, more than 0. Raises TimeoutError if none are."""
        left = self.moment - self.clock()
        if left <= 0:
            raise TimeoutError
        return left


def system_resolver(host: str, port: int) -> list[Address]:
    """Returns every address that the system knows for `host`, best first. Raises OSError."""
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ip_address(address) for *_, (address, *_) in answers]


class Lookups:
    """Runs a resolver without time limit on threads that can be left behind.

    A name that hangs delays only those who ask for it: it has at most MAX_OF_A_NAME look-ups at the
    same time, and all names have MAX_LOOKUPS, so that a dead name server does not pile them up.
    """

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._under_way: Counter[str] = Counter()
        self._changed = threading.Condition()

    def __call__(self, host: str, port: int, deadline: Deadline) -> list[Address]:
        """Returns the host's addresses. Raises OSError, TimeoutError included."""
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
                self._under_way += Counter()  # drop the names that are done
                self._changed.notify_all()
