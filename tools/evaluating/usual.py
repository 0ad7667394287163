"""The usual preprocessings, and their names in reports."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from chalicelib.images.preprocessing import Channels, Filter, Preprocessing
from chalicelib.inference.litert import inspect
from chalicelib.requests import Resize
from chalicelib.wording import percent
from tools.evaluating.asking import Contestant
from tools.options import KEYS, formula

GREY = (124, 116, 104)
"""ImageNet's mean colour, as bars."""

PARTS: list[tuple[Resize, dict[str, Any]]] = [
    ("squash", {}),
    ("crop", {"crop": 0.875}),
    ("crop", {"crop": 1.0}),
    ("letterbox", {"colour": (0, 0, 0)}),
    ("letterbox", {"colour": GREY}),
]
"""Which part of a picture the network sees."""

FILTERS: tuple[Filter, ...] = ("bilinear", "bicubic", "nearest")
"""The filters of Keras, PyTorch and their loaders."""

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
"""PyTorch's and Caffe's, each with its channel order."""


def colours(contestant: Contestant) -> list[Preprocessing]:
    """The channel orders and scales to try, the package's own first.

    Scales are tried on float networks only; an 8-bit network says what it takes.
    """
    own = contestant.package.info.preprocessing
    pixels = inspect(contestant.package.model_path)[0]
    if np.issubdtype(pixels.dtype, np.floating) and contestant.engine == "litert":
        return scalings(own, pixels.depth)
    ways = [own]
    if len(own.mean or ()) <= 1:
        ways += [
            msgspec.structs.replace(own, channels=order) for order in _orders(own, pixels.depth)
        ]
    return _different(ways)


def scalings(own: Preprocessing, depth: int) -> list[Preprocessing]:
    """That way, then the other scales for a float network. depth: its channels."""
    ways = [own] + [
        msgspec.structs.replace(own, channels=order, mean=mean, std=std)
        for order in dict.fromkeys(_orders(own, depth))
        for mean, std in SCALES
    ]
    if depth == 3:
        ways += [msgspec.structs.replace(own, **scaling) for scaling in IN_ORDER]
    return _different(ways)


def _orders(own: Preprocessing, depth: int) -> list[Channels]:
    others: tuple[Channels, ...] = ("rgb", "bgr") if depth == 3 else ()
    return [own.channels, *others]


def parts(how: Preprocessing) -> list[Preprocessing]:
    """That way, then the other parts of a picture."""
    return _different(
        [how] + [msgspec.structs.replace(how, resize=resize, **more) for resize, more in PARTS]
    )


def filters(how: Preprocessing) -> list[Preprocessing]:
    """That way, then the other filters."""
    return _different([how] + [msgspec.structs.replace(how, filter=name) for name in FILTERS])


def _different(ways: Sequence[Preprocessing]) -> list[Preprocessing]:
    """The distinct ways: unused options make no difference, nor does a scale of 1."""
    different: dict[object, Preprocessing] = {}
    for way in ways:
        different.setdefault(_essence(way), way)
    return list(different.values())


def _essence(how: Preprocessing) -> tuple[Any, ...]:
    used = {"squash": None, "crop": how.crop, "letterbox": how.colour}[how.resize]
    scale = (how.mean or (0.0,), how.std or (1.0,))
    return how.resize, used, how.filter, how.channels, scale


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
    for scaling, whose in zip(IN_ORDER, ("PyTorch's", "Caffe's"), strict=True):
        if (how.mean, how.std) == (scaling["mean"], scaling["std"]):
            return f"{order}, {whose} mean"
    scale = (how.mean or (0.0,), how.std or (1.0,))
    ranges = dict(zip(SCALES, ("0 to 255", "0 to 1", "-1 to 1"), strict=True))
    return f"{order} {ranges[scale]}" if scale in ranges else f"{order}, {formula(how)}"


def as_options(how: Preprocessing) -> dict[str, Any]:
    """The options of `tools.model set` for that preprocessing."""
    used = {"squash": (), "crop": ("crop",), "letterbox": ("colour",)}[how.resize]
    keys = {"resize", "filter", "channels", "mean", "std", *used}
    unchanged: dict[str, Any] = {"scores": None, "multi_label": None}
    return unchanged | {key: getattr(how, key) if key in keys else None for key in KEYS}
