"""The laptop's Function URL, over a small app: what Lambda refuses itself, and what it makes of
bodies and cookies."""

from collections.abc import Iterator
from typing import Any

import pytest
import urllib3
from chalice.app import Chalice, Response
from chalice.config import Config
from chalice.local import LocalDevServer

from chalicelib.urlevents import rest_event, url_answer
from localcloud.gateway import MAX_EVENT
from localcloud.urlfront import UrlHandler
from tests.loopback import answering


class SmallApp(Chalice):
    """Tells what arrives."""

    def __call__(self, event: Any, context: Any) -> dict[str, Any]:
        return url_answer(super().__call__(rest_event(event, self.routes), context))


def small_app() -> Chalice:
    app = SmallApp("small")

    @app.route("/echo", methods=["POST"], content_types=["*/*"])
    def echo() -> Response:
        request = app.current_request
        assert request
        encoded = request.to_original_event()["isBase64Encoded"]
        body = {"bytes": len(request.raw_body), "encoded": encoded}
        return Response(body, {"Set-Cookie": ["a=1", "b=2"], "X-Cookie": request.headers["cookie"]})

    return app


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    app = small_app()
    config = Config.create(project_dir=".", chalice_app=app)
    server = LocalDevServer(app, config, "127.0.0.1", 0, handler_cls=UrlHandler)
    with answering(server.server):
        yield f"http://127.0.0.1:{server.server.server_port}/echo"


def post(address: str, body: bytes, content_type: str = "") -> urllib3.BaseHTTPResponse:
    headers = {"Cookie": "x=1; y=2"} | ({"Content-Type": content_type} if content_type else {})
    return urllib3.request("POST", address, body=body, headers=headers)


@pytest.mark.parametrize(
    ("content_type", "encoded"),
    [
        ("application/json", False), ("application/json; charset=utf-8", False),
        ("text/plain", False), ("application/vnd.api+json", False), ("image/jpeg", True),
        ("application/octet-stream", True), ("application/jsonlike", True), ("", True),
    ],
)  # fmt: skip
def test_bytes_come_as_they_are_and_text_as_text(
    address: str, content_type: str, encoded: bool
) -> None:
    body = b"\xff\x00\xfe" if encoded else "{é}".encode()
    answer = post(address, body, content_type)
    assert answer.json() == {"bytes": len(body), "encoded": encoded}


def test_cookies_go_there_and_back(address: str) -> None:
    answer = post(address, b"")
    assert answer.headers["X-Cookie"] == "x=1; y=2"
    assert answer.headers.getlist("Set-Cookie") == ["a=1", "b=2"]


@pytest.mark.parametrize(
    ("size", "content_type", "status"),
    [
        (MAX_EVENT * 3 // 4 - 3000, "image/jpeg", 200),
        (MAX_EVENT * 3 // 4, "image/jpeg", 413),
        (MAX_EVENT - 3000, "text/plain", 200),
        (MAX_EVENT, "text/plain", 413),
        (2 * MAX_EVENT, "text/plain", 413),
    ],
)
def test_an_event_has_at_most_6_mb(address: str, size: int, content_type: str, status: int) -> None:
    answer = post(address, b"x" * size, content_type)
    assert answer.status == status
    if status == 413:
        assert answer.json() == {
            "Message": "Request must be smaller than 6291456 bytes for the InvokeFunction operation"
        }
        assert "Access-Control-Allow-Origin" not in answer.headers
