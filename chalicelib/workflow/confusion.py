"""Count confusions: pairs of labels, and a matrix of them that people can read."""

from collections import ChainMap, Counter
from collections.abc import Mapping, Sequence

import msgspec

from chalicelib.inference.labels import fold

MAX_PAIRS = 100_000
"""Different pairs that are counted apart: some 20 MB, whatever the images and labels."""

MATRIX_LABELS = 20
"""Labels of a matrix. Nobody can read more."""

CONFUSED = 10
"""Confusions that are listed one by one."""

OTHER = "(other)"
"""The label that stands for all labels without a row of their own."""


class Confusion(msgspec.Struct, frozen=True):
    """Two different labels of the same images. example: the id of such an image."""

    row: str
    column: str
    count: int
    example: str


class Matrix(msgspec.Struct, frozen=True):
    """Counts of images by two labels; rows and columns have the same labels.

    rows, columns: whose labels they are: "truth" or a model's name. counts: [row][column].
    hidden: number of labels that share the last row and column, `OTHER`; 0 if there is no such row.
        Labels beyond MAX_PAIRS count as one.
    confused: the most frequent pairs of different labels, of all labels.
    """

    rows: str
    columns: str
    labels: list[str]
    hidden: int
    counts: list[list[int]]
    confused: list[Confusion]


class Pairs:
    """Counts pairs of labels, compared by `fold` and shown in their first spelling."""

    def __init__(self, rows: str, columns: str) -> None:
        self.rows, self.columns = rows, columns
        self.counts: Counter[tuple[str, str]] = Counter()
        self.spelling = {OTHER: OTHER}
        self._examples: dict[tuple[str, str], str] = {}

    def add(self, row: str, column: str, id: str) -> None:
        """Counts an image."""
        first, second = pair = fold(row), fold(column)
        if pair not in self.counts:
            if len(self.counts) >= MAX_PAIRS:
                first, second = pair = OTHER, OTHER
            else:
                self.spelling.setdefault(second, column.strip())
                self.spelling.setdefault(first, row.strip())
            if first != second:
                self._examples[pair] = id
        self.counts[pair] += 1

    def matrix(self, shown: Sequence[str], hidden: int, spelling: Mapping[str, str]) -> Matrix:
        """Returns the matrix of these folded labels; the `hidden` others share the last row."""
        place = {label: number for number, label in enumerate(shown)}
        size = len(shown) + (hidden > 0)
        counts = [[0] * size for _ in range(size)]
        for (row, column), count in self.counts.items():
            counts[place.get(row, size - 1)][place.get(column, size - 1)] += count
        labels = [spelling[label] for label in shown] + [OTHER] * (hidden > 0)
        return Matrix(self.rows, self.columns, labels, hidden, counts, self._confused())

    def _confused(self) -> list[Confusion]:
        worst = sorted((-self.counts[pair], *pair) for pair in self._examples)[:CONFUSED]
        return [
            Confusion(
                self.spelling[row], self.spelling[column], -count, self._examples[row, column]
            )
            for count, row, column in worst
        ]


def matrices(counted: Sequence[Pairs]) -> list[Matrix]:
    """Returns a matrix for each, with the same labels: most confused, then most frequent.

    Labels that are confused with each other are chosen together, so that their cell is shown.
    """
    all_: Counter[tuple[str, str]] = Counter()
    for pairs in counted:
        all_.update(pairs.counts)
    order = sorted(all_.items(), key=_confused_first)
    labels = dict.fromkeys(label for pair, _ in order for label in pair)
    beyond = labels.pop(OTHER, 0) is None
    ranked = list(labels)
    kept = sorted(ranked[:MATRIX_LABELS])
    hidden = len(ranked) - len(kept) + beyond
    spelling = ChainMap(*(pairs.spelling for pairs in counted))
    return [pairs.matrix(kept, hidden, spelling) for pairs in counted if pairs.counts]


def _confused_first(counted: tuple[tuple[str, str], int]) -> tuple[bool, int, tuple[str, str]]:
    """Sorts pairs of labels with their counts: different ones first, then the most frequent."""
    (row, column), count = counted
    return row == column, -count, (row, column)
