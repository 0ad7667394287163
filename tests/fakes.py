"""In-memory stand-ins for what the use cases are given, in plain sight."""

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from chalicelib.answers.predictions import ErrorAnswer, ErrorInfo, Label
from chalicelib.aws.s3 import Found, Stored
from chalicelib.aws.stepfunctions import Event, Execution
from chalicelib.errors import (
    AccessRefused,
    Conflict,
    ModelNotFound,
    NotFound,
    ObjectMissing,
    ObjectTooLarge,
)
from chalicelib.images.preprocessing import WHOLE, Preprocessing
from chalicelib.inference.classifier import UNTIMED
from chalicelib.inference.packages import ModelInfo
from chalicelib.inference.tensors import top
from tests.balance import STOPPED, SUMMARY, check_finished, check_stopped


def refusal(code: str, message: str) -> dict[str, Any]:
    """The body of an answer that refuses."""
    answer = ErrorAnswer.of(ErrorInfo(code, message, retryable=False))
    body: dict[str, Any] = msgspec.to_builtins(answer)
    return body


class MemoryStore:
    """The object store in a dictionary of (bucket, key); `chalicelib.aws.s3.ObjectStore`.

    A batch whose summary is written must balance at that moment, whatever the test is about.
    Its clock moves by a second a write, and by what a test adds to `late`.
    """

    def __init__(self, objects: dict[tuple[str, str], bytes] | None = None) -> None:
        self.objects = objects or {}
        self.modified: dict[tuple[str, str], float] = {}
        self._ticks = itertools.count(1.0)
        self.late = 0.0

    def read(self, bucket: str, key: str, max_bytes: int) -> bytes:
        try:
            data = self.objects[bucket, key]
        except KeyError:
            raise ObjectMissing(detail=f"s3://{bucket}/{key} does not exist.") from None
        if len(data) > max_bytes:
            raise ObjectTooLarge(f"The object has {len(data)} bytes.")
        return data

    def find(self, bucket: str, key: str, max_bytes: int) -> Stored | None:
        try:
            data = self.read(bucket, key, max_bytes)
        except (AccessRefused, ObjectMissing):
            if (bucket, key) not in self.objects:
                return None
            raise
        return Stored(data, etag_of(data))

    def download(self, bucket: str, key: str, target: Path) -> None:
        target.write_bytes(self.read(bucket, key, 2**40))

    def stream(self, bucket: str, key: str) -> Iterator[bytes]:
        data = self.read(bucket, key, 2**40)
        return (data[start : start + 1000] for start in range(0, len(data), 1000))

    def list(self, bucket: str, prefix: str, after: str = "") -> Iterator[Found]:
        there = list(self.objects)  # at once: other threads may write meanwhile
        keys = [key for where, key in there if where == bucket and key.startswith(prefix)]
        keys = sorted((key for key in keys if key.encode() > after.encode()), key=str.encode)
        return iter([Found(key, self.modified.get((bucket, key), 0.0)) for key in keys])

    def folders(self, bucket: str, prefix: str, after: str = "") -> Iterator[str]:
        names = {
            prefix + found.key.removeprefix(prefix).partition("/")[0] + "/"
            for found in MemoryStore.list(self, bucket, prefix)
            if "/" in found.key.removeprefix(prefix)
        }
        return iter(sorted((name for name in names if name > after), key=str.encode))

    def put(
        self,
        bucket: str,
        key: str,
        data: bytes,
        content_type: str,
        only_new: bool = False,
        replacing: str | None = None,
    ) -> str | None:
        there = self.objects.get((bucket, key))
        if only_new and there is not None:
            return None
        if replacing is not None and (there is None or etag_of(there) != replacing):
            return None
        self._keep(bucket, key, data)
        return etag_of(data)

    def write(self, bucket: str, key: str, blocks: Iterable[bytes]) -> None:
        self._keep(bucket, key, b"".join(blocks))

    def copy(
        self, bucket: str, key: str, to_bucket: str, to_key: str, etag: str | None = None
    ) -> bool:
        data = self.read(bucket, key, 2**40)
        if etag is not None and etag_of(data) != etag:
            return False
        self._keep(to_bucket, to_key, data)
        return True

    def _keep(self, bucket: str, key: str, data: bytes) -> None:
        finished = SUMMARY.fullmatch(key)
        assert not (finished and self.objects.get((bucket, key))), f"{key} is written once"
        self.objects[bucket, key] = data
        self.modified[bucket, key] = next(self._ticks) + self.late
        if finished and data:
            check_finished(lambda key: self.objects[bucket, key], key)
        if STOPPED.fullmatch(key) and data:
            check_stopped(lambda key: self.objects[bucket, key], key)

    def delete(self, bucket: str, key: str) -> None:
        self.objects.pop((bucket, key), None)

    def link(self, bucket: str, key: str, seconds: int) -> str:
        return f"memory://{bucket}/{key}"

    def upload_form(
        self, bucket: str, key: str, seconds: int, max_bytes: int
    ) -> tuple[str, dict[str, str]]:
        return f"memory://{bucket}", {"key": key}


def etag_of(data: bytes) -> str:
    """As S3 makes it for an object that was not put in parts."""
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'


class MemoryQueue:
    """The queue as a list of JSON texts; `chalicelib.aws.sqs.Queue`.

    busy: others keep it so, whatever it holds.
    """

    def __init__(self) -> None:
        self.bodies: list[str] = []
        self.busy = False

    def send(self, messages: Sequence[object]) -> None:
        self.bodies += [msgspec.json.encode(message).decode() for message in messages]

    def idle(self) -> bool:
        return not self.bodies and not self.busy

    def patience(self) -> float:
        return 3600.0


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
        self, scores: NDArray[np.float32], max_labels: int, min_confidence: float
    ) -> list[Label]:
        best = top(scores, max_labels, self.info.background_class)
        return [
            Label(self.labels[i], float(scores[i])) for i in best if scores[i] >= min_confidence
        ]


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
