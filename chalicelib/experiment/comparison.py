"""Compare the counts of two arms, in numbers and in words.

A page that reads a fixed-sample p-value every few seconds would sooner or later call any two equal
models different. So the verdict uses the always-valid p-value, and may be read at any time. The
z-test's p-value is shown beside it, because people know it.

Counts are added up over all days. If an arm's share changed and the traffic was harder on some
days, compare only days with the same shares (Simpson's paradox).
"""

import math

import msgspec

from chalicelib.answers.experimentviews import Comparison
from chalicelib.experiment.votes import Tally
from chalicelib.significance import (
    always_valid_p_value,
    answers_needed,
    single_look_alpha,
    two_proportion_p_value,
)
from chalicelib.wording import p_value, points

ALPHA = 0.05
"""Chance of ever calling any of several equal arms different, by Bonferroni's rule."""

DIFFERENCE = 0.05
"""The difference in accuracy for which sample sizes are planned."""


class Standing(msgspec.Struct, frozen=True):
    """An arm: its share of the traffic, 0..1, and its votes."""

    name: str
    weight: float
    tally: Tally

    @property
    def accuracy(self) -> float | None:
        """The share of right answers, 0..1; None without votes."""
        return self.tally.correct / self.tally.votes if self.tally.votes else None


def compare(champion: Standing, challenger: Standing, arms: int = 1) -> Comparison:
    """Compares two arms. arms: how many arms are compared with that champion."""
    alpha, counts = ALPHA / arms, _counts(champion, challenger)
    needed = planned(champion.tally, challenger.tally, alpha)
    short = [arm for arm in (champion, challenger) if arm.tally.votes < needed]
    a, b = champion.accuracy, challenger.accuracy
    if a is None or b is None:
        return Comparison(challenger.name, None, None, _too_few(short, needed))
    difference, p = b - a, two_proportion_p_value(*counts)
    if always_valid_p_value(*counts, DIFFERENCE) <= alpha:
        word = "better" if difference > 0 else "worse"
        verdict = f"{challenger.name} is {word} by {points(difference)} ({p_value(p)})."
    elif short:
        verdict = _too_few(short, needed)
    else:
        verdict = _none_seen(champion, challenger, difference, p)
    return Comparison(challenger.name, difference, p, verdict)


def overall(champion: Standing, comparisons: list[Comparison]) -> str:
    """Returns the verdict of the experiment: that of the comparison with the most evidence."""
    if not comparisons:
        return f"Only {champion.name} gets traffic. Give another model a share of it."
    return min(comparisons, key=lambda arm: 2 if arm.p_value is None else arm.p_value).verdict


def planned(a: Tally, b: Tally, alpha: float = ALPHA) -> int:
    """Returns the votes per arm after which the always-valid test sees `DIFFERENCE` (80% power).

    It uses the accuracy of both so far (by Laplace's rule, so that the first votes do not decide
    alone), and the difference towards one half, which takes more votes to see.
    """
    accuracy = (a.correct + b.correct + 1) / (a.votes + b.votes + 2)
    other = accuracy - DIFFERENCE if accuracy >= 0.5 else accuracy + DIFFERENCE
    return answers_needed(accuracy, other, single_look_alpha(alpha))


def _too_few(short: list[Standing], needed: int) -> str:
    for arm in short:
        if not arm.weight:
            return f"Not enough data yet. {arm.name} gets no traffic; give it a share."
    more = _about(needed - min(arm.tally.votes for arm in short))
    whom = "per arm" if len(short) == 2 else f"on {short[0].name}"
    return (
        f"Not enough data yet. It takes about {more:,} more votes {whom} "
        f"to see a {DIFFERENCE * 100:.0f}-point difference."
    )


def _none_seen(champion: Standing, challenger: Standing, difference: float, p: float) -> str:
    if abs(difference) < 0.0005:
        return f"No difference seen: {challenger.name} and {champion.name} are level."
    chance = "may be chance"
    if p < ALPHA:
        chance = "may still be chance, because the results are checked continuously"
    return (
        f"No difference seen: {challenger.name} is {'ahead' if difference > 0 else 'behind'} "
        f"by {points(difference)}. This {chance} ({p_value(p)})."
    )


def _counts(a: Standing, b: Standing) -> tuple[int, int, int, int]:
    return a.tally.correct, a.tally.votes, b.tally.correct, b.tally.votes


def _about(number: int) -> int:
    """Rounds up to two digits."""
    step = int(10 ** max(0, len(str(number)) - 2))
    return math.ceil(number / step) * step
