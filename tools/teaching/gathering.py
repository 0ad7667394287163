"""Finds pictures to teach with, and makes a lesson of them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from unicodedata import normalize

from chalicelib.inference.labels import fold
from chalicelib.inference.taught import NONE
from chalicelib.requests import MAX_LABEL
from chalicelib.wording import count, plain
from tools.console.refusals import Refused
from tools.evaluating.labelled import NEEDED, Photo, labelled
from tools.teaching.lessons import Lesson
from tools.teaching.looks import Look

LEAST = 3
"""Pictures of a label: one to hold out, and two to tell how they vary."""

PARTS = {"train", "training", "val", "valid", "validation", "test", "testing"}
"""Folders that data sets are parted into."""


class Gathered(NamedTuple):
    """Pictures with labels. by: where the labels come from. faults: what was left out."""

    by: str
    photos: list[Photo]
    faults: list[str]


def gather(path: Path) -> Gathered:
    """The pictures of a folder, a CSV or JSON Lines.

    Raises Refused if there are none, or their labels cannot be meant.
    """
    by, photos, faults = labelled(path, ())
    if not photos:
        raise Refused(f"{path} has no labelled pictures. {NEEDED}")
    empty = []
    if by == "folder names":
        folders = [entry for entry in path.iterdir() if entry.is_dir() and entry.name[0] != "."]
        empty = sorted({folder.name for folder in folders} - {photo.label for photo in photos})
    faults = [*faults, *(f"the folder {name} is empty" for name in empty)]
    labels = [_cleaned(photo.label) for photo in photos]
    if unseen := labels.count(""):
        faults.append(f"{count(unseen, 'picture')} with a label that nobody can see")
    if long := next((label for label in labels if len(label) > MAX_LABEL), None):
        raise Refused(
            f"The label {plain(long, 40)} has {len(long):,} characters, and may have "
            f"{MAX_LABEL:,}. Is it a description? Give short labels."
        )
    if by == "folder names":
        _check_parts(path, Counter(photo.label for photo in photos))
    spelled: dict[str, str] = {}
    for label in labels:
        spelled.setdefault(fold(label), label)
    photos = [
        photo._replace(label=spelled[fold(label)])
        for photo, label in zip(photos, labels, strict=True)
        if label
    ]
    return Gathered(by, photos, faults)


def _cleaned(label: str) -> str:
    """The label on one line, without what hides or moves a terminal's cursor."""
    label = normalize("NFC", label)
    return plain(label, len(label))


def _check_parts(path: Path, labels: Counter[str]) -> None:
    """Raises Refused if the folders are parts of a data set, and the labels one level deeper."""
    if labels and {fold(label) for label in labels} <= PARTS:
        (largest, _), *_ = labels.most_common()
        raise Refused(
            f"{' and '.join(sorted(labels))} look like parts of a data set, not like labels. "
            f"Do you mean {path / largest}?"
        )


def lesson_of(
    photos: Sequence[Photo], looks: Sequence[Look | None], before: Lesson | None
) -> tuple[Lesson, list[str]]:
    """The lesson of these pictures after an earlier one; and what was left out.

    The same file counts once. A file with two labels does not count.
    """
    seen = [(photo, look) for photo, look in zip(photos, looks, strict=True) if look is not None]
    lesson = Lesson(
        [photo.called for photo, _ in seen],
        [photo.label for photo, _ in seen],
        [look for _, look in seen],
    )
    if before is not None:
        spelled = {fold(label): label for label in [*lesson.labels, *before.labels]}
        lesson = Lesson(
            lesson.called, [spelled[fold(label)] for label in lesson.told], lesson.looks
        )
        lesson = before + lesson
    labels: dict[str, set[str]] = {}
    first: dict[str, int] = {}
    for place, (label, look) in enumerate(zip(lesson.told, lesson.looks, strict=True)):
        labels.setdefault(look.digest, set()).add(label)
        first.setdefault(look.digest, place)
    torn = {digest: of for digest, of in labels.items() if len(of) > 1}
    faults = []
    if again := len(lesson.told) - len(first):
        faults.append(f"{count(again, 'copy', 'copies')} of pictures that are there already")
    if torn:
        examples = [
            f"{lesson.called[first[digest]]} ({' and '.join(sorted(of))})"
            for digest, of in [*torn.items()][:3]
        ]
        faults.append(f"{count(len(torn), 'picture')} with two labels: {', '.join(examples)}")
    return lesson.only([place for digest, place in first.items() if digest not in torn]), faults


def check(
    path: Path,
    asked: Iterable[str],
    lesson: Lesson,
    reject: bool,
    unreadable: Mapping[str, str],
) -> None:
    """Raises Refused if a model cannot be taught with this.

    asked: the label of each picture, used or not. unreadable: why pictures are not used, by name.
    """
    example = next((f"{plain(name)}: {why}" for name, why in unreadable.items()), "")
    if not lesson.told:
        torn = "they contradict each other: the same picture has several labels."
        raise Refused(f"No picture can be used, as {example or torn}")
    counts = Counter(map(fold, lesson.told))
    names = {fold(label): label for label in [*asked, *lesson.labels]}
    if len(names) == 1:
        (label,) = lesson.labels
        deeper = [folder for folder in (path / label).glob("*/") if folder.name[0] != "."]
        hint = f" Do you mean {path / label}?" if len(deeper) > 1 else ""
        raise Refused(
            f"All pictures have the label {label}. A model needs at least two labels: add another, "
            f"perhaps pictures of other things.{hint}"
        )
    few = [label for name, label in sorted(names.items()) if counts[name] < LEAST]
    if few:
        said = ", ".join(f"{plain(label)} {counts[fold(label)]}" for label in few[:5])
        raise Refused(
            f"A label needs at least {LEAST} different, readable pictures; 30 are better. "
            f"Too few: {said}." + (f" Not used, for example, {example}" if example else "")
        )
    if reject and any(fold(label) == fold(NONE) for label in lesson.labels):
        raise Refused(
            f"--reject adds the label {NONE!r}. Rename your label, or leave --reject out."
        )
