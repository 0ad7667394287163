"""The parts of the local cloud, each on its own."""

import json
import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from struct import pack
from typing import Any

import boto3
import pytest
import urllib3
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.core.models import DEFAULT_ACCOUNT_ID

from localcloud import events, registry
from localcloud.containers import Containers
from localcloud.environment import ACCOUNT, aws_environment
from localcloud.invoke import InvokeApi
from localcloud.listening import check_port, held_port
from localcloud.queues import Queues
from localcloud.registry import Function
from localcloud.triggers import period
from tests.conftest import ROOT

IP_LOCAL_PORT_RANGE = 51  # of linux/in.h; the socket module has no name for it
CLOUDAPP = ROOT / "tests" / "data" / "cloudapp"
MESSAGE = {
    "MessageId": "m-1",
    "ReceiptHandle": "r-1",
    "MD5OfBody": "md5",
    "Attributes": {"SentTimestamp": "1795377293233", "ApproximateReceiveCount": "2"},
}


def function(handler: str, timeout: int = 20, memory_mb: int = 1769) -> Function:
    return Function(f"cloudapp-local-{handler}", handler, timeout, memory_mb, None)


FUNCTIONS = {
    made.name: made
    for made in (function("echo"), function("slow", timeout=1), function("big", memory_mb=3538))
}


@pytest.fixture(scope="module")
def environment(aws: dict[str, Any]) -> dict[str, str]:
    """Of a function, with a bucket for what it writes down."""
    port = aws["endpoint_url"].rpartition(":")[2]
    s3 = boto3.client("s3", **aws)
    s3.create_bucket(
        Bucket="notes", CreateBucketConfiguration={"LocationConstraint": aws["region_name"]}
    )
    s3.close()
    env = aws_environment({"AWS_REGION": aws["region_name"]}, int(port))
    return {**env, "CLOUDAPP": "local", "PATH": "/usr/bin:/bin"}


@pytest.fixture
def containers(environment: dict[str, str]) -> Iterator[Containers]:
    made = Containers(CLOUDAPP, environment, concurrency=1)
    yield made
    made.close()


@pytest.fixture
def enqueued() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def client(containers: Containers, enqueued: list[tuple[str, str]]) -> Iterator[Any]:
    """boto3's client of the Invoke API."""

    def enqueue(called: Function, event: str) -> str:
        enqueued.append((called.name, event))
        return "request-7"

    with InvokeApi(0, FUNCTIONS, containers, enqueue, patience=0.1) as api:
        threading.Thread(target=api.serve_forever, kwargs={"poll_interval": 0.01}).start()
        made = boto3.client(
            "lambda",
            region_name="us-east-1",
            endpoint_url=f"http://127.0.0.1:{api.server_port}",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}),
        )
        yield made
        made.close()
        api.shutdown()


def invoke(client: Any, name: str, event: Any = None, **options: Any) -> tuple[Any, Any]:
    """The payload, and what X-Amz-Function-Error says."""
    answer = client.invoke(FunctionName=name, Payload=json.dumps(event), **options)
    return json.loads(answer["Payload"].read()), answer.get("FunctionError")


@pytest.mark.parametrize("payload", [{"a": [1, "ü"]}, [1, 2], "text", 5, None])
def test_a_function_gets_the_payload_and_its_result_comes_back(client: Any, payload: Any) -> None:
    answer, error = invoke(client, "cloudapp-local-echo", payload)
    assert answer["got"] == payload and error is None


@pytest.mark.parametrize("name", [
    "cloudapp-local-big",
    "cloudapp-local-big:$LATEST",
    "123456789012:function:cloudapp-local-big",
    "arn:aws:lambda:us-east-1:123456789012:function:cloudapp-local-big",
])  # fmt: skip
def test_a_function_goes_by_name_or_arn_and_knows_its_memory(client: Any, name: str) -> None:
    assert invoke(client, name) == ("3538", None)


def test_a_warm_container_is_used_again(client: Any) -> None:
    pids = {invoke(client, "cloudapp-local-echo", {})[0]["pid"] for _ in range(3)}
    assert len(pids) == 1


def test_an_exception_is_the_functions_error(client: Any) -> None:
    payload, error = invoke(client, "cloudapp-local-echo", {"do": "fail"})
    assert error == "Unhandled"
    assert (payload["errorType"], payload["errorMessage"]) == ("ValueError", "told to fail")
    assert "in echo" in "".join(payload["stackTrace"])
    assert "bootstrap.py" not in "".join(payload["stackTrace"])


@pytest.mark.parametrize(("name", "event", "kind"), [
    ("cloudapp-local-echo", {"do": "exit"}, "Runtime.ExitError"),
    ("cloudapp-local-slow", {}, "Sandbox.Timedout"),
])  # fmt: skip
def test_a_container_that_ends_or_is_too_slow_is_replaced(
    client: Any, name: str, event: Any, kind: str
) -> None:
    before, _ = invoke(client, "cloudapp-local-echo", {})
    payload, error = invoke(client, name, event)
    assert (payload["errorType"], error) == (kind, "Unhandled")
    after, _ = invoke(client, "cloudapp-local-echo", {})
    assert after["pid"] != before["pid"]


def test_an_event_waits_for_its_function(client: Any, enqueued: list[tuple[str, str]]) -> None:
    options = {"FunctionName": "cloudapp-local-echo", "Payload": b'{"a": 1}'}
    answer = client.invoke(**options, InvocationType="Event")
    assert answer["StatusCode"] == 202
    assert answer["ResponseMetadata"]["RequestId"] == "request-7"
    assert client.invoke(**options, InvocationType="DryRun")["StatusCode"] == 204
    assert enqueued == [("cloudapp-local-echo", '{"a": 1}')]


@pytest.mark.parametrize(("name", "payload", "code", "status"), [
    ("cloudapp-local-none", b"{}", "ResourceNotFoundException", 404),
    ("cloudapp-local-echo", b"{", "InvalidRequestContentException", 400),
    ("cloudapp-local-echo", b"\xff", "InvalidRequestContentException", 400),
    ("cloudapp-local-echo", b'"' + b"x" * (6 << 20) + b'"', "RequestTooLargeException", 413),
])  # fmt: skip
def test_refusals(client: Any, name: str, payload: bytes, code: str, status: int) -> None:
    with pytest.raises(ClientError) as caught:
        client.invoke(FunctionName=name, Payload=payload)
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_a_call_that_finds_no_room_is_throttled(client: Any, containers: Containers) -> None:
    assert containers.acquire()
    with pytest.raises(ClientError) as caught:
        invoke(client, "cloudapp-local-echo")
    assert caught.value.response["Error"]["Code"] == "TooManyRequestsException"
    containers.release()
    assert invoke(client, "cloudapp-local-echo")[1] is None


def test_an_app_that_cannot_be_imported(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import none_such")
    containers = Containers(tmp_path, environment, concurrency=1)
    outcome = containers.run(function("echo"), {}, "7")
    assert outcome.failed and outcome.payload["errorType"] == "Runtime.ImportModuleError"
    containers.close()


def test_who_waits_for_a_container_hears_that_it_still_starts(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text("import time\ntime.sleep(1.5)\nimport none_such")
    containers, heard = Containers(tmp_path, environment, concurrency=1), list[None]()
    containers.run(function("echo"), {}, "7", lambda: heard.append(None))
    assert heard
    containers.close()


def in_threads(*works: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def test_a_queue_loses_and_doubles_nothing_between_clients() -> None:
    queues, received = Queues("us-east-1", ACCOUNT), Counter[str]()
    queues.create_queue("q")
    total = 1000

    def send(sender: int) -> None:
        for number in range(total // 4):
            queues.send_message("q", f"{sender}-{number}")

    def receive() -> None:
        while messages := queues.receive_message("q", 1, 1, 60):
            for message in messages:
                received[message.body] += 1
                queues.delete_message("q", message.receipt_handle or "")

    in_threads(*[partial(send, sender) for sender in range(4)], *[receive] * 4)
    assert len(received) == total and set(received.values()) == {1}


def test_a_client_that_waits_gets_what_is_sent_meanwhile() -> None:
    queues, waits, bodies = Queues("us-east-1", ACCOUNT), threading.Event(), list[str]()
    queues.create_queue("q")

    def receive() -> None:
        waits.set()
        bodies.extend(message.body for message in queues.receive_message("q", 1, 20, 60))

    thread = threading.Thread(target=receive)
    thread.start()
    waits.wait(5)
    queues.send_message("q", "hello")
    thread.join(10)
    assert bodies == ["hello"]


def test_an_sqs_event_has_lambdas_shape() -> None:
    attributes = {
        "text": {"DataType": "String", "StringValue": "v"},
        "bytes": {"DataType": "Binary", "BinaryValue": b"\0"},
    }
    message = {**MESSAGE, "Body": "hello", "MessageAttributes": attributes}
    (record,) = events.sqs_event([message], "arn:aws:sqs:eu-west-1:1:q")["Records"]
    lists = {"stringListValues": [], "binaryListValues": []}
    assert record == {
        "messageId": "m-1", "receiptHandle": "r-1", "body": "hello", "md5OfBody": "md5",
        "attributes": MESSAGE["Attributes"],
        "messageAttributes": {
            "text": {"stringValue": "v", **lists, "dataType": "String"},
            "bytes": {"binaryValue": "AA==", **lists, "dataType": "Binary"},
        },
        "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-west-1:1:q",
        "awsRegion": "eu-west-1",
    }  # fmt: skip


@pytest.mark.parametrize("event", [[1], "x", None, {}, {"Records": 5}, {"Records": ["x", {}]}])
def test_an_asynchronous_event_is_what_was_sent(event: Any) -> None:
    message = {**MESSAGE, "Body": json.dumps(event)}
    assert events.async_event(message) == event
    assert not events.is_void(message)


@pytest.mark.parametrize(("expression", "seconds"), [
    ("rate(1 minute)", 60), ("rate(5 minutes)", 300), ("rate(2 hours)", 7200),
    ("rate(1 day)", 86400), ("cron(0 12 * * ? *)", None),
])  # fmt: skip
def test_the_period_of_a_schedule(expression: str, seconds: int | None) -> None:
    assert period(expression) == seconds


def test_nothing_of_the_users_account_reaches_the_parts_but_the_region() -> None:
    mine = {
        "AWS_PROFILE": "work", "AWS_SESSION_TOKEN": "secret", "AWS_ACCESS_KEY_ID": "AKIA",
        "AWS_ENDPOINT_URL_S3": "https://elsewhere", "AWS_DEFAULT_REGION": "eu-west-1",
        "NO_PROXY": "intranet", "HOME": "/home/me",
    }  # fmt: skip
    env = aws_environment(mine, 4566)
    assert env["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert env["AWS_REGION"] == env["AWS_DEFAULT_REGION"] == "eu-west-1"
    assert env["AWS_ACCESS_KEY_ID"] == "test" and env["HOME"] == "/home/me"
    assert env["NO_PROXY"] == "intranet,127.0.0.1"
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"} & set(env)
    assert aws_environment({}, 1)["AWS_REGION"] == "us-east-1"
    assert ACCOUNT == DEFAULT_ACCOUNT_ID


def test_ports() -> None:
    with held_port() as free:
        check_port("PORT", "127.0.0.1", free)
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(OSError, match="make run PORT="),
    ):
        check_port("PORT", "127.0.0.1", taken.getsockname()[1])


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a port cannot be held")
def test_a_port_that_is_held_is_for_who_asks_for_it_alone() -> None:
    with held_port() as port:
        for _ in range(2):  # also for a server that is started again
            with socket.create_server(("127.0.0.1", port)):
                socket.create_connection(("127.0.0.1", port)).close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
        with socket.socket() as other:
            try:
                other.setsockopt(
                    socket.IPPROTO_IP, IP_LOCAL_PORT_RANGE, pack("I", port << 16 | port)
                )
            except OSError:
                pytest.skip("this Linux cannot be told which ports to give")
            with pytest.raises(OSError, match="in use"):
                other.bind(("127.0.0.1", 0))


def test_the_names_of_the_app_are_read_without_importing_it() -> None:
    assert registry.app_name(CLOUDAPP) == "cloudapp"
    assert registry.longest_timeout(CLOUDAPP) == 20


def test_the_server_tells_which_functions_there_are(client: Any) -> None:
    answer = urllib3.request("GET", client.meta.endpoint_url).json()
    assert [entry["FunctionName"] for entry in answer["Functions"]] == list(FUNCTIONS)
