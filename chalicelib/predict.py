"""Use case: classify the images of a request. An image's error never spoils its neighbours."""

import uuid
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import msgspec

from chalicelib.answers.predictions import Answer, ErrorInfo, ModelRef, Prediction, Timing
from chalicelib.classification import Classification
from chalicelib.errors import BadRequest, InceptionError
from chalicelib.inference.explainable import check_asked
from chalicelib.inference.packages import ModelInfo
from chalicelib.requests import Instance, Options, PredictRequest, Resize, options_of
from chalicelib.stopwatch import Stopwatch
from chalicelib.trial import LostArms, Trial


class Item(msgspec.Struct, frozen=True):
    """An image to classify: its id in the answer, its address, and how to get its bytes."""

    id: str
    subject: str | bytes
    load: Callable[[], bytes]


class Choice(NamedTuple):
    """The model to ask, chosen by the request or by the experiment.

    name: of the model; None for the service's own. arm: whether the experiment chose it. lost: the
    arm that it chose, if that cannot answer.
    """

    name: str | None
    arm: bool = False
    lost: str | None = None


class Predictor:
    """Answers requests of one image or several.

    trial: chooses the model if the request names none; None for the service's own model.
    """

    def __init__(self, classification: Classification, trial: Trial | None = None) -> None:
        self._classification = classification
        self._trial = trial
        self._lost = LostArms(classification.model)

    def predict(
        self, request: PredictRequest, body: bytes | None = None, client_id: str = ""
    ) -> Answer:
        """Classifies the images that the request names, or the image `body`.

        client_id: always gets the same arm of an experiment; without it, the image decides.
        A single image's error is raised; within `instances` it is that prediction's `error`.
        Raises BadRequest if the request names no image, or names it in two ways, ModelNotFound or
        ModelInvalid if the model cannot answer, and what `check_asked` does.
        """
        items = self._items(request, body)
        choice = self._choose(request, client_id or items[0].subject)
        model = self._classification.model(choice.name)
        # a fallback may answer instead; an answer that no arm would give counts for no arm
        assigned = choice.arm and choice.name == model.name and request.resize is None
        issue = partial(self._inference_id, model, assigned)
        options = msgspec.structs.replace(options_of(request), model=choice.name)
        check_asked(model, options, len(items))
        watch = Stopwatch(fetch=0.0, decode=0.0, infer=0.0)
        work = partial(self._prediction, options, request.resize, watch, issue)
        if request.instances is None:
            single = work(items[0])
            inference_id = single.inference_id
            predictions = [msgspec.structs.replace(single, inference_id=None)]
        else:
            predictions, inference_id = _side_by_side(work, items), issue(None)
        return Answer(
            inference_id=inference_id or uuid.uuid4().hex,
            model=ModelRef(model.name, model.version, model.multi_label),
            predictions=predictions,
            timing_ms=Timing(**watch.reading()),
            arm=model.name if assigned else None,
            lost_arm=choice.lost,
        )

    def _choose(self, request: PredictRequest, subject: str | bytes) -> Choice:
        if request.model is not None or self._trial is None:
            return Choice(request.model)
        arm = self._trial.assign(subject)
        return Choice(None, lost=arm) if arm in self._lost else Choice(arm, arm=True)

    def _inference_id(self, model: ModelInfo, assigned: bool, label: str | None) -> str | None:
        if self._trial is None:
            return None
        return self._trial.issue(model.name, label, assigned, model.multi_label)

    def _prediction(
        self,
        options: Options,
        resize: Resize | None,
        watch: Stopwatch,
        issue: Callable[[str | None], str | None],
        item: Item,
    ) -> Prediction:
        with watch.stage("fetch"):
            data = item.load()
        outcome = self._classification.classify(data, options, resize)
        watch.add(outcome.timing_ms)
        inference_id = issue(outcome.labels[0].name if outcome.labels else None)
        return Prediction(item.id, inference_id, outcome.labels, outcome.image, outcome.embedding)

    def _items(self, request: PredictRequest, body: bytes | None) -> list[Item]:
        shorthand = any(way is not None for way in (request.url, request.s3_uri, request.b64))
        if [request.instances is not None, body is not None, shorthand].count(True) != 1:
            raise BadRequest(
                "Send exactly one of url, s3_uri, b64 and instances, or the image itself as the "
                "body."
            )
        if body is not None:
            return [Item(request.id or "0", body, lambda: body)]
        single = Instance(request.id, request.url, request.s3_uri, request.b64)
        return [
            Item(
                str(position) if instance.id is None else instance.id,
                instance.url or instance.s3_uri or instance.b64 or "",
                partial(self._classification.load, instance),
            )
            for position, instance in enumerate(request.instances or [single])
        ]


def _side_by_side(work: Callable[[Item], Prediction], items: Sequence[Item]) -> list[Prediction]:
    """Returns the results in the order of the items; waits for all hosts at once."""
    from concurrent.futures import ThreadPoolExecutor  # a single image needs no threads

    with ThreadPoolExecutor(len(items)) as pool:
        return list(pool.map(partial(_failure_as_data, work), items))


def _failure_as_data(work: Callable[[Item], Prediction], item: Item) -> Prediction:
    try:
        return work(item)
    except InceptionError as error:
        return Prediction(item.id, error=ErrorInfo.of(error))
