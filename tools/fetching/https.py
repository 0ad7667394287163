"""HTTPS answers with firm time limits, through the environment's proxy."""

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3 import exceptions

from chalicelib.settings import is_loopback
from tools.console.refusals import Refused
from tools.proxies import connections

MAX_REDIRECTS = 5
CHUNK_BYTES = 1 << 16
_Answer = TypeVar("_Answer")


class FetchError(Refused):
    """A download failed; the message says why and what to do."""


class Interrupted(Exception):
    """A transfer broke off; the message says why."""


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds, and how often to resume.

    silence: for a connection, for the first byte, and between any two bytes.
    opening: for everything before the first byte: name, handshakes, redirects.
    """

    silence: float = 5.0
    opening: float = 8.0
    interruptions: int = 8
    pause: float = 1.0


PATIENCE = Patience()


class Answer:
    """The answer to a GET of `url` from byte `offset` on, at the end of the redirects.

    Raises Interrupted if the network fails, and FetchError if another try cannot help.
    """

    def __init__(self, url: str, offset: int, patience: Patience) -> None:
        with _translated():
            self._response, self._first = _within(
                patience.opening, lambda: _open(url, offset, patience)
            )
        self.status = self._response.status
        self.headers = self._response.headers

    def chunks(self) -> Iterator[bytes]:
        """The body's pieces as they arrive; the first has arrived already."""
        chunk = self._first
        while chunk:
            yield chunk
            with _translated():
                chunk = self._response.read1(CHUNK_BYTES)

    def close(self) -> None:
        """Hang up."""
        self._response.close()


def host(url: str) -> str:
    """The host and port of an address, for messages."""
    return urlsplit(url).netloc.rpartition("@")[2] or url


def _open(url: str, offset: int, patience: Patience) -> tuple[urllib3.BaseHTTPResponse, bytes]:
    headers = {"Accept-Encoding": "identity", "User-Agent": "serverless-inception"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    timeout = urllib3.Timeout(connect=patience.silence, read=patience.silence)
    for _ in range(MAX_REDIRECTS + 1):
        response = _client(url).request(
            "GET", url, headers=headers, timeout=timeout,
            preload_content=False, redirect=False, retries=False,
        )  # fmt: skip
        location = response.get_redirect_location()
        if not location:
            return response, response.read1(CHUNK_BYTES)
        response.close()
        url = urljoin(url, location)
    raise FetchError(f"{host(url)} redirects in a loop; check --base-url.")


def _client(url: str) -> urllib3.PoolManager:
    """A client for `url`. Raises FetchError unless it is https, or http on this machine."""
    parts = urlsplit(url)
    name = parts.hostname or ""
    if not name or not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(name))):
        raise FetchError(f"{url} is not an https address; give one with --base-url.")
    return connections(url)


def _within(seconds: float, action: Callable[[], _Answer]) -> _Answer:
    """The action's result; raises queue.Empty if it takes longer.

    It runs in a thread, because name resolution has no timeout.
    """
    answers: queue.SimpleQueue[_Answer | Exception] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put(action())
        except Exception as error:
            answers.put(error)

    threading.Thread(target=run, daemon=True).start()
    answer = answers.get(timeout=seconds)
    if isinstance(answer, Exception):
        raise answer
    return answer


@contextmanager
def _translated() -> Iterator[None]:
    """Turn network errors into Interrupted."""
    try:
        yield
    except (exceptions.HTTPError, OSError, queue.Empty) as error:
        raise Interrupted(_reason(error)) from error


def _reason(error: Exception) -> str:
    if isinstance(error, exceptions.NameResolutionError):
        return "its name cannot be resolved"
    if isinstance(error, exceptions.ProxyError):
        return "the proxy lets nothing through"
    if isinstance(error, exceptions.SSLError):
        return f"TLS: {error}"
    refused = isinstance(error, exceptions.NewConnectionError)  # a kind of timeout in urllib3
    if isinstance(error, (exceptions.TimeoutError, queue.Empty)) and not refused:
        return "no answer in time"
    return "the connection was refused or broken"
