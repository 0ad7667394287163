"""What goes into a network and comes out of it: arrays, in the network's own dtype and scale."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chalicelib.errors import ModelInvalid
from chalicelib.models import Scaling


@dataclass(frozen=True)
class Tensor:
    """What a network says of its input or output.

    scale, zero_point: real value = (quantised - zero_point) * scale; scale is 0 for floats.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    scale: float
    zero_point: int


def check_classifier(
    name: str, inputs: Sequence[Tensor], outputs: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    """The image and the scores of the network of that name.

    Raises ModelInvalid where it does not take one and give the other, and nothing else.
    """
    images = len(inputs) == 1 and len(inputs[0].shape) == 4 and inputs[0].shape[3] == 3
    if not images or len(outputs) != 1 or np.prod(outputs[0].shape) != outputs[0].shape[-1]:
        raise ModelInvalid(
            f"Model {name} is not an image classifier: it must take one image "
            "[1, height, width, 3] and give one score for each class [1, classes]."
        )
    return inputs[0], outputs[0]


def to_input(
    pixels: NDArray[np.uint8], tensor: Tensor, scaling: Scaling | None
) -> NDArray[np.generic]:
    """Pixels as the network takes them: the same shape, in the dtype of `tensor`.

    A quantised input without a scaling of its own takes pixels as they are: 0..255 as uint8, or
    -128..127 as int8, as TensorFlow's converter leaves them
    (https://ai.google.dev/edge/litert/models/quantization_spec). So does one of uint8 that is not
    quantised: what scales them is part of the network.
    """
    if tensor.dtype == np.uint8 and (scaling is None or not tensor.scale):
        return pixels
    if tensor.dtype == np.int8 and scaling is None:
        return (pixels.astype(np.int16) - 128).astype(np.int8)
    real = pixels.astype(np.float32)
    if scaling is not None:
        real = (real - np.float32(scaling.mean)) / np.float32(scaling.std)
    if not tensor.scale:
        return real.astype(tensor.dtype)
    limits = np.iinfo(tensor.dtype)
    steps = np.rint(real / tensor.scale) + tensor.zero_point
    quantised: NDArray[np.generic] = np.clip(steps, limits.min, limits.max).astype(tensor.dtype)
    return quantised


def to_scores(
    raw: NDArray[np.generic], tensor: Tensor, logits: bool = False
) -> NDArray[np.float32]:
    """Probabilities from a network's raw output [classes]: float32, 0..1, with a sum of at most 1.

    Rounding to 8 bits lets the sum of a softmax pass 1: then all are scaled down alike.
    """
    values = np.nan_to_num(dequantised(raw, tensor))
    values = np.exp(values - values.max()) if logits else values.clip(0.0, 1.0)
    total = max(float(values.sum()), 1.0)
    return (values / total).astype(np.float32)


def dequantised(raw: NDArray[np.generic], tensor: Tensor) -> NDArray[np.float32]:
    """Real values of a network's raw output: float32, of the same shape."""
    values = raw.astype(np.float32)
    if tensor.scale:
        values = (values - tensor.zero_point) * np.float32(tensor.scale)
    return values


def top(scores: NDArray[np.float32], count: int, hidden: int | None) -> list[int]:
    """Indices of the `count` highest scores, highest first; ties in class order."""
    order = np.argsort(-scores, kind="stable")[: count + 1]
    return [int(i) for i in order if i != hidden][:count]
