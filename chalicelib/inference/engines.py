"""Which engine runs a package's network. Each is imported where it is used, and no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from chalicelib.errors import ModelInvalid
from chalicelib.inference.packages import MODEL, ORT, ModelInfo, ModelPackage
from chalicelib.inference.processors import avx2_at_most
from chalicelib.settings import Engine

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from chalicelib.inference.tensors import Tensor


class Network(Protocol):
    """One loaded network."""

    input: Tensor
    output: Tensor

    @property
    def kernels(self) -> str:
        """What computes."""

    @property
    def slow(self) -> bool:
        """Whether that is several times slower than it could be here."""

    def run(self, array: NDArray[np.generic]) -> NDArray[np.generic]:
        """The raw output. array: of the shape and dtype of `input`."""


Open = Callable[[ModelPackage, int], Network]
"""Loads the network of a package, for so many CPU threads."""


def litert(package: ModelPackage, threads: int) -> Network:
    """The network of `model.tflite`. Raises ModelInvalid where it is not an image classifier."""
    from chalicelib.inference.litert import LiteRT

    return LiteRT(package.model_path, threads)


def onnxruntime(package: ModelPackage, threads: int) -> Network:
    """The network of `model.ort`.

    Raises ModelInvalid where the package has none, ONNX Runtime is not installed, or it is not an
    image classifier.
    """
    from chalicelib.inference.onnx import OnnxRuntime

    if package.info.ort_sha256 is None:
        raise ModelInvalid(
            f"ENGINE is onnxruntime, and model {package.info.name} has no {ORT}; export it with "
            "--onnxruntime, or set ENGINE=litert."
        )
    return OnnxRuntime(package.folder / ORT, threads)


def onnxruntime_suits() -> bool:
    """Whether ONNX Runtime is installed, and faster than LiteRT on this processor."""
    if not avx2_at_most():
        return False
    from chalicelib.inference.onnx import installed

    return installed()


def chosen(
    info: ModelInfo, engine: Engine, suits: Callable[[], bool] = onnxruntime_suits
) -> Engine:
    """The engine of that package: as was said, or the faster one that it has a file for."""
    if engine != "auto":
        return engine
    return "onnxruntime" if info.ort_sha256 and suits() else "litert"


def opening(engine: Engine) -> Open:
    """What loads networks by that engine, or by the one that is chosen for each package."""

    def load(package: ModelPackage, threads: int) -> Network:
        found = onnxruntime if chosen(package.info, engine) == "onnxruntime" else litert
        return found(package, threads)

    return load


def reading(engine: Engine) -> Callable[[ModelInfo], str]:
    """What names the file of a package that is loaded then; `model.tflite` if it lacks that."""

    def file(info: ModelInfo) -> str:
        wanted = info.ort_sha256 and chosen(info, engine) == "onnxruntime"
        return ORT if wanted else MODEL

    return file


def prepare(info: ModelInfo | None, engine: Engine) -> None:
    """Import what will load that package, ahead of time; info is None where it is not known yet."""
    if info is None or reading(engine)(info) == MODEL:
        from chalicelib.inference import litert  # noqa: F401
    else:
        from chalicelib.inference import onnx

        if onnx.installed():
            onnx.binding()
