"""LiteRT, the engine for every package. Only this module imports it."""

import re
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

from chalicelib.errors import ModelInvalid
from chalicelib.inference import processors
from chalicelib.inference.explainable import no_features
from chalicelib.inference.kernels import Kernels, kernels
from chalicelib.inference.tensors import Tensor, check_classifier, dequantised, features_among

if processors.unlisted():  # once, and before the first interpreter
    processors.list_for("ai_edge_litert")

LACKING = re.compile(r"Node number \d+ \((.+?)\) failed to (?:prepare|invoke)")
NEWER_GRAPH = re.compile(r"builtin opcode '(\w+)' version '(\d+)'|builtin_code out of range: (\d+)")
"""LiteRT's words for an operation that it does not have, or not in this version."""


class LiteRT:
    """The network of a `.tflite` file, mapped into memory. One thread at a time may run it.

    threads: CPU threads of an inference. resolver: where the kernels come from.
    Raises ModelInvalid where the file is not an image classifier, or LiteRT cannot compute it.
    """

    def __init__(
        self, path: Path, threads: int, resolver: OpResolverType = OpResolverType.AUTO
    ) -> None:
        self._path = path
        self._interpreter, self.input, self.output, self._features = _open(path, threads, resolver)
        _allocate(self._interpreter, path)

    @property
    def kernels(self) -> str:
        """The kernels that compute it: see `chalicelib.inference.kernels`."""
        return self._kernels.name

    @property
    def slow(self) -> bool:
        """Whether XNNPACK should have taken the network and did not."""
        return self._kernels.slow

    @property
    def gives_features(self) -> bool:
        """Whether the file gives its last feature map and its average."""
        return self._features is not None

    def run(self, array: NDArray[np.generic]) -> NDArray[np.generic]:
        """Returns the raw output. array: has the shape and dtype of `input`.

        Raises ModelInvalid if LiteRT cannot compute the network.
        """
        self._interpreter.set_tensor(self.input.index, array)
        try:
            self._interpreter.invoke()
        except RuntimeError as error:
            raise ModelInvalid(_refusal(self._path, error)) from error
        raw: NDArray[np.generic] = self._interpreter.get_tensor(self.output.index)
        return raw

    def map(self) -> NDArray[np.float32]:
        """Returns the last run's feature map: float32 [1, height, width, features]."""
        return self._feature(0)

    def pooled(self) -> NDArray[np.float32]:
        """Returns the average of the last run's feature map: float32 [1, features]."""
        return self._feature(1).reshape(1, -1)

    def _feature(self, which: int) -> NDArray[np.float32]:
        if self._features is None:
            raise no_features(self._path.parent.name)
        tensor = self._features[which]
        return dequantised(self._interpreter.get_tensor(tensor.index), tensor)

    @cached_property
    def _kernels(self) -> Kernels:
        try:
            return kernels(self._interpreter._get_ops_details())
        except UnicodeDecodeError as error:
            raise ModelInvalid(
                f"{self._path.name} of {self._path.parent.name} has tensors whose names are not "
                "UTF-8; convert the network anew with names in ASCII."
            ) from error


@lru_cache(maxsize=64)
def input_size(path: Path) -> tuple[int, int]:
    """Returns width and height, in pixels, of the input of a `.tflite` file.

    Raises ModelInvalid where the file is not an image classifier.
    """
    _, image, _, _ = _open(path, 1, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    return image.size


def inspect(path: Path) -> tuple[Tensor, Tensor]:
    """Returns the input and output tensors of a `.tflite` file.

    Raises ModelInvalid where the file is not an image classifier, or LiteRT cannot compute it.
    """
    network = LiteRT(path, 1, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    _ = network.kernels  # reads every tensor's name
    return network.input, network.output


def _open(
    path: Path, threads: int, resolver: OpResolverType
) -> tuple[Interpreter, Tensor, Tensor, tuple[Tensor, Tensor] | None]:
    """Opens the file: an interpreter, its input, its scores, and its map and average, if any."""
    try:
        interpreter = Interpreter(
            model_path=str(path), num_threads=threads, experimental_op_resolver_type=resolver
        )
        inputs = [_tensor(details) for details in interpreter.get_input_details()]
        outputs = [_tensor(details) for details in interpreter.get_output_details()]
    except (ValueError, RuntimeError) as error:
        raise ModelInvalid(_refusal(path, error)) from error
    features = features_among(outputs)
    scores = outputs[:1] if features else outputs
    return interpreter, *check_classifier(path.parent.name, inputs, scores), features


def _allocate(interpreter: Interpreter, path: Path) -> None:
    """Prepares every operation. Raises ModelInvalid, naming an operation that LiteRT lacks."""
    try:
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ModelInvalid(_refusal(path, error)) from error


def _refusal(path: Path, error: Exception) -> str:
    """Turns LiteRT's message into an error that says what to do."""
    said, file = str(error), f"{path.name} of {path.parent.name}"
    if not said:  # LiteRT says nothing where it gets no memory
        return (
            f"{file} needs more memory than there is, so it is damaged or too large; copy the "
            "file again, or use a smaller network."
        )
    if newer := NEWER_GRAPH.search(said):
        name, version, code = newer.groups()
        operation = f"{name} version {version}" if name else f"operation {code}"
        return (
            f"{file} needs {operation}, which is newer than this LiteRT; convert the network with "
            "an older TensorFlow, or update ai-edge-litert."
        )
    lacking = LACKING.search(said)
    if lacking and "Select TensorFlow op" in said:
        return (
            f"{file} needs {lacking[1]}, an operation of TensorFlow that LiteRT does not have; "
            "convert the network with TFLITE_BUILTINS alone, without SELECT_TF_OPS."
        )
    if lacking and "custom op" in said:
        return (
            f"{file} needs the custom operation {lacking[1]}, which LiteRT does not have; use the "
            "network from before it was compiled for other hardware, or build it without that "
            "operation."
        )
    if lacking:
        return f"{file} cannot be computed by LiteRT: {said.strip().splitlines()[-1][:300]}"
    return f"{file} is not a LiteRT model."


def _tensor(details: dict[str, Any]) -> Tensor:
    scale, zero_point = details["quantization"]
    return Tensor(
        index=details["index"],
        name=details["name"],
        shape=tuple(int(n) for n in details["shape"]),
        dtype=np.dtype(details["dtype"]),
        scale=float(scale),
        zero_point=int(zero_point),
    )
