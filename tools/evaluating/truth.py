"""Which classes of a model the label of a picture names."""

import re
from collections import Counter
from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from chalicelib.inference.labels import fold, is_imagenet, names

WORDNET = Path(__file__).with_name("wordnet.txt")
"""The WordNet ids of ImageNet's 1,000 classes in order, which name its folders
(https://image-net.org/challenges/LSVRC/2012/browse-synsets.php)."""

ID = re.compile(r"(n\d{8})(?!\d)")
"""Such an id at the start of a label: `n01440764`, or `n01440764_tench`."""


class Truths:
    """Finds the classes that a label names.

    labels: the model's, by class index. hidden: the class that it never answers with.
    """

    def __init__(self, labels: Sequence[str], hidden: int | None) -> None:
        self.labels = shown(labels)
        self._size, self._hidden = len(labels), hidden
        self._named: dict[str, list[int]] = {}
        for index, label in enumerate(labels):
            for name in names(label) if index != hidden else ():
                self._named.setdefault(name, []).append(index)
        self._wordnet = _wordnet(len(labels) - 1000) if is_imagenet(labels) else {}
        self._known: dict[str, tuple[int, ...]] = {}

    def classes(self, text: str) -> tuple[int, ...]:
        """The indices of the classes with that name.

        A WordNet id names a class of ImageNet. A number that is no class's name is an index from 0,
        unless a class is hidden: then it is unclear whether indices count that class.
        """
        if text not in self._known:
            self._known[text] = self._classes(text)
        return self._known[text]

    def _classes(self, text: str) -> tuple[int, ...]:
        id = ID.match(text.strip().lower())
        if id and id[1] in self._wordnet:
            return (self._wordnet[id[1]],)
        if (name := fold(text)) in self._named:
            return tuple(self._named[name])
        if self.is_index(text):
            return (int(text),)
        return ()

    def nearest(self, text: str) -> str:
        """The class whose name is spelt much like that; empty if there is none."""
        near = get_close_matches(fold(text), self._named, 1, 0.75)
        return self.labels[self._named[near[0]][0]] if near else ""

    def is_index(self, text: str) -> bool:
        """Whether it is an index of a class, and not a class's name."""
        return (
            self._hidden is None
            and is_number(text)
            and fold(text) not in self._named
            and int(text) < self._size
        )


def is_number(text: str) -> bool:
    """Whether a label is a number, as of a class."""
    return text.isascii() and text.isdecimal() and len(text) < 10


def shown(labels: Sequence[str]) -> list[str]:
    """A short unique name for each class: its first name, its label, or label and number."""
    first = [label.split(",")[0].strip() for label in labels]
    names, wholes = Counter(map(fold, first)), Counter(map(fold, labels))
    return [
        name if names[fold(name)] == 1 else label if wholes[fold(label)] == 1 else f"{label} ({i})"
        for i, (name, label) in enumerate(zip(first, labels, strict=True))
    ]


@cache
def _wordnet(shift: int) -> dict[str, int]:
    return {id: index + shift for index, id in enumerate(WORDNET.read_text("ascii").split())}
