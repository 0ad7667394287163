"""In-memory stand-ins for what the use cases are given, in plain sight."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chalicelib.classifier import Label, top
from chalicelib.errors import ImageTooLarge, ModelNotFound, SourceRefused
from chalicelib.models import ModelInfo


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


class ColourClassifier:
    """Says which of red, green and blue a picture has most of; class 0 is the background."""

    labels = ("background", "red", "green", "blue")
    input_size = (8, 6)

    def __init__(self, name: str = "colour") -> None:
        self.info = ModelInfo(name=name, version="7", sha256="0" * 64, background_class=0)

    def scores(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
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
