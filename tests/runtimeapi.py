"""Lambda's Runtime API, with which a function asks for events and answers them.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import json
import re
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from typing import Any

NEXT = "/2018-06-01/runtime/invocation/next"
OUTCOME = re.compile(r"/2018-06-01/runtime/(?:invocation/(?P<id>[^/]+)/)?(?P<kind>response|error)")
INIT_ERROR = "/2018-06-01/runtime/init/error"


@dataclass(frozen=True)
class Outcome:
    """What came of an invocation, or of an init that failed.

    failed: whether the function raised. type: the error's, as its header says it.
    """

    payload: Any
    failed: bool
    type: str = ""


class RuntimeApi(ThreadingHTTPServer):
    """The Runtime API of one execution environment.

    ready: set once the function asks for its first invocation, when its init is over, which is at
        the time `ready_at` by `time.perf_counter`.
    """

    daemon_threads = True

    def __init__(self, arn: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.arn = arn
        self.invocations: SimpleQueue[tuple[dict[str, str], bytes] | None] = SimpleQueue()
        self.outcomes: SimpleQueue[tuple[str, Outcome]] = SimpleQueue()
        self.ready = threading.Event()
        self.ready_at = 0.0
        self.init_error: Outcome | None = None

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return f"127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_: object) -> None:
        """A function that is ended breaks its connection off."""

    def init_is_over(self) -> None:
        """The function asked for something to do, or told why it cannot."""
        if not self.ready.is_set():
            self.ready_at = time.perf_counter()
            self.ready.set()

    def close(self) -> None:
        """Let go of a function that is gone."""
        self.invocations.put(None)
        self.shutdown()
        self.server_close()

    def send(self, event: Any, seconds: float) -> str:
        """Queue an event. Returns the request's id."""
        request_id = str(uuid.uuid4())
        headers = {
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + seconds) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": self.arn,
            "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0",
        }
        self.invocations.put((headers, json.dumps(event).encode()))
        return request_id


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: RuntimeApi

    def log_message(self, *_: object) -> None:
        """The tests show what matters."""

    def do_GET(self) -> None:
        assert self.path == NEXT, self.path
        self.server.init_is_over()
        invocation = self.server.invocations.get()
        if invocation is None:
            self.close_connection = True
            return
        headers, body = invocation
        self._answer(200, body, headers)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        type_ = self.headers.get("Lambda-Runtime-Function-Error-Type", "")
        if self.path == INIT_ERROR:
            self.server.init_error = Outcome(json.loads(body), True, type_)
            self.server.init_is_over()
        else:
            found = OUTCOME.fullmatch(self.path)
            assert found and found["id"], self.path
            outcome = Outcome(json.loads(body or b"null"), found["kind"] == "error", type_)
            self.server.outcomes.put((found["id"], outcome))
        self._answer(202, b'{"status": "OK"}', {})

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
