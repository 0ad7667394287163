"""Host names -> addresses, in bounded time."""

import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from ipaddress import ip_address

from chalicelib.addresses import Address

MAX_LOOKUPS = 32
"""DNS look-ups under way at once: twice the instances of a request."""

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
    return [ip_address(sockaddr[0]) for *_, sockaddr in answers]


class Lookups:
    """Runs a resolver, which knows no time limit, on threads that can be left behind.

    At most MAX_LOOKUPS of them: a dead name server must not pile them up.
    """

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._free = threading.BoundedSemaphore(MAX_LOOKUPS)

    def __call__(self, host: str, port: int, deadline: Deadline) -> list[Address]:
        """The host's addresses. Raises OSError, TimeoutError included."""
        if not self._free.acquire(timeout=deadline.remaining()):
            raise TimeoutError
        answer: Future[list[Address]] = Future()
        threading.Thread(target=self._run, args=(host, port, answer), daemon=True).start()
        return answer.result(timeout=deadline.remaining())

    def _run(self, host: str, port: int, answer: "Future[list[Address]]") -> None:
        try:
            answer.set_result(self._resolve(host, port))
        except Exception as error:
            answer.set_exception(error)
        finally:
            self._free.release()
