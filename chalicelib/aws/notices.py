"""Read the events of SNS, EventBridge, Kinesis and DynamoDB, and the images that a text names."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec

from chalicelib.aws.s3events import Put, puts, unwrapped
from chalicelib.errors import BadRequest
from chalicelib.requests import Id, Instance

MAX_TEXT = 16_000
"""Characters of a text. Ten of them fit into one request of SQS, which has 1 MiB, even if each
character takes six bytes of JSON."""

Event = Mapping[str, Any]


class Notice(msgspec.Struct, frozen=True):
    """What an event says.

    id: SOURCE/ID, the same whenever AWS delivers the event. text: names images, see `named`.
    """

    id: str
    text: str


def of_sns(event: Event) -> list[Notice]:
    """Reads https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html."""
    messages = [record["Sns"] for record in event["Records"]]
    return [Notice(f"sns/{message['MessageId']}", message["Message"]) for message in messages]


def of_eventbridge(event: Event) -> list[Notice]:
    """Reads https://docs.aws.amazon.com/eventbridge/latest/ref/events-structure.html."""
    return [Notice(f"eventbridge/{event['id']}", json.dumps(event))]


class _Image(msgspec.Struct, frozen=True):
    """JSON that names an image."""

    id: Id | None = None
    url: str | None = None
    s3_uri: str | None = None

    def instance(self) -> Instance:
        if bool(self.url) == bool(self.s3_uri):
            raise ValueError("exactly one of url and s3_uri")
        return Instance(self.id, self.url or None, self.s3_uri or None)


class _Custom(msgspec.Struct, frozen=True):
    """An event that somebody put on a bus of EventBridge."""

    detail: _Image

    def instance(self) -> Instance:
        return self.detail.instance()


def named(text: str) -> list[Put | Instance]:
    """Returns the images and manifests that a text names; none if something else happened in S3.

    The text may be a URL, an s3:// address, JSON with `url` or `s3_uri` (and perhaps `id`), an
    event of S3 or EventBridge, or any of these inside an SNS notification. Raises BadRequest.
    """
    text = unwrapped(text.strip())
    if text.startswith(("http://", "https://")):
        return [Instance(url=text)]
    if text.startswith("s3://"):
        return [Instance(s3_uri=text)]
    kinds: tuple[type[_Image | _Custom], ...] = (_Image, _Custom)
    for kind in kinds:
        with suppress(msgspec.DecodeError, UnicodeError, ValueError):
            return [msgspec.json.decode(text, type=kind).instance()]
    with suppress(BadRequest):
        return list(puts(text))
    raise BadRequest(
        "The message names no image. Send a URL, an s3:// address, JSON with either url or s3_uri, "
        f"or an event of S3, in at most {MAX_TEXT:,} characters."
    )
