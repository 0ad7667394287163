"""One contract for the queue: the fake of the unit tests, and SQS on the local AWS."""

import json
import uuid
from collections.abc import Callable
from contextlib import closing
from typing import Any

import boto3
import pytest
from botocore.config import Config

from chalicelib.aws.sqs import Queue, SqsQueue
from chalicelib.batch.fanout import ChunkMessage
from chalicelib.errors import ServiceUnavailable
from tests.fakes import MemoryQueue

Take = Callable[[], list[str]]
"""What waits on the queue, taken off it."""


@pytest.fixture(params=["memory", "sqs"])
def queue_and_take(request: pytest.FixtureRequest) -> tuple[Queue, Take]:
    if request.param == "memory":
        fake = MemoryQueue()

        def take_fake() -> list[str]:
            taken, fake.bodies = fake.bodies, []
            return taken

        return fake, take_fake
    sqs = boto3.client("sqs", **request.getfixturevalue("aws"))
    request.addfinalizer(sqs.close)
    name = f"queue-{uuid.uuid4()}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]

    def take() -> list[str]:
        taken: list[str] = []
        while received := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in received:
                taken.append(message["Body"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return taken

    return SqsQueue(lambda: sqs, name), take


@pytest.mark.parametrize("count", [0, 1, 10, 25])
def test_what_is_sent_is_delivered(queue_and_take: tuple[Queue, Take], count: int) -> None:
    queue, take = queue_and_take
    queue.send([ChunkMessage("b", 0, number) for number in range(count)])
    bodies = [json.loads(body) for body in take()]
    assert sorted(body["chunk"] for body in bodies) == list(range(count))
    assert all(body["type"] == "chunk" and body["batch_id"] == "b" for body in bodies)


def test_idle_is_when_nothing_waits(queue_and_take: tuple[Queue, Take]) -> None:
    queue, take = queue_and_take
    assert queue.idle()
    queue.send(["message"])
    assert not queue.idle()
    take()
    assert queue.idle()


def test_a_message_that_is_worked_on_is_not_idle(aws: dict[str, Any]) -> None:
    sqs = boto3.client("sqs", **aws)
    name = f"queue-{uuid.uuid4()}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    queue = SqsQueue(lambda: sqs, name)
    queue.send(["message"])
    sqs.receive_message(QueueUrl=url, VisibilityTimeout=60)
    assert not queue.idle()
    sqs.close()


@pytest.mark.parametrize(("receives", "patience"), [(None, 35.0), (3, 21.0)])
def test_patience_is_all_the_visibility_that_a_message_has(
    aws: dict[str, Any], receives: int | None, patience: float
) -> None:
    with closing(boto3.client("sqs", **aws)) as sqs:
        dead = sqs.create_queue(QueueName=f"dead-{uuid.uuid4()}")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]
        policy = {"deadLetterTargetArn": arn["QueueArn"], "maxReceiveCount": receives}
        attributes = {"VisibilityTimeout": "7"}
        if receives:
            attributes["RedrivePolicy"] = json.dumps(policy)
        name = f"queue-{uuid.uuid4()}"
        sqs.create_queue(QueueName=name, Attributes=attributes)
        assert SqsQueue(lambda: sqs, name).patience() == patience


def test_a_queue_that_does_not_answer(aws: dict[str, Any], free_port: int) -> None:
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=1)
    settings = aws | {"endpoint_url": f"http://127.0.0.1:{free_port}", "config": config}
    with pytest.raises(ServiceUnavailable):
        SqsQueue(lambda: boto3.client("sqs", **settings), "queue").send(["message"])


def test_a_queue_that_is_not_there(aws: dict[str, Any]) -> None:
    with pytest.raises(ServiceUnavailable):
        SqsQueue(lambda: boto3.client("sqs", **aws), "none").send(["message"])
