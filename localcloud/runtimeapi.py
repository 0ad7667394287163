"""Lambda's Runtime API, where a function asks for events and answers them.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import contextlib
import json
import re
import subprocess
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue
from typing import Any

from localcloud.listening import LOOPBACK

NEXT = "/2018-06-01/runtime/invocation/next"
ANSWER = "/2018-06-01/runtime/invocation/{id}/{kind}"
ANSWERED = re.compile(ANSWER.format(id="(?P<id>[^/]+)", kind="(?P<kind>response|error)"))
INIT_ERROR = "/2018-06-01/runtime/init/error"


@dataclass(frozen=True)
class Outcome:
    """The outcome of an invocation, or of an init that failed.

    payload: the parsed JSON. failed: whether the function raised. type: the error's, by its header.
    """

    payload: Any
    failed: bool = False
    type: str = ""

    @property
    def summary(self) -> str:
        """The error in a line."""
        return f"{self.payload['errorType']}: {self.payload['errorMessage']}"


class Died(Exception):
    """The process ended before it answered."""


class RuntimeApi(ThreadingHTTPServer):
    """The Runtime API of one execution environment, whose process runs one event at a time.

    ready: set when the init is over (the function asks for its first event), or when it failed or
        the process ended. ready_at: the end of the init, by `time.perf_counter`.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((LOOPBACK, 0), _Handler)
        self.invocations: SimpleQueue[tuple[dict[str, str], bytes] | None] = SimpleQueue()
        self.outcomes: SimpleQueue[tuple[str, Outcome] | None] = SimpleQueue()
        self.ready = threading.Event()
        self.ready_at = 0.0
        self.init_error: Outcome | None = None
        self._died = False
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def address(self) -> str:
        """The server's HOST:PORT."""
        return f"{LOOPBACK}:{self.server_port}"

    def watch(self, process: "subprocess.Popen[bytes]") -> None:
        """Tells those who wait for the process's answer when it ends."""

        def wait() -> None:
            process.wait()
            self._died = True
            self.outcomes.put(None)
            self.ready.set()

        threading.Thread(target=wait, daemon=True).start()

    def wait_until_ready(self, seconds: float) -> None:
        """Returns once the init is over, well or not. Raises Died after `seconds`."""
        if not self.ready.wait(seconds) or (self._died and not self.init_error):
            raise Died

    def invoke(self, event: Any, arn: str, seconds: float, request_id: str = "") -> Outcome:
        """Returns the function's answer to an event. Raises Died or TimeoutError."""
        request_id = request_id or str(uuid.uuid4())
        headers = {
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + seconds) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": arn,
            "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0",
        }
        self.invocations.put((headers, json.dumps(event).encode()))
        try:
            answer = self.outcomes.get(timeout=seconds)
        except Empty:
            raise TimeoutError(f"{request_id} Task timed out after {seconds:.2f} seconds") from None
        if answer is None:
            raise Died
        answered, outcome = answer
        assert answered == request_id
        return outcome

    def init_is_over(self) -> None:
        """Notes that the function asked for an event, or that its init failed."""
        if not self.ready.is_set():
            self.ready_at = time.perf_counter()
            self.ready.set()

    def handle_error(self, *_: object) -> None:
        """Ignores errors: a function that is ended breaks its connection."""

    def close(self) -> None:
        """Ends the server, once the function is gone."""
        self.invocations.put(None)
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: RuntimeApi

    def log_message(self, *_: object) -> None:
        """Logs nothing: the function writes its own lines."""

    def do_GET(self) -> None:
        """Sends the next event."""
        assert self.path == NEXT, self.path
        self.server.init_is_over()
        invocation = self.server.invocations.get()
        if invocation is None:
            self.close_connection = True
            return
        headers, body = invocation
        with contextlib.suppress(OSError):  # `watch` reports a process that ended meanwhile
            self._answer(200, body, headers)

    def do_POST(self) -> None:
        """Takes an answer or an error."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        payload = json.loads(body or b"null")
        type_ = self.headers.get("Lambda-Runtime-Function-Error-Type", "")
        if self.path == INIT_ERROR:
            self.server.init_error = Outcome(payload, True, type_)
            self.server.init_is_over()
        else:
            match = ANSWERED.fullmatch(self.path)
            assert match, self.path
            outcome = Outcome(payload, match["kind"] == "error", type_)
            self.server.outcomes.put((match["id"], outcome))
        self._answer(202, b'{"status": "OK"}', {})

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
