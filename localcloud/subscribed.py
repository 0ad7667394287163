"""What the app's subscriptions listen to: a topic, the event bus, a stream, a table."""

import json
import os
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Any

from chalicelib.subscriptions import Subscriptions
from localcloud import resources
from localcloud.registry import Function

NAME = "serverless-inception-local-images"
"""The name of the topic, of the stream and of the table."""


def made(wanted: Collection[str], client: Callable[[str], Any]) -> Subscriptions:
    """Makes what the wanted subscriptions listen to, unless it exists."""
    ways: dict[str, Callable[[], str]] = {
        "sns": lambda: str(client("sns").create_topic(Name=NAME)["TopicArn"]),
        "eventbridge": lambda: "true",
        "kinesis": lambda: _stream(client("kinesis")),
        "dynamodb": lambda: _table_stream(client("dynamodb")),
        "labels": lambda: "true",
        "lex": lambda: "local",
        "nightly": lambda: f"s3://{os.environ['IMAGES_BUCKET']}/nightly.txt",
    }
    return Subscriptions(**{name: ways[name]() for name in wanted})


def _stream(kinesis: Any) -> str:
    with suppress(kinesis.exceptions.ResourceInUseException):
        kinesis.create_stream(StreamName=NAME, ShardCount=2)
    summary = kinesis.describe_stream_summary(StreamName=NAME)["StreamDescriptionSummary"]
    return str(summary["StreamARN"])


def _table_stream(dynamodb: Any) -> str:
    with suppress(dynamodb.exceptions.ResourceInUseException):
        dynamodb.create_table(
            TableName=NAME,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        )
    return str(dynamodb.describe_table(TableName=NAME)["Table"]["LatestStreamArn"])


def connect(function: Function, queue_arn: str, client: Callable[[str], Any]) -> None:
    """Sends what the function listens to into the queue of its events."""
    if function.has_topic:
        topic = function.trigger.topic
        client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)
    elif function.has_rule:
        events, pattern = client("events"), json.dumps(function.trigger.event_pattern)
        events.put_rule(Name=f"{function.name}-event", EventPattern=pattern)
        target = {"Id": "1", "Arn": queue_arn}
        events.put_targets(Rule=f"{function.name}-event", Targets=[target])


def client(service: str) -> Any:
    """Makes a client of this process's AWS."""
    return resources.client(service, os.environ)
