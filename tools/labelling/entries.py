"""Entries of a label file, and their order."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from chalicelib.errors import ModelInvalid

WORDNET = re.compile(r"(n\d{8})[\s,;:|]+(\S.*)")
"""ImageNet's id of a class before its name, as in synset_words.txt."""


class Entry(NamedTuple):
    """A class: its index, if the file says it, and its name."""

    number: int | None
    name: str


def ordered(entries: Sequence[Entry]) -> list[str]:
    """The names by class index (from 0 or 1); without indices, in the file's order.

    Raises ModelInvalid if indices are missing or appear twice.
    """
    if all(entry.number is None for entry in entries):
        return [entry.name for entry in entries]
    advice = "number the classes 0, 1, 2 and so on, or leave the numbers out"
    indices = [entry.number for entry in entries if entry.number is not None]
    if len(indices) < len(entries):
        bare = next(entry.name for entry in entries if entry.number is None)
        raise ModelInvalid(f"“{bare}” has no index and others have one; {advice}")
    index, count = Counter(indices).most_common(1)[0]
    if count > 1:
        twice = [entry.name for entry in entries if entry.number == index]
        raise ModelInvalid(
            f"the index {index} is given to “{twice[0]}” and to “{twice[1]}”; {advice}"
        )
    if not consecutive(indices):
        first = 1 if min(indices) == 1 else 0
        missing = min(set(range(first, first + len(indices))).difference(indices))
        raise ModelInvalid(
            f"the index {missing} is missing and there is {max(indices)}; {advice}. If the numbers "
            'are part of the names, put each name in quotes, such as "2 euro coin"'
        )
    return [
        name for _, name in sorted(zip(indices, [entry.name for entry in entries], strict=True))
    ]


def consecutive(indices: Sequence[int]) -> bool:
    """Whether they count up from 0 or 1, in any order."""
    return sorted(indices) in (list(range(len(indices))), list(range(1, len(indices) + 1)))
