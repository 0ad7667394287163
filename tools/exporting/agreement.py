"""Compares an exported network with the original."""

import statistics
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chalicelib.errors import ModelInvalid
from chalicelib.inference.classifier import Classifier


@dataclass(frozen=True)
class Limits:
    """How far an exported network may differ from the original.

    difference: the largest allowed between probabilities. correlation: the lowest allowed; it works
    for an untrained network too, whose probabilities are all alike. advice: what to do beyond.
    """

    difference: float
    correlation: float
    advice: str


FLOAT = Limits(0.001, 0.999, "")
WEIGHTS = Limits(0.1, 0.9, "Try --float, or allow")
STATIC = Limits(
    0.3,
    0.8,
    "Give more --pictures like the pictures that it will see; leave --onnxruntime out; or allow",
)
"""Activations in 8 bits as well: of doodle they differed by 0.12 (0.91) where right, on generated
images and pictures, and by 0.97 (-0.03) with weights of 8 bits, whose sums of products saturate."""
LOSS = 0.005
"""Of held-back pictures: what `model.ort` may lose against LiteRT, half a point."""


@dataclass(frozen=True)
class Agreement:
    """How far an engine and TensorFlow agree.

    engine: LiteRT or ONNX Runtime, as people write it.
    agrees: for each image that both saw, whether the best class is the same.
    largest, mean: absolute difference of probabilities, over all images and classes.
    correlation: the lowest of any image, between its two rows of probabilities; for two classes or
        a multi-label network, that of all images together.
    milliseconds: median time of the engine for one image.
    """

    engine: str
    agrees: NDArray[np.bool_]
    largest: float
    mean: float
    correlation: float
    milliseconds: float

    def __str__(self) -> str:
        return (
            f"{self.engine}: the best class is the same on {self.agrees.sum()} of "
            f"{self.agrees.size} images; "
            f"probabilities differ by {self.largest:.2g} at most and {self.mean:.2g} on average, "
            f"correlation at least {self.correlation:.4f}."
        )

    def check(self, tolerance: float | None, limits: Limits) -> None:
        """Raise ModelInvalid if they do not agree.

        tolerance: the largest difference, as the only test; None for both limits.
        """
        limit = limits.difference if tolerance is None else tolerance
        low = limits.correlation if tolerance is None else -1.0
        if self.largest <= limit and self.correlation >= low:
            return
        raise ModelInvalid(
            f"{self.engine} and TensorFlow differ by {self.largest:.2g} (at most {limit:g} is "
            f"allowed) at a correlation of {self.correlation:.4f} (at least {low:g}); nothing was "
            f"installed. {limits.advice or 'Allow'} more with --tolerance."
        )


def check_loss(litert: NDArray[np.bool_], ort: NDArray[np.bool_]) -> str:
    """Reports how `model.ort` does on pictures that did not set its ranges.

    litert, ort: for each sample, whether the best class is TensorFlow's.
    Raises ModelInvalid if it agrees less often than LiteRT by more than half a point.
    """
    held, sizes = ort.size, f"on {ort.sum()} and LiteRT on {litert.sum()} of {ort.size}"
    if int(litert.sum()) - int(ort.sum()) > LOSS * held:
        raise ModelInvalid(
            f"On pictures that were held back, model.ort has TensorFlow's best class {sizes}. That "
            "loses more than half a point, so nothing was installed. Leave --onnxruntime out, "
            "because LiteRT is right more often, or give more --pictures like the pictures that "
            "it will see."
        )
    return f"Held back, the best class of model.ort is the same {sizes}."


def compare(
    engine: str,
    classifier: Classifier,
    images: list[NDArray[np.uint8]],
    expected: NDArray[np.float32],
) -> Agreement:
    """Run the images through the classifier.

    engine: its engine's name. images: each uint8 [height, width, 3].
    expected: TensorFlow's probabilities [images, classes].
    """
    times, rows = [], []
    for image in images:
        began = time.perf_counter()
        rows.append(classifier.output(image))
        times.append(time.perf_counter() - began)
    answers, expected = _both(np.stack(rows)), _both(expected)
    few = expected.shape[1] == 2 or classifier.info.multi_label  # a row alone tells too little
    pairs = [(answers.ravel(), expected.ravel())] if few else zip(answers, expected, strict=True)
    difference = np.abs(answers - expected)
    return Agreement(
        engine=engine,
        agrees=answers.argmax(axis=1) == expected.argmax(axis=1),
        largest=float(difference.max()),
        mean=float(difference.mean()),
        correlation=min(_correlation(row, other) for row, other in pairs),
        milliseconds=1000 * statistics.median(times),
    )


def _both(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Two columns where one unit gives only the second class's probability."""
    return np.hstack([1 - rows, rows]) if rows.shape[1] == 1 else rows


def _correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """1 if all probabilities are alike in both, because only rounding would be compared."""
    if max(np.ptp(a), np.ptp(b)) < 1e-6:
        return 1.0
    a, b = a - a.mean(), b - b.mean()
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / size if size else 0.0
