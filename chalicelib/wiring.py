"""The one place that builds clients, stores and classifiers, once per container."""

import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from chalicelib.classifier import Classifiers
from chalicelib.fetch import Fetcher
from chalicelib.models import Models
from chalicelib.predict import Predictor
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


def build(settings: Settings) -> Services:
    """The services of one container; nothing is loaded or connected to yet."""
    store = S3Store(_s3_client)
    models = Models(settings.model_dirs, settings.models_bucket, store)
    classifiers = Classifiers(models, settings.threads, settings.model, settings.fallback_model)
    sources = Sources(
        fetch=Fetcher(allow_loopback=settings.allow_loopback),
        read_object=store.read,
        image_buckets=settings.image_buckets,
    )
    return Services(settings, models, classifiers, Predictor(sources, classifiers))


_lock = threading.Lock()


def services() -> Services:
    """The services of this container, from its environment. Raises SettingsError."""
    with _lock:
        return _services()


@lru_cache(maxsize=1)
def _services() -> Services:
    return build(Settings.from_environment())


def _s3_client() -> Any:
    import boto3
    from botocore.config import Config

    retries = {"total_max_attempts": 4, "mode": "standard"}
    return boto3.client("s3", config=Config(connect_timeout=3, read_timeout=10, retries=retries))
