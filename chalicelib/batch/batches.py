"""Answer callers about batches: start, view, cancel, retry, upload."""

import hashlib
import uuid
from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import PurePosixPath

import msgspec

from chalicelib.answers.batchviews import BatchOutline, BatchView, PictureList, UploadForm
from chalicelib.aws.sqs import Queue
from chalicelib.aws.store import LINK_SECONDS, ObjectStore
from chalicelib.batch.fanout import FanOutMessage
from chalicelib.batch.ledger import Ledger
from chalicelib.batch.objects import Batch, Stop, now
from chalicelib.batch.outlines import recent_batches
from chalicelib.batch.pictures import pictures_of
from chalicelib.batch.recent import recent_key
from chalicelib.batch.view import last_summary, view_of
from chalicelib.bulk.copies import copy_manifest, stream_manifest
from chalicelib.bulk.inlined import manifest_of
from chalicelib.bulk.manifests import ENDINGS, check_manifest, is_manifest
from chalicelib.bulk.naming import new_id
from chalicelib.bulk.shown import PICTURE_SECONDS
from chalicelib.errors import BadRequest, Conflict, SourceInvalid
from chalicelib.inference.explainable import check_asked
from chalicelib.inference.packages import ModelInfo
from chalicelib.requests import BatchRequest, Options, UploadRequest, options_of
from chalicelib.sources.read import MAX_BYTES, split_s3_uri
from chalicelib.wording import count

BATCH_INPUTS = "batches/"
"""Prefix of the images bucket whose objects wait for a `POST /batches`."""

LISTED = "manifest.jsonl"
"""The manifest of a batch that is made from a request's instances, or from a prefix."""

MAX_MANIFEST = 500 * 10**6
"""Bytes of an uploaded manifest: a million lines with long addresses."""


class Replaced(Exception):
    """Another manifest has replaced the manifest of an event."""


class BatchService:
    """Batches of the results bucket.

    images, results: names of the buckets.
    check_model: returns what a model's package says; raises ModelNotFound if there is none.
    default_model: returns the name of the service's own.
    """

    def __init__(
        self,
        store: ObjectStore,
        queue: Queue,
        images: str,
        results: str,
        check_model: Callable[[str], ModelInfo],
        default_model: Callable[[], str],
        clock: Callable[[], float] = now,
    ) -> None:
        self._store, self._queue = store, queue
        self.images, self._results = images, results
        self._check_model, self._default_model = check_model, default_model
        self._clock = clock

    def create(self, request: BatchRequest) -> BatchView:
        """Starts a batch.

        Raises BadRequest, FeaturesMissing, ModelNotFound, NotFound or SourceInvalid.
        """
        ways = [request.instances, request.manifest, request.prefix]
        if sum(way is not None for way in ways) != 1:
            raise BadRequest("Send exactly one of instances, manifest and prefix.")
        asks_more = request.explain or request.embedding
        if request.model is not None or asks_more:
            info = self._check_model(request.model or self._default_model())
            check_asked(info, request)
        created = self._clock()
        batch_id = new_id(created, uuid.uuid4().hex)
        if request.instances is not None:
            data = manifest_of(request.instances)
            key = f"batches/{batch_id}/{LISTED}"
            self._store.put(self._results, key, data, "application/jsonl")
            source = count(len(request.instances), "instance")
        else:
            source = self._own_address(request.manifest or request.prefix or "")
            if is_manifest(source):
                check_manifest(source, stream_manifest(self._store, source))
        self.begin(batch_id, created, source, request)
        return self.view(batch_id)

    def _own_address(self, uri: str) -> str:
        bucket, key = split_s3_uri(uri)
        if bucket != self.images:
            raise SourceInvalid(f"A manifest or prefix must be in the bucket {self.images}.")
        if not key.endswith("/") and not is_manifest(key):
            raise SourceInvalid(f"Name a {ENDINGS} manifest, or a prefix that ends in /.")
        return uri

    def begin(
        self, batch_id: str, created: float, source: str, options: Options, etag: str | None = None
    ) -> None:
        """Writes the batch down and queues its fan-out. A second call has no effect.

        etag: of the manifest. Raises Replaced if another manifest has replaced it.
        """
        ledger = Ledger(self._store, self._results, batch_id)
        batch = Batch(
            batch_id=batch_id,
            created_at=created,
            source=source,
            manifest=self._copied(ledger, source, etag) if is_manifest(source) else LISTED,
            **msgspec.structs.asdict(options_of(options)),
        )
        ledger.put(ledger.key("batch.json"), batch, only_new=True)
        if not ledger.summary(0):
            ledger.mark(ledger.active_key(0))
        ledger.mark(recent_key(batch))
        self._queue.send([FanOutMessage(batch_id, 0)])

    def _copied(self, ledger: Ledger, source: str, etag: str | None) -> str:
        """Copies the manifest beside the batch; returns the copy's name."""
        # if two start at once, each makes a copy; the first to write batch.json wins
        name = f"manifest.{uuid.uuid4().hex[:8]}{PurePosixPath(source.lower()).suffix}"
        if not ledger.has(ledger.key("batch.json")):
            where = self._results, ledger.key(name)
            if not copy_manifest(self._store, source, *where, etag):
                raise Replaced(source)
        return name

    def begin_daily(self, manifest: str, moment: str) -> None:
        """Starts the day's batch of a manifest. A second call on that day has no effect.

        moment: in ISO 8601, of that day. Raises SourceInvalid for another bucket's manifest.
        """
        source = self._own_address(manifest)
        day = datetime.fromisoformat(moment).replace(hour=0, minute=0, second=0, microsecond=0)
        created = day.timestamp()
        batch_id = new_id(created, hashlib.sha256(source.encode()).hexdigest())
        if not Ledger(self._store, self._results, batch_id).summary(0):
            self.begin(batch_id, created, source, Options())

    def view(self, batch_id: str) -> BatchView:
        """Returns a batch as `GET /batches/{id}` shows it. Raises NotFound."""
        return view_of(Ledger(self._store, self._results, batch_id))

    def pictures(self, batch_id: str, places: Collection[int]) -> PictureList:
        """Returns links to pictures; see `pictures_of`. Raises NotFound, and Conflict too early."""
        ledger = Ledger(self._store, self._results, batch_id)
        summary = last_summary(ledger)
        if summary is None:
            raise Conflict("The batch has no results yet; wait until it has ended.")
        return PictureList(pictures_of(ledger, summary, self.images, places), PICTURE_SECONDS)

    def recent(self) -> list[BatchOutline]:
        """The latest batches, newest first; see `recent_batches`."""
        return recent_batches(self._store, self._results)

    def cancel(self, batch_id: str) -> BatchView:
        """Stops what has not begun. Raises NotFound, and Conflict if the batch has ended."""
        ledger = Ledger(self._store, self._results, batch_id)
        round, status = ledger.batch().round, self.view(batch_id).status
        if status in ("finished", "failed"):
            raise Conflict(f"The batch has {status}; there is nothing to cancel.")
        if status != "cancelled":
            ledger.forget_stop(round)  # left by an earlier stop
            ledger.stop(round, Stop())
        self._queue.send([FanOutMessage(batch_id, round)])  # writes the results of what is done
        return self.view(batch_id)

    def retry(self, batch_id: str) -> BatchView:
        """Continues a batch that was stopped, or classifies again what failed.

        Raises NotFound, and Conflict if neither is possible.
        """
        ledger = Ledger(self._store, self._results, batch_id)
        # read before the check, so that two calls are one retry
        batch, etag = ledger.tagged_batch()
        view = self.view(batch_id)
        if view.error and not view.error.retryable:
            raise Conflict(f"This batch can never go on; start another. {view.error.message}")
        if view.status in ("cancelled", "failed"):
            self._resume(ledger, batch.round)
            return self.view(batch_id)
        if view.status != "finished":
            raise Conflict(
                f"The batch is {view.status}; wait until it has ended, or cancel it, before you "
                "retry it."
            )
        if not view.counts.failed:
            raise Conflict("Nothing failed in this batch; there is nothing to retry.")
        if not view.retryable:
            raise Conflict(
                "What failed here are lines that name no image; correct them, and start a batch "
                "with them."
            )
        batch = msgspec.structs.replace(batch, round=batch.round + 1)
        ledger.mark(ledger.active_key(batch.round))  # first: what is begun comes to an end
        # if another call was faster, or the answer to ours was lost, the round has begun too
        ledger.put(ledger.key("batch.json"), batch, replacing=etag)
        self._queue.send([FanOutMessage(batch_id, batch.round)])
        return self.view(batch_id)

    def _resume(self, ledger: Ledger, round: int) -> None:
        ledger.mark(ledger.active_key(round))  # first: what is begun comes to an end
        ledger.forget_stop(round)
        ledger.mark(ledger.active_key(round))  # again: whoever still saw the stop removed it
        self._queue.send([FanOutMessage(ledger.batch_id, round, resumed=True)])

    def upload(self, request: UploadRequest) -> UploadForm:
        """Returns a form with which a client uploads one file into the images bucket."""
        name = PurePosixPath(request.filename.replace("\\", "/")).name.strip(".") or "image"
        # S3 would insert the name of the file that is sent, and the form would not fix the key
        name = name.replace("${filename}", "filename")
        folder = (
            f"{BATCH_INPUTS}{request.batch}" if request.batch else f"uploads/{uuid.uuid4().hex}"
        )
        key = f"{folder}/{name}"
        limit = MAX_MANIFEST if is_manifest(name) else MAX_BYTES
        url, fields = self._store.upload_form(self.images, key, LINK_SECONDS, limit)
        return UploadForm(url, fields, f"s3://{self.images}/{key}", LINK_SECONDS)
