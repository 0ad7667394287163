"""The linear layer at a network's end: `head.npz` of a package.

A network's own layer takes its average features. That of a taught package takes these rooted: see
`chalicelib.inference.taught`.
"""

import zipimport
import zlib
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chalicelib.errors import ModelInvalid
from chalicelib.files import sha256
from chalicelib.inference.packages import HEAD, ModelPackage


class Familiar(NamedTuple):
    """What a taught package knows, so that it can refuse what it does not.

    centre: float32 [features], the middle of what it was taught. references: float32 [pictures,
    features], what it was taught, less the centre, scaled to length 1. bounds: float32 [2], the
    familiarity at which a picture is as likely strange as not, and how gradually that changes.
    """

    centre: NDArray[np.float32]
    references: NDArray[np.float32]
    bounds: NDArray[np.float32]


class Head(NamedTuple):
    """A linear layer: logits = features @ weights + bias.

    weights: float32 [features, labels]. bias: float32 [labels]. familiar: None if every picture
    gets a label.
    """

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    familiar: Familiar | None = None

    @property
    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """The arrays of the file, by name."""
        own = {"weights": self.weights, "bias": self.bias}
        return own | (self.familiar._asdict() if self.familiar else {})


def save(folder: Path, head: Head) -> str:
    """Writes the layer into a package's folder. Returns the file's SHA-256."""
    np.savez_compressed(folder / HEAD, **head.arrays)  # type: ignore[arg-type]  # NumPy's stubs
    return sha256(folder / HEAD)


def read_head(package: ModelPackage) -> Head:
    """Reads the layer of a package, verified.

    Raises ModelInvalid if the package has none, or it is damaged.
    """
    package.verify(HEAD)
    try:
        arrays = _arrays(package.folder / HEAD)
        known = [arrays[name] for name in Familiar._fields if name in arrays]
        head = Head(arrays["weights"], arrays["bias"], Familiar(*known) if known else None)
    except (OSError, KeyError, TypeError, ValueError, EOFError, ImportError, zlib.error) as error:
        raise _unusable(package) from error
    if not _fits(head) or any(array.dtype != np.float32 for array in head.arrays.values()):
        raise _unusable(package)
    return head


def _arrays(file: Path) -> dict[str, NDArray[np.float32]]:
    """The arrays of a file of NumPy's, by name.

    Python itself has loaded zipimport; zipfile, by which NumPy reads, would cost a cold start 4 ms.
    """
    zipped = zipimport.zipimporter(str(file))
    zipped.invalidate_caches()  # the file may have been replaced
    arrays = {}
    for name in ("weights", "bias", *Familiar._fields):
        with suppress(OSError):  # what is not in it
            data = BytesIO(zipped.get_data(f"{name}.npy"))
            arrays[name] = np.lib.format.read_array(data, allow_pickle=False)
    return arrays


def _fits(head: Head) -> bool:
    """Whether the shapes of the arrays go together."""
    fits = head.weights.ndim == 2 and head.bias.shape == head.weights.shape[1:]
    if head.familiar is None:
        return fits
    centre, references, bounds = head.familiar
    width = head.weights.shape[:1]
    return fits and centre.shape == references.shape[1:] == width and bounds.shape == (2,)


def _unusable(package: ModelPackage) -> ModelInvalid:
    return ModelInvalid(
        f"{HEAD} of {package.info.name} does not hold float32 weights [features, labels] and bias "
        "[labels]; fetch or add the model again."
    )
