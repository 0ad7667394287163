"""Send one HTTP request to addresses that were checked before, bounded in time and bytes.

Imports urllib3, so `fetch.py` imports this module only at the first request.
"""

import io
import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from http.client import HTTPException
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.response import HTTPResponse

from chalicelib.errors import ImageTooLarge, SourceRefused
from chalicelib.sources.addresses import Target
from chalicelib.sources.resolver import Deadline

REQUEST_HEADERS = {
    "User-Agent": "serverless-inception",
    "Accept": "image/jpeg, image/png, image/webp, image/gif, */*;q=0.8",
    "Accept-Encoding": "identity",
    "Connection": "close",
}

# Its one warning, of malformed headers, quotes the whole URL: a query may hold a signature.
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)
# Warns of a length beside chunks, in a line that is not of the log's form.
logging.getLogger("urllib3.response").setLevel(logging.ERROR)

_tls_lock = threading.Lock()


@contextmanager
def exchange(
    target: Target, deadline: Deadline, max_bytes: int, ca_certs: str | None
) -> Iterator[HTTPResponse]:
    """Sends a GET to one of the addresses of `target`. Returns the answer with its body unread.

    max_bytes: of the whole answer on the wire, with headers and framing.
    Raises OSError if the host cannot be reached, is too slow or breaks off, here or while the body
    is read; SourceRefused if its certificate is not valid; ImageTooLarge.
    """
    connection: _PlainConnection | _TlsConnection
    if target.scheme == "https":
        connection = _TlsConnection(target.name, target.port, ssl_context=_tls(ca_certs))
    else:
        connection = _PlainConnection(target.name, target.port)
    connection.bind(target, deadline, max_bytes)
    try:
        connection.request(
            "GET", target.path, headers=REQUEST_HEADERS, preload_content=False, decode_content=False
        )
        response = connection.getresponse()
        try:
            yield response
        finally:
            response.close()
    except ssl.SSLCertVerificationError:
        raise SourceRefused(
            f"{target.label} has no valid certificate for its name; use a URL whose certificate "
            "is valid."
        ) from None
    except (HTTPError, HTTPException, ValueError) as error:  # ValueError: a chunk of -16 bytes
        raise ConnectionError(str(error)) from error
    finally:
        connection.close()
        connection.hang_up()


def _tls(ca_certs: str | None) -> ssl.SSLContext:
    with _tls_lock:  # many threads fetch their first https URL at the same time
        return _tls_context(ca_certs)


@lru_cache(maxsize=4)
def _tls_context(ca_certs: str | None) -> ssl.SSLContext:
    """Returns the TLS context. Made once: reading the system's roots was seen to take 60 ms."""
    return ssl.create_default_context(cafile=ca_certs)


class _Pinned:
    """A connection to given addresses, which asks DNS for nothing."""

    sock: Any

    def bind(self, target: Target, deadline: Deadline, max_bytes: int) -> None:
        """Sets target and deadline. Call it before the first request."""
        self._target, self._deadline, self._max_bytes = target, deadline, max_bytes
        self._bounded: _BoundedSocket | None = None

    def hang_up(self) -> None:
        """Closes the answer, which urllib3 leaves open if it refuses a header."""
        if self._bounded:
            self._bounded.hang_up()

    def _new_conn(self) -> socket.socket:
        # urllib3.contrib.socks replaces this step too; TLS, SNI and the certificate's check follow
        waiting = list(self._target.addresses)
        while True:
            share = self._deadline.remaining() / len(waiting)
            try:
                sock = socket.create_connection((str(waiting.pop(0)), self._target.port), share)
            except OSError:
                if not waiting:
                    raise
            else:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                # the TLS handshake as a whole keeps this timeout
                sock.settimeout(self._deadline.remaining())
                return sock

    def connect(self) -> None:
        """Opens the connection. From then on every read knows the deadline."""
        super().connect()  # type: ignore[misc]
        self._bounded = self.sock = _BoundedSocket(self.sock, self._deadline, self._max_bytes)


class _PlainConnection(_Pinned, HTTPConnection):
    pass


class _TlsConnection(_Pinned, HTTPSConnection):
    pass


class _BoundedSocket:
    """The part of a socket that http.client uses, with bounded readers."""

    def __init__(self, sock: socket.socket, deadline: Deadline, max_bytes: int) -> None:
        self._sock, self._deadline, self._max_bytes = sock, deadline, max_bytes
        self._answer: io.RawIOBase | None = None

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(self._deadline.remaining())
        self._sock.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        raw = self._answer = self._sock.makefile("rb", buffering=0)
        return io.BufferedReader(_BoundedReader(raw, self._sock, self._deadline, self._max_bytes))

    def settimeout(self, timeout: float | None) -> None:
        """Does nothing: the deadline decides."""

    def shutdown(self, how: int) -> None:
        self._sock.shutdown(how)

    def close(self) -> None:
        """Closes as a socket does: whoever reads the answer may go on."""
        self._sock.close()

    def hang_up(self) -> None:
        """Closes it for readers too."""
        self.close()
        if self._answer:
            self._answer.close()


class _BoundedReader(io.RawIOBase):
    """Reads until a deadline and up to a number of bytes.

    A socket's own timeout starts anew with every byte. And http.client and urllib3 read framing
    (header lines, chunk sizes, trailers) that nothing else counts.
    """

    def __init__(
        self, raw: io.RawIOBase, sock: socket.socket, deadline: Deadline, max_bytes: int
    ) -> None:
        self._raw, self._sock, self._deadline, self._left = raw, sock, deadline, max_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._deadline.remaining())
        count = self._raw.readinto(buffer)
        self._left -= count or 0
        if self._left < 0:
            raise ImageTooLarge(
                "The host sends more bytes than an image may have; use a smaller image."
            )
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()
