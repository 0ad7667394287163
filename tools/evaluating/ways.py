"""The usual ways to give a network its pictures, and whether one is better than the package's."""

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

import msgspec
import numpy as np

from chalicelib.litert import inspect
from chalicelib.preprocessing import Channels, Filter, Preprocessing, Resize
from chalicelib.significance import mcnemar_p_value
from chalicelib.workflow.words import count, p_value, percent
from tools.evaluating.asking import Contestant, Right
from tools.evaluating.measures import Share
from tools.options import KEYS, formula

ALPHA = 0.05
"""Below this, corrected, a difference is taken for more than luck."""

GREY = (124, 116, 104)
"""ImageNet's mean colour, as bars."""

PARTS: list[tuple[Resize, dict[str, Any]]] = [
    ("squash", {}),
    ("crop", {"crop": 0.875}),
    ("crop", {"crop": 1.0}),
    ("letterbox", {"colour": (0, 0, 0)}),
    ("letterbox", {"colour": GREY}),
]
"""What of a picture a network may see."""

FILTERS: tuple[Filter, ...] = ("bilinear", "bicubic", "nearest")
"""Those of Keras, PyTorch and their loaders."""

SCALES: list[tuple[tuple[float, ...], tuple[float, ...]]] = [
    ((0.0,), (1.0,)),
    ((0.0,), (255.0,)),
    ((127.5,), (127.5,)),
]
"""Means and deviations for any order of channels: pixels 0 to 255, 0 to 1 and -1 to 1."""

IN_ORDER: list[dict[str, Any]] = [
    {"channels": "rgb", "mean": (123.675, 116.28, 103.53), "std": (58.395, 57.12, 57.375)},
    {"channels": "bgr", "mean": (103.939, 116.779, 123.68), "std": (1.0,)},
]
"""PyTorch's and Caffe's, for one order."""


class Way(msgspec.Struct, frozen=True):
    """One way and what came of it, on the pictures that all ways were tried on.

    better, worse: pictures that it alone, or the package's own way alone, is right of. p_value: of
    McNemar's exact test against the package's own, not corrected; 1 for that itself.
    """

    name: str
    preprocessing: Preprocessing
    top1: Share
    better: int
    worse: int
    p_value: float


class Ways(msgspec.Struct, frozen=True):
    """What was tried, the package's own way first.

    best: the way that is better by more than luck, else the one that was right most often.
    chosen_from: other ways that the best might have been; the p-value of the best, `corrected`, is
    multiplied by it (Bonferroni). more_than_luck: whether it is better than the package's own.
    """

    tried: list[Way]
    best: int
    chosen_from: int
    corrected: float
    more_than_luck: bool
    verdict: str


def colours(contestant: Contestant) -> list[Preprocessing]:
    """The channels and scales that make sense for a network, its package's own first.

    Scales are tried on a network of floats alone: one of 8 bits says itself what it takes.
    """
    own = contestant.package.info.preprocessing
    pixels = inspect(contestant.package.model_path)[0]
    if np.issubdtype(pixels.dtype, np.floating) and contestant.engine == "litert":
        return scalings(own, pixels.depth)
    found = [own]
    if len(own.mean or ()) <= 1:
        found += [
            msgspec.structs.replace(own, channels=order) for order in _orders(own, pixels.depth)
        ]
    return _different(found)


def scalings(own: Preprocessing, depth: int) -> list[Preprocessing]:
    """That way, then others to scale the pixels of a network of floats with so many channels."""
    found = [own] + [
        msgspec.structs.replace(own, channels=order, mean=mean, std=std)
        for order in dict.fromkeys(_orders(own, depth))
        for mean, std in SCALES
    ]
    if depth == 3:
        found += [msgspec.structs.replace(own, **each) for each in IN_ORDER]
    return _different(found)


def _orders(own: Preprocessing, depth: int) -> list[Channels]:
    others: tuple[Channels, ...] = ("rgb", "bgr") if depth == 3 else ()
    return [own.channels, *others]


def parts(how: Preprocessing) -> list[Preprocessing]:
    """That way, then others to choose the part of a picture."""
    return _different(
        [how] + [msgspec.structs.replace(how, resize=resize, **more) for resize, more in PARTS]
    )


def filters(how: Preprocessing) -> list[Preprocessing]:
    """That way, then those with other filters."""
    return _different([how] + [msgspec.structs.replace(how, filter=each) for each in FILTERS])


def _different(ways: Sequence[Preprocessing]) -> list[Preprocessing]:
    """Each once: what differs only in what is not used is the same, and so are pixels unscaled."""
    found: dict[object, Preprocessing] = {}
    for each in ways:
        found.setdefault(_essence(each), each)
    return list(found.values())


def _essence(how: Preprocessing) -> tuple[Any, ...]:
    used = {"squash": None, "crop": how.crop, "letterbox": how.colour}[how.resize]
    scale = (how.mean or (0.0,), how.std or (1.0,))
    return how.resize, used, how.filter, how.channels, scale


def try_all(first: Sequence[Preprocessing], right: Right) -> Ways:
    """Try `first`, the package's own way and other colours, then parts of a picture, then filters.

    A round leaves the way it begins with only for one that is better by more than luck: what a
    package says stays where nothing speaks against it.
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
    """What was tried, against the first, the package's own.

    tried: for each way, of which pictures the network is right, at least one. better: the way that
        was come to, by steps that are more than luck; the first where there was none.
    chosen_from: ways that might have been tried, the first not counted. Where one choice leads to
        the next these are more than those that were, and a correction for fewer would promise too
        much.
    """
    own = next(iter(tried.values()))
    found = [_way(how, right, own) for how, right in tried.items()]
    most = max(range(len(found)), key=lambda index: (found[index].top1.right, -index))
    best = list(tried).index(better) or most
    corrected = min(1.0, found[best].p_value * max(chosen_from, 1))
    more = better != found[0].preprocessing and corrected < ALPHA
    verdict = _verdict(found, best, chosen_from, corrected)
    if found[most].top1.right > found[best].top1.right:
        share = percent(found[most].top1.share)
        verdict += f" {found[most].name} is right on {share}, which is no more than luck."
    return Ways(found, best, chosen_from, corrected, more, verdict)


def _way(how: Preprocessing, right: Sequence[bool], own: Sequence[bool]) -> Way:
    pairs = list(zip(right, own, strict=True))
    better, worse = pairs.count((True, False)), pairs.count((False, True))
    share = Share.counted(sum(right), len(right))
    return Way(called(how), how, share, better, worse, mcnemar_p_value(better, worse))


def _verdict(found: Sequence[Way], best: int, chosen_from: int, corrected: float) -> str:
    own, way = found[0], found[best]
    tried = f"Of {count(len(found), 'way')} tried"
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
    """Pictures after which a difference of that size would not be taken for luck, roughly.

    Where the test's statistic is (better - worse)² / (better + worse), which grows with pictures.
    """
    z = NormalDist().inv_cdf(1 - ALPHA / 2 / max(chosen_from, 1))
    more = z**2 * (way.better + way.worse) / (way.better - way.worse) ** 2
    return round(int(way.top1.of * max(more, 1.0)), -len(str(way.top1.of)) + 2)


def called(how: Preprocessing) -> str:
    """A way in a few words."""
    part = {
        "squash": "the whole, squashed",
        "crop": f"the middle {percent(how.crop)}",
        "letterbox": f"the whole, {_bars(how.colour)} bars",
    }[how.resize]
    return f"{part}, {how.filter}; {_scaled(how)}"


def _bars(colour: tuple[int, int, int]) -> str:
    return {(0, 0, 0): "black", (255, 255, 255): "white", GREY: "grey"}.get(
        colour, "#{:02x}{:02x}{:02x}".format(*colour)
    )


def _scaled(how: Preprocessing) -> str:
    order = how.channels.upper() if how.channels != "grey" else "grey"
    for each, whose in zip(IN_ORDER, ("PyTorch's", "Caffe's"), strict=True):
        if (how.mean, how.std) == (each["mean"], each["std"]):
            return f"{order}, {whose} mean"
    scale = (how.mean or (0.0,), how.std or (1.0,))
    ranges = dict(zip(SCALES, ("0 to 255", "0 to 1", "-1 to 1"), strict=True))
    return f"{order} {ranges[scale]}" if scale in ranges else f"{order}, {formula(how)}"


def as_options(how: Preprocessing) -> dict[str, Any]:
    """What `tools.model set` is told to make a package do that."""
    used = {"squash": (), "crop": ("crop",), "letterbox": ("colour",)}[how.resize]
    keys = {"resize", "filter", "channels", "mean", "std", *used}
    unchanged: dict[str, Any] = {"scores": None, "multi_label": None}
    return unchanged | {key: getattr(how, key) if key in keys else None for key in KEYS}
