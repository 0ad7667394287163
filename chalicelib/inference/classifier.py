"""Classify an RGB array with one loaded network."""

import base64
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chalicelib.answers.predictions import Embedding, Label
from chalicelib.errors import ModelInvalid
from chalicelib.inference import engines
from chalicelib.inference.explainable import no_features
from chalicelib.inference.head import Head, read_head
from chalicelib.inference.packages import MODEL, ModelPackage
from chalicelib.inference.taught import picture_weights, to_label_scores
from chalicelib.inference.tensors import check_fits, dequantised, to_input, to_scores, top
from chalicelib.inference.turns import Turns

UNTIMED = nullcontext()


class Features(NamedTuple):
    """What a network saw in an image.

    pooled: float32 [1, features], the average of map: float32 [1, height, width, features].
    """

    pooled: NDArray[np.float32]
    map: NDArray[np.float32]

    def embedding(self, form: bool | str) -> Embedding:
        """Returns the pooled features: numbers if `form` is "list", else base64 of float32."""
        (values,) = self.pooled
        if form == "list":
            return [float(text) for text in values.astype(str)]  # with float32's few digits
        return base64.b64encode(values.astype("<f4").tobytes()).decode()


class Classifier:
    """One loaded network. Safe to use from several threads, which take turns.

    package: already verified.
    threads: CPU threads of an inference that runs alone.
    copies: inferences that may run at the same time. More copies: higher throughput. One copy on
        all threads: lowest latency. If there are several, a further copy on all threads serves an
        inference that runs alone. A copy of an Inception v3 takes some 40 MB.
    load: loads a network with one of the engines.
    networks: those of another classifier with the same network, which the two then share; None to
        load them.
    kernels, slow: what computes, and whether it is slower than it could be on this processor.
    Raises ModelInvalid if the file is not an image classifier with these labels.
    """

    def __init__(
        self,
        package: ModelPackage,
        threads: int,
        copies: int = 1,
        load: engines.Load = engines.LITERT.load,
        networks: Turns[engines.Network] | None = None,
    ) -> None:
        self.info, self._package, self._threads = package.info, package, threads
        self.labels = package.labels()
        self.networks = networks or _loaded(package, threads, copies, load)
        any_ = self.networks.sample
        self._input, self._output = any_.input, any_.output
        self.kernels, self.slow = any_.kernels, any_.slow
        check_fits(self.info.name, self.info.preprocessing, self._input)
        self._head = read_head(package) if package.info.base else None
        units = self._output.shape[-1] if self._head is None else len(self._head.bias)
        of_two = units == 1 and len(self.labels) == 2 and not self.info.multi_label
        if len(self.labels) != units and not of_two:
            raise ModelInvalid(
                f"Model {self.info.name} has {units} classes and {len(self.labels)} labels; add "
                "it again with one label for each class, each on its own line."
            )

    @property
    def input_size(self) -> tuple[int, int]:
        """Width and height in pixels of the arrays that `scores` takes."""
        return self._input.size

    def scores(
        self, pixels: NDArray[np.uint8], during: AbstractContextManager[object] = UNTIMED
    ) -> NDArray[np.float32]:
        """Returns a score for each label, background included: float32 [labels], 0..1.

        Their sum is at most 1, unless the model is multi-label; see `to_scores`.
        pixels: uint8 [height, width, 3], RGB, of `input_size`. during: a context that is entered
        around the inference itself, when it is this thread's turn.
        """
        return self._scores(self._run(pixels, during))

    def featured(
        self, pixels: NDArray[np.uint8], during: AbstractContextManager[object] = UNTIMED
    ) -> tuple[NDArray[np.float32], Features]:
        """Returns `scores`, and the features that they were made of.

        ONNX Runtime gives none: then LiteRT runs the network a second time for them.
        Raises FeaturesMissing if the package does not give them.
        """
        tensor = to_input(pixels, self._input, self.info.preprocessing)[np.newaxis]
        gives = self.networks.sample.gives_features
        with (self.networks if gives else self._second).turn() as network, during:
            raw = network.run(tensor)
            features = Features(network.pooled(), network.map())
            if not gives:
                return self.scores(pixels), features
        return self._scores(raw.reshape(-1) if self._head is None else features.pooled), features

    @property
    def features(self) -> int:
        """How many features an embedding has."""
        return len((self._head or self._last).weights)

    def evidence(self, features: Features) -> NDArray[np.float32]:
        """Returns what each feature of an image adds to each logit: float32 [features, labels].

        A softmax only compares labels, so it is what a label gets above their mean. Raises
        ModelInvalid if the package's last layer is damaged.
        """
        if self._head is None:
            return self._last.weights
        evidence = above_mean(picture_weights(self._head, features.pooled))
        if self._head.familiar is not None:
            evidence[:, -1] = 0  # no place shows none of the labels
        return evidence

    @cached_property
    def _last(self) -> Head:
        """The last layer of the package's own network, with weights as `evidence` gives them."""
        weights, bias, _ = read_head(self._package)
        if weights.shape[1] < len(self.labels):
            weights = np.hstack([-weights, weights])  # one unit scores the second label
        return Head(weights if self.info.multi_label else above_mean(weights), bias)

    @cached_property
    def _second(self) -> Turns[engines.Network]:
        """LiteRT's network of a package that another engine serves."""
        if not self.info.has_features:
            raise no_features(self.info.name)
        self._package.verify(MODEL)
        return Turns([engines.LITERT.load(self._package, self._threads)])

    def output(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Returns the network's own output, dequantised: float32 [units], of any range.

        Of a taught package, which has no network of its own, that is its scores.
        """
        return self.scores(pixels) if self._head else dequantised(self._run(pixels), self._output)

    def rank(
        self, scores: NDArray[np.float32], max_labels: int, min_confidence: float | None = None
    ) -> list[Label]:
        """Returns at most `max_labels` labels, best first, with at least `min_confidence`.

        Without it, labels with a score of 0 are left out. The background class always is.
        """
        best = top(scores, max_labels, self.info.background_class)
        labels = (Label(self.labels[i], round(float(scores[i]), 6)) for i in best)
        if min_confidence is None:
            return [label for label in labels if label.score > 0]
        return [label for label in labels if label.score >= min_confidence]

    def _scores(self, raw: NDArray[np.generic]) -> NDArray[np.float32]:
        """Scores from what `_run` returns."""
        if self._head is not None:
            return to_label_scores(self._head, raw.astype(np.float32))
        logits = self.info.scores == "logits"
        return to_scores(raw, self._output, len(self.labels), logits, self.info.multi_label)

    def _run(
        self, pixels: NDArray[np.uint8], during: AbstractContextManager[object] = UNTIMED
    ) -> NDArray[np.generic]:
        """Returns what scores are made of: the raw output [units], or features [1, features]."""
        tensor = to_input(pixels, self._input, self.info.preprocessing)
        with self.networks.turn() as network, during:
            raw = network.run(tensor[np.newaxis])
            return raw.reshape(-1) if self._head is None else network.pooled()


def above_mean(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns weights [features, labels] less the mean of the labels."""
    above: NDArray[np.float32] = weights - weights.mean(axis=1, keepdims=True)
    return above


def _loaded(
    package: ModelPackage, threads: int, copies: int, load: engines.Load
) -> Turns[engines.Network]:
    share = max(1, threads // copies)
    shared = [load(package, share) for _ in range(copies)]
    return Turns(shared, load(package, threads) if share < threads else None)
