"""The queue: the port, and SQS behind it."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Protocol

import msgspec

from chalicelib.aws.failures import told, translated
from chalicelib.errors import ServiceUnavailable

MAX_ENTRIES = 10
"""Messages in one request (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html)."""

REFUSED = {ord(character): rf"\u{ord(character):04x}" for character in "\ufffe\uffff"}
"""The characters of JSON that SQS refuses, and how JSON writes them else
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html)."""


class Queue(Protocol):
    """A queue of JSON messages, delivered at least once and in any order.

    Every method raises ServiceUnavailable if it does not answer, and AccessRefused if it refuses.
    """

    def send(self, messages: Sequence[object]) -> None:
        """Sends all messages. Raises ServiceUnavailable if any could not be sent."""

    def idle(self) -> bool:
        """Whether nothing seems to wait on the queue, and nobody seems to work on a message."""

    def patience(self) -> float:
        """Seconds after a message's first receipt until it is done or a dead letter."""


class _Redrive(msgspec.Struct, frozen=True):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html."""

    receives: int = msgspec.field(default=5, name="maxReceiveCount")


class SqsQueue:
    """The queue of that name on Amazon SQS, or on anything that speaks its protocol.

    make_client: returns a boto3 SQS client; called at the first use.
    """

    def __init__(self, make_client: Callable[[], Any], name: str) -> None:
        self._client, self._name = cache(make_client), name
        self._url = ""

    def send(self, messages: Sequence[object]) -> None:
        """See Queue."""
        encode = msgspec.json.Encoder().encode
        for start in range(0, len(messages), MAX_ENTRIES):
            group = messages[start : start + MAX_ENTRIES]
            bodies = [encode(message).decode().translate(REFUSED) for message in group]
            self._send([{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)])

    def idle(self) -> bool:
        """See Queue."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible",
                 "ApproximateNumberOfMessagesDelayed"]  # fmt: skip
        attributes = self._attributes(names)
        return all(int(attributes[name]) == 0 for name in names)

    def patience(self) -> float:
        """See Queue: the visibility timeout times the number of receipts that are allowed."""
        names = ["VisibilityTimeout", "RedrivePolicy"]
        answer = self._attributes(names)
        policy = msgspec.json.decode(answer.get("RedrivePolicy", "{}"), type=_Redrive)
        return float(max(int(answer["VisibilityTimeout"]), 1) * policy.receives)

    def _attributes(self, names: list[str]) -> dict[str, str]:
        with translated(f"the queue {self._name}"):
            answer = self._call("get_queue_attributes", AttributeNames=names)
            attributes: dict[str, str] = told(answer, "Attributes")
        return attributes

    def _send(self, entries: list[dict[str, str]]) -> None:
        for _ in range(3):  # a batch request can succeed for only some of its messages
            # not by the failures it tells: half an answer tells none
            sent = self._call("send_message_batch", Entries=entries).get("Successful", [])
            entries = [e for e in entries if e["Id"] not in {success["Id"] for success in sent}]
            if not entries:
                return
        raise ServiceUnavailable(
            detail=f"The queue {self._name} accepted only some of the messages; try again later."
        )

    def _call(self, method: str, **parameters: Any) -> Any:
        with translated(f"the queue {self._name}"):
            if not self._url:
                answer = self._client().get_queue_url(QueueName=self._name)
                self._url = told(answer, "QueueUrl")
            return getattr(self._client(), method)(QueueUrl=self._url, **parameters)
