"""Fetch URLs from the public internet only, within limits of time and size."""

import io
import math
import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import msgspec

from chalicelib.errors import ImageTooLarge, SourceInvalid, SourceRefused, SourceUnreachable
from chalicelib.sources.addresses import (
    DEFAULT_PORTS,
    Location,
    Target,
    is_loopback,
    is_public,
    parse_location,
)
from chalicelib.sources.read import MAX_BYTES
from chalicelib.sources.resolver import Deadline, Lookups, Resolve, system_resolver

if TYPE_CHECKING:
    from urllib3.response import HTTPResponse

REDIRECTS = frozenset({301, 302, 303, 307, 308})
RETRYABLE = frozenset({408, 425, 429})
READ_SIZE = 64 * 1024
LENGTH = re.compile(r"[0-9]{1,18}(?:\s*,\s*[0-9]{1,18})*")
"""A Content-Length; urllib3 refuses several that differ."""


Exchange = Callable[[Target, Deadline], AbstractContextManager["HTTPResponse"]]


class Fetcher:
    """GETs images from public addresses.

    allow_loopback: also from loopback addresses, on any port, if the first URL names one.
    resolve: host, port -> addresses; called once a hop. exchange: target, deadline -> answer.
    time_limit: seconds for one URL in all. max_redirects: hops after the first.
    failure_step: a URL that cannot be reached fails after a multiple of these seconds, so that a
        refused private address takes as long as a closed port. 0: at once.
    ca_certs: file of roots to trust instead of the system's.
    """

    def __init__(
        self,
        *,
        allow_loopback: bool = False,
        resolve: Resolve = system_resolver,
        exchange: Exchange | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        time_limit: float = 10.0,
        failure_step: float = 1.0,
        max_bytes: int = MAX_BYTES,
        max_redirects: int = 3,
        ca_certs: str | None = None,
    ) -> None:
        self._allow_loopback = allow_loopback
        self._look_up = Lookups(resolve)
        self._exchange = exchange or self._over_network
        self._clock, self._sleep = clock, sleep
        self._time_limit, self._failure_step = time_limit, failure_step
        self._max_bytes, self._max_redirects = max_bytes, max_redirects
        self._ca_certs = ca_certs

    def __call__(self, url: str) -> bytes:
        """Returns the body behind an http or https URL.

        Raises SourceInvalid, SourceRefused, SourceUnreachable and ImageTooLarge.
        """
        start = self._clock()
        deadline = Deadline(self._clock, start + self._time_limit)
        location = self._parse(url, self._allow_loopback)
        loopback = self._allow_loopback
        for _ in range(self._max_redirects + 1):
            try:
                target = self._check(location, loopback, deadline)
                with self._exchange(target, deadline) as answer:
                    if answer.status not in REDIRECTS:
                        return self._body(target, answer)
                    onward = answer.headers.get("Location")
            except OSError:
                # without its cause: a trace could quote the URL, whose query may hold a signature
                raise self._unreachable(location, start) from None
            loopback = loopback and is_loopback(target.addresses[0])
            location = self._next(target, onward, loopback)
        raise SourceRefused(
            f"{target.label} redirects more than {self._max_redirects} times; give the image's "
            "final URL."
        )

    def _parse(self, url: str, loopback: bool) -> Location:
        location = parse_location(url)
        if location.port not in DEFAULT_PORTS.values() and not loopback:
            raise _port_refused()
        return location

    def _check(self, location: Location, loopback: bool, deadline: Deadline) -> Target:
        """Resolves a location and checks all its addresses.

        Raises OSError if it has none, or if any of them may not be connected to.
        """
        chosen = (
            [location.address]
            if location.address
            else self._look_up(location.host, location.port, deadline)
        )
        if chosen and all(map(is_public, chosen)):
            if location.port not in DEFAULT_PORTS.values():
                raise _port_refused()
        elif not (chosen and loopback and all(map(is_loopback, chosen))):
            raise PermissionError
        return Target(**msgspec.structs.asdict(location), addresses=tuple(chosen))

    def _over_network(
        self, target: Target, deadline: Deadline
    ) -> AbstractContextManager["HTTPResponse"]:
        # Here, so that a process that fetches no URL does not pay for importing urllib3.
        from chalicelib.sources.exchange import exchange

        # A quarter more than the body, for framing in chunks, and what headers may take.
        return exchange(target, deadline, self._max_bytes * 5 // 4 + 256 * 1024, self._ca_certs)

    def _next(self, target: Target, onward: str | None, loopback: bool) -> Location:
        """Returns where a redirect leads. Raises SourceRefused."""
        try:
            # http.client reads headers as Latin-1; what hosts send in them is UTF-8.
            link = (onward or "").encode("latin-1").decode()
            if link:
                return self._parse(urljoin(target.url, link), loopback)
        except (SourceInvalid, ValueError):
            pass
        raise SourceRefused(
            f"{target.label} redirects to a URL that is not accepted; give the image's final URL."
        )

    def _body(self, target: Target, answer: "HTTPResponse") -> bytes:
        _refuse_status(target.label, answer.status)
        _check_length(answer)
        if answer.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            raise SourceRefused(
                f"{target.label} sends the file compressed, though asked not to; "
                "store it there without Content-Encoding."
            )
        if (answer.length_remaining or 0) > self._max_bytes:
            raise self._too_large()
        body = io.BytesIO()
        while chunk := answer.read(READ_SIZE):
            if body.tell() + len(chunk) > self._max_bytes:
                raise self._too_large()
            body.write(chunk)
        return body.getvalue()

    def _too_large(self) -> ImageTooLarge:
        return ImageTooLarge(f"The image is over {self._max_bytes / 1e6:g} MB; use a smaller one.")

    def _unreachable(self, location: Location, start: float) -> SourceUnreachable:
        """Returns the same error for every cause, at a moment that does not tell the cause."""
        elapsed = self._clock() - start
        if self._failure_step > 0 and elapsed < self._time_limit:
            steps = max(1, math.ceil(elapsed / self._failure_step))
            self._sleep(min(steps * self._failure_step, self._time_limit) - elapsed)
        return SourceUnreachable(
            f"{location.name[:100]} cannot be reached or does not answer in time; check the URL, "
            "or try again later."
        )


def _refuse_status(host: str, status: int) -> None:
    if status in (200, 203):
        return
    if status >= 500 or status in RETRYABLE:
        raise SourceUnreachable(f"{host} answers with status {status}; try again later.")
    raise SourceRefused(
        f"{host} answers with status {status}; check that the URL is right and public."
    )


def _check_length(answer: "HTTPResponse") -> None:
    """Raises ConnectionError if the end of the body cannot be told.

    https://www.rfc-editor.org/rfc/rfc9112#section-6.3: an invalid Content-Length is a damaged
    answer, unless the body comes in chunks. http.client would ignore it.
    """
    length = answer.headers.get("Content-Length")
    chunked = "Transfer-Encoding" in answer.headers
    if length is not None and not chunked and not LENGTH.fullmatch(length.strip()):
        raise ConnectionError("The Content-Length is no length.")


def _port_refused() -> SourceInvalid:
    return SourceInvalid("A url may only use the ports 80 and 443.")
