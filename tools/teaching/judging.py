"""Judges a lesson by pictures that were held out, then learns from all of them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from chalicelib.inference.head import Head
from chalicelib.inference.taught import familiarity, strangeness
from tools.console.refusals import Refused
from tools.teaching.fitting import STRENGTHS, Logits, fitted, probabilities, temperature
from tools.teaching.folds import NEVER
from tools.teaching.lessons import Classes, Lesson, Rows
from tools.teaching.looks import Progress
from tools.teaching.refusing import bounded, knowing, strangers


class Judged(NamedTuple):
    """A head, and how good it is.

    judged: places of the pictures that were held out. scores: theirs, [judged, labels], by heads
    that did not learn from them. strength, temperature: of `head`. strangers: of pictures whose
    label is left out, how many are refused, and of how many; None if nothing is refused.
    """

    head: Head
    judged: list[int]
    scores: Logits
    strength: float
    temperature: float
    strangers: tuple[int, int] | None


def judge(lesson: Lesson, folds: Classes, reject: bool, show: Progress) -> Judged:
    """Cross-validates, and learns from all pictures.

    A picture's scores come from a head that learned from the other folds; its strength, its
    temperature and when it refuses were chosen by the answers to other folds' pictures.
    Raises Refused if no picture can be held out.
    """
    count = len(lesson.labels)
    judged = np.flatnonzero(folds != NEVER)
    if not judged.size:
        raise Refused(
            "All pictures of each label are nearly the same, so none can be held out for a "
            "test. Add different pictures."
        )
    logits, known = _held_out(lesson, folds, show)
    scores = np.zeros((len(lesson.told), count + reject))
    for fold in np.unique(folds[judged]):
        own, others = folds == fold, (folds != fold) & (folds != NEVER)
        place, heat = _chosen(logits[:, others], lesson.classes[others])
        shares = probabilities(logits[place][own] / heat)
        if reject:
            bounds = bounded(knowing(lesson.rows[0][~own]), known[others])
            strange = strangeness(bounds, known[own])[:, np.newaxis]
            shares = np.hstack([shares * (1 - strange), strange])
        scores[own] = shares
    place, heat = _chosen(logits[:, judged], lesson.classes[judged])
    *_, head = fitted(lesson.rows, lesson.classes, count, STRENGTHS[: place + 1])
    show("learning", 1, 1)
    weights, bias = head.weights / np.float32(heat), head.bias / np.float32(heat)
    if not reject:
        return Judged(
            Head(weights, bias), judged.tolist(), scores[judged], STRENGTHS[place], heat, None
        )
    familiar = bounded(knowing(lesson.rows[0]), known[judged])
    head = Head(np.pad(weights, ((0, 0), (0, 1))), np.pad(bias, (0, 1)), familiar)
    unknown = strangers(lesson.rows[0], lesson.classes, familiar) if count > 2 else None
    return Judged(head, judged.tolist(), scores[judged], STRENGTHS[place], heat, unknown)


def _held_out(lesson: Lesson, folds: Classes, show: Progress) -> tuple[Logits, Rows]:
    """Of pictures held out: logits [strengths, pictures, labels], and familiarity [pictures]."""
    logits = np.zeros((len(STRENGTHS), len(folds), len(lesson.labels)))
    known = np.zeros(len(folds), np.float32)
    rounds = [fold for fold in np.unique(folds) if fold != NEVER]
    for done, fold in enumerate(rounds):
        own = folds == fold
        show("trying", done, len(rounds))
        rows, rest = lesson.rows[0][own], lesson.rows[:, ~own]
        heads = fitted(rest, lesson.classes[~own], len(lesson.labels), STRENGTHS)
        for place, head in enumerate(heads):
            logits[place, own] = rows @ head.weights + head.bias
        known[own] = familiarity(knowing(rest[0]), rows)
    show("trying", len(rounds), len(rounds))
    return logits, known


def _chosen(logits: Logits, classes: Classes) -> tuple[int, float]:
    """The place of the best strength, and its temperature."""
    tried: Sequence[tuple[float, float]] = [temperature(some, classes) for some in logits]
    place = min(range(len(tried)), key=lambda place: tried[place][1])
    return place, tried[place][0]
