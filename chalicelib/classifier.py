"""LiteRT: an RGB array in, ranked labels out. The only module that knows the interpreter."""

from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

from chalicelib import processors
from chalicelib.errors import ModelInvalid
from chalicelib.kernels import kernels
from chalicelib.labels import Label
from chalicelib.models import ModelPackage
from chalicelib.tensors import Tensor, dequantised, to_input, to_scores, top
from chalicelib.turns import Turns

if processors.unlisted():  # here, because it must be before the first interpreter, and only once
    processors.list_for("ai_edge_litert")

UNTIMED = nullcontext()


class Classifier:
    """One loaded network. Safe to use from several threads, which take turns.

    package: verified by whoever found it.
    threads: CPU threads of an inference that is alone.
    copies: inferences that may run at the same time. Several share the threads: that answers most
        images a second, as one on all of them answers soonest. Each copy, and where there are
        several the one for who is alone, takes some 40 MB for an Inception v3.
    resolver: where the kernels come from. kernels, slow: what came of it; see `kernels.kernels`.
    Raises ModelInvalid where the file is not an image classifier with these labels.
    """

    def __init__(
        self,
        package: ModelPackage,
        threads: int,
        copies: int = 1,
        resolver: OpResolverType = OpResolverType.AUTO,
    ) -> None:
        self.info = package.info
        self.labels = package.labels()
        share = max(1, threads // copies)
        shared = [_ready(package.model_path, share, resolver) for _ in range(copies)]
        interpreter, self._input, self._output = shared[0]
        alone = _ready(package.model_path, threads, resolver)[0] if share < threads else None
        self._turns = Turns([each[0] for each in shared], alone)
        self.kernels, self.slow = kernels(interpreter._get_ops_details())
        classes = self._output.shape[-1]
        if len(self.labels) != classes:
            raise ModelInvalid(
                f"Model {self.info.name} has {classes} classes and {len(self.labels)} labels; "
                "add it again with a label for each class, one a line."
            )

    @property
    def input_size(self) -> tuple[int, int]:
        """Width and height in pixels of the arrays that `scores` takes."""
        return self._input.shape[2], self._input.shape[1]

    def scores(
        self, pixels: NDArray[np.uint8], during: AbstractContextManager[object] = UNTIMED
    ) -> NDArray[np.float32]:
        """Probabilities by class index, background included: float32 [classes], 0..1, sum <= 1.

        pixels: uint8 [height, width, 3], RGB, of `input_size`. during: is entered for the inference
        itself, once it is this thread's turn.
        """
        raw = self._run(pixels, during)
        return to_scores(raw, self._output, self.info.scores == "logits")

    def output(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What the network itself gives, dequantised: float32 [classes], of any range."""
        return dequantised(self._run(pixels), self._output)

    def rank(
        self, scores: NDArray[np.float32], max_labels: int, min_confidence: float
    ) -> list[Label]:
        """The best labels, best first: at most `max_labels`, each of at least `min_confidence`.

        The background class is left out.
        """
        best = top(scores, max_labels, self.info.background_class)
        return [
            Label(self.labels[i], round(float(scores[i]), 6))
            for i in best
            if scores[i] >= min_confidence
        ]

    def _run(
        self, pixels: NDArray[np.uint8], during: AbstractContextManager[object] = UNTIMED
    ) -> NDArray[np.generic]:
        tensor = to_input(pixels, self._input, self.info.input_scaling)
        with self._turns.turn() as interpreter, during:
            interpreter.set_tensor(self._input.index, tensor[np.newaxis])
            interpreter.invoke()
            raw: NDArray[np.generic] = interpreter.get_tensor(self._output.index)
        return raw.reshape(-1)


@lru_cache(maxsize=64)
def input_size(path: Path) -> tuple[int, int]:
    """Width and height in pixels that the network in a `.tflite` file takes.

    Raises ModelInvalid where the file is not an image classifier.
    """
    tensor, _ = inspect(path)
    return tensor.shape[2], tensor.shape[1]


def inspect(path: Path) -> tuple[Tensor, Tensor]:
    """The input and the output of the network in a `.tflite` file.

    Raises ModelInvalid where the file is not an image classifier.
    """
    _, pixels, scores = _open(path, 1, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    return pixels, scores


def _open(
    path: Path, threads: int, resolver: OpResolverType = OpResolverType.AUTO
) -> tuple[Interpreter, Tensor, Tensor]:
    """An interpreter of the file, mapped into memory, with its one input and its scores."""
    try:
        interpreter = Interpreter(
            model_path=str(path), num_threads=threads, experimental_op_resolver_type=resolver
        )
        inputs = [_tensor(details) for details in interpreter.get_input_details()]
        outputs = [_tensor(details) for details in interpreter.get_output_details()]
    except (ValueError, RuntimeError) as error:
        raise ModelInvalid(f"{path.name} of {path.parent.name} is not a LiteRT model.") from error
    images = len(inputs) == 1 and len(inputs[0].shape) == 4 and inputs[0].shape[3] == 3
    if not images or len(outputs) != 1 or np.prod(outputs[0].shape) != outputs[0].shape[-1]:
        raise ModelInvalid(
            f"Model {path.parent.name} is not an image classifier: it must take one image "
            "[1, height, width, 3] and give one score for each class [1, classes]."
        )
    return interpreter, inputs[0], outputs[0]


def _ready(
    path: Path, threads: int, resolver: OpResolverType
) -> tuple[Interpreter, Tensor, Tensor]:
    """The same, with its memory allocated."""
    opened = _open(path, threads, resolver)
    opened[0].allocate_tensors()
    return opened


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
