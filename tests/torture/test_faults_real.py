"""Batches on the real adapters, S3 and SQS of moto, and on real processes that are killed."""

import itertools
import random
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError, ReadTimeoutError

from chalicelib.aws.s3 import S3Store
from chalicelib.aws.sqs import SqsQueue
from chalicelib.errors import InceptionError
from localcloud.starting import wait_for
from tests.balance import check_bucket
from tests.e2e.conftest import running
from tests.e2e.test_batch import NAMES, SAMPLES, Batches, best
from tests.functional.conftest import aws  # noqa: F401 - a fixture
from tests.torture.conftest import Outcome
from tests.torture.faults import BatchCloud

Fault = Callable[[Any], Any]
"""A request of botocore's -> the response in the place of the service's; or raises."""

ONCE = Config(retries={"total_max_attempts": 1}, max_pool_connections=32)
"""No retries of botocore's: each fault reaches our code."""

REFUSED = 80
"""Requests among which every third is refused."""


class Raw:
    """The body of a response, as urllib3 gives it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self._body

    def read(self, *_: Any) -> bytes:
        body, self._body = self._body, b""
        return body


def says(status: int, code: str) -> Fault:
    """S3's or SQS's error of that code."""

    def answer(request: Any) -> AWSResponse:
        if "X-Amz-Target" in request.headers:
            headers = {"content-type": "application/x-amz-json-1.0"}
            body = b'{"__type": "com.amazonaws.sqs#%s", "message": "no"}' % code.encode()
        else:
            headers = {"content-type": "application/xml"}
            body = b"<Error><Code>%s</Code><Message>no</Message></Error>" % code.encode()
        return AWSResponse(request.url, status, headers, Raw(body))

    return answer


def raises(error: Callable[..., Exception]) -> Fault:
    def answer(request: Any) -> AWSResponse:
        raise error(endpoint_url=request.url)

    return answer


FAULTS: dict[str, Fault] = {
    "503 SlowDown": says(503, "SlowDown"),
    "500 InternalError": says(500, "InternalError"),
    "400 ThrottlingException": says(400, "ThrottlingException"),
    "403 RequestTimeTooSkewed": says(403, "RequestTimeTooSkewed"),
    "403 AccessDenied": says(403, "AccessDenied"),
    "403 ExpiredToken": says(403, "ExpiredToken"),
    "connection closed": raises(ConnectionClosedError),
    "no connection": raises(EndpointConnectionError),
    "read timeout": raises(ReadTimeoutError),
}


class RealCloud(BatchCloud):
    """Buckets and a queue of moto's, behind our adapters."""

    def __init__(self, reached: dict[str, Any], faults: Iterator[Fault]) -> None:
        self.s3 = boto3.client("s3", config=ONCE, **reached)
        self.sqs = boto3.client("sqs", config=ONCE, **reached)
        self.platform = boto3.client("sqs", **reached)
        where = {"LocationConstraint": reached["region_name"]}
        for bucket in ("images", "results"):
            with suppress(self.s3.exceptions.BucketAlreadyOwnedByYou):
                self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=where)
        name = f"work-{uuid.uuid4()}"
        self.url = self.platform.create_queue(QueueName=name)["QueueUrl"]
        super().__init__(S3Store(lambda: self.s3), SqsQueue(lambda: self.sqs, name))
        self._faults, self._chance = faults, random.Random(7)
        self.asked = self.refused = 0

    def break_down(self) -> None:
        """From now on, of so many requests every third or so is refused."""
        for client in (self.s3, self.sqs):
            client.meta.events.register("before-send", self._answer)

    def _answer(self, request: Any, **_: Any) -> Any:
        self.asked += 1
        if self.asked > REFUSED or self._chance.random() > 1 / 3:
            return None
        self.refused += 1
        return next(self._faults)(request)

    def pass_time(self) -> None:
        """S3's own clock goes on as it does."""

    def close(self) -> None:
        """Leave nothing behind."""
        self.asked = REFUSED
        check_bucket(self.s3, "results")
        for entry in self.store.list("results", ""):
            self.store.delete("results", entry.key)
        for client in (self.s3, self.sqs, self.platform):
            client.close()

    def live(self, batch_id: str) -> None:
        """Poll the queue and tick, as the platform does, until the batch has finished."""
        process, turns = self.process(), 0
        while not self._finished(batch_id):
            self._poll(process)
            turns += 1
            if turns % 5 == 0:
                self.tick(process)
            assert turns < 200

    def _finished(self, batch_id: str) -> bool:
        with suppress(InceptionError):
            return bool(self.process().batches.view(batch_id).status == "finished")
        return False

    def _poll(self, process: Any) -> None:
        for message in self.platform.receive_message(QueueUrl=self.url).get("Messages", []):
            handle = {"QueueUrl": self.url, "ReceiptHandle": message["ReceiptHandle"]}
            try:
                process.events.on_message(message["Body"], lambda: 900.0)
            except InceptionError:
                self.platform.change_message_visibility(**handle, VisibilityTimeout=0)
            else:
                self.platform.delete_message(**handle)


def test_s3_and_sqs_refuse_every_third_request(
    aws: dict[str, Any],  # noqa: F811
    long: bool,
    outcome: Outcome,
) -> None:
    """In the short form each refusal is of the next kind; in the long one each kind has its own."""
    kinds: list[Iterator[Fault]] = [itertools.cycle(FAULTS.values())]
    if long:
        kinds = [itertools.repeat(fault) for fault in FAULTS.values()]
    refused = images = 0
    for faults in kinds:
        with closing(RealCloud(aws, faults)) as cloud:
            batch_id = cloud.start()
            cloud.break_down()
            cloud.live(batch_id)
            cloud.tick()
            assert cloud.balance(batch_id) == ["bad"]
            assert cloud.refused > 10
            refused += cloud.refused
            images += len(cloud.submitted[batch_id])
    outcome(
        "S3 and SQS behind boto3 refuse every third request: " + ", ".join(FAULTS),
        "the message comes again, until all is done once",
        f"{refused:,} requests refused, {images} images, 0 lost, 0 doubled",
    )


STEPS = {
    "chunks are being written": "rounds/0/chunks/",
    "the first chunk is classified": "rounds/0/parts/",
    "the first chunk is counted": "rounds/0/tally/",
    "the fan-out is complete": "rounds/0/fanout.json",
    "results are there": "results.jsonl",
}


def test_a_real_worker_is_killed(tmp_path: Path, long: bool, outcome: Outcome) -> None:
    """SIGKILL to the process that plays Lambda, as soon as what a step writes can be seen."""
    steps = STEPS if long else dict(list(STEPS.items())[1:2])
    images = 75
    options = ("--visibility-timeout", "10", "--schedule-seconds", "1")
    with running(tmp_path / "log", "doodle", *options) as cloud:
        batches = Batches(cloud)

        for number, sign in enumerate(steps.values()):
            for n in range(images):
                data = SAMPLES[NAMES[n % 6]] + f"{number} {n}".encode()
                batches.put(f"batches/kill{number}/{n:03d}.jpg", data)
            batch_id = batches.start(prefix=f"s3://{cloud.images}/batches/kill{number}/")

            def seen(prefix: str = f"batches/{batch_id}/{sign}") -> bool:
                listed = batches.s3.list_objects_v2(Bucket=cloud.results, Prefix=prefix)
                return bool(listed["KeyCount"])

            wait_for(seen)
            # the last one is gone, the next perhaps not there yet
            wait_for(lambda: cloud.kill("localcloud.awslambda"))
            records = batches.results(batch_id)
            assert [record["id"] for record in records] == [f"{n:03d}.jpg" for n in range(images)]
            assert best(records) == [NAMES[n % 6] for n in range(images)]
        batches.close()
    outcome(
        "SIGKILL to the real worker process of the local cloud, once " + ", once ".join(steps),
        "it is started again, messages come again, every image is in the results once",
        f"{len(steps)} kills, {len(steps) * images} images, 0 lost, 0 doubled",
    )


def test_uploads_while_the_work_queue_is_away_longer_than_lambda_tries(
    tmp_path: Path, long: bool, outcome: Outcome
) -> None:
    """Each event fails three times; moved to the work queue, as docs/deploy.md has it, it is done.

    moto has no StartMessageMoveTask: this does by hand what that does.
    """
    images = 40 if long else 4
    # no shorter: no function may take longer, and on a busy machine one takes seconds to begin
    options = ("--visibility-timeout", "10", "--schedule-seconds", "1")
    with running(tmp_path / "log", "doodle", *options) as cloud, closing(Batches(cloud)) as batches:
        sqs, work, dead = batches.sqs, batches.queue("-work"), batches.queue("-dead-letters")
        names = ["VisibilityTimeout", "RedrivePolicy"]
        had = sqs.get_queue_attributes(QueueUrl=work, AttributeNames=names)["Attributes"]
        sqs.delete_queue(QueueUrl=work)
        for n in range(images):
            batches.put(f"late {n}.jpg", SAMPLES[NAMES[n % 6]])

        def count(url: str) -> int:
            names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
            told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
            return sum(map(int, told.values()))

        def answered() -> set[str]:
            listed = batches.s3.list_objects_v2(Bucket=cloud.results, Prefix="uploads/")
            return {entry["Key"] for entry in listed.get("Contents", [])}

        events = batches.queue("-on_upload")
        wait_for(lambda: not count(events))
        assert count(dead) >= images and not answered()  # an event may come more often than once
        sqs.create_queue(QueueName=work.rpartition("/")[2], Attributes=had)
        while received := sqs.receive_message(QueueUrl=dead, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for letter in received:
                sqs.send_message(QueueUrl=work, MessageBody=letter["Body"])
                sqs.delete_message(QueueUrl=dead, ReceiptHandle=letter["ReceiptHandle"])
        expected = {f"uploads/late {n}.jpg.json" for n in range(images)}
        assert wait_for(lambda: answered() == expected) and not count(dead)
    outcome(
        "uploads while the work queue is away for longer than Lambda's three tries",
        "the events are among the dead letters, which are moved to the work queue once it is back: "
        "each upload has its answer",
        f"{images} uploads, 0 lost",
    )
