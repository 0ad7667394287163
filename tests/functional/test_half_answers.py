"""Answers of AWS that are not whole: cut off, empty, or a page of some proxy. None is believed."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from botocore.config import Config

from chalicelib.aws.eventbridge import EventBridge
from chalicelib.aws.quickreads import QuickStore
from chalicelib.aws.s3 import S3Store
from chalicelib.aws.sqs import SqsQueue
from chalicelib.aws.stepfunctions import StepFunctions
from chalicelib.errors import ServiceUnavailable
from tests.loopback import answering

REFUSED_ONE = {
    "Successful": [{"Id": "0", "MessageId": "m", "MD5OfMessageBody": "d"}],
    "Failed": [{"Id": "1", "Code": "InternalError", "SenderFault": False}],
}
REFUSED_EVENT = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalException"}]}
LISTING = b"""<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated>
<Contents><Key>k</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>
</ListBucketResult>"""
PAGE = b"<html>The proxy is being restarted.</html>"
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:m"


class Aws(BaseHTTPRequestHandler):
    """way: whole, half (of the promised bytes), empty, or a page."""

    way = "whole"

    def do_GET(self) -> None:
        self._answer(LISTING if "list-type" in self.path else b"0123456789")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        target = self.headers["X-Amz-Target"]
        url = f"http://{self.headers['Host']}/queue"
        answer: dict[str, Any] = {
            "AmazonSQS.GetQueueUrl": {"QueueUrl": url},
            "AmazonSQS.SendMessageBatch": REFUSED_ONE,
            "AWSEvents.PutEvents": REFUSED_EVENT,
        }.get(target, {})
        self._answer(json.dumps(answer).encode(), target == "AmazonSQS.GetQueueUrl")

    def _answer(self, body: bytes, is_whole: bool = False) -> None:
        body = {"empty": b"", "page": PAGE}.get(self.way, body) if not is_whole else body
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        if self.way in ("whole", "half"):
            self.send_header("ETag", '"e"')
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if self.way == "half" and not is_whole else body)
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def aws_answering(way: str) -> Iterator[str]:
    """The address of an AWS that answers like that."""
    told = type("Told", (Aws,), {"way": way})
    with answering(ThreadingHTTPServer(("127.0.0.1", 0), told)) as server:
        yield f"http://127.0.0.1:{server.server_port}"


def client(service: str, address: str) -> Any:
    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-east-1"}
    return boto3.client(service, endpoint_url=address, config=config, **keys)


def store(address: str) -> S3Store:
    return S3Store(lambda: client("s3", address))


def quick(address: str) -> QuickStore:
    keys = {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    return QuickStore(lambda: client("s3", address), {**keys, "AWS_ENDPOINT_URL": address})


def queue(address: str) -> SqsQueue:
    return SqsQueue(lambda: client("sqs", address), "work")


def machine(address: str) -> StepFunctions:
    return StepFunctions(lambda: client("stepfunctions", address), MACHINE)


CALLS: dict[str, Callable[[str], object]] = {
    "read": lambda address: store(address).read("b", "k", 100),
    "quick read": lambda address: quick(address).read("b", "k", 100),
    "stream": lambda address: list(store(address).stream("b", "k")),
    "list": lambda address: list(store(address).list("b", "")),
    "folders": lambda address: list(store(address).folders("b", "")),
    "send": lambda address: queue(address).send(["taken", "refused"]),
    "idle": lambda address: queue(address).idle(),
    "patience": lambda address: queue(address).patience(),
    "put": lambda address: EventBridge(lambda: client("events", address), "s").put("k", {}),
    "start": lambda address: machine(address).start("n", "{}"),
    "describe": lambda address: machine(address).describe("n"),
    "recent": lambda address: machine(address).recent(5),
    "history": lambda address: machine(address).history("n"),
}


@pytest.mark.parametrize("way", ["half", "empty", "page"])
def test_an_answer_that_is_not_whole_is_none(way: str) -> None:
    with aws_answering(way) as address:
        for name, call in CALLS.items():
            try:
                answer = call(address)
            except ServiceUnavailable:
                continue
            pytest.fail(f"{name} believes it: {answer!r}")


@pytest.mark.parametrize("call", ["read", "quick read", "stream", "list", "folders"])
def test_a_whole_answer_is_believed(call: str) -> None:
    with aws_answering("whole") as address:
        CALLS[call](address)
