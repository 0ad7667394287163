"""The styles of drawing: with a mouse, with a pen or chalk, or painted."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from tools.doodle.paper import PAPERS, RGB


@dataclass(frozen=True)
class Style:
    """The style of a picture. Lengths are fractions of the frame's side.

    fill: none, flat, sloppy (beside the lines) or scribble. own_colours: a banana is yellow;
    otherwise any colour. outlined False: coloured parts have no line around them. omit: how
    likely a small detail is left out. wear: see `tools.doodle.paper.worn`.
    """

    paper: str
    ink: RGB
    width: float
    fraction: float
    wobble: float
    fill: str = "none"
    own_colours: bool = True
    outlined: bool = True
    pressure: float = 0.0
    twice: bool = False
    omit: float = 0.0
    wear: float = 0.0
    tilt: float = 8.0


def random_style(rng: np.random.Generator) -> Style:
    """Returns a style: for half of the pictures a mouse, for the rest pens, chalk and paint."""
    kind = rng.random()
    if kind < 0.5:
        return _mouse(rng)
    return _pen(rng) if kind < 0.72 else _paint(rng)


def _mouse(rng: np.random.Generator) -> Style:
    """Returns a dark round stroke of constant width on white, as an HTML canvas draws it."""
    fraction = rng.uniform(0.35, 0.95)
    width = min(rng.uniform(0.018, 0.05), 0.1 * fraction)
    ink = (27, 31, 36)
    if rng.random() >= 0.7:
        red, green, blue = (int(v) for v in rng.integers(0, 90, 3))
        ink = (red, green, blue)
    return Style(
        "white",
        ink,
        width,
        fraction,
        wobble=min(0.075, rng.uniform(0.006, 0.035) / fraction),
        omit=rng.choice([0.0, 0.12, 0.25]),
        wear=0.15,
    )


def _pen(rng: np.random.Generator) -> Style:
    """Returns a pen, pencil or chalk on any paper, not coloured in."""
    return Style(
        PAPERS[int(rng.integers(len(PAPERS)))],
        _colour(rng),
        rng.uniform(0.01, 0.045),
        fraction=rng.uniform(0.4, 0.98),
        wobble=rng.uniform(0, 0.045),
        pressure=rng.uniform(0, 0.5) * (rng.random() < 0.5),
        twice=rng.random() < 0.2,
        omit=rng.choice([0.0, 0.2]),
        wear=0.7,
    )


def _paint(rng: np.random.Generator) -> Style:
    """Returns paint, applied with care or without."""
    return Style(
        PAPERS[int(rng.integers(len(PAPERS)))],
        _colour(rng),
        rng.uniform(0.008, 0.035),
        fraction=rng.uniform(0.4, 0.98),
        wobble=rng.uniform(0, 0.04),
        fill=str(rng.choice(["flat", "flat", "sloppy", "scribble"])),
        own_colours=rng.random() < 0.7,
        outlined=rng.random() < 0.75,
        wear=0.6,
    )


def _colour(rng: np.random.Generator) -> RGB:
    if rng.random() < 0.45:
        grey = int(rng.integers(0, 70))
        return (grey, grey, min(255, grey + int(rng.integers(0, 40))))
    r, g, b = colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.5, 1), rng.uniform(0.25, 1))
    return (int(r * 255), int(g * 255), int(b * 255))
