"""Call functions for the messages of a queue, and on schedule."""

import contextlib
import json
import re
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError

from localcloud import events
from localcloud.containers import Containers
from localcloud.registry import Function

POLL_SECONDS = 2
"""How long a poll waits. Short: a killed process's last poll may still take a message, which stays
hidden for the queue's visibility timeout."""
RETRY_SECONDS = 0.5
ATTEMPTS = 3
"""Tries of an asynchronous event (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html)."""
UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}

Message = dict[str, Any]


@dataclass(frozen=True)
class Poller:
    """Calls a function with the messages of a queue, and deletes those that are done.

    A message whose invocation fails stays in the queue, which sends it again after its visibility
    timeout, and in the end to the dead-letter queue.

    url, arn, visibility_timeout (seconds): of the queue.
    asynchronous: each message is an event; otherwise an event has up to batch_size messages.
    room: limits how many run at once, below what the containers allow; None for no limit.
    failures: the queue for asynchronous events that failed for the last time; None for none.
    """

    sqs: Any
    url: str
    arn: str
    visibility_timeout: int
    function: Function
    containers: Containers
    asynchronous: bool
    batch_size: int = 1
    room: threading.Semaphore | None = None
    failures: str | None = None

    def run(self) -> None:
        """Polls for ever; run it in a thread."""
        while True:
            try:
                self._poll()
            except (BotoCoreError, ClientError) as error:
                click.echo(f"{self.function.name}: its queue does not answer: {error}", err=True)
                time.sleep(RETRY_SECONDS)

    def _poll(self) -> None:
        """Takes messages when a container is free, and runs the function in a thread."""
        if not self.containers.wait_for_room(POLL_SECONDS):
            return
        answer = self.sqs.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=min(self.batch_size, 10),
            WaitTimeSeconds=POLL_SECONDS,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        messages = answer.get("Messages", [])
        if messages:
            self._wait_for_turn(messages)
            threading.Thread(target=self.process, args=(messages,), daemon=True).start()

    def _wait_for_turn(self, messages: list[Message]) -> None:
        """Waits for a container. A long wait must not cost visibility time, so it is renewed."""
        start = time.monotonic()
        if self.room:
            self.room.acquire()
        self.containers.acquire()
        if time.monotonic() - start > 1:
            self._hide_anew(messages)

    def _hide_anew(self, messages: list[Message]) -> None:
        """Has the visibility timeout begin now. Nor does a container's start count: it may take
        longer than the timeout of a test, and the message would come twice.
        """
        entries = [
            {**entry, "VisibilityTimeout": self.visibility_timeout} for entry in _entries(messages)
        ]
        with contextlib.suppress(BotoCoreError, ClientError):  # then it may come twice
            self.sqs.change_message_visibility_batch(QueueUrl=self.url, Entries=entries)

    def process(self, messages: list[Message]) -> None:
        """Runs the function with messages, in the place that was acquired for it."""
        try:
            try:
                done = self._invoke(messages)
            finally:
                self.containers.release()
                if self.room:
                    self.room.release()
            if done:
                self.sqs.delete_message_batch(QueueUrl=self.url, Entries=_entries(messages))
        except (BotoCoreError, ClientError) as error:
            click.echo(f"{self.function.name}: its queue does not answer: {error}", err=True)

    def _invoke(self, messages: list[Message]) -> bool:
        """Runs the function; returns whether the messages are done."""
        if not self.asynchronous:
            event, request_id = events.sqs_event(messages, self.arn), str(uuid.uuid4())
        elif events.is_void(messages[0]):
            return True
        else:
            event, request_id = events.async_event(messages[0]), messages[0]["MessageId"]
            if self.function.has_topic:
                event = events.sns_event(event)
            elif self.function.has_rule:
                event = events.rule_event(event, messages[0])
        outcome = self.containers.run(
            self.function, event, request_id, partial(self._hide_anew, messages)
        )
        if not outcome.failed:
            return True
        if self.asynchronous and self._is_last(messages[0]):
            click.echo(
                f"{self.function.name} failed for the last time: {outcome.summary}", err=True
            )
            return self._keep(messages[0], event, outcome.payload)
        click.echo(f"{self.function.name} failed, to be tried again: {outcome.summary}", err=True)
        return False

    def _is_last(self, message: Message) -> bool:
        return int(message["Attributes"]["ApproximateReceiveCount"]) >= ATTEMPTS

    def _keep(self, message: Message, event: Any, payload: bytes) -> bool:
        """Sends an event to the queue of failures; returns whether there is such a queue."""
        if self.failures is None:
            return False
        failed = events.failed_event(
            self.function.arn(self.arn.split(":")[3]), message, event, payload
        )
        self.sqs.send_message(QueueUrl=self.failures, MessageBody=json.dumps(failed))
        return True


def _entries(messages: list[Message]) -> list[dict[str, Any]]:
    return [
        {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
        for number, message in enumerate(messages)
    ]


def period(expression: str) -> int | None:
    """Returns the seconds of `rate(5 minutes)`; None for another kind of expression."""
    rate = re.fullmatch(r"rate\((\d+) (second|minute|hour|day)s?\)", expression)
    return int(rate[1]) * UNITS[rate[2]] if rate else None


def tick(
    function: Function, seconds: float, region: str, enqueue: Callable[[Function, str], str]
) -> None:
    """Calls the function every so many seconds for ever; run it in a thread."""
    while True:
        time.sleep(seconds)
        event = json.dumps(events.scheduled_event(function.name, region))
        try:
            enqueue(function, event)
        except (BotoCoreError, ClientError) as error:
            click.echo(f"{function.name}: a tick was lost: {error}", err=True)
