"""Use case: classify images. One image's error never spoils its neighbours."""

import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import msgspec

from chalicelib.errors import BadRequest, InceptionError
from chalicelib.inference.labels import Label
from chalicelib.inference.packages import ModelInfo
from chalicelib.inference.pool import Classifiers
from chalicelib.requests import Instance, Options, PredictRequest
from chalicelib.sources.read import Sources
from chalicelib.stopwatch import Stopwatch
from chalicelib.trial import LostArms, Trial


class Size(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an upright image was, in pixels. truncated: a JPEG that lacked its last bytes."""

    width: int
    height: int
    format: str
    truncated: bool = False


class ErrorInfo(msgspec.Struct, frozen=True):
    """An image's failure, as data."""

    code: str
    message: str
    retryable: bool

    @classmethod
    def of(cls, error: InceptionError) -> "ErrorInfo":
        """What is told of an error."""
        return cls(error.code, str(error), error.retryable)


class Prediction(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one image: `labels` and `image`, or `error`.

    inference_id: names this one among several images in a `POST /feedback`.
    """

    id: str
    inference_id: str | None = None
    labels: list[Label] | None = None
    image: Size | None = None
    error: ErrorInfo | None = None


class ModelRef(msgspec.Struct, frozen=True, omit_defaults=True):
    """The model that answered. multi_label: each label is judged by itself; scores have no sum."""

    name: str
    version: str
    multi_label: bool = False


class Outcome(msgspec.Struct, frozen=True):
    """What one image was classified as. timing_ms: milliseconds spent on `decode` and `infer`."""

    model: ModelRef
    labels: list[Label]
    image: Size
    timing_ms: dict[str, float]


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The JSON body of a classified request.

    inference_id: names the image in a `POST /feedback`; of several images, only the request.
    arm: of the experiment, where that and not the request chose the model. lost_arm: the one that
        was chosen, where its model cannot be loaded and the service's own answers in its place.
    timing_ms: milliseconds spent on `fetch`, `decode` and `infer`, summed over the images; several
        images are fetched at the same time, so the sum can exceed what the caller waited.
    """

    inference_id: str
    model: ModelRef
    predictions: list[Prediction]
    timing_ms: dict[str, float]
    arm: str | None = None
    lost_arm: str | None = None


@dataclass(frozen=True)
class Item:
    """One image to classify: its id in the answer, what it is told by, and how to get its bytes."""

    id: str
    subject: str | bytes
    load: Callable[[], bytes]


class Predictor:
    """Loads, decodes, classifies and ranks.

    trial: chooses the model where the request names none; None for the service's own model.
    """

    def __init__(
        self, sources: Sources, classifiers: Classifiers, trial: Trial | None = None
    ) -> None:
        self._sources = sources
        self._classifiers = classifiers
        self._trial = trial
        self._lost = LostArms(classifiers.get)

    def predict(
        self, request: PredictRequest, body: bytes | None = None, client_id: str = ""
    ) -> Answer:
        """Classify what the request names, or the image `body` where that is given.

        client_id: whoever always gets the same arm of an experiment; else the image decides.
        A single image's error is raised; within `instances` it is that prediction's `error`.
        Raises BadRequest where the request names no image, or two ways at once, and ModelNotFound
        or ModelInvalid where the model that it names, or the service's own, cannot answer.
        """
        items = self._items(request, body)
        arm, lost = self._chosen(request, client_id or items[0].subject)
        if request.model is None:
            request = msgspec.structs.replace(request, model=arm)
        info = self._classifiers.get(request.model).info
        arm = info.name if arm == info.name else None  # or a fallback answers in its place
        watch = Stopwatch()
        watch.add({"fetch": 0.0, "decode": 0.0, "infer": 0.0})

        def one(item: Item) -> Prediction:
            with watch.stage("fetch"):
                data = item.load()
            outcome = self.classify(data, request)
            watch.add(outcome.timing_ms)
            label = outcome.labels[0].name if outcome.labels else None
            inference_id = self._inference_id(info, label, arm is not None)
            return Prediction(item.id, inference_id, outcome.labels, outcome.image)

        if request.instances is None:
            single = one(items[0])
            inference_id = single.inference_id
            predictions = [msgspec.structs.replace(single, inference_id=None)]
        else:
            inference_id = self._inference_id(info, None, arm is not None)
            predictions = _side_by_side(lambda item: _failure_as_data(one, item), items)
        return Answer(
            inference_id=inference_id or uuid.uuid4().hex,
            model=ModelRef(info.name, info.version, info.multi_label),
            predictions=predictions,
            timing_ms=watch.reading(),
            arm=arm,
            lost_arm=lost,
        )

    def _chosen(self, request: Options, subject: str | bytes) -> tuple[str | None, str | None]:
        """The arm that is to answer, or one that cannot; neither for a request with a model."""
        if request.model is not None or self._trial is None:
            return None, None
        arm = self._trial.assign(subject)
        return (None, arm) if arm in self._lost else (arm, None)

    def _inference_id(self, info: ModelInfo, label: str | None, assigned: bool) -> str | None:
        if self._trial is None:
            return None
        return self._trial.issue(info.name, label, assigned, info.multi_label)

    def _items(self, request: PredictRequest, body: bytes | None) -> list[Item]:
        shorthand = any(way is not None for way in (request.url, request.s3_uri, request.b64))
        if [request.instances is not None, body is not None, shorthand].count(True) != 1:
            raise BadRequest(
                "Name what to classify in exactly one way: url, s3_uri, b64, instances, "
                "or the image itself as the body."
            )
        if body is not None:
            return [Item(request.id or "0", body, lambda: body)]
        single = Instance(request.id, request.url, request.s3_uri, request.b64)
        return [
            Item(
                str(position) if instance.id is None else instance.id,
                instance.url or instance.s3_uri or instance.b64 or "",
                partial(self.load, instance),
            )
            for position, instance in enumerate(request.instances or [single])
        ]

    def ready(self, model: str | None) -> None:
        """Return once the model can answer. Raises what getting it does."""
        self._classifiers.get(model)

    def load(self, instance: Instance) -> bytes:
        """The encoded image that an instance names; raises what `Sources.load` does."""
        return self._sources.load(instance)

    def classify(self, data: bytes, options: Options) -> Outcome:
        """Classify an encoded image. Raises the errors of its decoding and of its model."""
        watch = Stopwatch()
        from chalicelib.images.decode import decode  # Pillow and NumPy, for who does classify

        classifier = self._classifiers.get(options.model)
        with watch.stage("decode"):
            image = decode(data, classifier.input_size, classifier.info.preprocessing)
        scores = classifier.scores(image.pixels, during=watch.stage("infer"))
        labels = classifier.rank(scores, options.max_labels, options.min_confidence)
        info, size = classifier.info, Size(image.width, image.height, image.format, image.truncated)
        model = ModelRef(info.name, info.version, info.multi_label)
        return Outcome(model, labels, size, watch.reading())


def _failure_as_data(work: Callable[[Item], Prediction], item: Item) -> Prediction:
    try:
        return work(item)
    except InceptionError as error:
        return Prediction(item.id, error=ErrorInfo.of(error))


def _side_by_side(work: Callable[[Item], Prediction], items: Sequence[Item]) -> list[Prediction]:
    """The results in the order of the items; hosts are waited for all at once."""
    with ThreadPoolExecutor(len(items)) as pool:
        return list(pool.map(work, items))
