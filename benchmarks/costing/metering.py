"""Measure what deployed functions are billed for: milliseconds, memory, requests to S3 and SQS.

Lambda's own runtime client runs the zips of `make package`, on as many CPUs as a memory size buys.
An S3 and an SQS on this machine log each request.
"""

import contextlib
import json
import logging
import os
import re
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import boto3
import click

from benchmarks.deployed import aws, unpacked
from benchmarks.machine import check_hidden_from
from chalicelib.inference.packages import ModelPackage
from chalicelib.settings import MEMORY_PER_CPU_MB
from localcloud import sampleevents as events
from localcloud.disk import Image
from localcloud.environment import ACCOUNT
from localcloud.unzipped import Function, started

BUCKETS = {"IMAGES_BUCKET": "cost-images", "RESULTS_BUCKET": "cost-results"}
QUEUE = "cost-work"
REQUEST = re.compile(r'"(?P<method>[A-Z]+) (?P<path>\S+) HTTP')


class Requests(logging.Handler):
    """Counts the requests in the server's log, by what AWS charges for them."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def emit(self, entry: logging.LogRecord) -> None:
        match = REQUEST.search(re.sub(r"\x1b\[[0-9;]*m", "", entry.getMessage()))
        if match:
            self.counts[charged_as(match["method"], match["path"])] += 1


def charged_as(method: str, path: str) -> str:
    """Returns writes, reads, queue or free (https://aws.amazon.com/s3/pricing/)."""
    if path == "/" or re.match(rf"/{ACCOUNT}/", path):
        return "queue"
    if method == "DELETE":
        return "free"
    listing = method == "GET" and "list-type=" in path
    return "reads" if method in ("GET", "HEAD") and not listing else "writes"


@dataclass(frozen=True)
class Cloud:
    """A deployment on this machine. image: of its functions. environment: theirs."""

    image: Image
    environment: Mapping[str, str]
    options: Mapping[str, Any]
    requests: Requests

    def client(self, service: str) -> Any:
        """Makes a boto3 client. Its requests count only while an invocation runs."""
        return boto3.client(service, **self.options)


@dataclass
class Billed:
    """The invocations of a function. ms: of each. counts: requests, as AWS charges for them."""

    init_ms: float = 0
    init_cpu_ms: float = 0
    cpu_ms: float = 0
    peak_mb: float = 0
    ms: list[float] = field(default_factory=list)
    counts: dict[str, float] = field(default_factory=dict)
    log_bytes: float = 0
    answers: list[Any] = field(default_factory=list)

    def requests(self, kind: str) -> float:
        """Returns the requests of a kind; see `charged_as`."""
        return self.counts.get(kind, 0)

    @property
    def warm_ms(self) -> float:
        """The median of all invocations after the first."""
        return statistics.median(self.ms[1:])

    @property
    def cold_ms(self) -> float:
        """What a cold start adds: the init, and the first invocation's extra time."""
        return self.init_ms + max(self.ms[0] - self.warm_ms, 0) if self.ms[1:] else self.init_ms


def invoked(
    cloud: Cloud, handler: str, events: Sequence[Any], vcpus: int, heavy: Sequence[Any] = ()
) -> Billed:
    """Runs events one after another in one container. The first event warms it up.

    cpu_ms, counts and log_bytes are means over the events after the first, if there are any.
    heavy: events that come last and count only for the memory.
    """
    billed = Billed()
    environment = {"PUBLIC": "true", **cloud.environment}
    running = contextlib.ExitStack()
    with on_cpus(vcpus):
        memory = vcpus * MEMORY_PER_CPU_MB
        process = started(cloud.image, f"app.{handler}", environment, memory)
        function = running.enter_context(process)
    with running:
        billed.init_ms, billed.init_cpu_ms = function.init_seconds * 1e3, function.cpu_seconds * 1e3
        _run(cloud, function, events, billed)
        for event in heavy:
            _answer(function, event)
        billed.peak_mb = function.peak_megabytes
        check_hidden_from(function.process)
    return billed


def _run(cloud: Cloud, function: Function, events: Sequence[Any], billed: Billed) -> None:
    cpu, logged = function.cpu_seconds, len(function.printed)
    counts: dict[str, int] = {}
    for number, event in enumerate(events):
        if number == 1:
            cpu, logged = function.cpu_seconds, len(function.printed)
            counts.clear()
        cloud.requests.counts.clear()
        start = time.perf_counter()
        answer = _answer(function, event)
        billed.ms.append((time.perf_counter() - start) * 1000)
        for kind, count in cloud.requests.counts.items():
            counts[kind] = counts.get(kind, 0) + count
        billed.answers.append(answer)
    counted = max(len(events) - 1, 1)
    billed.cpu_ms = (function.cpu_seconds - cpu) * 1000 / counted
    billed.log_bytes = (len(function.printed) - logged) / counted
    billed.counts = {kind: count / counted for kind, count in counts.items()}


def _answer(function: Function, event: Any) -> Any:
    outcome = function.invoke(event, 600)
    answer: Any = outcome.payload
    if outcome.failed or (isinstance(answer, dict) and answer.get("statusCode", 200) >= 400):
        raise click.ClickException(f"{answer}\n{function.printed[-2000:]}")
    return answer


@contextlib.contextmanager
def on_cpus(count: int) -> Iterator[None]:
    """Pins this thread and its children to the last CPUs: the first CPUs serve the interrupts."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[-count:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def cloud_of(package: ModelPackage) -> Iterator[Cloud]:
    """Builds and unpacks the zips for this machine, and runs the AWS that they need."""
    with unpacked(package) as image, _counted_aws() as (options, requests):
        environment = {
            **BUCKETS,
            "WORK_QUEUE": QUEUE,
            "WORKFLOW": f"arn:aws:states:{events.REGION}:{ACCOUNT}:stateMachine:cost",
            "AWS_ENDPOINT_URL": options["endpoint_url"],
            "MODEL": package.info.name,
            "ENGINE": "litert",
            "MODEL_DIR": str(image.opt / "models"),
        }
        yield Cloud(image, environment, options, requests)


@contextlib.contextmanager
def _counted_aws() -> Iterator[tuple[dict[str, Any], Requests]]:
    requests, log = Requests(), logging.getLogger("werkzeug")
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(requests)
    try:
        with aws(*BUCKETS.values()) as options:
            boto3.client("sqs", **options).create_queue(QueueName=QUEUE)
            yield options, requests
    finally:
        log.removeHandler(requests)


def messages(cloud: Cloud) -> Iterator[str]:
    """Takes all messages out of the work queue, and yields their bodies."""
    sqs = cloud.client("sqs")
    url = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
    while received := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in received:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            yield message["Body"]


def body_of(answer: Any) -> Any:
    """Returns the API's answer, read from JSON."""
    return json.loads(answer["body"])
