"""The engines that run networks, and which engine runs which package.

The library of an engine is imported only when that engine is used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from chalicelib.errors import ModelInvalid
from chalicelib.inference.packages import HEAD, MODEL, ORT, ModelInfo, ModelPackage
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
        """The name of the kernels that compute it."""

    @property
    def slow(self) -> bool:
        """Whether these kernels are several times slower than the best on this processor."""

    def run(self, array: NDArray[np.generic]) -> NDArray[np.generic]:
        """Returns the raw output. array: has the shape and dtype of `input`."""

    @property
    def gives_features(self) -> bool:
        """Whether it gives `map` and `pooled`, which otherwise raise FeaturesMissing."""

    def map(self) -> NDArray[np.float32]:
        """Returns the last run's feature map: float32 [n, height, width, features]."""

    def pooled(self) -> NDArray[np.float32]:
        """Returns the average of the last run's feature map: float32 [n, features]."""


Load = Callable[[ModelPackage, int], Network]
"""Loads the network of a package, for so many CPU threads."""


class Engine(Protocol):
    """An engine: a library that runs networks."""

    @property
    def name(self) -> EngineName:
        """The name of the engine in settings and reports."""

    def file(self, info: ModelInfo) -> str:
        """The file of a package that it loads; `model.tflite` if the package has no other."""

    def load(self, package: ModelPackage, threads: int) -> Network:
        """Loads a package's network. Raises ModelInvalid if it is not an image classifier."""

    def prepare(self) -> None:
        """Imports the engine's library early."""


class LiteRtEngine:
    """LiteRT. Every package has a file for it."""

    name: EngineName = "litert"

    def file(self, info: ModelInfo) -> str:
        """`model.tflite`; of a taught package its head, as it has no network of its own."""
        return HEAD if info.base else MODEL

    def load(self, package: ModelPackage, threads: int) -> Network:
        """Loads the network of `model.tflite`; see `Engine.load`."""
        from chalicelib.inference.litert import LiteRT

        return LiteRT(package.model_path, threads)

    def prepare(self) -> None:
        """Import LiteRT."""
        from chalicelib.inference import litert  # noqa: F401


class OnnxRuntimeEngine:
    """ONNX Runtime. Some packages have a file for it."""

    name: EngineName = "onnxruntime"

    def file(self, info: ModelInfo) -> str:
        """`model.ort`, if the package has it."""
        return ORT if info.ort_sha256 else MODEL

    def load(self, package: ModelPackage, threads: int) -> Network:
        """Loads the network of `model.ort`; see `Engine.load`.

        Also raises ModelInvalid if the package has no such file, or ONNX Runtime is not installed.
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
    """Returns the engine of that name; for `auto`, the fastest for this package and processor.

    info: the package's; None if the package is not here yet. A taught package runs on LiteRT,
        which alone gives the features that it needs.
    """
    if info and info.base:
        return LITERT
    if name == "auto":
        return ONNXRUNTIME if info and info.ort_sha256 and suits() else LITERT
    return ONNXRUNTIME if name == "onnxruntime" else LITERT
