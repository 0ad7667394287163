"""The function's own URL on this machine: requests become events of payload 2.0, and come back.

Lambda's own answers, of what never reaches the function, are in its own shape.
"""

from typing import Any

import msgspec
from chalice.local import LocalGateway

from localcloud.events import url_event
from localcloud.gateway import MAX_EVENT, GatewayHandler

TOO_LARGE = f"Request must be smaller than {MAX_EVENT} bytes for the InvokeFunction operation"


class UrlGateway(LocalGateway):
    """Calls the app as Lambda does through the URL."""

    def handle_request(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None
    ) -> dict[str, Any]:
        """Returns the answer in the form that Chalice's handler sends on."""
        event = url_event(method, path, headers, body)
        if len(msgspec.json.encode(event)) > MAX_EVENT:
            return _own(413, TOO_LARGE)
        # what Lambda takes, and gives, is JSON
        event = msgspec.json.decode(msgspec.json.encode(event))
        answer = self._app_object(event, self._generate_lambda_context())
        answer = msgspec.json.decode(msgspec.json.encode(answer))
        return {**answer, "multiValueHeaders": {"Set-Cookie": answer["cookies"]}}


class UrlHandler(GatewayHandler):
    """The edge of the local API, over the function's URL."""

    gateway = UrlGateway

    def _in_event(self, length: int) -> int:
        return length  # at least; the gateway looks at the whole event

    def _received(self, body: bytes) -> bytes | str:
        return body  # its event says what is text

    def _own(self, kind: str) -> None:
        if kind != "REQUEST_TOO_LARGE":
            super()._own(kind)
            return
        answer = _own(413, TOO_LARGE)
        self._send_http_response(413, answer["headers"], answer["body"])


def _own(status: int, message: str) -> dict[str, Any]:
    """An answer of Lambda itself, without CORS headers."""
    body = msgspec.json.encode({"Message": message}).decode()
    headers = {"Content-Type": "application/json"}
    return {"statusCode": status, "headers": headers, "multiValueHeaders": {}, "body": body}
