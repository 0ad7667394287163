"""The engines that run networks, and which of them runs a package's.

The library of an engine is imported only when that engine is used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from chalicelib.errors import ModelInvalid
from chalicelib.inference.packages import MODEL, ORT, ModelInfo, ModelPackage
from chalicelib.inference.processors import avx2_at_most
from chalicelib.settings import EngineName

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


Load = Callable[[ModelPackage, int], Network]
"""Loads the network of a package, for so many CPU threads."""


class Engine(Protocol):
    """What runs networks."""

    @property
    def name(self) -> EngineName:
        """What settings and reports call it."""

    def file(self, info: ModelInfo) -> str:
        """The file of a package that it loads; `model.tflite` where the package lacks that."""

    def load(self, package: ModelPackage, threads: int) -> Network:
        """The network of a package. Raises ModelInvalid where it is not an image classifier."""

    def prepare(self) -> None:
        """Import it ahead of time."""


@dataclass(frozen=True)
class LiteRtEngine:
    """LiteRT, which every package has a file for."""

    name: EngineName = "litert"

    def file(self, info: ModelInfo) -> str:
        """`model.tflite`, whatever the package."""
        return MODEL

    def load(self, package: ModelPackage, threads: int) -> Network:
        """The network of `model.tflite`; see `Engine.load`."""
        from chalicelib.inference.litert import LiteRT

        return LiteRT(package.model_path, threads)

    def prepare(self) -> None:
        """Import LiteRT."""
        from chalicelib.inference import litert  # noqa: F401


@dataclass(frozen=True)
class OnnxRuntimeEngine:
    """ONNX Runtime, for packages that have a file for it."""

    name: EngineName = "onnxruntime"

    def file(self, info: ModelInfo) -> str:
        """`model.ort` where the package has one."""
        return ORT if info.ort_sha256 else MODEL

    def load(self, package: ModelPackage, threads: int) -> Network:
        """The network of `model.ort`; see `Engine.load`.

        Raises ModelInvalid, too, where the package has none or ONNX Runtime is not installed.
        """
        from chalicelib.inference.onnx import OnnxRuntime

        if package.info.ort_sha256 is None:
            raise ModelInvalid(
                f"ENGINE is onnxruntime, but model {package.info.name} has no {ORT}; export it "
                "with --onnxruntime, or set ENGINE=litert."
            )
        return OnnxRuntime(package.folder / ORT, threads)

    def prepare(self) -> None:
        """Load the binding, if it is installed."""
        from chalicelib.inference import onnx

        if onnx.installed():
            onnx.binding()


LITERT, ONNXRUNTIME = LiteRtEngine(), OnnxRuntimeEngine()


def onnxruntime_suits() -> bool:
    """Whether ONNX Runtime is installed, and faster than LiteRT on this processor."""
    if not avx2_at_most():
        return False
    from chalicelib.inference.onnx import installed

    return installed()


def chosen(
    info: ModelInfo | None, name: EngineName, suits: Callable[[], bool] = onnxruntime_suits
) -> Engine:
    """The engine of that name; for `auto`, the faster one that the package has a file for.

    info: of the package; None where it is not here yet.
    """
    if name == "auto":
        return ONNXRUNTIME if info and info.ort_sha256 and suits() else LITERT
    return ONNXRUNTIME if name == "onnxruntime" else LITERT
