"""Answers to labelled pictures -> how good a model is."""

import platform
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from chalicelib.images.preprocessing import Preprocessing
from chalicelib.inference.labels import NO_LABEL
from chalicelib.significance import mcnemar_p_value, wilson_interval
from chalicelib.workflow.confusion import Matrix, Pairs, matrices
from chalicelib.workflow.judge import TRUTH
from tools.evaluating.asking import BEST, Answer, Contestant
from tools.evaluating.calibration import Calibration, calibration
from tools.evaluating.labelled import Photo

WIDE = 0.2
"""Of a 95% interval; a wider one tells little."""

MISTAKES = 12
"""How many are shown, surest first."""


class Share(msgspec.Struct, frozen=True):
    """How many are right, and Wilson's 95% interval for the share of all such pictures."""

    right: int
    of: int
    share: float
    interval: tuple[float, float]

    @classmethod
    def counted(cls, right: int, of: int) -> "Share":
        """The share `right` of `of`; 0 of 0 is 0."""
        return cls(right, of, right / of if of else 0.0, wilson_interval(right, of))


class ClassShare(msgspec.Struct, frozen=True):
    """One class's pictures.

    taken_for: the most frequent wrong answer, "" if none. taken: how often.
    """

    name: str
    top1: Share
    taken_for: str
    taken: int


class Timing(msgspec.Struct, frozen=True):
    """Milliseconds a picture, the median and the 95th percentile; images a second at the median."""

    decode_ms: tuple[float, float]
    infer_ms: tuple[float, float]
    images_per_second: float
    threads: int
    processor: str


class Mistake(msgspec.Struct, frozen=True):
    """A wrong answer. index: the picture's place among those evaluated."""

    index: int
    picture: str
    truth: str
    answer: str
    score: float


class Result(msgspec.Struct, frozen=True):
    """One model's figures.

    multi_label: if so, an answer is right if it finds the picture's label, whatever else it finds.
    top5: None if there are too few classes. calibration: None for multi-label models, as nobody
        knows what else their pictures show. mean_of_classes: every class counts the same, however
        many pictures it has.
    """

    name: str
    model: str
    version: str
    engine: str
    kernels: str
    preprocessing: Preprocessing
    multi_label: bool
    classes: int
    top1: Share
    top5: Share | None
    mean_of_classes: float
    calibration: Calibration | None
    timing: Timing
    by_class: list[ClassShare]
    confusion: Matrix
    mistakes: list[Mistake]

    @property
    def runs_by(self) -> str:
        """The engine, with its kernels if it has several."""
        return self.engine if self.engine == self.kernels else f"{self.engine} ({self.kernels})"


class Compared(msgspec.Struct, frozen=True):
    """Two models on the same pictures: McNemar's exact test."""

    first: str
    second: str
    both: int
    only_first: int
    only_second: int
    neither: int
    p_value: float


class Seen(NamedTuple):
    """One model's answer to a picture. truth, answer: names in reports."""

    photo: Photo
    truth: str
    answer: str
    score: float
    right: bool
    in_five: bool
    whole: Answer


def seen(
    names: Sequence[str],
    photos: Sequence[Photo],
    classes: Sequence[tuple[int, ...]],
    answers: Sequence[Answer],
) -> list[Seen]:
    """Each answer beside the truth. names: unique names of the classes."""
    all_ = []
    for photo, true, whole in zip(photos, classes, answers, strict=True):
        truth = names[true[0]] if len(true) == 1 else photo.label
        said, score = whole.said(true)
        in_five = bool({*whole.best[:BEST]} & {*true})
        answer = NO_LABEL if said is None else names[said]
        all_.append(Seen(photo, truth, answer, score, said in true, in_five, whole))
    return all_


def measured(contestant: Contestant, all_: Sequence[Seen], threads: int) -> Result:
    """A model's figures from its answers, at least one."""
    info, of = contestant.classifier.info, len(all_)
    by_class = sorted(
        _by_class(all_),
        key=lambda picture: (picture.top1.share, -picture.top1.of, picture.name.casefold()),
    )
    pairs = Pairs(TRUTH, contestant.name)
    for picture in all_:
        # if several classes are right, the answer is the truth
        pairs.add(
            picture.answer if picture.right else picture.truth, picture.answer, picture.photo.called
        )
    visible = len(contestant.classifier.labels) - (info.background_class is not None)
    return Result(
        name=contestant.name,
        model=info.name,
        version=info.version,
        engine=contestant.engine,
        kernels=contestant.classifier.kernels,
        preprocessing=info.preprocessing,
        multi_label=info.multi_label,
        classes=visible,
        top1=Share.counted(sum(picture.right for picture in all_), of),
        top5=Share.counted(sum(picture.in_five for picture in all_), of)
        if visible > BEST
        else None,
        mean_of_classes=sum(picture.top1.share for picture in by_class) / len(by_class),
        calibration=None
        if info.multi_label
        else calibration([e.score for e in all_], [e.right for e in all_]),
        timing=_timing([picture.whole for picture in all_], threads),
        by_class=by_class,
        confusion=matrices([pairs])[0],
        mistakes=list(_mistakes(all_)),
    )


def _by_class(all_: Sequence[Seen]) -> Iterator[ClassShare]:
    of = Counter(picture.truth for picture in all_)
    right = Counter(picture.truth for picture in all_ if picture.right)
    wrong: dict[str, Counter[str]] = {}
    for picture in all_:
        if not picture.right:
            wrong.setdefault(picture.truth, Counter())[picture.answer] += 1
    for name, count in of.items():
        taken_for, taken = wrong[name].most_common(1)[0] if name in wrong else ("", 0)
        yield ClassShare(name, Share.counted(right[name], count), taken_for, taken)


def _mistakes(all_: Sequence[Seen]) -> Iterator[Mistake]:
    wrong = [(index, picture) for index, picture in enumerate(all_) if not picture.right]
    wrong.sort(key=lambda pair: -pair[1].score)
    for index, picture in wrong[:MISTAKES]:
        yield Mistake(index, picture.photo.called, picture.truth, picture.answer, picture.score)


def _timing(answers: Sequence[Answer], threads: int) -> Timing:
    decode = np.array([answer.decode_ms for answer in answers])
    infer = np.array([answer.infer_ms for answer in answers])
    return Timing(
        decode_ms=_middle_and_slow(decode),
        infer_ms=_middle_and_slow(infer),
        images_per_second=float(1000 / np.median(decode + infer)),
        threads=threads,
        processor=platform.machine(),
    )


def _middle_and_slow(milliseconds: NDArray[np.float64]) -> tuple[float, float]:
    median, slow = np.percentile(milliseconds, [50, 95])
    return round(float(median), 2), round(float(slow), 2)


def compared(first: str, second: str, right: Sequence[tuple[bool, bool]]) -> Compared:
    """McNemar's test of two models. right: for each picture, whether each model was right."""
    counts = Counter(right)
    only_first, only_second = counts[True, False], counts[False, True]
    return Compared(
        first=first,
        second=second,
        both=counts[True, True],
        only_first=only_first,
        only_second=only_second,
        neither=counts[False, False],
        p_value=mcnemar_p_value(only_first, only_second),
    )
