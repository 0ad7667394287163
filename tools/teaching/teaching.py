"""Use case: pictures with labels, and a base -> a package that knows the labels."""

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from PIL import Image
from threadpoolctl import threadpool_limits

from chalicelib.errors import InceptionError
from chalicelib.files import staged
from chalicelib.inference import engines
from chalicelib.inference.classifier import Classifier
from chalicelib.inference.head import read_head
from chalicelib.inference.head import save as save_head
from chalicelib.inference.packages import INFO, MODEL, ModelInfo, ModelPackage
from chalicelib.inference.taught import NONE
from chalicelib.inference.tensors import top
from chalicelib.requests import Instance
from chalicelib.settings import Settings
from chalicelib.wording import count, percent, plain
from tools.console.quiet import quiet
from tools.console.refusals import Refused
from tools.evaluating.asking import BEST, Answer, Contestant, Load, loader
from tools.evaluating.evaluation import Evaluated, Evaluation, warnings
from tools.evaluating.labelled import Photo
from tools.evaluating.measures import measured, seen
from tools.newpackage import as_json, check_name, existing, write_labels
from tools.teaching.doubts import doubts
from tools.teaching.folds import near_same, parted
from tools.teaching.gathering import Gathered, check, gather, lesson_of
from tools.teaching.judging import Judged, judge
from tools.teaching.lessons import Lesson, load, save
from tools.teaching.looks import CACHE, Looker, Progress
from tools.teaching.taughtcard import CARD, card


@dataclass(frozen=True)
class Wish:
    """What to teach.

    base: the package whose features are used; None for that of the package to add to. add: whether
    the pictures come on top of those that the package was taught with. reject: whether pictures of
    other things get "none of these"; None for as before. force: whether to replace a package.
    """

    base: str | None = None
    add: bool = False
    reject: bool | None = None
    force: bool = False
    title: str = ""
    description: str = ""


class Taught(NamedTuple):
    """What came of it. evaluated: by pictures that were held out."""

    package: ModelPackage
    evaluated: Evaluated


def teach(
    name: str,
    pictures: Path,
    wish: Wish,
    settings: Settings,
    say: Callable[[str], None],
    show: Progress,
    cache: Path = CACHE,
) -> Taught:
    """Teaches package `name` the labels of some pictures, and installs it in the cache.

    pictures: a folder of folders, a CSV or JSON Lines. say: told of what is left out. show: told of
    progress; what it raises ends the work, and nothing is installed. cache: the folder of features.
    Raises Refused, ModelInvalid or FeaturesMissing if that cannot be.
    """
    dirs = settings.model_dirs
    old = existing(name, dirs) if wish.add else None
    base = _base(name, wish, old, dirs)
    check_name(name, dirs, wish.force or wish.add)
    before = load(old.folder) if old else None
    reject = bool(old and read_head(old).familiar) if wish.reject is None else wish.reject
    gathered = gather(pictures)
    say(f"{count(len(gathered.photos), 'picture')}, labelled by {gathered.by}.")
    looker = Looker(base, settings.threads, cache)
    looks, unreadable = looker.all(gathered.photos, loader(gathered.photos), show)
    lesson, faults = lesson_of(gathered.photos, looks, before)
    for fault in (faults := [*gathered.faults, *faults]):
        say(f"Left out: {plain(fault, 400)}.")
    asked = [*(photo.label for photo in gathered.photos), *(before.labels if before else ())]
    check(pictures, asked, lesson, reject, unreadable)
    with threadpool_limits(1):  # more threads than free CPUs make small matrices slow
        groups = near_same(lesson)
        judged = judge(lesson, parted(lesson.classes, groups), reject, show)
        notes = [*doubts(lesson, groups)]
    info = _described(name, wish, base, old, lesson)
    with tempfile.TemporaryDirectory() as parent:
        package = _written(Path(parent) / name, info, lesson, judged, base)
        images = {
            look.digest: photo.image
            for photo, look in zip(gathered.photos, looks, strict=True)
            if look
        }
        gathered = gathered._replace(faults=faults)
        evaluated = _evaluated(package, gathered, images, lesson, judged, notes)
        evaluated.evaluation.unreadable.update(unreadable)
        (package.folder / CARD).write_text(card(package, lesson, evaluated.evaluation), "utf-8")
        save(lesson, package.folder)
        with staged(dirs[-1] / name) as folder:
            for file in package.folder.iterdir():
                shutil.copyfile(file, folder / file.name)
    return Taught(existing(name, dirs), evaluated)


def _base(name: str, wish: Wish, old: ModelPackage | None, dirs: Sequence[Path]) -> ModelPackage:
    """The base, verified. Raises Refused or ModelInvalid."""
    if old and not old.base:
        raise Refused(f"{name} was not taught here, so nothing can be added to it.")
    if wish.base is None and old is None:
        raise Refused("Give the base package, such as --base inception-v3.")
    named = existing(wish.base, dirs) if wish.base is not None else old
    base = named.base or named if named else None
    if base is None or (old and old.base and base.info.name != old.base.info.name):
        was = old.info.base if old else ""
        raise Refused(f"{name} was taught on {was}. Leave --base out, or teach it again.")
    if base.info.name == name:
        raise Refused(f"{name} is the base itself; choose another name.")
    base.verify(MODEL)
    return base


def _described(
    name: str, wish: Wish, base: ModelPackage, old: ModelPackage | None, lesson: Lesson
) -> ModelInfo:
    version = str(int(old.info.version) + 1) if old and old.info.version.isdecimal() else "1"
    many = f"{count(len(lesson.labels), 'label')} from {count(len(lesson.told), 'picture')}"
    return ModelInfo(
        name=name,
        version=version,
        sha256=base.info.sha256,
        base=base.info.name,
        title=wish.title or (old.info.title if old else name),
        description=wish.description or f"Taught {many}, on {base.info.title or base.info.name}.",
        source="tools.model teach",
        licence=base.info.licence,
        preprocessing=base.info.preprocessing,
    )


def _written(
    folder: Path, info: ModelInfo, lesson: Lesson, judged: Judged, base: ModelPackage
) -> ModelPackage:
    """The package in a new folder, complete but for its card."""
    folder.mkdir()
    write_labels(folder, [*lesson.labels, *([NONE] if judged.head.familiar else [])])
    info = msgspec.structs.replace(info, head_sha256=save_head(folder, judged.head))
    (folder / INFO).write_bytes(as_json(info))
    return ModelPackage(folder, info).on(base)


def _evaluated(
    package: ModelPackage,
    gathered: Gathered,
    images: Mapping[str, Path | Instance],
    lesson: Lesson,
    judged: Judged,
    notes: list[str],
) -> Evaluated:
    """How often the package is right on pictures that were held out.

    images: where the pictures of this time are, by their digests.
    """
    with quiet():
        classifier = Classifier(package, 1)
    network = classifier.networks.sample
    contestant = Contestant(package.info.name, package, engines.LITERT.name, network, classifier)
    held = lesson.only(judged.judged)
    photos = [
        Photo(called, images.get(look.digest, Path(look.digest)), label)
        for called, label, look in zip(held.called, held.told, held.looks, strict=True)
    ]
    answers = [
        Answer(tuple(best := top(row, BEST, None)), tuple(float(row[i]) for i in best), *look.times)
        for row, look in zip(judged.scores.astype(np.float32), held.looks, strict=True)
    ]
    place = {label: number for number, label in enumerate(lesson.labels)}
    true = [(place[label],) for label in held.told]
    all_ = seen(classifier.labels, photos, true, answers)
    result = measured(contestant, all_, 1)
    if judged.strangers:
        refused, of = judged.strangers
        notes = [
            *notes,
            f"Of pictures whose label was left out of the teaching, {percent(refused / of)} got "
            f'"{classifier.labels[-1]}" ({refused:,} of {of:,}).',
        ]
    evaluation = Evaluation(
        pictures=f"what {package.info.name} was taught with",
        labels=gathered.by,
        evaluated=len(photos),
        unknown_labels={},
        shared_labels={},
        unreadable={},
        faults=gathered.faults,
        results=[result],
        compared=None,
        ways=None,
        notes=[*notes, *warnings([result])],
        held_out=True,
    )
    return Evaluated(evaluation, [all_], partial(_loaded, loader(photos)), [contestant])


def _loaded(load: Load, photo: Photo) -> bytes:
    """The picture's file; a grey one for a picture of an earlier lesson that is not there now."""
    try:
        return load(photo)
    except (InceptionError, OSError):
        file = BytesIO()
        Image.new("L", (8, 8), 200).save(file, "PNG")
        return file.getvalue()
