"""What a classifier says of an image, and whether that is right."""

from collections.abc import Sequence
from functools import lru_cache
from unicodedata import normalize

FOUND = 0.5
"""The least score of a label that a multi-label model is taken to find in a picture."""

NO_LABEL = "(none)"
"""Stands for the label of an answer that has none."""

_BACKGROUND = {"background", "dummy"}
"""What networks call a class that stands for nothing."""

_IMAGENET = {0: "tench", 1: "goldfish", 207: "golden retriever", 281: "tabby", 999: "toilet tissue"}
"""Some of its 1,000 classes, in the order that Keras, TF-slim and PyTorch number them."""


@lru_cache(maxsize=4096)
def fold(text: str) -> str:
    """What two spellings of a name have in common: case and spaces aside, which `_` stands for.

    Accents are composed, as macOS has them apart in the names of files.
    """
    return normalize("NFC", " ".join(text.replace("_", " ").split()).casefold())


@lru_cache(maxsize=4096)
def names(label: str) -> tuple[str, ...]:
    """The folded names of a class: its label as a whole, then each part between commas."""
    parts = (fold(part) for part in label.split(","))
    return tuple(dict.fromkeys(name for name in (fold(label), *parts) if name))


def is_right(answer: str, label: str) -> bool:
    """Whether a given answer is one of a label's names: "hot dog" is one of "hotdog, hot dog".

    The one rule for that, case and spaces aside; used wherever an answer is judged.
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
