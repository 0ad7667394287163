"""Read S3's events, from a function, a queue, SNS or EventBridge."""

from contextlib import suppress
from datetime import datetime
from typing import Literal
from urllib.parse import unquote_plus

import msgspec

from chalicelib.errors import BadRequest

UNREADABLE = msgspec.DecodeError, UnicodeError, RecursionError
"""What decoding of a text raises that is other JSON, too deep, or none."""


class Put(msgspec.Struct, frozen=True):
    """An object that was put into a bucket.

    version: S3's sequencer, or the event's time; it differs between puts of one key.
    at: seconds since the epoch. etag: of the object, without quotes; None if the event does not
        tell.
    """

    bucket: str
    key: str
    version: str
    at: float
    etag: str | None = None

    @property
    def address(self) -> str:
        """The object's s3:// address."""
        return f"s3://{self.bucket}/{self.key}"


class _Bucket(msgspec.Struct, frozen=True):
    name: str


class _Object(msgspec.Struct, frozen=True):
    """The object of an event from EventBridge."""

    key: str
    sequencer: str = ""  # only events about puts and deletions have it
    etag: str | None = None


class _QuotedObject(_Object, frozen=True):
    """The object of an event from S3 itself, its key quoted as in a form."""

    etag: str | None = msgspec.field(default=None, name="eTag")


class _Place(msgspec.Struct, frozen=True):
    bucket: _Bucket
    object: _Object

    def put(self, key: str, at: datetime) -> Put:
        version = self.object.sequencer or at.isoformat()
        return Put(self.bucket.name, key, version, at.timestamp(), self.object.etag)


class _QuotedPlace(_Place, frozen=True):
    object: _QuotedObject


class _Record(msgspec.Struct, frozen=True, rename="camel"):
    event_time: datetime
    s3: _QuotedPlace
    event_name: str = "ObjectCreated:Put"

    def put(self) -> Put | None:
        if not self.event_name.startswith("ObjectCreated:"):
            return None
        return self.s3.put(unquote_plus(self.s3.object.key), self.event_time)


class _Records(msgspec.Struct, frozen=True):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html."""

    records: list[_Record] = msgspec.field(name="Records")

    def puts(self) -> list[Put]:
        return [put for record in self.records if (put := record.put()) is not None]


class _Test(msgspec.Struct, frozen=True):
    """The test event that S3 sends when notifications are set up."""

    event: Literal["s3:TestEvent"] = msgspec.field(name="Event")

    def puts(self) -> list[Put]:
        return []


class _Failure(msgspec.Struct, frozen=True, rename="camel"):
    """Lambda's dead letter for an event on which `on_upload` failed
    (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html).
    """

    request_payload: _Records

    def puts(self) -> list[Put]:
        return self.request_payload.puts()


class _Bridged(msgspec.Struct, frozen=True):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html."""

    source: Literal["aws.s3"]
    kind: str = msgspec.field(name="detail-type")
    time: datetime
    detail: _Place

    def puts(self) -> list[Put]:
        if self.kind != "Object Created":
            return []
        return [self.detail.put(self.detail.object.key, self.time)]


_Event = _Failure | _Records | _Bridged | _Test


class _Notification(msgspec.Struct, frozen=True, rename="pascal"):
    """https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html."""

    type: Literal["Notification"]
    topic_arn: str
    message: str


def unwrapped(body: str) -> str:
    """Returns the message inside an SNS notification; other messages as they are."""
    with suppress(*UNREADABLE):
        return msgspec.json.decode(body, type=_Notification).message.strip()
    return body


def puts(event: str | bytes) -> list[Put]:
    """Returns the puts in the JSON of an event; none if something else happened in S3.

    It may come from S3, from EventBridge, or back from the dead letters.
    Raises BadRequest if it is not an event of S3.
    """
    kinds: tuple[type[_Event], ...] = (_Failure, _Records, _Bridged, _Test)
    for kind in kinds:
        with suppress(*UNREADABLE, ValueError, OverflowError):  # of a time outside the calendar
            return msgspec.json.decode(event, type=kind).puts()
    raise BadRequest("This is no event of S3.")
