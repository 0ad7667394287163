"""LiteRT: an RGB array in, ranked labels out. The only module that knows the interpreter."""

import threading
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import msgspec
import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

from chalicelib.errors import ModelInvalid, ModelNotFound
from chalicelib.models import ModelPackage, Models, Scaling

LOADED_AT_ONCE = 2
"""Classifiers kept in memory: an experiment's two arms. An 8-bit Inception v3 takes about 65 MB."""


UNTIMED = nullcontext()


class Label(msgspec.Struct, frozen=True):
    """A class's name and its probability, 0..1."""

    name: str
    score: float


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


class Classifier:
    """One loaded network. Safe to use from several threads, which take turns.

    package: verified by whoever found it.
    threads: CPU threads of one inference.
    copies: inferences that run at the same time; each copy takes some 40 MB for an Inception v3.
        One copy with a thread for each CPU answers soonest; as many copies of one thread as there
        are CPUs answer most images a second.
    Raises ModelInvalid where the file is not an image classifier with these labels.
    """

    def __init__(self, package: ModelPackage, threads: int, copies: int = 1) -> None:
        self.info = package.info
        self.labels = package.labels()
        self._free: SimpleQueue[Interpreter] = SimpleQueue()
        for _ in range(copies):
            interpreter, self._input, self._output = _open(package.model_path, threads)
            interpreter.allocate_tensors()
            self._free.put(interpreter)
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
        return _dequantised(self._run(pixels), self._output)

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
        interpreter = self._free.get()
        try:
            with during:
                interpreter.set_tensor(self._input.index, tensor[np.newaxis])
                interpreter.invoke()
                raw: NDArray[np.generic] = interpreter.get_tensor(self._output.index)
        finally:
            self._free.put(interpreter)
        return raw.reshape(-1)


class Classifiers:
    """The classifiers in memory, each loaded at its first use.

    model: name of the package that answers where none is asked for.
    fallback: answers where `model` is not to be found; empty for none.
    threads, copies: of each classifier.
    """

    def __init__(
        self, models: Models, threads: int, model: str, fallback: str, copies: int = 1
    ) -> None:
        self._models = models
        self._threads, self._copies = threads, copies
        self._model = model
        self._fallback = fallback
        self._loaded = lru_cache(LOADED_AT_ONCE)(self._load)
        self._lock = threading.Lock()

    def get(self, name: str | None = None) -> Classifier:
        """The classifier of that name, or the default one.

        Raises ModelNotFound where no such package exists, and ModelInvalid where it, or the default
        one, cannot be served.
        """
        with self._lock:
            if name is not None:
                return self._loaded(name)
            try:
                return self._loaded(self._model)
            except ModelNotFound as error:
                if self._fallback:
                    return self._loaded(self._fallback)
                raise ModelInvalid(
                    f"The model of this service, {self._model!r}, is not deployed with it; "
                    "fetch it with `make model`, or set MODEL to one that is."
                ) from error

    def _load(self, name: str) -> Classifier:
        return Classifier(self._models.find(name), self._threads, self._copies)


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


def to_input(
    pixels: NDArray[np.uint8], tensor: Tensor, scaling: Scaling | None
) -> NDArray[np.generic]:
    """Pixels as the network takes them: the same shape, in the dtype of `tensor`.

    A quantised input without a scaling of its own takes pixels as they are: 0..255 as uint8, or
    -128..127 as int8, as TensorFlow's converter leaves them
    (https://ai.google.dev/edge/litert/models/quantization_spec).
    """
    if tensor.dtype == np.uint8 and scaling is None:
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
    values = np.nan_to_num(_dequantised(raw, tensor))
    values = np.exp(values - values.max()) if logits else values.clip(0.0, 1.0)
    total = max(float(values.sum()), 1.0)
    return (values / total).astype(np.float32)


def _dequantised(raw: NDArray[np.generic], tensor: Tensor) -> NDArray[np.float32]:
    values = raw.astype(np.float32)
    if tensor.scale:
        values = (values - tensor.zero_point) * np.float32(tensor.scale)
    return values


def top(scores: NDArray[np.float32], count: int, hidden: int | None) -> list[int]:
    """Indices of the `count` highest scores, highest first; ties in class order."""
    order = np.argsort(-scores, kind="stable")[: count + 1]
    return [int(i) for i in order if i != hidden][:count]


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
