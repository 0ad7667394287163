"""The real service on ports in memory; see `chalicelib.wiring.Services`."""

from types import SimpleNamespace
from typing import Any, Unpack

from chalicelib.errors import ModelNotFound
from chalicelib.inference.packages import ModelInfo
from chalicelib.inference.pool import Load
from chalicelib.ports import Overrides
from chalicelib.settings import Settings
from chalicelib.wiring import Services
from tests.fakes import ColourClassifier

ENVIRONMENT = {
    "IMAGES_BUCKET": "images",
    "RESULTS_BUCKET": "results",
    "WORK_QUEUE": "work",
    "WORKFLOW": "machine",
    "MODEL": "colour",
    "FALLBACK_MODEL": "",
}


class MemoryModels:
    """Packages, each with its classifier; `chalicelib.inference.finder.Models`."""

    def __init__(self, *classifiers: ColourClassifier) -> None:
        self.known = {classifier.info.name: classifier for classifier in classifiers}

    def find(self, name: str) -> Any:
        if name not in self.known:
            raise ModelNotFound(f"There is no model {name!r}.")
        classifier = self.known[name]
        return SimpleNamespace(info=classifier.info, is_current=lambda: True)

    def check(self, name: str) -> None:
        self.find(name)

    def info(self, name: str) -> ModelInfo:
        return self.find(name).info

    def labels(self, name: str) -> tuple[str, ...]:
        self.find(name)
        return self.known[name].labels

    def here(self, name: str) -> ModelInfo:
        return self.known[name].info

    def load(self, package: Any, threads: int, copies: int) -> Any:
        return self.known[package.info.name]


def wired(
    models: Any = None,
    environment: dict[str, str] | None = None,
    load: Load | None = None,
    **overrides: Unpack[Overrides],
) -> Services:
    """The service. models: the packages there are; one that tells colours where none are given.

    environment: what differs from ENVIRONMENT. load: makes a classifier of a package.
    """
    models = models or MemoryModels(ColourClassifier())
    if isinstance(models, MemoryModels):
        load = models.load
    settings = Settings.from_environment(ENVIRONMENT | (environment or {}))
    overrides.setdefault("sleep", lambda seconds: None)
    return Services(settings, models=models, load=load, **overrides)
