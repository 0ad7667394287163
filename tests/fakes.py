"""In-memory stand-ins for what the use cases are given, in plain sight."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from chalicelib.answers.predictions import ErrorAnswer, ErrorInfo, Label
from chalicelib.aws.stepfunctions import Event, Execution
from chalicelib.errors import (
    Conflict,
    ModelNotFound,
    NotFound,
)
from chalicelib.images.preprocessing import WHOLE, Preprocessing
from chalicelib.inference.classifier import UNTIMED, Features
from chalicelib.inference.packages import Exposed, ModelInfo
from chalicelib.inference.tensors import top
from localcloud import inmemory
from localcloud.inmemory import MemoryBus, MemoryItems, MemoryQueue, etag_of
from tests.balance import STOPPED, SUMMARY, check_finished, check_stopped

__all__ = [
    "ColourClassifier",
    "MemoryBus",
    "MemoryExecutions",
    "MemoryItems",
    "MemoryQueue",
    "MemoryStore",
    "OneClassifier",
    "etag_of",
    "refusal",
]


def refusal(code: str, message: str) -> dict[str, Any]:
    """The body of an answer that refuses."""
    answer = ErrorAnswer.of(ErrorInfo(code, message, retryable=False))
    body: dict[str, Any] = msgspec.to_builtins(answer)
    return body


class MemoryStore(inmemory.MemoryStore):
    """In it a batch whose summary is written must balance then, whatever the test is about."""

    def _keep(self, bucket: str, key: str, data: bytes) -> None:
        finished = SUMMARY.fullmatch(key)
        assert not (finished and self.objects.get((bucket, key))), f"{key} is written once"
        super()._keep(bucket, key, data)
        if finished and data:
            check_finished(lambda key: self.objects[bucket, key], key)
        if STOPPED.fullmatch(key) and data:
            check_stopped(lambda key: self.objects[bucket, key], key)


class ColourClassifier:
    """Says which of red, green and blue a picture has most of; class 0 is the background.

    multi_label: says how much of each it has.
    """

    kernels, slow = "colours", False
    labels = ("background", "red", "green", "blue")
    input_size = (8, 6)

    def __init__(
        self, name: str = "colour", how: Preprocessing = WHOLE, multi_label: bool = False
    ) -> None:
        self.info = ModelInfo(
            name=name,
            version="7",
            sha256="0" * 64,
            background_class=0,
            preprocessing=how,
            multi_label=multi_label,
        )

    def scores(
        self, pixels: NDArray[np.uint8], during: AbstractContextManager[object] = UNTIMED
    ) -> NDArray[np.float32]:
        with during:
            assert pixels.shape == (6, 8, 3) and pixels.dtype == np.uint8
        mean = pixels.reshape(-1, 3).mean(axis=0)
        whole = 255.0 if self.info.multi_label else max(mean.sum(), 1)
        return np.array([0, *(mean / whole)], np.float32)

    def rank(
        self, scores: NDArray[np.float32], max_labels: int, min_confidence: float | None
    ) -> list[Label]:
        best = top(scores, max_labels, self.info.background_class)
        return [
            Label(self.labels[i], float(scores[i]))
            for i in best
            if (scores[i] > 0 if min_confidence is None else scores[i] >= min_confidence)
        ]


class SeeingClassifier(ColourClassifier):
    """The same, with features: how much red, green and blue each pixel has."""

    features = 3

    def __init__(self, name: str = "colour", how: Preprocessing = WHOLE) -> None:
        super().__init__(name, how)
        self.info = msgspec.structs.replace(self.info, exposed=Exposed(1, 2, "0" * 64, 0, 0, 0))

    def featured(
        self, pixels: NDArray[np.uint8], during: AbstractContextManager[object] = UNTIMED
    ) -> tuple[NDArray[np.float32], Features]:
        seen = pixels[np.newaxis].astype(np.float32)
        return self.scores(pixels, during), Features(seen.mean(axis=(1, 2)), seen)

    def evidence(self, features: Features) -> NDArray[np.float32]:
        return np.hstack([np.zeros((3, 1)), np.eye(3)]).astype(np.float32)


class OneClassifier:
    """`chalicelib.inference.classifier.Classifiers` with a single model in it."""

    def __init__(self, classifier: ColourClassifier) -> None:
        self.classifier = classifier

    def get(self, name: str | None = None) -> ColourClassifier:
        if name in (None, self.classifier.info.name):
            return self.classifier
        raise ModelNotFound(f"There is no model {name!r}.")


class MemoryExecutions:
    """Runs that end at once, as `fails` says of their input; `stepfunctions.Executions`.

    fails: error and cause of a run with that input; None where it succeeds.
    """

    def __init__(self, fails: Callable[[str], tuple[str, str] | None] = lambda _: None) -> None:
        self.runs: dict[str, Execution] = {}
        self._fails = fails

    def start(self, name: str, input: str) -> Execution:
        if name not in self.runs:
            now, failure = datetime.now(UTC), self._fails(input)
            run = Execution(name, f"arn:memory:{name}", "SUCCEEDED", now, now, input, input)
            if failure is not None:
                error, cause = failure
                run = replace(run, status="FAILED", output=None, error=error, cause=cause)
            self.runs[name] = run
        if self.runs[name].input != input:
            raise Conflict(f"The name {name} was used; give this run another name.")
        return self.runs[name]

    def describe(self, name: str) -> Execution:
        if name not in self.runs:
            raise NotFound("There is no workflow run of that name; GET /workflows lists them.")
        return self.runs[name]

    def recent(self, count: int) -> list[Execution]:
        return list(self.runs.values())[::-1][:count]

    def history(self, name: str) -> list[Event]:
        status = self.describe(name).status.title()
        return [
            Event(1, "ExecutionStarted"),
            Event(2, "ChoiceStateEntered", "Look"),
            Event(3, "ChoiceStateExited", "Look"),
            Event(4, "SucceedStateEntered", "Done"),
            Event(5, "SucceedStateExited", "Done"),
            Event(6, f"Execution{status}"),
        ]
