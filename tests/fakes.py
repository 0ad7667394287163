"""In-memory stand-ins for what the use cases are given, in plain sight."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from chalicelib.classifier import UNTIMED, Label, top
from chalicelib.errors import ImageTooLarge, ModelNotFound, SourceRefused
from chalicelib.models import ModelInfo
from chalicelib.storage import Found


class MemoryStore:
    """The object store in a dictionary of (bucket, key); `chalicelib.storage.ObjectStore`."""

    def __init__(self, objects: dict[tuple[str, str], bytes] | None = None) -> None:
        self.objects = objects or {}

    def read(self, bucket: str, key: str, max_bytes: int) -> bytes:
        try:
            data = self.objects[bucket, key]
        except KeyError:
            raise SourceRefused(f"s3://{bucket}/{key} does not exist.") from None
        if len(data) > max_bytes:
            raise ImageTooLarge(f"The object has {len(data)} bytes.")
        return data

    def download(self, bucket: str, key: str, target: Path) -> None:
        target.write_bytes(self.read(bucket, key, 2**40))

    def stream(self, bucket: str, key: str) -> Iterator[bytes]:
        data = self.read(bucket, key, 2**40)
        return (data[start : start + 1000] for start in range(0, len(data), 1000))

    def list(self, bucket: str, prefix: str) -> Iterator[Found]:
        keys = [key for where, key in self.objects if where == bucket and key.startswith(prefix)]
        return iter([Found(key, 0.0) for key in sorted(keys, key=str.encode)])

    def put(
        self, bucket: str, key: str, data: bytes, content_type: str, only_new: bool = False
    ) -> bool:
        if only_new and (bucket, key) in self.objects:
            return False
        self.objects[bucket, key] = data
        return True

    def write(self, bucket: str, key: str, blocks: Iterable[bytes]) -> None:
        self.objects[bucket, key] = b"".join(blocks)

    def copy(self, bucket: str, key: str, to_bucket: str, to_key: str) -> None:
        self.objects[to_bucket, to_key] = self.read(bucket, key, 2**40)

    def delete(self, bucket: str, key: str) -> None:
        self.objects.pop((bucket, key), None)

    def link(self, bucket: str, key: str, seconds: int) -> str:
        return f"memory://{bucket}/{key}"

    def upload_form(
        self, bucket: str, key: str, seconds: int, max_bytes: int
    ) -> tuple[str, dict[str, str]]:
        return f"memory://{bucket}", {"key": key}


class MemoryQueue:
    """The queue as a list of JSON texts; `chalicelib.queue.Queue`."""

    def __init__(self) -> None:
        self.bodies: list[str] = []

    def send(self, messages: Sequence[object]) -> None:
        self.bodies += [msgspec.json.encode(message).decode() for message in messages]

    def idle(self) -> bool:
        return not self.bodies


class ColourClassifier:
    """Says which of red, green and blue a picture has most of; class 0 is the background."""

    labels = ("background", "red", "green", "blue")
    input_size = (8, 6)

    def __init__(self, name: str = "colour") -> None:
        self.info = ModelInfo(name=name, version="7", sha256="0" * 64, background_class=0)

    def scores(
        self, pixels: NDArray[np.uint8], during: AbstractContextManager[object] = UNTIMED
    ) -> NDArray[np.float32]:
        with during:
            assert pixels.shape == (6, 8, 3) and pixels.dtype == np.uint8
        mean = pixels.reshape(-1, 3).mean(axis=0)
        return np.array([0, *(mean / max(mean.sum(), 1))], np.float32)

    def rank(
        self, scores: NDArray[np.float32], max_labels: int, min_confidence: float
    ) -> list[Label]:
        best = top(scores, max_labels, self.info.background_class)
        return [
            Label(self.labels[i], float(scores[i])) for i in best if scores[i] >= min_confidence
        ]


class OneClassifier:
    """`chalicelib.classifier.Classifiers` with a single model in it."""

    def __init__(self, classifier: ColourClassifier) -> None:
        self.classifier = classifier

    def get(self, name: str | None = None) -> ColourClassifier:
        if name in (None, self.classifier.info.name):
            return self.classifier
        raise ModelNotFound(f"There is no model {name!r}.")
