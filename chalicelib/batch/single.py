"""Answer images that come one by one: uploads, bare URLs, and what events name."""

import hashlib
import re
from typing import Any

import msgspec

from chalicelib.aws.documents import Documents
from chalicelib.aws.dynamodb import Items
from chalicelib.aws.sqs import Queue
from chalicelib.aws.store import ObjectStore
from chalicelib.batch.inlet import EventMessage
from chalicelib.bulk.deadline import Remaining, in_time
from chalicelib.bulk.manifests import Entry
from chalicelib.bulk.recorder import IMAGE_MARGIN, Recorder
from chalicelib.bulk.records import Record
from chalicelib.requests import MAX_ID, Instance, Options
from chalicelib.sources.read import MAX_KEY_BYTES

_EVENT_ID = re.compile(r"[a-z]{1,20}/[A-Za-z0-9:._-]{1,200}")


class UploadMessage(msgspec.Struct, frozen=True, tag="upload"):
    """A message: classify this object of the images bucket."""

    bucket: str
    key: str


class SingleImages:
    """Classifies images, and puts their records where they are looked for.

    results: name of the bucket. answers: the results queue; None for none. items: get answers too.
    """

    def __init__(
        self,
        store: ObjectStore,
        recorder: Recorder,
        results: str,
        answers: Queue | None,
        items: Items | None,
    ) -> None:
        self._documents, self._recorder = Documents(store, results), recorder
        self._answers, self._items = answers, items

    def upload(self, message: UploadMessage, remaining: Remaining) -> None:
        """Answers an upload in the results bucket."""
        entry = Entry(0, message.key, Instance(s3_uri=f"s3://{message.bucket}/{message.key}"))
        self._documents.put(answer_key(message.key), self._record(entry, remaining))

    def bare(self, instance: Instance, remaining: Remaining) -> None:
        """Answers an image that a message names, on the results queue."""
        name = instance.id or instance.url or instance.s3_uri or ""
        self._answer(self._record(Entry(0, name[:MAX_ID], instance), remaining))

    def event(self, message: EventMessage, entry: Entry, remaining: Remaining) -> None:
        """Answers an image that an event names, on the results queue and in the results bucket.

        The object in the bucket is written last, and an event that has one is done. So an event
        that comes twice is answered once, unless a worker was lost in the middle.
        """
        key = event_key(message.id, entry.position)
        # the answer may be written twice, so its absence is not made sure of by a listing, which
        # costs as much as writing it
        if self._documents.has(key, sure=False):
            return
        record = self._record(entry, remaining)
        if message.item is not None and self._items is not None:
            self._items.write(message.item, attributes(record))
        self._answer(record)
        self._documents.put(key, record)

    def _answer(self, record: Record) -> None:
        if self._answers is not None:
            self._answers.send([record])

    def _record(self, entry: Entry, remaining: Remaining) -> Record:
        record = self._recorder.record(Options(), entry, in_time(remaining, IMAGE_MARGIN))
        if record is None:
            raise TimeoutError("No time is left for this message; the queue will deliver it again.")
        return record


def attributes(record: Record) -> dict[str, Any]:
    """Returns what an item gets: `labels` and `model`, or `error`, in DynamoDB's own JSON."""
    if record.error is not None:
        error = {"code": {"S": record.error.code}, "message": {"S": record.error.message}}
        return {"error": {"M": error}}
    labels = [
        {"M": {"name": {"S": label.name}, "score": {"N": f"{label.score:.6f}"}}}
        for label in record.labels or []
    ]
    return {"labels": {"L": labels}, "model": {"S": record.model or ""}}


def answer_key(key: str) -> str:
    """Returns the key of an uploaded image's answer; a digest if its own key is too long."""
    name = f"uploads/{key}.json"
    if len(name.encode()) <= MAX_KEY_BYTES:
        return name
    return f"uploads/{hashlib.sha256(key.encode()).hexdigest()}.json"


def event_key(id: str, position: int) -> str:
    """Returns the key of an event's answer. position: of the image among those of the event."""
    name = id if _EVENT_ID.fullmatch(id) else f"other/{hashlib.sha256(id.encode()).hexdigest()}"
    return f"events/{name}{f'.{position}' if position else ''}.json"
