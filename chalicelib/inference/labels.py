"""What a classifier says of an image, and whether that is right."""

from functools import lru_cache
from unicodedata import normalize

FOUND = 0.5
"""The least score of a label that a multi-label model is taken to find in a picture."""


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
