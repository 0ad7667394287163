"""The edge of the local API: API Gateway's bounds and its own answers, over Chalice's server.

Chalice's handler drops the connection where a request's length is none, reads as much as that says
into memory, and answers what never reaches the app in three shapes, two of them API Gateway's
without `stage.gatewayanswers` and one of them HTML.
"""

from http import HTTPStatus
from typing import Any

import msgspec
from chalice.local import ChaliceRequestHandler, LocalGatewayException

from chalicelib.answers.predictions import ErrorAnswer, ErrorInfo
from chalicelib.parsing import MAX_BODY
from stage.gatewayanswers import ANSWERS, HEADERS, body_of

DRAINED = 8 * MAX_BODY
"""Bytes of a body too large that are read on: of a connection closed before, most clients see no
answer."""

DRAIN_SECONDS = 5.0
"""How long it waits for more of them."""

BLOCK = 1 << 20
TIMEOUT = 60.0
"""Seconds that a client may be silent within a request, or between two."""

_KINDS = {401: "UNAUTHORIZED", 403: "ACCESS_DENIED"}


class _Refused(Exception):
    """What never reaches the app."""


class GatewayHandler(ChaliceRequestHandler):
    """Chalice's, with requests bounded and its own answers in the app's shape."""

    disable_nagle_algorithm = True  # or the body waits 40 ms for its headers to be acknowledged
    timeout = TIMEOUT

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the app writes its own line, without the query, which may hold a secret."""

    def handle_one_request(self) -> None:
        """One request."""
        try:
            super().handle_one_request()
        except OSError:  # the client is gone
            self.close_connection = True

    def _handle(self) -> None:
        if self.command == "HEAD":
            self.close_connection = True  # the answer has a body, which no client takes for one
        try:
            self._generic_handle()
        except _Refused:
            pass
        except UnicodeEncodeError:  # of an Authorization that Chalice would quote
            self._own("MISSING_AUTHENTICATION_TOKEN")

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_PATCH = do_OPTIONS = _handle  # noqa: N815
    # API Gateway has no method that it does not know, so neither has this: the app answers 405
    do_CONNECT = do_QUERY = do_TRACE = _handle  # noqa: N815

    def _parse_payload(self) -> tuple[dict[str, str], bytes | None]:
        lengths = self.headers.get_all("content-length", ["0"])
        if "transfer-encoding" in self.headers or len(lengths) > 1 or not _is_size(lengths[0]):
            self.close_connection = True
            self._answer(400, "BadRequest", "The body needs one Content-Length, and no chunks.")
            raise _Refused
        length = int(lengths[0])
        if length > MAX_BODY:
            self.close_connection = True
            self._own("REQUEST_TOO_LARGE")
            self._drain(length)
            raise _Refused
        return dict(self.headers), self.rfile.read(length) if length else None

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
        """What http.server refuses: a request that is not HTTP, or a line or header too long."""
        self.close_connection = True
        self.request_version = self.protocol_version  # or the answer has no headers
        self._answer(int(code), "BadRequest", f"{HTTPStatus(code).phrase}.")

    def end_headers(self) -> None:
        """Tell of a connection that ends, or the client's next request is lost with it."""
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
