"""PHOTOS of `tools.model evaluate`: pictures with their true classes."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from chalicelib.requests import Instance
from chalicelib.wording import count
from tools.console.refusals import Refused
from tools.evaluating import picturelists
from tools.evaluating.picturelists import Table
from tools.evaluating.truth import Truths, is_number
from tools.submitting.inputs import SUFFIXES as IMAGES

NEEDED = (
    "Put them into a folder for each class, or list them with their labels in a CSV "
    "(columns image,label) or in JSON Lines (url or image, and label)."
)


class Photo(NamedTuple):
    """A picture. called: its name in reports. label: what its owner says it shows.

    licence, source: its own, where its owner names them.
    """

    called: str
    image: Path | Instance
    label: str
    licence: str = ""
    source: str = ""


Pictures = tuple[str, list[Photo], list[str]]
"""Where the labels come from, the pictures, and the lines that name no picture."""


@dataclass(frozen=True)
class Labelled:
    """Pictures that every model has classes for.

    by: where their labels come from. classes: for each picture and model, the indices of the
    classes that its label names. unknown: labels without a class, and how many pictures have them.
    shared: labels that name several classes. faults: lines that name no picture.
    """

    by: str
    photos: list[Photo]
    classes: list[tuple[tuple[int, ...], ...]]
    unknown: dict[str, int] = field(default_factory=dict)
    shared: dict[str, list[str]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def find(path: Path, truths: Sequence[Truths]) -> Labelled:
    """The labelled pictures of a folder or a file, for these models.

    Raises Refused if there are none, or if no class has most of their labels.
    """
    by, photos, faults = labelled(path, truths)
    if not photos:
        raise Refused(f"{path} has no labelled pictures. {NEEDED}")
    _check_numbers(photos, truths)
    unknown = Counter(photo.label for photo in photos if not _known(photo.label, truths))
    if 2 * unknown.total() > len(photos):
        raise Refused(_mostly_unknown(path, photos, unknown, truths))
    kept = [photo for photo in photos if photo.label not in unknown]
    once: dict[object, Photo] = {}  # a picture listed twice would narrow intervals
    for photo in kept:
        once.setdefault((photo.image, truths[0].classes(photo.label)), photo)
    if again := len(kept) - len(once):
        kept = [*once.values()]
        faults = [*faults, f"{count(again, 'line')} with a picture and label again"]
    classes = [tuple(truth.classes(photo.label) for truth in truths) for photo in kept]
    first = truths[0]
    shared = {
        label: [first.labels[index] for index in first.classes(label)]
        for label in sorted({photo.label for photo in kept})
        if len(first.classes(label)) > 1
    }
    return Labelled(by, kept, classes, dict(unknown.most_common()), shared, faults)


def labelled(path: Path, truths: Sequence[Truths]) -> Pictures:
    """The pictures of a folder or a file with their labels, known to these models or not.

    Raises Refused if a file lists none.
    """
    return _of_folder(path, truths) if path.is_dir() else _of_table(path, _read(path), truths)


def _read(path: Path) -> Table:
    if path.suffix.lower() not in picturelists.SUFFIXES:
        raise Refused(f"{path} is neither a folder nor a CSV or JSON Lines. {NEEDED}")
    return picturelists.read(path)


def _known(label: str, truths: Sequence[Truths]) -> bool:
    return all(truth.classes(label) for truth in truths)


def _of_folder(folder: Path, truths: Sequence[Truths]) -> Pictures:
    """Read the labels from the folder's table, else from the names of its folders."""
    listed: list[tuple[Path, Table]] = []
    refused: Refused | None = None
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in picturelists.SUFFIXES and path.is_file():
            try:
                listed.append((path, picturelists.read(path)))
            except Refused as error:
                refused = error
    if len(listed) > 1:
        raise Refused(
            f"{folder} has {' and '.join(path.name for path, _ in listed)}: give one file."
        )
    if listed:
        return _of_table(*listed[0], truths)
    photos = [
        Photo(path.relative_to(folder).as_posix(), path, label.name)
        for label in sorted(folder.iterdir())
        if label.is_dir() and not label.name.startswith(".")
        if not folder.resolve().is_relative_to(label.resolve())  # a link to itself
        for path in _walk(label)
    ]
    if refused and not photos:
        raise refused
    loose = sum(path.suffix.lower() in IMAGES for path in folder.iterdir())
    faults = [f"{loose} pictures directly in {folder} have no label"] if loose else []
    return "folder names", photos, faults


def _of_table(path: Path, table: Table, truths: Sequence[Truths]) -> Pictures:
    """Read the labels from the column that the models have classes for."""
    columns = [
        column for column in picturelists.LABELS if any(column in row.labels for row in table.rows)
    ]
    column = max(columns, key=lambda column: sum(
        all(len(truth.classes(row.labels.get(column, ""))) == 1 for truth in truths)
        for row in table.rows
    ))  # fmt: skip
    photos = [
        Photo(row.called, row.image, row.labels.get(column, ""), row.licence, row.source)
        for row in table.rows
    ]
    return f"column {column} of {path.name}", photos, table.faults


def _walk(folder: Path) -> Iterator[Path]:
    """All files below in a fixed order, except hidden ones; non-pictures are reported later."""

    def refuse(error: OSError) -> None:
        raise error

    for parent, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(parent, name) for name in sorted(files) if not name.startswith("."))


def _check_numbers(photos: Sequence[Photo], truths: Sequence[Truths]) -> None:
    """Raise Refused if labels are numbers that may be counted from another class than 0."""
    numbers = {photo.label for photo in photos if is_number(photo.label)}
    for truth in truths:
        if any(map(truth.is_index, numbers)) and not all(map(truth.classes, numbers)):
            raise Refused(
                f"Labels are numbers up to {max(numbers, key=int)}, but classes count from 0 to "
                f"{len(truth.labels) - 1}. Name the classes, or count from 0."
            )


def _mostly_unknown(
    path: Path, photos: Sequence[Photo], unknown: Mapping[str, int], truths: Sequence[Truths]
) -> str:
    """The message for pictures whose labels no class has."""
    lines = [
        f"{sum(unknown.values())} of {len(photos)} pictures have labels that no class of the model "
        f"has: {listed(unknown, truths)}."
    ]
    parents = {photo.image.parent for photo in photos if isinstance(photo.image, Path)}
    deeper = sorted({str(p.parent) for p in parents if p.parent != path and _known(p.name, truths)})
    if all(map(is_number, unknown)):
        lines.append(
            "They are numbers, and one class is hidden, so it is not clear which class is the "
            "first. Name the classes instead."
        )
    elif deeper:
        lines.append(f"Do you mean {deeper[0]}?")
    else:
        lines.append("Is this the right model, and the right column or folder?")
    return " ".join(lines)


def listed(unknown: Mapping[str, int], truths: Sequence[Truths], most: int = 10) -> str:
    """Labels that no class has, each with the nearest class name."""
    said = []
    for label, many in list(unknown.items())[:most]:
        near = truths[0].nearest(label)
        hint = f"; {near}?" if near else ""
        said.append(f"{label or '(empty)'} ({many}{hint})")
    rest = len(unknown) - most
    return ", ".join(said) + (f" and {rest} more" if rest > 0 else "")
