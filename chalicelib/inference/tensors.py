"""Convert pixels to a network's input, and its output to scores."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from chalicelib.errors import ModelInvalid
from chalicelib.images.preprocessing import Preprocessing


class Tensor(msgspec.Struct, frozen=True):
    """The description of a network's input or output.

    scale, zero_point: real value = (quantised - zero_point) * scale; scale is 0 for floats.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    scale: float
    zero_point: int

    @property
    def channels_first(self) -> bool:
        """Whether an image is [1, channels, height, width], as in PyTorch."""
        return self.shape[1] in DEPTHS and self.shape[3] not in DEPTHS

    @property
    def depth(self) -> int:
        """Channels of an image: 3, or 1 for grey."""
        return self.shape[1 if self.channels_first else 3]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of an image, in pixels."""
        height, width = self.shape[2:] if self.channels_first else self.shape[1:3]
        return width, height


DEPTHS = (1, 3)


def check_classifier(
    name: str, inputs: Sequence[Tensor], outputs: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    """Returns the image tensor and the scores tensor of an image classifier.

    Raises ModelInvalid unless the network takes exactly the one and gives exactly the other.
    """
    images = len(inputs) == 1 and len(inputs[0].shape) == 4 and inputs[0].depth in DEPTHS
    if not images or len(outputs) != 1 or np.prod(outputs[0].shape) != outputs[0].shape[-1]:
        raise ModelInvalid(
            f"Model {name} is not an image classifier. It must take one image [1, height, width, "
            "3], of 1 or 3 channels that may come first, and give one score for each class [1, "
            "classes], or one score for two classes [1, 1]."
        )
    return inputs[0], outputs[0]


def features_among(outputs: Sequence[Tensor]) -> tuple[Tensor, Tensor] | None:
    """Returns the tensors of the last feature map and its average, if a network gives them.

    They follow the scores: [1, height, width, features] and [1, features], perhaps [1, 1, 1,
    features].
    """
    if len(outputs) != 3:
        return None
    _, map_, pooled = outputs
    fits = len(map_.shape) == 4 and map_.shape[0] == 1 and map_.shape[3] == pooled.shape[-1]
    return (map_, pooled) if fits and np.prod(pooled.shape) == pooled.shape[-1] else None


def check_fits(name: str, how: Preprocessing, tensor: Tensor) -> None:
    """Raises ModelInvalid if this preprocessing does not fit the network's input."""
    if tensor.depth == 1 and (how.channels == "bgr" or len(how.mean or ()) > 1):
        raise ModelInvalid(
            f"Model {name} takes one channel, so its channels must be grey, and its mean and std "
            "one number."
        )


def to_input(pixels: NDArray[np.uint8], tensor: Tensor, how: Preprocessing) -> NDArray[np.generic]:
    """Converts RGB pixels [height, width, 3] to the network's input, without its batch dimension.

    A quantised input without a scaling of its own takes pixels as they are: 0..255 as uint8, or
    -128..127 as int8, as TensorFlow's converter leaves them
    (https://ai.google.dev/edge/litert/models/quantization_spec). So does a uint8
    input that is not quantised: then the network scales them itself.
    """
    array = _scaled(_arranged(pixels, tensor, how), tensor, how)
    return np.ascontiguousarray(array.transpose(2, 0, 1) if tensor.channels_first else array)


def _arranged(pixels: NDArray[np.uint8], tensor: Tensor, how: Preprocessing) -> NDArray[np.uint8]:
    """Returns the channels in the network's order, as the last dimension."""
    if tensor.depth == 1 or how.channels == "grey":
        return np.broadcast_to(luma(pixels), (*pixels.shape[:2], tensor.depth))
    return pixels[..., ::-1] if how.channels == "bgr" else pixels


def luma(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns grey [height, width, 1] of RGB pixels, weighed as in Pillow (ITU-R 601-2)."""
    weighed = pixels @ np.array([19595, 38470, 7471], np.uint32)  # in 65536ths, as in Pillow
    return ((weighed[..., np.newaxis] + 0x8000) >> 16).astype(np.uint8)


def _scaled(pixels: NDArray[np.uint8], tensor: Tensor, how: Preprocessing) -> NDArray[np.generic]:
    if tensor.dtype == np.uint8 and (how.mean is None or not tensor.scale):
        return pixels
    if tensor.dtype == np.int8 and how.mean is None:
        return (pixels.astype(np.int16) - 128).astype(np.int8)
    real = pixels.astype(np.float32)
    if how.mean is not None:
        mean, std = np.array(how.mean, np.float32), np.array(how.std, np.float32)
        real = (real - mean) / std
    if not tensor.scale:
        return real.astype(tensor.dtype)
    limits = np.iinfo(tensor.dtype)
    steps = np.rint(real / tensor.scale) + tensor.zero_point
    quantised: NDArray[np.generic] = np.clip(steps, limits.min, limits.max).astype(tensor.dtype)
    return quantised


def to_scores(
    raw: NDArray[np.generic],
    tensor: Tensor,
    labels: int,
    logits: bool = False,
    multi_label: bool = False,
) -> NDArray[np.float32]:
    """Returns a score for each label from the raw output [units]: float32 [labels], 0..1.

    labels: as many as units. Or 2 for one unit: it scores the second label, and the first label
        gets the rest.
    multi_label: each label is judged by itself. Otherwise the scores sum to at most 1. Rounding to
        8 bits can push the sum of a softmax above 1; then all scores are scaled down.
    """
    values = np.nan_to_num(dequantised(raw, tensor))
    values = to_probabilities(values, multi_label) if logits else values.clip(0.0, 1.0)
    if labels > values.size:
        values = np.array([1 - values[0], values[0]])
    total = 1.0 if multi_label else max(float(values.sum()), 1.0)
    return (values / total).astype(np.float32)


def to_probabilities(logits: NDArray[np.float32], multi_label: bool) -> NDArray[np.float32]:
    """Logits [..., units] to probabilities: by a softmax, or by sigmoids if multi-label."""
    if multi_label or logits.shape[-1] == 1:
        return np.exp(-np.logaddexp(0, -logits))
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: NDArray[np.float32] = powers / powers.sum(axis=-1, keepdims=True)
    return probabilities


def dequantised(raw: NDArray[np.generic], tensor: Tensor) -> NDArray[np.float32]:
    """Returns the real values of a raw output: float32, of the same shape."""
    values = raw.astype(np.float32)
    if tensor.scale:
        values = (values - tensor.zero_point) * np.float32(tensor.scale)
    return values


def top(scores: NDArray[np.float32], count: int, hidden: int | None) -> list[int]:
    """Returns the indices of the `count` highest scores, highest first; ties in class order."""
    order = np.argsort(-scores, kind="stable")[: count + 1]
    return [int(i) for i in order if i != hidden][:count]
