"""The edge of the local API: API Gateway's limits and own answers, around Chalice's server.

Chalice's handler drops the connection if a request's length is no number, reads any length into
memory, and answers what does not reach the app in three shapes, one of them HTML.
"""

from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from chalice.app import Chalice
from chalice.config import Config
from chalice.local import (
    ChaliceRequestHandler,
    LambdaEventConverter,
    LocalGateway,
    LocalGatewayException,
    MatchResult,
    RouteMatcher,
)

from chalicelib.answers.predictions import ErrorAnswer, ErrorInfo
from chalicelib.parsing import MAX_BODY
from chalicelib.urlevents import matched
from stage.gatewayanswers import ANSWERS, HEADERS, body_of

MAX_EVENT = 6 * 2**20
"""Bytes of an event, in which a body is base64 unless it is text
(https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""

DRAINED = 8 * MAX_BODY
"""Bytes of a too large body that are still read: if the connection closes sooner, most clients see
no answer."""

DRAIN_SECONDS = 5.0
"""How long it waits for more of these bytes."""

BLOCK = 1 << 20
TIMEOUT = 60.0
"""Seconds that a client may be silent, within a request or after it."""

_KINDS = {401: "UNAUTHORIZED", 403: "ACCESS_DENIED"}


class _Refused(Exception):
    """A request that does not reach the app."""


class Routes(RouteMatcher):
    """Finds routes as API Gateway and the function's URL do.

    Chalice's takes a greedy parameter for a single word (aws/chalice#2118), and decodes none.
    """

    def match_route(self, url: str) -> MatchResult:
        """Returns the route of a path with its query. Raises ValueError without one."""
        asked = urlsplit(url)
        match = matched(asked.path, self.route_urls) if asked.path else None
        if match is None:
            raise ValueError(f"There is no route for {asked.path}.")
        return MatchResult(*match, parse_qs(asked.query, keep_blank_values=True))


class Gateway(LocalGateway):
    """Chalice's gateway, with these routes."""

    def __init__(self, app_object: Chalice, config: Config) -> None:
        super().__init__(app_object, config)
        routes = Routes(list(app_object.routes))
        self.event_converter = LambdaEventConverter(routes, app_object.api.binary_types)


class GatewayHandler(ChaliceRequestHandler):
    """Chalice's handler with limits, and with its own answers in the app's shape."""

    gateway: type[LocalGateway] = Gateway

    disable_nagle_algorithm = (
        True  # else the body waits 40 ms for the acknowledgement of its headers
    )
    timeout = TIMEOUT

    def __init__(self, *request: Any, app_object: Chalice, config: Config) -> None:
        self.local_gateway = self.gateway(app_object, config)
        BaseHTTPRequestHandler.__init__(self, *request)  # Chalice's would make a gateway of its own

    def log_message(self, format: str, *args: Any) -> None:
        """Logs nothing: the app writes its own line, without the query, which may hold a secret."""

    def handle_one_request(self) -> None:
        """Handles one request."""
        try:
            super().handle_one_request()
        except OSError:  # the client is gone
            self.close_connection = True

    def _handle(self) -> None:
        if self.command == "HEAD":
            self.close_connection = True  # the answer has a body, which no client reads
        try:
            self._generic_handle()
        except _Refused:
            pass
        except UnicodeEncodeError:  # Chalice would quote such an Authorization
            self._own("MISSING_AUTHENTICATION_TOKEN")

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_PATCH = do_OPTIONS = _handle  # noqa: N815
    # API Gateway passes every method on, so this does too: the app answers 405
    do_CONNECT = do_QUERY = do_TRACE = _handle  # noqa: N815

    def _parse_payload(self) -> tuple[dict[str, str], Any]:
        lengths = self.headers.get_all("content-length", ["0"])
        if "transfer-encoding" in self.headers or len(lengths) > 1 or not _is_size(lengths[0]):
            self.close_connection = True
            self._answer(400, "BadRequest", "The body needs one Content-Length, and no chunks.")
            raise _Refused
        length = int(lengths[0])
        if length > MAX_BODY or self._in_event(length) > MAX_EVENT:
            self.close_connection = True
            self._own("REQUEST_TOO_LARGE")
            self._drain(length)
            raise _Refused
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            self._answer(400, "BadRequest", "The body ended before its Content-Length.")
            raise _Refused
        return dict(self.headers), self._received(body) if length else None

    def _in_event(self, length: int) -> int:
        """Bytes of a body's characters in the event."""
        return -(-length // 3) * 4 if "content-type" in self.headers else length

    def _received(self, body: bytes) -> bytes | str:
        """What API Gateway passes on: bytes of every type that is named, and text without a type.

        The app's binary types are `*/*`
        (https://docs.aws.amazon.com/apigateway/latest/developerguide/lambda-proxy-binary-media.html).
        """
        return body if "content-type" in self.headers else body.decode(errors="replace")

    def _drain(self, length: int) -> None:
        self.connection.settimeout(DRAIN_SECONDS)
        left = min(length, DRAINED)
        while left and (block := self.rfile.read(min(left, BLOCK))):
            left -= len(block)

    def _send_error_response(self, error: LocalGatewayException) -> None:
        missing = error.headers.get("x-amzn-ErrorType") == "UnauthorizedException"
        if error.CODE == HTTPStatus.FORBIDDEN and missing:
            self._own("MISSING_AUTHENTICATION_TOKEN")
        elif error.CODE in _KINDS:
            self._own(_KINDS[error.CODE])
        else:
            self._answer(error.CODE, ANSWERS["DEFAULT_5XX"][1], "Internal server error")

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answers what http.server refuses: no HTTP, or a line or header that is too long."""
        self.close_connection = True
        self.request_version = self.protocol_version  # else the answer has no headers
        self._answer(int(code), "BadRequest", f"{HTTPStatus(code).phrase}.")

    def end_headers(self) -> None:
        """Announces that the connection closes, else the client's next request is lost."""
        if self.close_connection:
            self.send_header("Connection", "close")
        super().end_headers()

    def _own(self, kind: str) -> None:
        self._send(int(ANSWERS[kind][0]), body_of(kind))

    def _answer(self, status: int, code: str, message: str) -> None:
        self._send(status, ErrorAnswer.of(ErrorInfo(code, message, retryable=False)))

    def _send(self, status: int, answer: ErrorAnswer) -> None:
        body = msgspec.json.encode(answer).decode()
        self._send_http_response(status, {**HEADERS, "X-Content-Type-Options": "nosniff"}, body)


def _is_size(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19
