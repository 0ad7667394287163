"""A front of the running app like a stage of API Gateway: a path of its own, and a throttle."""

import contextlib
import http.client
import http.server
import threading
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from stage.gatewayanswers import ANSWERS
from tests.loopback import answering

STAGE = "/dev"
HOP = {"connection", "keep-alive", "transfer-encoding"}


class Bucket:
    """The throttle: `rate` tokens a second, and at most `burst` of them at any moment
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-request-throttling.html).
    """

    def __init__(
        self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._tokens, self._at = float(burst), clock()
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Whether a request may pass."""
        with self._lock:
            now = self._clock()
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
            self._at = now
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True


class Edge(http.server.ThreadingHTTPServer):
    """Forwards what is asked under STAGE, and counts it.

    asked: method and path of each request. sent: bytes of the answers, with their headers. refused:
    how many requests the throttle refused.
    """

    def __init__(self, app: str, bucket: Bucket) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.app = urlsplit(app).netloc
        self.bucket = bucket
        self.forget()

    def forget(self) -> None:
        """Count from here on."""
        self.asked: list[str] = []
        self.sent = 0
        self.refused = 0

    @property
    def url(self) -> str:
        """Of the page."""
        return f"http://127.0.0.1:{self.server_port}{STAGE}/"


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Edge

    def log_message(self, *_: object) -> None:
        pass

    def do_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.server.asked.append(f"{self.command} {self.path}")
        if not self.server.bucket.take():
            self.server.refused += 1
            status, _, message = ANSWERS["THROTTLED"]
            self._answer(int(status), {}, message.encode())
            return
        connection = http.client.HTTPConnection(self.server.app)
        with contextlib.closing(connection):
            connection.request(
                self.command, self.path.removeprefix(STAGE) or "/", body or None, dict(self.headers)
            )
            answer = connection.getresponse()
            self._answer(answer.status, dict(answer.getheaders()), answer.read())

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        kept = {name: value for name, value in headers.items() if name.lower() not in HOP}
        self.send_response_only(status)
        for name, value in {**kept, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.server.sent += len(body) + sum(map(len, vars(self)["_headers_buffer"]))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_HEAD = do_any  # noqa: N815


@contextlib.contextmanager
def stage(app: str, rate: float = 50, burst: int = 100) -> Iterator[Edge]:
    """A front of the app at this address, with the throttle of a deployed stage."""
    with answering(Edge(app, Bucket(rate, burst))) as edge:
        yield edge
