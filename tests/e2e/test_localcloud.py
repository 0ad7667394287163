"""The local cloud as it is started: what calls functions, is tried again, is restarted."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import boto3
import pytest
import urllib3
from botocore.exceptions import BotoCoreError, ClientError

from localcloud.starting import LOCALCLOUD, started
from tests.conftest import ROOT
from tests.e2e.conftest import LocalCloud, running
from tests.processes import descendants

CLOUDAPP = ROOT / "tests" / "data" / "cloudapp"
TEMPLATE = ROOT / "infrastructure.yaml"
OPTIONS = ["--project", str(CLOUDAPP), "--template", str(TEMPLATE), "--concurrency", "2"]
BUCKET = "serverless-inception-local-{}-123456789012"
ARN = "arn:aws:lambda:us-east-1:123456789012:function"
SECONDS = 90
"""Beyond which a thing that is waited for is taken not to come."""

T = TypeVar("T")


def eventually(look: Callable[[], T], log: Path) -> T:
    """What `look` returns once it is something."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(BotoCoreError, ClientError):
            if result := look():
                return result
        time.sleep(0.05)
    raise AssertionError(f"It did not come to be.\n{log.read_text()}")


@dataclass(frozen=True)
class Play:
    """The running local cloud of the tests' own app, and clients of it."""

    cloud: LocalCloud
    log: Path
    s3: Any
    sqs: Any
    functions: Any

    def upload(self, key: str, body: bytes = b"x") -> None:
        self.s3.put_object(Bucket=BUCKET.format("images"), Key=key, Body=body)

    def signal(self, key: str) -> None:
        """What a message "hold KEY" waits for."""
        self.s3.put_object(Bucket=BUCKET.format("models"), Key=key)

    def queue(self, name: str) -> str:
        return str(self.sqs.get_queue_url(QueueName=name)["QueueUrl"])

    def send(self, body: str) -> str:
        url = self.queue("serverless-inception-local-work")
        return str(self.sqs.send_message(QueueUrl=url, MessageBody=body)["MessageId"])

    def is_empty(self, name: str) -> bool:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.sqs.get_queue_attributes(QueueUrl=self.queue(name), AttributeNames=names)
        return not any(int(count) for count in answer["Attributes"].values())

    def dead(self, name: str, part: str) -> list[str]:
        """The messages of that dead-letter queue with `part` in them."""
        answer = self.sqs.receive_message(
            QueueUrl=self.queue(name), MaxNumberOfMessages=10, VisibilityTimeout=0
        )
        bodies = [message["Body"] for message in answer.get("Messages", [])]
        return [body for body in bodies if part in body]

    def notes(self, function: str, part: str = "") -> list[dict[str, Any]]:
        """What calls of the function with `part` in the event wrote down, in order."""
        bucket = BUCKET.format("models")
        listed = self.s3.list_objects_v2(Bucket=bucket, Prefix=f"{function}/").get("Contents", [])
        bodies = [
            self.s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read() for entry in listed
        ]
        notes = [json.loads(body) for body in bodies if part in body.decode()]
        return sorted(notes, key=lambda note: float(note["time"]))

    def noted(self, function: str, part: str = "", count: int = 1) -> list[dict[str, Any]]:
        """The notes, once there are so many."""

        def enough() -> list[dict[str, Any]] | None:
            notes = self.notes(function, part)
            return notes if len(notes) >= count else None

        return eventually(enough, self.log) or []

    def invoke(self, name: str, event: Any = None, **options: Any) -> Any:
        payload = json.dumps(event)
        return self.functions.invoke(FunctionName=name, Payload=payload, **options)


@contextlib.contextmanager
def playing(log: Path, *options: str, **env: str) -> Iterator[Play]:
    with running(log, "doodle", *OPTIONS, *options, **env) as cloud:
        clients = [
            boto3.client(
                service,
                endpoint_url=cloud.aws,
                region_name="us-east-1",
                aws_access_key_id="any",
                aws_secret_access_key="any",
            )
            for service in ("s3", "sqs", "lambda")
        ]
        yield Play(cloud, log, *clients)
        for client in clients:
            client.close()


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Play]:
    log = tmp_path_factory.mktemp("play") / "log"
    # no shorter: no function may take longer, and on a busy machine one takes seconds to begin
    options = ["--visibility-timeout", "10", "--schedule-seconds", "1"]
    with playing(log, *options, "--parameter", "WithResultsQueue=true") as play:
        play.send("fail")  # until these are given up, other tests run
        play.upload("in/poison")
        yield play


def ends(pid: int) -> bool:
    """Whether the process is no more, but for an entry in the table."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return state.stdout.strip()[:1] in ("", "Z")


def test_an_object_that_is_put_calls_the_function(play: Play) -> None:
    play.upload("in/a b+ü.txt", b"four")
    play.upload("elsewhere/a b+ü.txt")
    (note,) = play.noted("uploaded", "a+b")
    (record,) = note["event"]["Records"]
    assert (record["eventSource"], record["eventName"]) == ("aws:s3", "ObjectCreated:Put")
    assert record["s3"]["bucket"]["name"] == BUCKET.format("images")
    stored = record["s3"]["object"]
    assert (stored["key"], stored["size"]) == ("in%2Fa+b%2B%C3%BC.txt", 4)
    assert int(stored["sequencer"], 16) > 0 and stored["eTag"]


def test_however_the_object_comes(play: Play) -> None:
    images = BUCKET.format("images")
    form = play.s3.generate_presigned_post(images, "in/posted")
    urllib3.request("POST", form["url"], fields={**form["fields"], "file": ("posted", b"x")})
    play.s3.copy_object(Bucket=images, Key="in/copied", CopySource=f"{images}/in/posted")
    upload = {"Bucket": images, "Key": "in/parts"}
    upload["UploadId"] = play.s3.create_multipart_upload(**upload)["UploadId"]
    tag = play.s3.upload_part(**upload, PartNumber=1, Body=b"x")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": tag}]}
    play.s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    kinds = {"posted": "Post", "copied": "Copy", "parts": "CompleteMultipartUpload"}
    for name, kind in kinds.items():
        (note,) = play.noted("uploaded", f"in%2F{name}")
        assert note["event"]["Records"][0]["eventName"] == f"ObjectCreated:{kind}"


def test_a_message_calls_the_worker_once_and_is_deleted(play: Play) -> None:
    message_id = play.send("hello")
    (note,) = play.noted("work", message_id)
    (record,) = note["event"]["Records"]
    assert (record["body"], record["eventSource"]) == ("hello", "aws:sqs")
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["eventSourceARN"].endswith(":serverless-inception-local-work")
    eventually(lambda: '{"told": "hello"}' in play.log.read_text(), play.log)


def test_the_context_is_that_of_lambda(play: Play) -> None:
    play.invoke("cloudapp-local-echo", "context")
    context = play.noted("echo", '"context"')[0]["context"]
    assert 0 < context.pop("remaining") <= 20_000
    assert re.fullmatch(r"[0-9a-f-]{36}", context.pop("aws_request_id"))
    assert context == {
        "function_name": "cloudapp-local-echo",
        "function_version": "$LATEST",
        "invoked_function_arn": f"{ARN}:cloudapp-local-echo",
        "memory_limit_in_mb": 1769,
        "log_group_name": "/aws/lambda/cloudapp-local-echo",
    }


def test_functions_are_invoked_through_the_same_endpoint(play: Play) -> None:
    answer = play.invoke("cloudapp-local-echo", {"a": 1})
    payload = json.loads(answer["Payload"].read())
    assert (payload["got"], payload["stage"]) == ({"a": 1}, "local")
    assert answer["ExecutedVersion"] == "$LATEST" and "FunctionError" not in answer
    failed = play.invoke("cloudapp-local-echo", {"do": "fail"})
    assert failed["FunctionError"] == "Unhandled"
    slow = play.invoke("cloudapp-local-slow", {})
    assert json.loads(slow["Payload"].read())["errorType"] == "Sandbox.Timedout"
    with pytest.raises(play.functions.exceptions.ResourceNotFoundException):
        play.invoke("cloudapp-local-none")


def test_an_asynchronous_invocation(play: Play) -> None:
    answer = play.invoke("cloudapp-local-echo", ["later"], InvocationType="Event")
    assert answer["StatusCode"] == 202
    note = play.noted("echo", "later")[0]
    assert note["event"] == ["later"]
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert note["context"]["aws_request_id"] == request_id


def test_the_schedule_calls_again_and_again(play: Play) -> None:
    note = play.noted("tidy", count=2)[0]
    assert note["event"]["source"] == "aws.events"
    assert note["event"]["detail-type"] == "Scheduled Event"


def test_no_more_functions_run_at_once_than_are_allowed(play: Play) -> None:
    def call(number: int) -> int:
        event = {"do": "hold together", "number": number}
        answer = play.invoke("cloudapp-local-echo", event)
        return int(json.loads(answer["Payload"].read())["pid"])

    with ThreadPoolExecutor(5) as threads:
        calls = [threads.submit(call, number) for number in range(5)]
        held = play.noted("echo", "hold together", count=2)
        opened = time.time()
        play.signal("together")
        pids = {done.result(SECONDS) for done in calls}
    notes = play.notes("echo", "hold together")
    assert len(held) == sum(note["time"] < opened for note in notes) == 2
    assert len(notes) == 5 and len(pids) <= 2


def test_a_killed_functions_process_loses_nothing(play: Play) -> None:
    message_id = play.send("hold survival")
    first = play.noted("work", message_id)[0]
    os.kill(first["parent"], signal.SIGKILL)
    play.upload("in/meanwhile")
    play.signal("survival")

    def again() -> list[dict[str, Any]]:
        """By the next process: on a busy machine the first may have begun it twice."""
        notes = play.notes("work", message_id)
        return [note for note in notes if note["parent"] != first["parent"]]

    second = eventually(again, play.log)[0]
    assert int(second["event"]["Records"][0]["attributes"]["ApproximateReceiveCount"]) >= 2
    assert play.noted("uploaded", "in%2Fmeanwhile")
    eventually(lambda: ends(first["pid"]), play.log)
    assert "functions ended (killed by SIGKILL) and was started again." in play.log.read_text()


def test_what_always_fails_ends_in_a_dead_letter_queue_and_the_rest_goes_on(play: Play) -> None:
    letters = "serverless-inception-local-dead-letters"
    eventually(lambda: "fail" in play.dead(letters, "fail"), play.log)
    (kept,) = eventually(lambda: play.dead(letters, "poison"), play.log)
    failure = json.loads(kept)
    assert failure["requestContext"]["condition"] == "RetriesExhausted"
    assert failure["requestPayload"]["Records"][0]["s3"]["object"]["key"] == "in%2Fpoison"
    assert failure["responsePayload"]["errorMessage"] == "told to fail"
    receipts = [
        int(note["event"]["Records"][0]["attributes"]["ApproximateReceiveCount"])
        for note in play.notes("work", '"body": "fail"')
    ]
    # one of the five may have died with the functions that the test above kills
    assert receipts == sorted(set(receipts)) and 4 <= len(receipts) <= receipts[-1] <= 5
    assert len(play.notes("uploaded", "in%2Fpoison")) <= 4  # the third may have died likewise
    eventually(lambda: play.is_empty("serverless-inception-local-work"), play.log)


def test_a_parameter_reaches_the_stack(play: Play) -> None:
    assert play.queue("serverless-inception-local-results")


def test_aws_and_the_api_come_back(tmp_path: Path) -> None:
    with playing(tmp_path / "log") as play:
        assert play.cloud.kill("localcloud.motoserver")
        eventually(lambda: "What it held is lost." in play.log.read_text(), play.log)
        images = BUCKET.format("images")
        notified = play.s3.get_bucket_notification_configuration
        eventually(lambda: notified(Bucket=images).get("QueueConfigurations"), play.log)
        play.upload("in/again")
        assert play.noted("uploaded", "in%2Fagain")


def test_a_template_that_makes_no_stack(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text("Resources: {Queue: {Type: AWS::SQS::Queue")
    ended = start("--template", str(tmp_path / "template.yaml"))
    assert ended.returncode == 1
    assert "template.yaml could not be created" in ended.stderr
    assert "aws did not start" in ended.stderr


def start(*options: str) -> "subprocess.CompletedProcess[str]":
    command = [*LOCALCLOUD, "--model", "doodle", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS)


def test_nothing_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = [*LOCALCLOUD, "--model", "doodle", *OPTIONS]
    with log.open("wb") as output, started(command, stdout=output, stderr=output) as process:
        eventually(lambda: "Ctrl-C ends it" in log.read_text(), log)
        parts = descendants(process.pid)
        assert len(parts) == 3
        process.kill()
        process.wait()
    eventually(lambda: all(ends(pid) for pid in parts), log)


STARTER = """
import sys, time
from pathlib import Path
from localcloud.starting import running
with running(Path(sys.argv[1]), "doodle", *sys.argv[2:]):
    print("It serves.", flush=True)
    time.sleep(600)
"""


def test_nothing_outlives_a_killed_test(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = [sys.executable, "-c", STARTER, str(log), *OPTIONS]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as starter:
        assert starter.stdout and starter.stdout.readline()
        parts = descendants(starter.pid)
        assert len(parts) == 4
        starter.kill()
    eventually(lambda: all(ends(pid) for pid in parts), log)
