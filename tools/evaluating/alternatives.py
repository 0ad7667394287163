"""Tries the usual ways to prepare pictures against the package's own."""

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist

import msgspec

from chalicelib.images.preprocessing import Preprocessing
from chalicelib.significance import mcnemar_p_value
from chalicelib.wording import count, p_value, percent
from tools.evaluating.asking import Right
from tools.evaluating.measures import Share
from tools.evaluating.usual import called, filters, parts

ALPHA = 0.05
"""A corrected p-value below this counts as more than luck."""


class Way(msgspec.Struct, frozen=True):
    """How one way did. All ways are tried on the same pictures.

    better, worse: pictures that only this way, or only the package's own way, gets right.
    p_value: McNemar's exact test against the package's own way, uncorrected; 1 for that way.
    """

    name: str
    preprocessing: Preprocessing
    top1: Share
    better: int
    worse: int
    p_value: float


class Ways(msgspec.Struct, frozen=True):
    """All ways tried, the package's own first.

    best: the way that is better by more than luck, else the one that was right most often.
    chosen_from: how many other ways could have won. corrected: the p-value of the best, times
    that (Bonferroni). more_than_luck: whether the best beats the package's own way.
    """

    tried: list[Way]
    best: int
    chosen_from: int
    corrected: float
    more_than_luck: bool
    verdict: str


def try_all(first: Sequence[Preprocessing], right: Right) -> Ways:
    """Try `first`, the package's own way and other colours, then parts of a picture, then filters.

    A round keeps the way it starts with unless another is better by more than luck.
    """
    own = base = first[0]
    rounds = {"colours": lambda _: first, "parts": parts, "filters": filters}
    chosen_from = math.prod(len(choices(own)) for choices in rounds.values()) - 1
    tried: dict[Preprocessing, list[bool]] = {}
    for number, (name, choices) in enumerate(rounds.items(), 1):
        ways = choices(base)
        new = [way for way in ways if way not in tried]
        label = f"{name} ({number}/{len(rounds)}, {count(len(new), 'way')})"
        tried |= dict(zip(new, right(new, label) if new else (), strict=True))
        best = max(ways, key=lambda way: sum(tried[way]))  # the first of equals
        if _way(best, tried[best], tried[base]).p_value * chosen_from < ALPHA:
            base = best
    return judged(tried, base, chosen_from)


def judged(
    tried: Mapping[Preprocessing, Sequence[bool]], better: Preprocessing, chosen_from: int
) -> Ways:
    """Compare the tried ways with the first, the package's own.

    tried: for each way, which pictures the network gets right; at least one picture.
    better: the way that the rounds arrived at by more than luck, else the first way.
    chosen_from: all other ways that could have been tried. Rounds build on each other, so these are
        more than were tried; a correction for fewer would promise too much.
    """
    own = next(iter(tried.values()))
    ways = [_way(how, right, own) for how, right in tried.items()]
    most = max(range(len(ways)), key=lambda index: (ways[index].top1.right, -index))
    best = list(tried).index(better) or most
    corrected = min(1.0, ways[best].p_value * max(chosen_from, 1))
    more = better != ways[0].preprocessing and corrected < ALPHA
    verdict = _verdict(ways, best, chosen_from, corrected)
    if ways[most].top1.right > ways[best].top1.right:
        share = percent(ways[most].top1.share)
        verdict += f" {ways[most].name} is right on {share}, which is no more than luck."
    return Ways(ways, best, chosen_from, corrected, more, verdict)


def _way(how: Preprocessing, right: Sequence[bool], own: Sequence[bool]) -> Way:
    pairs = list(zip(right, own, strict=True))
    better, worse = pairs.count((True, False)), pairs.count((False, True))
    share = Share.counted(sum(right), len(right))
    return Way(called(how), how, share, better, worse, mcnemar_p_value(better, worse))


def _verdict(ways: Sequence[Way], best: int, chosen_from: int, corrected: float) -> str:
    own, way = ways[0], ways[best]
    tried = f"Of {count(len(ways), 'way')} tried"
    if not best:
        return f"{tried} none is right more often than the package's own: {own.name}."
    says = (
        f"{tried} the best is {way.name}: right on {percent(way.top1.share)}, the package's own "
        f"({own.name}) on {percent(own.top1.share)}. "
    )
    shown = f"{p_value(corrected)}, corrected for all ways it was chosen from"
    if corrected < ALPHA:
        return says + f"That is more than luck ({shown})."
    needed = _needed(way, chosen_from)
    return says + f"That may be luck ({shown}); some {needed:,} such pictures would tell."


def _needed(way: Way, chosen_from: int) -> int:
    """About how many pictures would show such a difference to be more than luck.

    It takes (better - worse)² / (better + worse) as the statistic, which grows with pictures.
    """
    z = NormalDist().inv_cdf(1 - ALPHA / 2 / max(chosen_from, 1))
    more = z**2 * (way.better + way.worse) / (way.better - way.worse) ** 2
    return round(int(way.top1.of * max(more, 1.0)), -len(str(way.top1.of)) + 2)
