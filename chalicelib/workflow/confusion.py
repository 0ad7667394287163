"""What is taken for what: counts of pairs of labels, and the matrix that a person can look at."""

from collections import ChainMap, Counter
from collections.abc import Mapping, Sequence

import msgspec

from chalicelib.inference.labels import fold

MAX_PAIRS = 100_000
"""Different pairs that are kept apart: some 20 MB, however many images and labels there are."""

MATRIX_LABELS = 20
"""Labels of a matrix: more cannot be read."""

CONFUSED = 10
"""Confusions that are told one by one."""

OTHER = "(other)"
"""Stands for all the labels that have no row of their own."""


class Confusion(msgspec.Struct, frozen=True):
    """Two different labels of the same images. example: id of one of these images."""

    row: str
    column: str
    count: int
    example: str


class Matrix(msgspec.Struct, frozen=True):
    """Images by two labels, each the same set of rows and columns.

    rows, columns: whose labels they are: "truth" or a model's name. counts: [row][column].
    hidden: number of labels that share the last row and column, `OTHER`; 0 where there is none;
        what is beyond MAX_PAIRS counts as one.
    confused: the most frequent pairs of different labels, of all labels.
    """

    rows: str
    columns: str
    labels: list[str]
    hidden: int
    counts: list[list[int]]
    confused: list[Confusion]


class Pairs:
    """Counts pairs of labels, compared as `fold` does and shown as first spelt."""

    def __init__(self, rows: str, columns: str) -> None:
        self.rows, self.columns = rows, columns
        self.counts: Counter[tuple[str, str]] = Counter()
        self.spelling = {OTHER: OTHER}
        self._examples: dict[tuple[str, str], str] = {}

    def add(self, row: str, column: str, id: str) -> None:
        """Count an image."""
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
        """The matrix of these labels, folded; the `hidden` others come last, together."""
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
    """The matrix of each, all of the same labels: the most confused, then the most frequent.

    Two that are confused with each other come together, so that their cell is there.
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
