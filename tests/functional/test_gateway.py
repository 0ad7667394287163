"""The edge of the local API, over a small app: bounds, and one shape of errors."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from chalice.app import AuthResponse, Chalice
from chalice.config import Config
from chalice.local import LocalDevServer

from chalicelib.parsing import MAX_BODY
from localcloud.gateway import MAX_EVENT, GatewayHandler, Routes
from tests.loopback import answering


def small_app() -> Chalice:
    app = Chalice("small")

    @app.authorizer()
    def guard(request: object) -> AuthResponse | None:
        token = getattr(request, "token", "")
        return None if token == "unknown" else AuthResponse(["*"] if token == "right" else [], "me")

    @app.route("/echo", methods=["POST"], content_types=["*/*"])
    def echo() -> dict[str, int]:
        return {"bytes": len(app.current_request.raw_body)}

    @app.route("/closed", authorizer=guard)
    def closed() -> dict[str, str]:
        return {"open": "yes"}

    @app.route("/named/{name}")
    def named(name: str) -> dict[str, str]:
        return {"name": name}

    @app.route("/rest/{rest+}")
    def rest() -> dict[str, Any]:
        request = app.current_request
        return {"route": request.path, "query": dict(request.query_params or {})}

    return app


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    config = Config.create(project_dir=".", chalice_app=small_app())
    server = LocalDevServer(small_app(), config, "127.0.0.1", 0, handler_cls=GatewayHandler)
    with answering(server.server):
        yield "127.0.0.1", server.server.server_port


def ask(address: tuple[str, int], data: bytes) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Status, headers and JSON of the answer to exactly that."""
    with socket.create_connection(address, 30) as connection, connection.makefile("rb") as file:
        connection.sendall(data)
        status = int(file.readline().split()[1])
        headers: dict[str, str] = {}
        while line := file.readline().decode().strip():
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
        return status, headers, json.loads(file.read(int(headers["content-length"])))


def post(*headers: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join([b"POST /echo HTTP/1.1", b"Host: x", *headers, b"", body])


def test_what_is_right_reaches_the_app(address: tuple[str, int]) -> None:
    assert ask(address, post(b"Content-Length: 3", body=b"abc"))[::2] == (200, {"bytes": 3})
    assert ask(address, post())[::2] == (200, {"bytes": 0})
    for most, *headers in ((MAX_EVENT,), (MAX_EVENT // 4 * 3, b"Content-Type: image/jpeg")):
        full = post(b"Content-Length: %d" % most, *headers, body=bytes(most))
        assert ask(address, full)[::2] == (200, {"bytes": most})
    right = b"GET /closed HTTP/1.1\r\nAuthorization: right\r\n\r\n"
    assert ask(address, right)[::2] == (200, {"open": "yes"})


def test_a_parameter_of_a_path_is_decoded(address: tuple[str, int]) -> None:
    answer = ask(address, b"GET /named/a%20b%2Fc HTTP/1.1\r\n\r\n")
    assert answer[::2] == (200, {"name": "a b/c"})
    assert ask(address, b"GET /named// HTTP/1.1\r\n\r\n")[0] == 404


@pytest.mark.parametrize("url", ["//evil.example", "http://evil.example"])
def test_a_host_without_a_path_is_not_the_root(url: str) -> None:
    with pytest.raises(ValueError, match="no route"):
        Routes(["/"]).match_route(url)


@pytest.mark.parametrize("path", [b"a", b"a/b/c", b"a/b/c/"])
def test_a_greedy_route_takes_the_rest_of_a_path(address: tuple[str, int], path: bytes) -> None:
    status, _, answer = ask(address, b"GET /rest/%s?a=1 HTTP/1.1\r\n\r\n" % path)
    assert (status, answer) == (200, {"route": "/rest/{rest+}", "query": {"a": "1"}})


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (post(b"Content-Length: many"), 400, "BadRequest"),
        (post(b"Content-Length: -1"), 400, "BadRequest"),
        (post(b"Content-Length: 1", b"Content-Length: 2", body=b"ab"), 400, "BadRequest"),
        (post(b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"), 400, "BadRequest"),
        (post(b"Content-Length: 1000000000000"), 413, "BodyTooLarge"),
        (
            post(b"Content-Length: %d" % (MAX_BODY + 1), body=bytes(MAX_BODY + 1)),
            413, "BodyTooLarge",
        ),
        (
            post(
                b"Content-Length: %d" % (MAX_EVENT // 4 * 3 + 1), b"Content-Type: image/jpeg",
                body=bytes(MAX_EVENT // 4 * 3 + 1),
            ),
            413, "BodyTooLarge",
        ),
        (post(b"Content-Length: %d" % (MAX_EVENT + 1), body=bytes(MAX_EVENT + 1)),
         413, "BodyTooLarge"),
        (post(b"X: " + b"x" * 70_000), 431, "BadRequest"),
        (b"BREW /echo HTTP/1.1\r\n\r\n", 501, "BadRequest"),
        (b"\x16\x03\x01\r\n\r\n", 400, "BadRequest"),
        (b"GET /no HTTP/1.1\r\n\r\n", 404, "NotFound"),
        (b"GET /no HTTP/1.1\r\nAuthorization: SECRET\r\n\r\n", 404, "NotFound"),
        (b"GET /no HTTP/1.1\r\nAuthorization: \xe9\r\n\r\n", 404, "NotFound"),
        (b"GET /closed HTTP/1.1\r\n\r\n", 401, "Unauthorized"),
        (b"GET /closed HTTP/1.1\r\nAuthorization: wrong\r\n\r\n", 403, "Forbidden"),
        (b"GET /closed HTTP/1.1\r\nAuthorization: unknown\r\n\r\n", 500, "InternalServerError"),
    ],
    ids=lambda value: str(value)[:50],
)  # fmt: skip
def test_what_is_not_is_answered_in_the_apps_shape(
    address: tuple[str, int], data: bytes, status: int, code: str
) -> None:
    got, headers, answer = ask(address, data)
    assert (got, answer["error"]["code"]) == (status, code)
    assert answer.keys() == {"error", "Code", "Message"}
    assert answer["Code"] == code and answer["Message"] == answer["error"]["message"]
    assert answer["Message"].endswith((".", "error"))
    assert headers["access-control-allow-origin"] == "*"
    assert headers["content-type"] == "application/json"
    assert "SECRET" not in str(answer)


def test_bytes_without_a_type_are_taken_for_text(address: tuple[str, int]) -> None:
    jpeg = b"\xff\xd8"
    bare, named = (
        ask(address, post(b"Content-Length: 2", *headers, body=jpeg))[2]["bytes"]
        for headers in ((), (b"Content-Type: application/octet-stream",))
    )
    assert (bare, named) == (len("\ufffd\ufffd".encode()), 2)


def test_a_connection_that_ends_says_so(address: tuple[str, int]) -> None:
    for ending in (
        post(b"Content-Length: many"),
        post(b"Content-Length: %d" % (MAX_BODY + 1), body=bytes(MAX_BODY + 1)),
        b"HEAD /no HTTP/1.1\r\n\r\n",
        b"BREW /echo HTTP/1.1\r\n\r\n",
    ):
        assert ask(address, ending)[1]["connection"] == "close"
    assert "connection" not in ask(address, post())[1]
    assert "connection" not in ask(address, b"GET /no HTTP/1.1\r\n\r\n")[1]


def test_a_body_that_was_cut_does_not_reach_the_app(address: tuple[str, int]) -> None:
    with socket.create_connection(address, 30) as connection, connection.makefile("rb") as file:
        connection.sendall(post(b"Content-Length: 9", b"Content-Type: image/png", body=b"half"))
        connection.shutdown(socket.SHUT_WR)
        assert int(file.readline().split()[1]) == 400


def test_a_connection_with_a_refused_body_is_not_read_on(address: tuple[str, int]) -> None:
    smuggled = b"GET /closed HTTP/1.1\r\nAuthorization: right\r\n\r\n"
    with socket.create_connection(address, 30) as connection:
        connection.sendall(post(b"Transfer-Encoding: chunked", body=b"0\r\n\r\n" + smuggled))
        answers = b""
        try:
            while part := connection.recv(65536):
                answers += part
        except ConnectionResetError:
            pass
    assert answers.count(b"HTTP/1.1 ") == 1 and b"yes" not in answers
