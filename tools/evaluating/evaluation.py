"""`tools.model evaluate`, from the pictures to the verdicts."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, get_args

import msgspec

from chalicelib.inference.labels import LIKELY_SCORE
from chalicelib.settings import EngineName, Settings
from chalicelib.significance import Z_95
from chalicelib.wording import count, interval, p_value, percent, points
from tools.console.refusals import Refused
from tools.evaluating.alternatives import ALPHA, Ways, try_all
from tools.evaluating.asking import Contestant, Load, ask, contestant, loader, rightness
from tools.evaluating.labelled import Labelled, Photo, find, listed
from tools.evaluating.measures import WIDE, Compared, Result, Seen, compared, measured, seen
from tools.evaluating.truth import Truths
from tools.evaluating.usual import colours


class Evaluation(msgspec.Struct, frozen=True):
    """The contents of `report.json`.

    labels: where they come from. evaluated: how many pictures count. shared_labels: labels with
    several classes, any of which is right. Left out: unknown_labels, which no class has, with how
    many pictures; unreadable pictures, and why; and other faults. held_out: whether no picture was
    judged by what had learned from it; if not, that is not known.
    """

    pictures: str
    labels: str
    evaluated: int
    unknown_labels: dict[str, int]
    shared_labels: dict[str, list[str]]
    unreadable: dict[str, str]
    faults: list[str]
    results: list[Result]
    compared: Compared | None
    ways: Ways | None
    notes: list[str]
    held_out: bool = False


class Evaluated(NamedTuple):
    """An evaluation, with what else its pages need. seen: the answers of each result's network."""

    evaluation: Evaluation
    seen: list[list[Seen]]
    load: Load
    asked: list[Contestant]


def evaluate(
    name: str,
    against: str | None,
    pictures: Path,
    settings: Settings,
    all_ways: bool,
    say: Callable[[str], None],
) -> Evaluated:
    """Measure a package, or two if `against` names another package or engine.

    all_ways: also try the usual preprocessings. say: told of the pictures before they are asked.
    Raises Refused or ModelInvalid.
    """
    asked = _loaded(name, against, settings)
    truths = [Truths(of.classifier.labels, of.package.info.background_class) for of in asked]
    labelled = find(pictures, truths)
    for line in told(labelled, truths):
        say(line)
    load = loader(labelled.photos)
    answers, unreadable = ask(labelled.photos, asked, load, "pictures")
    answered = zip(labelled.photos, labelled.classes, answers, strict=True)
    readable = [(photo, true, said) for photo, true, said in answered if said is not None]
    if not readable:
        raise Refused(_nothing_readable(pictures, unreadable))
    photos = [photo for photo, _, _ in readable]
    all_ = [
        seen(
            truths[number].labels,
            photos,
            [true[number] for _, true, _ in readable],
            [said[number] for _, _, said in readable],
        )
        for number in range(len(asked))
    ]
    results = [measured(of, said, settings.threads) for of, said in zip(asked, all_, strict=True)]
    right = rightness(asked[0], photos, [true[0] for _, true, _ in readable], load)
    evaluation = Evaluation(
        pictures=pictures.name,
        labels=labelled.by,
        evaluated=len(photos),
        unknown_labels=labelled.unknown,
        shared_labels=labelled.shared,
        unreadable=unreadable,
        faults=labelled.faults,
        results=results,
        compared=_both(asked, all_) if against else None,
        ways=try_all(colours(asked[0]), right) if all_ways else None,
        notes=[*_repeated(photos), *warnings(results)],
    )
    return Evaluated(evaluation, all_, load, asked)


def _loaded(name: str, against: str | None, settings: Settings) -> list[Contestant]:
    """Load the networks to ask. Raises Refused if they are the same on the same engine."""
    asked = [
        contestant(entrant, settings.model_dirs, settings.engine, settings.threads)
        for entrant in contestants(name, against)
    ]
    if len({(of.package.info.name, of.engine) for of in asked}) < len(asked):
        raise Refused(
            f"--against {against} is {name} itself, which runs on {asked[0].engine} here."
        )
    return asked


def _both(asked: Sequence[Contestant], all_: Sequence[Sequence[Seen]]) -> Compared:
    right = [(a.right, b.right) for a, b in zip(*all_, strict=True)]
    return compared(asked[0].name, asked[1].name, right)


def contestants(name: str, against: str | None) -> list[str]:
    """The names to ask, for `contestant`. Raises Refused if both are the same."""
    if against is None:
        return [name]
    if against in get_args(EngineName):
        against = f"{name.partition(':')[0]}:{against}"
    if against == name:
        raise Refused(f"--against {against} is {name} itself; name another package or engine.")
    return [name, against]


def told(labelled: Labelled, truths: Sequence[Truths]) -> list[str]:
    """Lines about the pictures: how many, and what was left out."""
    classes = len({photo.label for photo in labelled.photos})
    lines = [
        f"{count(len(labelled.photos), 'picture')} with {count(classes, 'label')}, "
        f"by {labelled.by}."
    ]
    if labelled.unknown:
        lines.append(
            f"Left out: {count(sum(labelled.unknown.values()), 'picture')} whose labels no class "
            f"has: {listed(labelled.unknown, truths)}."
        )
    lines += [
        f"The label {label} belongs to several classes, any of which is right: {', '.join(names)}."
        for label, names in list(labelled.shared.items())[:3]
    ]
    if labelled.faults:
        more = f", and {len(labelled.faults) - 3} more" if len(labelled.faults) > 3 else ""
        lines.append(f"Left out: {'; '.join(labelled.faults[:3])}{more}.")
    return lines


def _nothing_readable(pictures: Path, unreadable: dict[str, str]) -> str:
    name, why = next(iter(unreadable.items()))
    return (
        f"None of the {count(len(unreadable), 'picture')} of {pictures} can be read, as {name}: "
        f"{why} Paths in a table are from its own folder."
    )


def _repeated(photos: Sequence[Photo]) -> list[str]:
    several = [times for times in Counter(photo.image for photo in photos).values() if times > 1]
    if not several:
        return []
    return [
        f"{count(len(several), 'picture')} with several labels. Each label counts, and a model "
        "with one label can be right about only one of them."
    ]


def warnings(results: Sequence[Result]) -> list[str]:
    """Warnings about the figures."""
    notes = [
        f"{result.name} judges each label by itself. It is right if a picture's label has a score "
        f"of at least {percent(LIKELY_SCORE)}. Other labels that it finds are not judged, because "
        "one label does not say what else a picture shows."
        for result in results
        if result.multi_label
    ]
    top1, half = results[0].top1, WIDE / 4
    if top1.interval[1] - top1.interval[0] > WIDE:
        p = min(max(top1.share, 0.1), 0.9)
        needed = math.ceil(p * (1 - p) * (Z_95 / half) ** 2 / 10) * 10
        notes.append(
            "Too few pictures to tell much: of all such pictures, anything from "
            f"{interval(top1.interval)} may be right. With some {needed} pictures the figure is "
            f"good to {points(half)} either way."
        )
    return notes


def versus(compared: Compared) -> str:
    """Which of two models is better, in words."""
    of = compared.both + compared.only_first + compared.only_second + compared.neither
    a, b = compared.both + compared.only_first, compared.both + compared.only_second
    if a == b:
        return (
            f"{compared.first} and {compared.second} are right equally often, of {a:,} of {of:,}."
        )
    better, worse = (
        (compared.first, compared.second) if a > b else (compared.second, compared.first)
    )
    gap = points(abs(a - b) / of)
    luck = (
        "more than luck" if compared.p_value < ALPHA else "which may be luck: bring more pictures"
    )
    return f"{better} is right {gap} more often than {worse}, {luck} ({p_value(compared.p_value)})."
