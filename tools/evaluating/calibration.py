"""Calibration: is a model right as often as its scores say?"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from chalicelib.significance import wilson_interval

BINS = 10
"""Of equal width; Guo et al. used 15 for 10,000 pictures and more."""

DRAWS = 1000
"""Simulations of what a calibrated model shows by chance."""


class Bin(msgspec.Struct, frozen=True):
    """Answers whose score is above `low` and at most `high`.

    confidence: their mean score. share: of them that are right. interval: the share's, 95%.
    """

    low: float
    high: float
    of: int
    right: int
    confidence: float
    share: float
    interval: tuple[float, float]


class Calibration(msgspec.Struct, frozen=True):
    """Scores of the top class against how often it was right.

    error: expected calibration error, 0..1: the mean distance of a bin's confidence and share,
        weighted by its answers. by_chance: on these scores, 95% of perfectly calibrated models
        would have a smaller error. bins: those with an answer.
    """

    error: float
    by_chance: float
    confidence: float
    share: float
    bins: list[Bin]


def calibration(scores: Sequence[float], right: Sequence[bool]) -> Calibration:
    """Compare the scores of answers, 0..1, with which are right. Needs at least one answer.

    Guo, Pleiss, Sun & Weinberger (2017), On Calibration of Modern Neural Networks, ICML,
    https://arxiv.org/abs/1706.04599; chance as in the consistency resampling of Bröcker & Smith
    (2007), Weather and Forecasting 22, 651-661.
    """
    said, was = np.asarray(scores, np.float64), np.asarray(right, np.float64)
    place = np.clip(np.ceil(said * BINS).astype(int) - 1, 0, BINS - 1)
    chance = np.random.default_rng(0)
    drawn = [_error(said, chance.random(len(said)) < said, place) for _ in range(DRAWS)]
    bins = [_bin(number, said[place == number], was[place == number]) for number in range(BINS)]
    return Calibration(
        error=_error(said, was, place),
        by_chance=float(np.quantile(drawn, 0.95)),
        confidence=float(said.mean()),
        share=float(was.mean()),
        bins=[bin for bin in bins if bin.of],
    )


def _error(
    said: NDArray[np.float64], was: NDArray[np.float64] | NDArray[np.bool_], place: NDArray[np.int_]
) -> float:
    gaps = np.bincount(place, weights=was - said, minlength=BINS)
    return float(np.abs(gaps).sum() / len(said))


def _bin(number: int, said: NDArray[np.float64], was: NDArray[np.float64]) -> Bin:
    of, right = len(said), int(was.sum())
    return Bin(
        low=number / BINS,
        high=(number + 1) / BINS,
        of=of,
        right=right,
        confidence=float(said.mean()) if of else 0.0,
        share=right / of if of else 0.0,
        interval=wilson_interval(right, of),
    )
