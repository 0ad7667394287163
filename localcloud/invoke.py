"""Lambda's Invoke API over HTTP (https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html)."""

import json
import re
import uuid
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from localcloud.containers import Containers
from localcloud.listening import LOOPBACK
from localcloud.registry import Function
from localcloud.runtimeapi import Outcome
from localcloud.visitors import REFUSED, Visitors

PATH = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")
NAME = re.compile(r"(?:arn:aws:lambda:[a-z0-9-]+:)?(?:\d{12}:)?(?:function:)?([\w-]+)(?::[$\w-]+)?")
PAYLOAD_BYTES = 6 * 1024 * 1024
PATIENCE_SECONDS = 60

VISITORS = Visitors()
"""Only programs may call functions; pages may not."""

Enqueue = Callable[[Function, str], str]


class Refused(Exception):
    """A request that no function runs for, as Lambda's error of that name and status."""

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error = error


class InvokeApi(ThreadingHTTPServer):
    """The server.

    enqueue: queues an event for its function; returns the request's id.
    patience: seconds that a call waits for a container before it is throttled.
    """

    daemon_threads = True

    def __init__(
        self,
        port: int,
        functions: Mapping[str, Function],
        containers: Containers,
        enqueue: Enqueue,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        super().__init__((LOOPBACK, port), _Handler)
        self.functions = functions
        self.containers = containers
        self.enqueue = enqueue
        self.patience = patience


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: InvokeApi

    def log_message(self, *_: object) -> None:
        """Logs nothing: the function writes its own lines."""

    def do_GET(self) -> None:
        """Lists the functions, which shows that the server is up."""
        names = [{"FunctionName": name} for name in self.server.functions]
        self._answer(200, json.dumps({"Functions": names}).encode())

    def do_POST(self) -> None:
        """Invokes a function."""
        try:
            self._invoke()
        except Refused as refused:
            body = json.dumps({"Type": "User", "Message": str(refused)}).encode()
            self._answer(refused.status, body, {"X-Amzn-ErrorType": refused.error})

    def _invoke(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        if not VISITORS.may_come("POST", "", headers):
            self.close_connection = True
            raise Refused(403, "AccessDeniedException", REFUSED)
        payload = self._payload()
        function = self._function()
        kind = self.headers.get("X-Amz-Invocation-Type", "RequestResponse")
        if kind == "DryRun":
            self._answer(204, b"")
        elif kind == "Event":
            request_id = self.server.enqueue(function, payload)
            self._answer(202, b"", {"X-Amzn-RequestId": request_id})
        else:
            self._run(function, json.loads(payload))

    def _run(self, function: Function, event: object) -> None:
        request_id = str(uuid.uuid4())
        if not self.server.containers.acquire(self.server.patience):
            raise Refused(429, "TooManyRequestsException", "Rate exceeded: see --concurrency.")
        try:
            outcome = self.server.containers.run(function, event, request_id)
        finally:
            self.server.containers.release()
        headers = {"X-Amzn-RequestId": request_id, "X-Amz-Executed-Version": "$LATEST"}
        self._answer(200, json.dumps(outcome.payload).encode(), headers | _failure(outcome))

    def _payload(self) -> str:
        """Returns the body. Raises Refused if it is not JSON."""
        length = int(self.headers.get("Content-Length") or 0)
        if length > PAYLOAD_BYTES:
            self.close_connection = True
            limit = f"{PAYLOAD_BYTES} bytes"
            raise Refused(413, "RequestTooLargeException", f"Request must be smaller than {limit}.")
        try:
            text = self.rfile.read(length).decode() or "{}"
            json.loads(text)
        except ValueError as error:
            message = f"Could not parse request body into json: {error}"
            raise Refused(400, "InvalidRequestContentException", message) from error
        return text

    def _function(self) -> Function:
        """Returns the function that the path names, by name or ARN. Raises Refused."""
        path = PATH.fullmatch(urlsplit(self.path).path)
        name = NAME.fullmatch(unquote(path[1])) if path else None
        function = self.server.functions.get(name[1]) if name else None
        if function is None:
            known = ", ".join(self.server.functions)
            message = f"Function not found: {self.path}; there are {known}."
            raise Refused(404, "ResourceNotFoundException", message)
        return function

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _failure(outcome: Outcome) -> dict[str, str]:
    return {"X-Amz-Function-Error": "Unhandled"} if outcome.failed else {}
