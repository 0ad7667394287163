"""What a package is taught with: labelled features. Kept in its folder, for `--add`."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from chalicelib.inference.labels import fold
from chalicelib.inference.taught import rooted
from tools.console.refusals import Refused
from tools.teaching.looks import Look

KEPT = "taught.npz"
"""The file in a package's folder. It is not deployed."""

Rows = NDArray[np.float32]
Classes = NDArray[np.int_]


@dataclass(frozen=True)
class Lesson:
    """Pictures with their labels. called: their names. told: label of each."""

    called: list[str]
    told: list[str]
    looks: list[Look]

    @cached_property
    def labels(self) -> list[str]:
        """The labels, in the order of the alphabet."""
        return sorted(set(self.told), key=lambda label: (fold(label), label))

    @cached_property
    def classes(self) -> Classes:
        """Each picture's place among the labels."""
        place = {label: number for number, label in enumerate(self.labels)}
        return np.array([place[label] for label in self.told])

    @cached_property
    def counts(self) -> Classes:
        """How many pictures each label has."""
        return np.bincount(self.classes, minlength=len(self.labels))

    @cached_property
    def rows(self) -> Rows:
        """Rooted features of the pictures, and of their mirror images: [2, pictures, features]."""
        stacked = np.stack([look.features for look in self.looks], axis=1).astype(np.float32)
        return np.stack([rooted(side) for side in stacked])

    def only(self, places: Sequence[int]) -> "Lesson":
        """The pictures at those places."""
        lists = (self.called, self.told, self.looks)
        called, told, looks = ([list_[place] for place in places] for list_ in lists)
        return Lesson(called, told, looks)  # type: ignore[arg-type]

    def __add__(self, other: "Lesson") -> "Lesson":
        return Lesson(self.called + other.called, self.told + other.told, self.looks + other.looks)


def save(lesson: Lesson, folder: Path) -> None:
    """Writes what was taught into a package's folder."""
    looks = lesson.looks
    np.savez_compressed(
        folder / KEPT,
        called=np.array(lesson.called),
        told=np.array(lesson.told),
        digests=np.array([look.digest for look in looks]),
        facts=np.array([look.facts for look in looks]),
        edges=np.stack([look.edge for look in looks]),
        times=np.array([look.times for look in looks]),
        features=np.stack([look.features for look in looks]),
    )


def load(folder: Path) -> Lesson:
    """Reads what a package was taught with. Raises Refused if its folder does not say."""
    try:
        with np.load(folder / KEPT, allow_pickle=False) as arrays:
            rows = zip(
                arrays["digests"].tolist(), arrays["facts"].tolist(), arrays["edges"],
                arrays["times"].tolist(), arrays["features"], strict=True,
            )  # fmt: skip
            looks = [
                Look(digest, (facts[0], int(facts[1]), int(facts[2])), edge, (*times,), features)
                for digest, facts, edge, times, features in rows
            ]
            return Lesson(arrays["called"].tolist(), arrays["told"].tolist(), looks)
    except (OSError, EOFError, KeyError, ValueError, BadZipFile) as error:
        raise Refused(
            f"{folder} has no readable {KEPT}, which records what {folder.name} was taught with. "
            "Teach it again with all pictures and --force."
        ) from error
