"""LiteRT, the engine that every package has a file for. The only module that knows it."""

from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

from chalicelib import processors
from chalicelib.errors import ModelInvalid
from chalicelib.kernels import kernels
from chalicelib.tensors import Tensor, check_classifier

if processors.unlisted():  # here, because it must be before the first interpreter, and only once
    processors.list_for("ai_edge_litert")


class LiteRT:
    """The network of a `.tflite` file, mapped into memory. One thread at a time may run it.

    threads: CPU threads of an inference. resolver: where the kernels come from.
    Raises ModelInvalid where the file is not an image classifier.
    """

    def __init__(
        self, path: Path, threads: int, resolver: OpResolverType = OpResolverType.AUTO
    ) -> None:
        self._interpreter, self.input, self.output = _open(path, threads, resolver)
        self._interpreter.allocate_tensors()

    @property
    def kernels(self) -> str:
        """What computes: see `chalicelib.kernels`."""
        return self._kernels[0]

    @property
    def slow(self) -> bool:
        """Whether XNNPACK should have taken the network and has not."""
        return self._kernels[1]

    def run(self, array: NDArray[np.generic]) -> NDArray[np.generic]:
        """The raw output. array: of the shape and dtype of `input`."""
        self._interpreter.set_tensor(self.input.index, array)
        self._interpreter.invoke()
        raw: NDArray[np.generic] = self._interpreter.get_tensor(self.output.index)
        return raw

    @cached_property
    def _kernels(self) -> tuple[str, bool]:
        return kernels(self._interpreter._get_ops_details())


@lru_cache(maxsize=64)
def input_size(path: Path) -> tuple[int, int]:
    """Width and height in pixels that the network in a `.tflite` file takes.

    Raises ModelInvalid where the file is not an image classifier.
    """
    tensor, _ = inspect(path)
    return tensor.size


def inspect(path: Path) -> tuple[Tensor, Tensor]:
    """The input and the output of the network in a `.tflite` file.

    Raises ModelInvalid where the file is not an image classifier.
    """
    _, pixels, scores = _open(path, 1, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    return pixels, scores


def _open(path: Path, threads: int, resolver: OpResolverType) -> tuple[Interpreter, Tensor, Tensor]:
    """An interpreter of the file, with its one input and its scores."""
    try:
        interpreter = Interpreter(
            model_path=str(path), num_threads=threads, experimental_op_resolver_type=resolver
        )
        inputs = [_tensor(details) for details in interpreter.get_input_details()]
        outputs = [_tensor(details) for details in interpreter.get_output_details()]
    except (ValueError, RuntimeError) as error:
        raise ModelInvalid(f"{path.name} of {path.parent.name} is not a LiteRT model.") from error
    return interpreter, *check_classifier(path.parent.name, inputs, outputs)


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
