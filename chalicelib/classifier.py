"""LiteRT: an RGB array in, ranked labels out. The only module that knows the interpreter."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import msgspec
import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

from chalicelib import processors
from chalicelib.errors import ModelInvalid, ModelNotFound, SlowKernels
from chalicelib.kernels import SLOW, kernels
from chalicelib.models import ModelPackage, Models
from chalicelib.tensors import Tensor, dequantised, to_input, to_scores, top

logger = logging.getLogger("serverless-inception.classifier")
"""A child of the one that `app.py` makes, and so written as JSON by it."""

if processors.unlisted():  # here, because it must be before the first interpreter, and only once
    processors.list_for("ai_edge_litert")

LOADED_AT_ONCE = 2
"""Classifiers kept in memory: an experiment's two arms. An 8-bit Inception v3 takes about 65 MB."""


UNTIMED = nullcontext()


class Label(msgspec.Struct, frozen=True):
    """A class's name and its probability, 0..1."""

    name: str
    score: float


class Classifier:
    """One loaded network. Safe to use from several threads, which take turns.

    package: verified by whoever found it.
    threads: CPU threads of one inference.
    copies: inferences that run at the same time; each copy takes some 40 MB for an Inception v3.
        One copy with a thread for each CPU answers soonest; as many copies of one thread as there
        are CPUs answer most images a second.
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
        self._free: SimpleQueue[Interpreter] = SimpleQueue()
        for _ in range(copies):
            interpreter, self._input, self._output = _open(package.model_path, threads, resolver)
            interpreter.allocate_tensors()
            self._free.put(interpreter)
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
    threads, copies: of each classifier. load: makes one of them.
    """

    def __init__(
        self,
        models: Models,
        threads: int,
        model: str,
        fallback: str,
        copies: int = 1,
        load: Callable[[ModelPackage, int, int], Classifier] = Classifier,
    ) -> None:
        self._models = models
        self._threads, self._copies = threads, copies
        self._model = model
        self._fallback = fallback
        self._classifier = load
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

    def healthy(self, allow_slow: bool) -> Classifier:
        """The default classifier.

        Raises what `get` does, and SlowKernels where it is slow and that is not allowed.
        """
        classifier = self.get()
        if classifier.slow and not allow_slow:
            raise SlowKernels(SLOW.format(classifier.info.name))
        return classifier

    def _load(self, name: str) -> Classifier:
        """Load, and write one line of log about it."""
        start = time.perf_counter()
        classifier = self._classifier(self._models.find(name), self._threads, self._copies)
        facts = {
            "model": name,
            "version": classifier.info.version,
            "kernels": classifier.kernels,
            "load": round((time.perf_counter() - start) * 1000, 2),
        }
        if classifier.slow:
            logger.error(SLOW.format(name), extra=facts)
        else:
            logger.info("model loaded", extra=facts)
        return classifier


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
