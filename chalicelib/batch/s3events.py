"""S3's own events, as they come on a queue."""

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
