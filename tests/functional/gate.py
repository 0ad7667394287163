"""A gate before an AWS: it notes the calls that write, and refuses those it is told to."""

import base64
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import boto3
import urllib3

from localcloud.environment import REGION

Answer = tuple[int, dict[str, str], bytes]
READS = re.compile(r"(Get|Describe|List|Head|BatchGet)[A-Z]|AssumeRole$")
"""Operations that change nothing, by their names, where a request has one."""
ZIPS = re.compile(r"POST /2018-10-31/layers/([\w-]+)/versions|POST /2015-03-31/functions")
CACHE = re.compile(r"DELETE /restapis/\w+/stages/\w+/cache/authorizers")
"""What moto lacks (https://docs.aws.amazon.com/apigateway/latest/api/API_FlushStageAuthorizersCache.html)."""


class Gate:
    """url: where it is. asked: all since the last `forget`, as `POST /restapis` or
    `CreateChangeSet`. writes: what of that changes something. refused: requests that match are
    answered as to one who may not. zips: what was sent of each layer and function, by its name.
    """

    def __init__(self, aws: str) -> None:
        self.asked: list[str] = []
        self.writes: list[str] = []
        self.refused: re.Pattern[str] | None = None
        self.zips: dict[str, bytes] = {}
        self.url = ""
        self._held: re.Pattern[str] | None = None
        self._go_on = threading.Event()
        self._http = urllib3.PoolManager(maxsize=8, retries=False)
        self._aws = aws

    def forget(self) -> None:
        self.asked.clear()
        self.writes.clear()

    @contextmanager
    def holding(self, call: str) -> Iterator[None]:
        """Until the end of the block, calls that match are made, and get no answer."""
        self._held, self._go_on = re.compile(call), threading.Event()
        try:
            yield
        finally:
            self._held = None
            self._go_on.set()

    def pass_on(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        what = operation(method, path, headers, body)
        self.asked.append(what)
        if self.refused and self.refused.fullmatch(what):
            refusal = json.dumps({"message": f"You may not {what}", "Code": "AccessDenied"})
            return 403, {"x-amzn-ErrorType": "AccessDeniedException"}, refusal.encode()
        if CACHE.fullmatch(what):
            self.writes.append(what)
            return 202, {}, b""
        if not READS.match(what) and not what.startswith(("GET ", "HEAD ")):
            self.writes.append(what)
        if zipped := ZIPS.fullmatch(what):
            sent = json.loads(body)
            self.zips[zipped[1] or sent["FunctionName"]] = self._zip(
                sent.get("Content") or sent["Code"]
            )
        answer = self._http.request(
            method, self._aws + path, body=body, headers=headers, preload_content=False,
            decode_content=False,
        )  # fmt: skip
        content = answer.read()
        if self._held and self._held.fullmatch(what):
            self._go_on.wait()
        return answer.status, dict(answer.headers), content

    def _zip(self, content: dict[str, str]) -> bytes:
        """What was sent: in the request, or before it into a bucket."""
        if "ZipFile" in content:
            return base64.b64decode(content["ZipFile"])
        s3 = boto3.client(
            "s3", endpoint_url=self._aws, region_name=REGION,
            aws_access_key_id="test", aws_secret_access_key="test",
        )  # fmt: skip
        data: bytes = s3.get_object(Bucket=content["S3Bucket"], Key=content["S3Key"])["Body"].read()
        return data


def operation(method: str, path: str, headers: dict[str, str], body: bytes) -> str:
    """Its name where the request tells it, else its method and path."""
    target = headers.get("X-Amz-Target") or headers.get("x-amz-target")
    if target:
        return target.rpartition(".")[2]
    if headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
        action = parse_qs(body.decode()).get("Action")
        if action:
            return action[0]
    rpc = re.fullmatch(r"/service/[^/]+/operation/(\w+)", path)
    return rpc[1] if rpc else f"{method} {urlsplit(path).path}"


@contextmanager
def gate(aws: str) -> Iterator[Gate]:
    """A gate before the AWS at that address."""
    made = Gate(aws)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_any(self) -> None:
            if self.headers.get("Expect") == "100-continue":
                self.send_response_only(100)
                self.end_headers()
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            kept = {k: v for k, v in self.headers.items() if k.lower() not in ("expect",)}
            status, headers, content = made.pass_on(self.command, self.path, kept, body)
            self.send_response_only(status)
            for name, value in headers.items():
                if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                    self.send_header(name, value)
            self.send_header(
                "Content-Length",
                headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(content)),
            )
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_PATCH = handle_any  # noqa: N815

        def handle_expect_100(self) -> bool:
            return True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield made
    server.shutdown()
    server.server_close()
    thread.join()
