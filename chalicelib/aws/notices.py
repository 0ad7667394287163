"""Read the events of SNS, EventBridge, Kinesis and DynamoDB, and the images that a text names."""

import base64
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec

from chalicelib.aws.dynamodb import Item
from chalicelib.aws.s3events import UNREADABLE, Put, puts, unwrapped
from chalicelib.errors import BadRequest
from chalicelib.requests import MAX_ID, Id, Instance

MAX_TEXT = 16_000
"""Characters of a text. Ten of them fit into one request of SQS, which has 1 MiB, even if each
character takes six bytes of JSON."""

Event = Mapping[str, Any]


class Notice(msgspec.Struct, frozen=True):
    """What an event says.

    id: SOURCE/ID, the same whenever AWS delivers the event. text: names images, see `named`.
    sequence: of the record in its stream. item: gets the answer too.
    """

    id: str
    text: str
    sequence: str = ""
    item: Item | None = None


def of_sns(event: Event) -> list[Notice]:
    """Reads https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html."""
    messages = [record["Sns"] for record in event["Records"]]
    return [Notice(f"sns/{message['MessageId']}", message["Message"]) for message in messages]


def of_eventbridge(event: Event) -> list[Notice]:
    """Reads https://docs.aws.amazon.com/eventbridge/latest/ref/events-structure.html."""
    return [Notice(f"eventbridge/{event['id']}", json.dumps(event))]


def of_kinesis(event: Event) -> list[Notice]:
    """Reads https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html."""
    return [
        Notice(
            f"kinesis/{record['eventID']}",
            base64.b64decode(record["kinesis"]["data"]).decode(errors="replace"),
            record["kinesis"]["sequenceNumber"],
        )
        for record in event["Records"]
    ]


def of_dynamodb(event: Event, write: bool) -> list[Notice]:
    """Reads https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html: new items with an address.

    write: whether items get their answers. That changes an item, which makes no notice.
    """
    notices = []
    for record in event["Records"]:
        change = record["dynamodb"]
        new = change.get("NewImage", {})
        address = {name: new[name] for name in ("url", "s3_uri") if name in new}
        if record["eventName"] != "INSERT" or not address:
            continue
        texts = {name: new[name].get("S") for name in (*address, "id") if name in new}
        id = texts.pop("id", None)
        if isinstance(id, str) and len(id) <= MAX_ID:
            texts["id"] = id
        table = record["eventSourceARN"].split("/")[1]
        is_short = len(json.dumps(address)) <= MAX_TEXT
        item = Item(table, change["Keys"], address) if write and is_short else None
        place = f"dynamodb/{record['eventID']}", json.dumps(texts), change["SequenceNumber"]
        notices.append(Notice(*place, item))
    return notices


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


class _Lost(msgspec.Struct, frozen=True, rename="camel"):
    """Lambda's dead letter for an event of SNS or EventBridge
    (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html).
    """

    request_payload: dict[str, Any]

    def texts(self) -> list[str]:
        if isinstance(self.request_payload.get("Records"), list):
            texts = [notice.text for notice in of_sns(self.request_payload)]
            return msgspec.convert(texts, list[str])
        return [json.dumps(self.request_payload)]


def named(text: str) -> list[Put | Instance]:
    """Returns the images and manifests that a text names; none if something else happened in S3.

    The text may be a URL, an s3:// address, JSON with `url` or `s3_uri` (and perhaps `id`), an
    event of S3 or EventBridge, any of these inside an SNS notification, or back from the dead
    letters. Raises BadRequest.
    """
    text = unwrapped(text.strip())
    if text.startswith(("http://", "https://")):
        return [Instance(url=text)]
    if text.startswith("s3://"):
        return [Instance(s3_uri=text)]
    kinds: tuple[type[_Image | _Custom], ...] = (_Image, _Custom)
    for kind in kinds:
        with suppress(*UNREADABLE, ValueError):
            return [msgspec.json.decode(text, type=kind).instance()]
    with suppress(BadRequest):
        return list(puts(text))
    with suppress(*UNREADABLE, KeyError, TypeError):
        lost = msgspec.json.decode(text, type=_Lost)
        return [part for inner in lost.texts() for part in named(inner)]
    raise BadRequest(
        "The message names no image. Send a URL, an s3:// address, JSON with either url or s3_uri "
        f"(and perhaps an id of at most {MAX_ID} characters), or an event of S3, in at most "
        f"{MAX_TEXT:,} characters."
    )
