"""Finds a network's pixel scaling by trying the usual ones on labelled pictures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from chalicelib.errors import InceptionError, ModelInvalid
from chalicelib.images.decode import decode
from chalicelib.images.preprocessing import Preprocessing
from chalicelib.significance import mcnemar_p_value
from tools.console.refusals import Refused
from tools.evaluating.alternatives import ALPHA
from tools.evaluating.labelled import Labelled, find
from tools.evaluating.truth import Truths
from tools.evaluating.usual import scalings
from tools.inspecting.ending import Ending
from tools.options import ASKED, formula

MOST = 200
"""Pictures: every way is tried on each."""

Answer = Callable[[NDArray[np.uint8], Preprocessing], NDArray[Any]]
"""RGB pixels [height, width, 3], and what is done to them, to one score for each class."""


@dataclass(frozen=True)
class Trial:
    """Which pictures each way gets right."""

    right: dict[Preprocessing, NDArray[np.bool_]]

    def told(self, how: Preprocessing) -> str:
        """A way and how often it is right, in words."""
        right = self.right[how]
        return f"{formula(how)} is right on {right.sum()} of {right.size}"

    def best(self) -> list[Preprocessing]:
        """The ways, best first; of equals, the more usual first."""
        return sorted(self.right, key=lambda how: -int(self.right[how].sum()))

    def beats(self, how: Preprocessing, other: Preprocessing) -> bool:
        """Whether one way is right more often than another by more than luck.

        McNemar's exact test, corrected for the number of ways (Bonferroni).
        """
        more, less = (self.right[a] & ~self.right[b] for a, b in ((how, other), (other, how)))
        chance = mcnemar_p_value(int(more.sum()), int(less.sum())) * (len(self.right) - 1)
        return bool(more.sum() > less.sum() and chance < ALPHA)


def second_above(end: Ending, scores: str) -> float | None:
    """The score above which a single unit means the second label; None if unknown.

    scores: the option of this name.
    """
    if scores == "auto":
        return {"sigmoid": 0.5, "linear": 0.0}.get(end.kind)
    return 0.0 if scores == "logits" else 0.5


def unknown(name: str, pictures: Path | None) -> ModelInvalid:
    """The error if neither the network nor pictures show the scaling."""
    instead = "Or give --pictures, labelled pictures that show it."
    if pictures:
        instead = (
            "--pictures help only if they are labelled, one label of a picture is right, and the "
            "network takes floats."
        )
    return ModelInvalid(
        f"It cannot be told whether {name} needs its pixels scaled. {ASKED} {instead}"
    )


def tried(
    folder: Path,
    labels: Sequence[str],
    how: Preprocessing,
    size: tuple[int, int],
    depth: int,
    answer: Answer,
    above: float | None = None,
) -> Trial:
    """Try the package's own way and the usual ones on the labelled pictures of a folder.

    how: the package's own way. size: width and height in pixels. depth: the network's channels.
    above: for a network of one unit, see `second_above`.
    Raises Refused if the pictures are unlabelled or unreadable.
    """
    labelled = find(folder, [Truths(labels, None)])
    # only Caffe's means come with blue first; they are unlike any others
    ways = [
        way
        for way in scalings(how, depth)
        if way.channels == how.channels or len(way.mean or ()) > 1
    ]
    right: dict[Preprocessing, list[bool]] = {way: [] for way in ways}
    with click.progressbar(_some(labelled), label="    Labelled pictures") as bar:
        for path, classes in bar:
            try:
                pixels = decode(path.read_bytes(), size, how).pixels
            except (InceptionError, OSError):
                continue
            for way in ways:
                scores = answer(pixels, way)
                if above is not None:
                    scores = np.append(above, scores)
                right[way].append(int(scores.argmax()) in classes)
    if not right[ways[0]]:
        raise Refused(f"{folder} contains no readable labelled picture.")
    return Trial({way: np.array(rows) for way, rows in right.items()})


def decided(trial: Trial, name: str) -> tuple[Preprocessing, str]:
    """The best way, and why. Raises ModelInvalid unless it is better by more than luck."""
    best, *others = trial.best()
    others = [way for way in others if not _same(trial, way, best)]
    second = others[0] if others else best
    if trial.beats(best, second):
        return best, "as labelled pictures tell"
    raise ModelInvalid(
        f"Labelled pictures do not tell how {name} needs its pixels scaled: {trial.told(best)}, "
        f"{trial.told(second)}, which may be luck. Give more of them, or name the scaling. {ASKED}"
    )


def _same(trial: Trial, way: Preprocessing, other: Preprocessing) -> bool:
    """Whether two ways differ only in the channel order and the pictures cannot tell."""
    scales = [(sorted(how.mean or (0.0,)), sorted(how.std or (1.0,))) for how in (way, other)]
    return scales[0] == scales[1] and bool((trial.right[way] == trial.right[other]).all())


def doubted(trial: Trial, how: Preprocessing) -> str:
    """How often a way is right, and which way is better by more than luck."""
    best = trial.best()[0]
    if trial.beats(best, how):
        return f"Look again: of labelled pictures, {trial.told(how)}, and {trial.told(best)}."
    return f"Of labelled pictures, {trial.told(how)}."


def _some(labelled: Labelled) -> list[tuple[Path, tuple[int, ...]]]:
    """At most MOST pictures, spread over all, with the classes of their labels."""
    pictures = [
        (photo.image, classes[0])
        for photo, classes in zip(labelled.photos, labelled.classes, strict=True)
        if isinstance(photo.image, Path)
    ]
    count = min(len(pictures), MOST)
    return [pictures[index * len(pictures) // count] for index in range(count)]
