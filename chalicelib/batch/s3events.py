"""S3's own events, as they come on a queue."""

from contextlib import suppress
from datetime import datetime
from typing import Literal

import msgspec


class _Bucket(msgspec.Struct, frozen=True):
    name: str


class _Object(msgspec.Struct, frozen=True):
    key: str
    sequencer: str
    etag: str | None = msgspec.field(default=None, name="eTag")


class _S3(msgspec.Struct, frozen=True):
    bucket: _Bucket
    object: _Object


class _S3Record(msgspec.Struct, frozen=True, rename="camel"):
    event_time: datetime
    s3: _S3
    event_name: str = "ObjectCreated:Put"


class S3Event(msgspec.Struct, frozen=True):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html.

    test: in place of records, what S3 sends when it is told to send events.
    """

    records: list[_S3Record] | None = msgspec.field(default=None, name="Records")
    test: Literal["s3:TestEvent"] | None = msgspec.field(default=None, name="Event")


class _Failure(msgspec.Struct, frozen=True, rename="camel"):
    """What Lambda sends to the dead letters of an event that `on_upload` failed on
    (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html).
    """

    request_payload: S3Event


def s3_event(body: str) -> S3Event:
    """The event of a message, as S3 sends it or as it comes back from the dead letters.

    It has neither records nor test where the message is something else.
    """
    with suppress(msgspec.DecodeError, UnicodeError):
        return msgspec.json.decode(body, type=_Failure).request_payload
    with suppress(msgspec.DecodeError, UnicodeError):
        return msgspec.json.decode(body, type=S3Event)
    return S3Event()
