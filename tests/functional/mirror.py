"""A web server on loopback that has the catalogue's files, with Range, and fails as it is told."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Mirror:
    """files: by path. The rest says how a request for a path fails.

    cut_after: bytes of a body after which the connection breaks; one for each request, in turn.
    stall_after: bytes of a body after which nothing more comes, once.
    ignores_range: answers 200 with all of it. redirects: path to address. statuses: path to status.
    requests: what was asked for, (path, Range), in order.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    cut_after: dict[str, list[int]] = field(default_factory=dict)
    stall_after: dict[str, int] = field(default_factory=dict)
    ignores_range: bool = False
    redirects: dict[str, str] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def ranges(self, path: str) -> list[str | None]:
        return [sent for asked, sent in self.requests if asked == path]


@contextmanager
def mirror(files: dict[str, bytes]) -> Iterator[Mirror]:
    state = Mirror(files={f"/{name}": data for name, data in files.items()})

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def do_GET(self) -> None:
            answer(self, state)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        state.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        try:
            yield state
        finally:
            state.released.set()
            server.shutdown()


def answer(request: BaseHTTPRequestHandler, state: Mirror) -> None:
    path, asked = request.path, request.headers["Range"]
    state.requests.append((path, asked))
    if path in state.redirects:
        return head(request, 302, {"Location": state.redirects[path]})
    if path in state.statuses or path not in state.files:
        return head(request, state.statuses.get(path, 404), {"Content-Length": "0"})
    data = state.files[path]
    match = re.fullmatch(r"bytes=(\d+)-", asked or "")
    start = int(match[1]) if match and not state.ignores_range else 0
    if start and start >= len(data):
        return head(request, 416, {"Content-Range": f"bytes */{len(data)}", "Content-Length": "0"})
    headers = {"Content-Length": str(len(data) - start)}
    if start:
        headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
    head(request, 206 if start else 200, headers)
    send(request, state, path, data[start:])
    return None


def head(request: BaseHTTPRequestHandler, status: int, headers: dict[str, str]) -> None:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name, value)
    request.end_headers()


def send(request: BaseHTTPRequestHandler, state: Mirror, path: str, body: bytes) -> None:
    request.close_connection = True
    cuts = state.cut_after.get(path, [])
    if cuts:
        body = body[: cuts.pop(0)]
    if path in state.stall_after:
        request.wfile.write(body[: state.stall_after.pop(path)])
        request.wfile.flush()
        state.released.wait()
        return
    request.wfile.write(body)
