"""Handle events for batches: new objects, messages, and the clock."""

import hashlib
from contextlib import suppress
from random import SystemRandom

import msgspec

from chalicelib.answers.predictions import ErrorInfo
from chalicelib.aws.dynamodb import Items
from chalicelib.aws.eventbridge import Bus
from chalicelib.aws.notices import named
from chalicelib.aws.s3events import UNREADABLE, Put, puts
from chalicelib.aws.sqs import Queue
from chalicelib.aws.store import Listed, ObjectStore
from chalicelib.batch.batches import BATCH_INPUTS, BatchService, Replaced
from chalicelib.batch.fanout import ChunkMessage, FanOutMessage, ImageMessage, fan_out, queue_undone
from chalicelib.batch.finish import finish_if_done
from chalicelib.batch.halt import stop_if_told, stop_later
from chalicelib.batch.inlet import EventMessage
from chalicelib.batch.ledger import Ledger, parse_active
from chalicelib.batch.losses import FAN_OUT, QueueState, begin
from chalicelib.batch.objects import Batch, Stop
from chalicelib.batch.repair import repair
from chalicelib.batch.single import SingleImages, UploadMessage
from chalicelib.batch.worker import Worker
from chalicelib.bulk.deadline import Remaining
from chalicelib.bulk.manifests import Entry, is_manifest
from chalicelib.bulk.naming import new_id
from chalicelib.bulk.recorder import Recorder
from chalicelib.errors import BadRequest, InceptionError, NotFound
from chalicelib.requests import Instance, Options

Message = ChunkMessage | ImageMessage | FanOutMessage | UploadMessage | EventMessage


class BatchEvents:
    """Handles the events of the functions.

    results: name of the bucket. answers: the results queue; None for none. bus: is told how
    batches end; None for nobody. items: of tables, which may want answers.
    """

    def __init__(
        self,
        service: BatchService,
        store: ObjectStore,
        queue: Queue,
        recorder: Recorder,
        results: str,
        answers: Queue | None = None,
        bus: Bus | None = None,
        items: Items | None = None,
    ) -> None:
        self._service, self._worker = service, Worker(recorder, queue)
        self._singles = SingleImages(store, recorder, results, answers, items)
        self._store, self._queue, self._results = store, queue, results
        self._bus = bus

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
            etag = None if put.etag is None else f'"{put.etag}"'  # events have it without quotes
            with suppress(Replaced):  # the event of the newer manifest starts its batch
                self._service.begin(new_id(put.at, digest), put.at, put.address, Options(), etag)
        else:
            self._queue.send([UploadMessage(put.bucket, put.key)])

    def on_message(self, body: str, remaining: Remaining) -> None:
        """Handles a message of the work queue. If it raises, the queue delivers it again."""
        try:
            message = msgspec.json.decode(body, type=Message)
        except UNREADABLE:
            self._on_foreign_message(body.strip(), remaining)
            return
        if isinstance(message, UploadMessage):
            self._singles.upload(message, remaining)
            return
        if isinstance(message, EventMessage):
            self._on_event(message, remaining)
            return
        ledger = Ledger(self._store, self._results, message.batch_id, self._bus)
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

    def _on_foreign_message(self, body: str, remaining: Remaining) -> None:
        """Handles a message of others, perhaps a second time. Raises BadRequest."""
        for part in named(body):
            if isinstance(part, Put):
                self.on_put(part)
            else:
                self._singles.bare(part, remaining)

    def _on_event(self, message: EventMessage, remaining: Remaining) -> None:
        """Handles an event, perhaps a second time. One that names no image is answered so."""
        try:
            parts = named(message.text)
        except BadRequest as error:
            entry = Entry(0, message.id, problem=str(error))
            self._singles.event(message, entry, remaining)
            return
        for position, part in enumerate(parts):
            if isinstance(part, Put) and part.bucket == self._service.images:
                self.on_put(part)
                continue
            if isinstance(part, Put) and part.bucket == self._results:
                continue  # an answer to it would be the next such event, and so on for ever
            image = Instance(s3_uri=part.address) if isinstance(part, Put) else part
            entry = Entry(position, image.id or message.id, image)
            self._singles.event(message, entry, remaining)

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
        ledger = Ledger(self._store, self._results, batch_id, self._bus)
        try:
            batch = ledger.batch()
        except NotFound:
            return
        if round == batch.round:
            repair(ledger, batch, self._queue, state, mark.modified)
        elif round < batch.round:
            ledger.rest(round)
