"""Use case: classify images. One image's error never spoils its neighbours."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import msgspec

from chalicelib.classifier import Classifiers, Label
from chalicelib.errors import BadRequest, InceptionError
from chalicelib.images import decode
from chalicelib.sources import MAX_ID, Instance, Sources

MAX_INSTANCES = 16
"""Images in one request: what fits API Gateway's 29 seconds with every host at its slowest."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How to answer.

    max_labels: labels an image, 1..1000. min_confidence: the least score of a label, 0..1.
    model: name of a package; the service's own where none is given.
    """

    max_labels: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 5
    min_confidence: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    model: str | None = None


class PredictRequest(Options, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The JSON body of `POST /predict`: `instances`, or one image as a shorthand."""

    instances: (
        Annotated[list[Instance], msgspec.Meta(min_length=1, max_length=MAX_INSTANCES)] | None
    ) = None
    id: Annotated[str, msgspec.Meta(max_length=MAX_ID)] | None = None
    url: str | None = None
    s3_uri: str | None = None
    b64: str | None = None


class Size(msgspec.Struct, frozen=True):
    """What an upright image was before it was made to fit the network; pixels."""

    width: int
    height: int
    format: str


class ErrorInfo(msgspec.Struct, frozen=True):
    """An image's failure, as data."""

    code: str
    message: str
    retryable: bool


class Prediction(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one image: `labels` and `image`, or `error`."""

    id: str
    labels: list[Label] | None = None
    image: Size | None = None
    error: ErrorInfo | None = None


class ModelRef(msgspec.Struct, frozen=True):
    """The model that answered."""

    name: str
    version: str


class Outcome(msgspec.Struct, frozen=True):
    """What one image was classified as."""

    model: ModelRef
    labels: list[Label]
    image: Size


class Answer(msgspec.Struct, frozen=True):
    """The JSON body of a classified request.

    timing_ms: milliseconds spent on `fetch`, `decode` and `infer`, summed over the images; several
        images are fetched at the same time, so the sum can exceed what the caller waited.
    """

    inference_id: str
    model: ModelRef
    predictions: list[Prediction]
    timing_ms: dict[str, float]


@dataclass(frozen=True)
class Item:
    """One image to classify: its id in the answer, and how to get its bytes."""

    id: str
    load: Callable[[], bytes]


class Stopwatch:
    """Milliseconds spent in each stage, added up over threads."""

    def __init__(self) -> None:
        self._ms = {"fetch": 0.0, "decode": 0.0, "infer": 0.0}
        self._lock = threading.Lock()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds the time spent inside to that stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            elapsed = (time.perf_counter() - start) * 1000
            with self._lock:
                self._ms[name] += elapsed

    def reading(self) -> dict[str, float]:
        """Milliseconds by stage."""
        return {stage: round(ms, 2) for stage, ms in self._ms.items()}


class Predictor:
    """Loads, decodes, classifies and ranks."""

    def __init__(self, sources: Sources, classifiers: Classifiers) -> None:
        self._sources = sources
        self._classifiers = classifiers

    def predict(self, request: PredictRequest, body: bytes | None = None) -> Answer:
        """Classify what the request names, or the image `body` where that is given.

        A single image's error is raised; within `instances` it is that prediction's `error`.
        Raises BadRequest where the request names no image, or two ways at once, and ModelNotFound
        or ModelInvalid where the model cannot answer.
        """
        items = self._items(request, body)
        classifier = self._classifiers.get(request.model)
        watch = Stopwatch()

        def one(item: Item) -> Prediction:
            with watch.stage("fetch"):
                data = item.load()
            outcome = self.classify(data, request, watch)
            return Prediction(item.id, outcome.labels, outcome.image)

        if request.instances is None:
            predictions = [one(items[0])]
        else:
            predictions = _side_by_side(lambda item: _failure_as_data(one, item), items)
        return Answer(
            inference_id=uuid.uuid4().hex,
            model=ModelRef(classifier.info.name, classifier.info.version),
            predictions=predictions,
            timing_ms=watch.reading(),
        )

    def _items(self, request: PredictRequest, body: bytes | None) -> list[Item]:
        shorthand = any(way is not None for way in (request.url, request.s3_uri, request.b64))
        if [request.instances is not None, body is not None, shorthand].count(True) != 1:
            raise BadRequest(
                "Name what to classify in exactly one way: url, s3_uri, b64, instances, "
                "or the image itself as the body."
            )
        if body is not None:
            return [Item(request.id or "0", lambda: body)]
        single = Instance(request.id, request.url, request.s3_uri, request.b64)
        return [
            Item(str(position) if instance.id is None else instance.id, self._loader(instance))
            for position, instance in enumerate(request.instances or [single])
        ]

    def _loader(self, instance: Instance) -> Callable[[], bytes]:
        return lambda: self.load(instance)

    def load(self, instance: Instance) -> bytes:
        """The encoded image that an instance names; raises what `Sources.load` does."""
        return self._sources.load(instance)

    def classify(self, data: bytes, options: Options, watch: Stopwatch | None = None) -> Outcome:
        """Classify an encoded image. Raises the errors of its decoding and of its model."""
        watch = watch or Stopwatch()
        classifier = self._classifiers.get(options.model)
        with watch.stage("decode"):
            image = decode(data, classifier.input_size)
        with watch.stage("infer"):
            scores = classifier.scores(image.pixels)
        labels = classifier.rank(scores, options.max_labels, options.min_confidence)
        model = ModelRef(classifier.info.name, classifier.info.version)
        return Outcome(model, labels, Size(image.width, image.height, image.format))


def _failure_as_data(work: Callable[[Item], Prediction], item: Item) -> Prediction:
    try:
        return work(item)
    except InceptionError as error:
        return Prediction(item.id, error=ErrorInfo(error.code, str(error), error.retryable))


def _side_by_side(work: Callable[[Item], Prediction], items: Sequence[Item]) -> list[Prediction]:
    """The results in the order of the items; hosts are waited for all at once."""
    with ThreadPoolExecutor(max_workers=len(items)) as pool:
        return list(pool.map(work, items))
