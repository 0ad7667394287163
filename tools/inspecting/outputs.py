"""What a network's scores are, from its ending, the options, or sample answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chalicelib.answers.predictions import Scores
from chalicelib.errors import ModelInvalid
from chalicelib.inference.classifier import Classifier
from chalicelib.inference.packages import ModelPackage
from chalicelib.inference.tensors import Tensor
from tools.console.quiet import quiet
from tools.inspecting.ending import Ending, of_tflite
from tools.newpackage import sample_images

Rows = NDArray[np.float32]
"""What a network gives for some pictures: [pictures, units]."""

PICTURES = 24
"""Generated ones that a network is asked about."""
ROUNDING = 0.01
"""How far from 1 the sum of a softmax may be."""


@dataclass(frozen=True)
class Output:
    """What a network's scores are.

    scores, multi_label: see `chalicelib.inference.packages.ModelInfo`. why: the evidence, in words.
    """

    scores: Scores
    multi_label: bool
    why: str


def settled(
    name: str,
    end: Ending,
    units: int,
    options: Mapping[str, Any],
    answers: Callable[[], Rows],
    rounded: bool = False,
) -> Output:
    """What the scores of the network called `name` are.

    units: how many scores. options: `scores` and `multi_label`, each None to be found.
    answers: its scores for generated pictures; called only if its ending does not tell.
    rounded: whether these are multiples of 1/256.
    Raises ModelInvalid if it stays unknown or contradicts the options.
    """
    scores = None if options["scores"] == "auto" else options["scores"]
    several: bool | None = options["multi_label"]
    _check(name, end, units, scores, several)
    if end.kind == "softmax":
        return Output("probabilities", False, "as it ends in a softmax")
    if end.kind == "sigmoid":
        multi_label = units > 1 if several is None else several
        return Output(
            "probabilities", multi_label, f"as it ends in {'sigmoids' * (units > 1) or 'one'}"
        )
    if end.kind == "linear" and scores is None:
        why = "as it ends in a layer without activation"
        if several is None and units > 1:
            why += ", and as if one label were right; --multi-label if several may be"
        return Output("logits", bool(several), why)
    return _seen(name, end, answers(), rounded, scores, several)


def _check(name: str, end: Ending, units: int, scores: Scores | None, several: bool | None) -> None:
    """Raise ModelInvalid if the options contradict the network."""
    if end.kind == "softmax" and units == 1:
        raise ModelInvalid(
            f"{name} ends in a softmax of one unit, which is always 1. Let it end in a sigmoid, "
            "or in a softmax of two units."
        )
    if end.kind in ("softmax", "sigmoid") and scores == "logits":
        raise ModelInvalid(
            f"{name} ends in a {end.kind}, so its scores are probabilities; leave --scores out."
        )
    if end.kind == "softmax" and several:
        raise ModelInvalid(
            f"{name} ends in a softmax, so its scores sum to 1 and no two labels can both be "
            "likely; leave --multi-label out."
        )


def _seen(
    name: str, end: Ending, rows: Rows, rounded: bool, scores: Scores | None, several: bool | None
) -> Output:
    """`settled` by the scores for generated pictures, as far as they prove it."""
    low, high, sums_to_one = float(rows.min()), float(rows.max()), _sum_to_one(rows, rounded)
    range_ = f"its scores for generated pictures reach from {low:.2g} to {high:.2g}"
    if scores == "probabilities":
        if low < -ROUNDING or high > 1 + ROUNDING:
            raise ModelInvalid(f"{name} gives no probabilities: {range_}; leave --scores out.")
        if several is None and rows.shape[1] > 1 and not sums_to_one:
            raise ModelInvalid(
                f"It cannot be told whether only one label of {name} is right for a picture, "
                "because its scores do not sum to 1. Give --multi-label if several may be right, "
                "or --one-label."
            )
        return Output("probabilities", bool(several), "as you said")
    if sums_to_one and not several:
        if scores == "logits":
            raise ModelInvalid(
                f"{name} gives probabilities: its scores for generated pictures are never negative "
                "and sum to 1; leave --scores out."
            )
        return Output("probabilities", False, "because they are never negative and always sum to 1")
    if scores == "logits":
        return Output("logits", bool(several), "as you said")
    if max(-low, high) > 1 + ROUNDING and end.kind != "changed":
        return Output("logits", bool(several), f"as {range_}")
    raise ModelInvalid(
        f"It cannot be told what the scores of {name} are: it ends in "
        f"{end.operation or 'an unknown operation'}, and {range_}. Give --scores probabilities "
        "(with --multi-label if several labels may be right for a picture) or --scores logits."
    )


def _sum_to_one(rows: Rows, rounded: bool) -> bool:
    """Whether all rows surely sum to 1; False if rounding makes that unclear."""
    units = rows.shape[1]
    most = ROUNDING + rounded * units / 512
    if units == 1 or most > 0.1 or rows.min() < -ROUNDING:
        return False
    return bool((np.abs(rows.sum(axis=1) - 1) <= most).all())


def of_package(package: ModelPackage, tensor: Tensor, options: Mapping[str, Any]) -> Output:
    """`settled` for a package's network. tensor: of its scores."""

    def answers() -> Rows:
        with quiet():
            classifier = Classifier(package, 1)
        images = sample_images(classifier.input_size, PICTURES)
        return np.stack([classifier.output(image) for image in images])

    end = of_tflite(package.model_path)
    rounded = tensor.scale > 0
    return settled(package.info.name, end, tensor.shape[-1], options, answers, rounded)


def told(scores: Scores, multi_label: bool) -> str:
    """What a package's scores are, in words."""
    right = "each label by itself, several may be right" if multi_label else "one label is right"
    made = ", made of the network's logits" if scores == "logits" else ""
    return f"probabilities, {right}{made}"
