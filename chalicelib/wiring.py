"""The one place that builds clients, stores and classifiers, once per container."""

import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from chalicelib.batch.events import BatchEvents
from chalicelib.batch.service import BatchService
from chalicelib.batch.worker import Worker
from chalicelib.classifier import Classifiers
from chalicelib.errors import NotConfigured
from chalicelib.fetch import Fetcher
from chalicelib.models import Models
from chalicelib.predict import Predictor
from chalicelib.queue import SqsQueue
from chalicelib.settings import Settings
from chalicelib.sources import Sources
from chalicelib.storage import S3Store


@dataclass(frozen=True)
class Services:
    """What the entry points call."""

    settings: Settings
    models: Models
    classifiers: Classifiers
    predictor: Predictor
    _batch: tuple[BatchService, BatchEvents] | None

    @property
    def batches(self) -> BatchService:
        """What callers ask of batches. Raises NotConfigured."""
        return self._configured()[0]

    @property
    def events(self) -> BatchEvents:
        """What events bring to batches. Raises NotConfigured."""
        return self._configured()[1]

    def _configured(self) -> tuple[BatchService, BatchEvents]:
        if self._batch is None:
            raise NotConfigured(
                "Batch is not set up here: it needs IMAGES_BUCKET, RESULTS_BUCKET and WORK_QUEUE; "
                "`make run` sets them."
            )
        return self._batch


def build(settings: Settings) -> Services:
    """The services of one container; nothing is loaded or connected to yet."""
    store = S3Store(_s3_client)
    models = Models(settings.model_dirs, settings.models_bucket, store)
    sources = Sources(
        fetch=Fetcher(allow_loopback=settings.allow_loopback),
        read_object=store.read,
        image_buckets=settings.image_buckets,
    )
    names = (settings.model, settings.fallback_model)
    # a caller waits for one answer, a chunk for all of them; no container does both
    soonest = Classifiers(models, settings.threads, *names)
    most = Classifiers(models, 1, *names, copies=settings.threads)
    batch = _batch(settings, store, models, Predictor(sources, most))
    return Services(settings, models, soonest, Predictor(sources, soonest), batch)


def _batch(
    settings: Settings, store: S3Store, models: Models, predictor: Predictor
) -> tuple[BatchService, BatchEvents] | None:
    images, results = settings.images_bucket, settings.results_bucket
    if not (images and results and settings.work_queue):
        return None
    queue = SqsQueue(_sqs_client, settings.work_queue)
    answers = SqsQueue(_sqs_client, settings.results_queue) if settings.results_queue else None
    service = BatchService(store, queue, images, results, models.find)
    return service, BatchEvents(service, store, queue, Worker(predictor, queue), results, answers)


_lock = threading.Lock()


def services() -> Services:
    """The services of this container, from its environment. Raises SettingsError."""
    with _lock:
        return _services()


@lru_cache(maxsize=1)
def _services() -> Services:
    return build(Settings.from_environment())


def _s3_client() -> Any:
    return _client("s3")


def _sqs_client() -> Any:
    return _client("sqs")


def _client(service: str) -> Any:
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=3,
        read_timeout=10,
        retries={"total_max_attempts": 4, "mode": "standard"},
        max_pool_connections=32,
    )
    return boto3.client(service, config=config)
