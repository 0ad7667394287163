"""HTTP as no client library would write it, and what every answer must have."""

import json
import socket
import threading
from collections import Counter
from dataclasses import dataclass
from typing import Any

MARKUP = "<script>alert(1)</script>"


@dataclass(frozen=True)
class Reply:
    """An answer. headers: by lower-case name."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Wire:
    """Connections to a server. seen: how many answers of which status there were."""

    def __init__(self, server: str) -> None:
        host, port = server.removeprefix("http://").split(":")
        self._address = (host, int(port))
        self.seen: Counter[int] = Counter()
        self._lock = threading.Lock()

    def raw(self, data: bytes, seconds: float = 30) -> Reply:
        """Say exactly that, and read one answer."""
        with socket.create_connection(self._address, seconds) as connection:
            connection.sendall(data)
            reply = _read(connection)
        with self._lock:
            self.seen[reply.status] += 1
        return reply

    def ask(
        self, method: str, path: str | bytes, body: bytes = b"", **headers: str | bytes
    ) -> Reply:
        """A request on a connection of its own. headers: with `_` for `-`."""
        target = path.encode() if isinstance(path, str) else path
        lines = [method.encode() + b" " + target + b" HTTP/1.1", b"Host: stage"]
        if body or method in ("POST", "PUT"):
            lines.append(b"Content-Length: %d" % len(body))
        for name, value in headers.items():
            value = value.encode() if isinstance(value, str) else value
            lines.append(name.replace("_", "-").encode() + b": " + value)
        return self.raw(b"\r\n".join(lines) + b"\r\n\r\n" + body)

    def post(self, path: str, body: bytes, content_type: str = "application/json") -> Reply:
        return self.ask("POST", path, body, Content_Type=content_type)


def _read(connection: socket.socket) -> Reply:
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        assert part, f"the connection ended within the headers: {data[:200]!r}"
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    while len(body) < int(headers["content-length"]):
        part = connection.recv(65536)
        assert part, "the connection ended within the body"
        body += part
    return Reply(int(first.split()[1]), headers, body)


def check_error(reply: Reply, v2: bool = False, markup: str = MARKUP) -> None:
    """One shape: the caller's own fault, in JSON that no browser takes for a page."""
    assert 400 <= reply.status < 500 or reply.status in (501, 505), (reply.status, reply.body[:500])
    answer = reply.json()
    assert answer.keys() == {"Code", "Message", "error"}, answer
    code, message = answer["Code"], answer["Message"]
    assert isinstance(code, str) and code and isinstance(message, str) and message
    if v2:  # where clients of the protocol look for it
        assert answer["error"] == message
    else:
        assert isinstance(answer["error"].pop("retryable"), bool)
        assert answer["error"] == {"code": code, "message": message}
    assert len(reply.body) < 10_000, len(reply.body)
    check_headers(reply)


def check_headers(reply: Reply) -> None:
    """Readable for scripts of any site; never a page, and nowhere kept."""
    assert reply.headers["access-control-allow-origin"] == "*"
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["cache-control"] == "no-store"
