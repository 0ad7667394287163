"""Messages that failed for good: what they are, why they failed, and the way back to work."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec

from chalicelib.aws.notices import named
from chalicelib.aws.s3events import Put
from chalicelib.batch.fanout import ChunkMessage, FanOutMessage, ImageMessage
from chalicelib.batch.inbox import Message
from chalicelib.batch.single import UploadMessage
from chalicelib.errors import BadRequest
from chalicelib.times import moment
from chalicelib.wording import plain
from tools.operating.discretion import discreet

HIDDEN_SECONDS = 60
"""For which a letter that is looked at is hidden from others, should the look be cut short."""
MAX_SHOWN = 300
"""Characters of a reason."""


@dataclass(frozen=True)
class Letter:
    """A dead letter. received: how often, this look included. body, receipt: as SQS has them."""

    id: str
    body: str
    receipt: str
    received: int
    sent: datetime

    @property
    def _record(self) -> dict[str, Any]:
        try:
            record = json.loads(self.body)
        except ValueError:
            return {}
        return record if isinstance(record, dict) else {}

    @property
    def _batch_of_stream(self) -> dict[str, Any] | None:
        return self._record.get("KinesisBatchInfo") or self._record.get("DDBStreamBatchInfo")

    @property
    def movable(self) -> bool:
        """Whether a worker can read it. What failed of a stream names only a place there."""
        return self._batch_of_stream is None

    @property
    def what(self) -> str:
        """What it asks for, in words, without secrets."""
        if (info := self._batch_of_stream) is not None:
            stream = str(info.get("streamArn", "?")).split(":", 5)[-1]
            return f"{info.get('batchSize', '?')} records of {plain(stream)}"
        return plain(discreet(_described(self.body)), MAX_SHOWN)

    @property
    def why(self) -> str:
        """Lambda's own account of the failure; empty if there is none."""
        answer = self._record.get("responsePayload")
        if isinstance(answer, dict) and "errorMessage" in answer:
            kind = answer.get("errorType", "Error")
            return plain(discreet(f"{kind}: {answer['errorMessage']}"), MAX_SHOWN)
        context = self._record.get("requestContext")
        return plain(str(context.get("condition", ""))) if isinstance(context, dict) else ""


class DeadLetters:
    """The dead letters and the work queue, by their URLs. client: SQS's.

    wait_seconds: how long SQS looks for a further letter, on all of its servers if not 0.
    """

    def __init__(self, client: Any, dead: str, work: str, wait_seconds: int = 1) -> None:
        self._client = client
        self._dead = dead
        self._work = work
        self._wait = wait_seconds

    def look(self, most: int) -> list[Letter]:
        """The letters, at most so many, which stay where they are."""
        with self._read() as letters:
            return [*islice(letters, most)]

    def redrive(self, tell: Callable[[Letter], None]) -> int:
        """Send the letters to the work queue; returns how many were sent.

        A letter is deleted only after it was sent, so a failure in between sends it twice, and
        loses nothing.
        """
        moved = 0
        with self._read() as letters:
            for letter in letters:
                if letter.movable:
                    self._client.send_message(QueueUrl=self._work, MessageBody=letter.body)
                    self._client.delete_message(QueueUrl=self._dead, ReceiptHandle=letter.receipt)
                    tell(letter)
                    moved += 1
        return moved

    @contextmanager
    def _read(self) -> Iterator[Iterator[Letter]]:
        """The letters; those that are still there at the end can be received again at once."""
        seen: dict[str, Letter] = {}
        try:
            yield self._letters(seen)
        finally:
            for letter in seen.values():
                self._show_again(letter)

    def _letters(self, seen: dict[str, Letter]) -> Iterator[Letter]:
        while True:
            answer = self._client.receive_message(
                QueueUrl=self._dead, MaxNumberOfMessages=10, VisibilityTimeout=HIDDEN_SECONDS,
                WaitTimeSeconds=self._wait, AttributeNames=["All"],
            )  # fmt: skip
            letters = [_letter(message) for message in answer.get("Messages", [])]
            fresh = [letter for letter in letters if letter.id not in seen]
            seen.update((letter.id, letter) for letter in letters)
            yield from fresh
            if not letters:
                return

    def _show_again(self, letter: Letter) -> None:
        try:
            self._client.change_message_visibility(
                QueueUrl=self._dead, ReceiptHandle=letter.receipt, VisibilityTimeout=0
            )
        except self._client.exceptions.ClientError:
            return  # it was deleted, or is seen again after HIDDEN_SECONDS


def _letter(message: dict[str, Any]) -> Letter:
    about = message["Attributes"]
    sent = moment(int(about["SentTimestamp"]) / 1000)
    received = int(about["ApproximateReceiveCount"])
    return Letter(message["MessageId"], message["Body"], message["ReceiptHandle"], received, sent)


def _described(body: str) -> str:
    try:
        message = msgspec.json.decode(body, type=Message)
    except (msgspec.DecodeError, UnicodeError):
        return _foreign(body)
    match message:
        case ChunkMessage():
            return f"chunk {message.chunk} of batch {message.batch_id}"
        case ImageMessage():
            place = f"image {message.place} of chunk {message.of}"
            return f"{place} of batch {message.batch_id}"
        case FanOutMessage():
            return f"the manifest of batch {message.batch_id}"
        case UploadMessage():
            return f"the upload s3://{message.bucket}/{message.key}"
    return f"the event {message.id}"


def _foreign(body: str) -> str:
    try:
        parts = named(body)
    except BadRequest:
        return "a message that names no image"
    addresses = [
        part.address if isinstance(part, Put) else part.url or part.s3_uri or "?" for part in parts
    ]
    return ", ".join(addresses) or "an event that names no image"
