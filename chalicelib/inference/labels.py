"""Labels: the names of classes, and whether an answer is right."""

from collections.abc import Sequence
from functools import lru_cache
from unicodedata import normalize

LIKELY_SCORE = 0.5
"""A label of a multi-label model is in the picture if its score is at least this."""

NO_LABEL = "(none)"
"""The label of an answer without labels."""

_BACKGROUND = {"background", "dummy"}
"""Names of a class that stands for nothing."""

_IMAGENET = {0: "tench", 1: "goldfish", 207: "golden retriever", 281: "tabby", 999: "toilet tissue"}
"""Some of ImageNet's 1,000 classes, by their index in Keras, TF-slim and PyTorch."""


@lru_cache(maxsize=4096)
def fold(text: str) -> str:
    """Returns the form that all spellings of a name share: no capitals, single spaces, no `_`.

    Accents are composed, because macOS decomposes them in file names.
    """
    return normalize("NFC", " ".join(text.replace("_", " ").split()).casefold())


@lru_cache(maxsize=4096)
def names(label: str) -> tuple[str, ...]:
    """Returns the folded names of a class: the whole label, then each part between commas."""
    parts = (fold(part) for part in label.split(","))
    return tuple(dict.fromkeys(name for name in (fold(label), *parts) if name))


def is_right(answer: str, label: str) -> bool:
    """Whether a given answer is one of a label's names: "hot dog" is one of "hotdog, hot dog".

    Case and spaces do not matter. Every place that judges an answer uses this rule.
    """
    return fold(answer) in names(label)


def is_same(label: str, other: str) -> bool:
    """Whether two labels are spellings of one name."""
    return fold(label) == fold(other)


def is_background(label: str) -> bool:
    """Whether a class stands for nothing: "background", "__background__" or "dummy"."""
    return fold(label) in _BACKGROUND


def is_imagenet(labels: Sequence[str]) -> bool:
    """Whether they are ImageNet's 1,000 classes, with or without a background class before them."""
    shift = len(labels) - 1000
    return shift in (0, 1) and all(
        name in fold(labels[index + shift]) for index, name in _IMAGENET.items()
    )
