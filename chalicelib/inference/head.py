"""The linear layer at a network's end: `head.npz` of a package."""

from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from chalicelib.errors import ModelInvalid
from chalicelib.files import sha256
from chalicelib.inference.packages import HEAD, ModelPackage


class Head(NamedTuple):
    """A linear layer: logits = features @ weights + bias.

    weights: float32 [features, labels]. bias: float32 [labels].
    """

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]


def save(folder: Path, head: Head) -> str:
    """Writes the layer into a package's folder. Returns the file's SHA-256."""
    np.savez_compressed(folder / HEAD, weights=head.weights, bias=head.bias)
    return sha256(folder / HEAD)


def read_head(package: ModelPackage) -> Head:
    """Reads the layer of a package, verified.

    Raises ModelInvalid if the package has none, or it is damaged.
    """
    package.verify(HEAD)
    try:
        with np.load(package.folder / HEAD, allow_pickle=False) as arrays:
            head = Head(arrays["weights"], arrays["bias"])
    except (OSError, KeyError, ValueError, BadZipFile) as error:
        raise _unusable(package) from error
    fits = head.weights.ndim == 2 and head.bias.shape == head.weights.shape[1:]
    if not fits or {head.weights.dtype, head.bias.dtype} != {np.dtype(np.float32)}:
        raise _unusable(package)
    return head


def _unusable(package: ModelPackage) -> ModelInvalid:
    return ModelInvalid(
        f"{HEAD} of {package.info.name} does not hold float32 weights [features, labels] and bias "
        "[labels]; fetch or add the model again."
    )
