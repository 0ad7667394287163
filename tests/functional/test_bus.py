"""One contract for the event bus: the fake of the unit tests, and EventBridge on the local AWS."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from chalicelib.aws.eventbridge import Bus, EventBridge
from chalicelib.batch.objects import Stop
from chalicelib.errors import ServiceUnavailable
from tests.fakes import MemoryBus

Told = Callable[[], list[tuple[str, Any]]]
"""Kinds and details of what was put on the bus."""


@pytest.fixture(params=["memory", "eventbridge"])
def bus_and_told(request: pytest.FixtureRequest) -> tuple[Bus, Told]:
    if request.param == "memory":
        fake = MemoryBus()
        return fake, lambda: fake.events
    aws = request.getfixturevalue("aws")
    events, sqs = boto3.client("events", **aws), boto3.client("sqs", **aws)
    request.addfinalizer(events.close)
    request.addfinalizer(sqs.close)
    name = f"bus-{uuid.uuid4()}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": arn["QueueArn"]}])

    def told() -> list[tuple[str, Any]]:
        received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        bodies = [json.loads(message["Body"]) for message in received]
        return [(body["detail-type"], body["detail"]) for body in bodies]

    return EventBridge(lambda: events, name), told


def test_what_is_put_is_told(bus_and_told: tuple[Bus, Told]) -> None:
    bus, told = bus_and_told
    bus.put("Batch Finished", {"id": "ü", "counts": {"total": 1}})
    bus.put("Batch Finished", Stop())
    details = [{"id": "ü", "counts": {"total": 1}}, {"error": None}]
    assert told() == [("Batch Finished", detail) for detail in details]


def test_a_bus_that_refuses_an_event_has_not_taken_it() -> None:
    """The request itself succeeds then
    (https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html).
    """

    class Client:
        def put_events(self, **_: Any) -> Any:
            refusal = {"ErrorCode": "ThrottlingException", "ErrorMessage": "Rate exceeded"}
            return {"FailedEntryCount": 1, "Entries": [refusal]}

    with pytest.raises(ServiceUnavailable) as caught:
        EventBridge(Client, "x").put("Batch Finished", {})
    assert "Rate exceeded" in caught.value.detail


def test_a_bus_that_cannot_be_reached() -> None:
    client = boto3.client(
        "events", region_name="eu-west-1", endpoint_url="http://127.0.0.1:1",
        aws_access_key_id="a", aws_secret_access_key="b",
    )  # fmt: skip
    with pytest.raises(ServiceUnavailable):
        EventBridge(lambda: client, "x").put("Batch Finished", {})
