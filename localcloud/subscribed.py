"""What the app's subscriptions listen to: a topic, the event bus."""

import json
import os
from collections.abc import Callable, Collection
from typing import Any

from chalicelib.subscriptions import Subscriptions
from localcloud import resources
from localcloud.registry import Function

NAME = "serverless-inception-local-images"
"""The name of the topic."""


def made(wanted: Collection[str], client: Callable[[str], Any]) -> Subscriptions:
    """Makes what the wanted subscriptions listen to, unless it exists."""
    topic = client("sns").create_topic(Name=NAME)["TopicArn"] if "sns" in wanted else ""
    return Subscriptions(sns=topic, eventbridge="true" if "eventbridge" in wanted else "")


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
