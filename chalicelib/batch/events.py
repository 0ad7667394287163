"""What events bring to batches: objects, messages, and the clock."""

import hashlib
from contextlib import suppress
from datetime import datetime
from typing import Literal
from urllib.parse import unquote_plus

import msgspec

from chalicelib.batch.fanout import (
    MARGIN,
    ChunkMessage,
    FanOutMessage,
    Remaining,
    fan_out,
    in_time,
)
from chalicelib.batch.finish import finish_if_done
from chalicelib.batch.ledger import Ledger, Record, parse_active
from chalicelib.batch.manifests import Entry, is_manifest
from chalicelib.batch.repair import repair
from chalicelib.batch.service import BATCH_INPUTS, BatchService, Replaced, new_id
from chalicelib.batch.worker import Recorder, Worker
from chalicelib.errors import BadRequest, NotFound
from chalicelib.predict import Options
from chalicelib.queue import Queue
from chalicelib.sources import MAX_ID, MAX_KEY_BYTES, Instance
from chalicelib.storage import ObjectStore


class UploadMessage(msgspec.Struct, frozen=True, tag="upload"):
    """On the work queue: classify this object, which was put into the images bucket."""

    bucket: str
    key: str


Message = ChunkMessage | FanOutMessage | UploadMessage


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


class _S3Event(msgspec.Struct, frozen=True):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html.

    test: in place of records, what S3 sends when it is told to send events.
    """

    records: list[_S3Record] | None = msgspec.field(default=None, name="Records")
    test: Literal["s3:TestEvent"] | None = msgspec.field(default=None, name="Event")


class BatchEvents:
    """What the functions that events call do.

    results: name of the bucket. answers: the queue that bare URLs are answered on; None for none.
    """

    def __init__(
        self,
        service: BatchService,
        store: ObjectStore,
        queue: Queue,
        recorder: Recorder,
        results: str,
        answers: Queue | None = None,
    ) -> None:
        self._service, self._recorder = service, recorder
        self._worker = Worker(recorder, queue)
        self._store, self._queue = store, queue
        self._results, self._answers = results, answers

    def on_object(
        self, bucket: str, key: str, version: str, at: float, etag: str | None = None
    ) -> None:
        """An object was put into the images bucket: a manifest starts a batch, an image is queued.

        version: tells this put from any other, so that an event that comes twice is one batch.
        Raises BadRequest for another bucket.
        """
        if bucket != self._service.images:
            raise BadRequest(f"The event is of another bucket than {self._service.images}.")
        if key.startswith(BATCH_INPUTS) or key.endswith("/"):
            return
        if is_manifest(key):
            digest = hashlib.sha256(f"{bucket}/{key}/{version}".encode()).hexdigest()
            source = f"s3://{bucket}/{key}"
            meant = None if etag is None else f'"{etag}"'  # events tell it without its quotes
            with suppress(Replaced):  # the event of what is there now begins that
                self._service.begin(new_id(at, digest), at, source, Options(), meant)
        else:
            self._queue.send([UploadMessage(bucket, key)])

    def on_message(self, body: str, remaining: Remaining) -> None:
        """A message of the work queue. What it raises makes the queue deliver it again."""
        try:
            message = msgspec.json.decode(body, type=Message)
        except (msgspec.DecodeError, UnicodeError):
            self._on_foreign_message(body.strip(), remaining)
            return
        if isinstance(message, UploadMessage):
            self._on_upload(message, remaining)
            return
        ledger = Ledger(self._store, self._results, message.batch_id)
        batch = ledger.batch()
        if message.round != batch.round:
            return  # of a round that has finished
        if isinstance(message, FanOutMessage):
            if fan_out(ledger, batch, self._queue, remaining):
                finish_if_done(ledger, batch)
        elif self._worker.work(ledger, batch, message, remaining):
            finish_if_done(ledger, batch, message.chunk)

    def _on_upload(self, message: UploadMessage, remaining: Remaining) -> None:
        entry = Entry(0, message.key, Instance(s3_uri=f"s3://{message.bucket}/{message.key}"))
        record = self._record(entry, remaining)
        data = msgspec.json.encode(record)
        self._store.put(self._results, answer_key(message.key), data, "application/json")

    def _on_foreign_message(self, body: str, remaining: Remaining) -> None:
        """What others put on the queue: a bare URL, or an S3 event."""
        if body.startswith(("http://", "https://", "s3://")):
            address = Instance(s3_uri=body) if body.startswith("s3:") else Instance(url=body)
            record = self._record(Entry(0, body[:MAX_ID], address), remaining)
            if self._answers is not None:
                self._answers.send([record])
            return
        try:
            event = msgspec.json.decode(body, type=_S3Event)
        except (msgspec.DecodeError, UnicodeError):
            event = _S3Event()
        if event.records is None and event.test is None:
            raise BadRequest("The message is neither one of ours, nor a URL or S3 event.")
        for put in event.records or []:
            if put.event_name.startswith("ObjectCreated:"):
                found, at = put.s3.object, put.event_time.timestamp()
                key = unquote_plus(found.key)  # quoted in S3's own event, unlike in Chalice's
                self.on_object(put.s3.bucket.name, key, found.sequencer, at, found.etag)

    def _record(self, entry: Entry, remaining: Remaining) -> Record:
        self._recorder.ready(Options())
        record = self._recorder.record(Options(), entry, in_time(remaining, MARGIN))
        if record is None:
            raise TimeoutError("No time is left for this message; it will come again.")
        return record

    def on_tick(self, remaining: Remaining) -> None:
        """The schedule: finish what is complete, queue again what went missing."""
        for found in self._store.list(self._results, "active/"):
            if remaining() < 10:
                return
            batch_id, round = parse_active(found.key)
            ledger = Ledger(self._store, self._results, batch_id)
            try:
                batch = ledger.batch()
            except NotFound:
                continue
            if round == batch.round:
                repair(ledger, batch, self._queue)
            elif round < batch.round:
                ledger.rest(round)


def answer_key(key: str) -> str:
    """Where the answer on an uploaded image is; by a digest where its own key leaves no room."""
    name = f"uploads/{key}.json"
    if len(name.encode()) <= MAX_KEY_BYTES:
        return name
    return f"uploads/{hashlib.sha256(key.encode()).hexdigest()}.json"
