"""Handle events for batches: new objects, messages, and the clock."""

import hashlib
from contextlib import suppress
from random import SystemRandom

import msgspec

from chalicelib.answers.predictions import ErrorInfo
from chalicelib.aws.s3events import Put, puts, unwrapped
from chalicelib.aws.sqs import Queue
from chalicelib.aws.store import Listed, ObjectStore
from chalicelib.batch.batches import BATCH_INPUTS, BatchService, Replaced
from chalicelib.batch.fanout import (
    ChunkMessage,
    FanOutMessage,
    ImageMessage,
    fan_out,
    queue_undone,
)
from chalicelib.batch.finish import finish_if_done
from chalicelib.batch.halt import stop_if_told, stop_later
from chalicelib.batch.ledger import Ledger, parse_active
from chalicelib.batch.losses import FAN_OUT, QueueState, begin
from chalicelib.batch.objects import Batch, Stop
from chalicelib.batch.repair import repair
from chalicelib.batch.worker import Worker
from chalicelib.bulk.deadline import Remaining, in_time
from chalicelib.bulk.manifests import Entry, is_manifest
from chalicelib.bulk.naming import new_id
from chalicelib.bulk.recorder import IMAGE_MARGIN, Recorder
from chalicelib.bulk.records import Record
from chalicelib.errors import BadRequest, InceptionError, NotFound
from chalicelib.requests import MAX_ID, Instance, Options
from chalicelib.sources.read import MAX_KEY_BYTES


class UploadMessage(msgspec.Struct, frozen=True, tag="upload"):
    """A message: classify this object of the images bucket."""

    bucket: str
    key: str


Message = ChunkMessage | ImageMessage | FanOutMessage | UploadMessage


class BatchEvents:
    """Handles the events of the functions.

    results: name of the bucket. answers: the queue for answers to bare URLs; None for none.
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

    def on_s3_event(self, event: object) -> None:
        """Handles S3's event about new objects in the images bucket. See `on_put`."""
        for put in puts(msgspec.json.encode(event)):
            self.on_put(put)

    def on_put(self, put: Put) -> None:
        """Handles a new object in the images bucket: starts a batch, or queues the image.

        An event that arrives twice makes one batch. Raises BadRequest for another bucket.
        """
        if put.bucket != self._service.images:
            raise BadRequest(f"The event is about another bucket than {self._service.images}.")
        if put.key.startswith(BATCH_INPUTS) or put.key.endswith("/"):
            return
        if is_manifest(put.key):
            digest = hashlib.sha256(f"{put.bucket}/{put.key}/{put.version}".encode()).hexdigest()
            source = f"s3://{put.bucket}/{put.key}"
            etag = None if put.etag is None else f'"{put.etag}"'  # events have it without quotes
            with suppress(Replaced):  # the event of the newer manifest starts its batch
                self._service.begin(new_id(put.at, digest), put.at, source, Options(), etag)
        else:
            self._queue.send([UploadMessage(put.bucket, put.key)])

    def on_message(self, body: str, remaining: Remaining) -> None:
        """Handles a message of the work queue. If it raises, the queue delivers it again."""
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
            return  # its round has finished
        if isinstance(message, FanOutMessage):
            begin(ledger, batch.round, FAN_OUT, message.tries)
            self._fan_out(ledger, batch, message, remaining)
        elif isinstance(message, ImageMessage):
            begin(ledger, batch.round, message.of, message.tries, message.place)
            if self._worker.work_alone(ledger, batch, message, remaining):
                self._on_done(ledger, batch, message.of)
        else:
            begin(ledger, batch.round, message.chunk, message.tries)
            if self._worker.work(ledger, batch, message, remaining):
                self._on_done(ledger, batch, message.chunk)

    def _on_done(self, ledger: Ledger, batch: Batch, chunk: int) -> None:
        if not finish_if_done(ledger, batch, chunk):
            stop_later(ledger, batch, self._queue)

    def _fan_out(
        self, ledger: Ledger, batch: Batch, message: FanOutMessage, remaining: Remaining
    ) -> None:
        try:
            if message.resumed:
                ledger.mark(ledger.active_key(batch.round))
                queue_undone(ledger, batch, self._queue)
            if not fan_out(ledger, batch, self._queue, remaining):
                return
        except BadRequest as error:  # about the manifest itself, which another try does not change
            ledger.stop(batch.round, Stop(ErrorInfo.of(error)))
        except InceptionError as error:
            ledger.put(ledger.round_key(batch.round, "problem.json"), ErrorInfo.of(error))
            raise
        if not finish_if_done(ledger, batch):
            stop_if_told(ledger, batch, self._queue)

    def _on_upload(self, message: UploadMessage, remaining: Remaining) -> None:
        entry = Entry(0, message.key, Instance(s3_uri=f"s3://{message.bucket}/{message.key}"))
        record = self._record(entry, remaining)
        data = msgspec.json.encode(record)
        self._store.put(self._results, answer_key(message.key), data, "application/json")

    def _on_foreign_message(self, body: str, remaining: Remaining) -> None:
        """Handles a message of others: a bare URL, or an S3 event, perhaps a second time."""
        body = unwrapped(body)
        if body.startswith(("http://", "https://", "s3://")):
            address = Instance(s3_uri=body) if body.startswith("s3:") else Instance(url=body)
            record = self._record(Entry(0, body[:MAX_ID], address), remaining)
            if self._answers is not None:
                self._answers.send([record])
            return
        for put in puts(body):
            self.on_put(put)

    def _record(self, entry: Entry, remaining: Remaining) -> Record:
        record = self._recorder.record(Options(), entry, in_time(remaining, IMAGE_MARGIN))
        if record is None:
            raise TimeoutError("No time is left for this message; the queue will deliver it again.")
        return record

    def on_tick(self, remaining: Remaining) -> None:
        """Finishes what is complete, and queues again what went missing, on schedule.

        The order changes each time, so that no batch waits for ever behind a slow one. An error
        about a batch is raised after the others were handled.
        """
        state, trouble = QueueState(self._queue), None
        active = list(self._store.list(self._results, "active/"))
        for mark in SystemRandom().sample(active, len(active)):
            if remaining() < 10:
                break
            try:
                self._look_after(mark, state)
            except Exception as error:
                trouble = error
        if trouble is not None:
            raise trouble

    def _look_after(self, mark: Listed, state: QueueState) -> None:
        batch_id, round = parse_active(mark.key)
        ledger = Ledger(self._store, self._results, batch_id)
        try:
            batch = ledger.batch()
        except NotFound:
            return
        if round == batch.round:
            repair(ledger, batch, self._queue, state, mark.modified)
        elif round < batch.round:
            ledger.rest(round)


def answer_key(key: str) -> str:
    """Returns the key of an uploaded image's answer; a digest if its own key is too long."""
    name = f"uploads/{key}.json"
    if len(name.encode()) <= MAX_KEY_BYTES:
        return name
    return f"uploads/{hashlib.sha256(key.encode()).hexdigest()}.json"
