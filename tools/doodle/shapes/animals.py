"""Animals, and a snowman. Each function draws one way of many to draw its thing."""

from __future__ import annotations

import numpy as np

from tools.doodle.shapes.face import face
from tools.doodle.sketch import Sketch


def fish(s: Sketch) -> None:
    """One crossing stroke, or a body with a tail; eye, gill, fins and scales at times."""
    body = s.pick("#ff8f3c", "#4f8fe8", "#3cb8b0", "#e8556d", "#ffd93b")
    high, tail = s.between(0.3, 0.55), s.between(0.28, 0.5)
    style = s.count(0, 2)
    if style == 0:  # one stroke: nose, back, tail and home
        s.curve(
            (1, tail),
            (0.6, 0.05),
            (0.1, -high),
            (-0.5, -high * 0.8),
            (-0.9, 0),
            (-0.5, high * 0.8),
            (0.1, high),
            (0.6, -0.05),
            (1, -tail),
        )
        if s.chance(0.7):
            s.line((1, -tail), (s.between(0.8, 1), 0), (1, tail))
    else:
        s.shape((0.5, 0), (1, -tail), (s.between(0.8, 1.02), 0), (1, tail), fill=body)
        s.oval(-0.2, 0, 0.72, high, fill=body)
    s.dot(-0.62, -high * 0.2, s.between(0.03, 0.07))
    if s.chance(0.4):
        s.arc(-0.5, 0, 0.15, high * 0.7, -60, 60)
    if s.chance(0.4):
        s.shape((-0.4, -high * 0.9), (0, -high - 0.3), (0.15, -high * 0.8), fill=body)
    if s.chance(0.3):
        for _ in range(s.count(2, 5)):
            s.arc(s.between(-0.2, 0.2), s.between(-0.5, 0.5) * high, 0.1, 0.1, -80, 80)
    if s.chance(0.3):
        s.arc(-0.85, 0.08, 0.15, 0.08, 0, 120)


def snail(s: Sketch) -> None:
    """A spiral shell on a body or a line, with two feelers."""
    shell, skin = s.pick("#c98a4b", "#b5653a", "#d9a05b"), s.pick("#e3cfa0", "#c7c38a", "#f0d9b5")
    r, turns = s.between(0.5, 0.62), s.between(1.8, 3.2)
    angle = np.linspace(0, 2 * np.pi * turns, 60) + s.between(0, 6)
    spiral = np.linspace(0.03, r, 60)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    head, low = s.between(-0.3, 0.05), s.between(0.5, 0.62)
    if s.chance(0.7):  # a body that goes under the shell
        s.blob(
            (1.05, low + 0.08),
            (0.5, low - 0.15),
            (-0.3, low - 0.15),
            (-0.6, 0.2),
            (-0.7, head),
            (-0.95, head),
            (-1, 0.25),
            (-0.85, low + 0.05),
            (0, low + 0.12),
            fill=skin,
        )
    else:  # one line for it
        s.curve(
            (-0.5, 0.25), (-0.7, head), (-0.98, head + 0.1), (-0.85, low), (0, low + 0.05), (1, low)
        )
    if s.chance(0.7):
        s.oval(0.12, -0.05, r, r, fill=shell)
    s.path(spiral * s.between(0.85, 1) + [0.12, -0.05])
    for lean in (-0.15, 0.12):
        tip = (-0.82 + lean, head - s.between(0.25, 0.45))
        s.line((-0.84, head), tip)
        if s.chance(0.6):
            s.dot(*tip, 0.05)


def butterfly(s: Sketch) -> None:
    """Two pairs of wings, a body and feelers."""
    wing, other = s.pick("#ff8f3c", "#4f8fe8", "#d957b8", "#ffd93b"), s.pick("#8f6be0", "#e8556d")
    high, wide, low = s.between(0.6, 0.9), s.between(0.75, 1), s.between(0.45, 0.7)
    for side in (-1, 1):
        s.blob(
            (side * 0.06, -0.1),
            (side * 0.4, -high),
            (side * wide, -high),
            (side * wide, -0.3),
            (side * 0.5, 0.05),
            fill=wing,
        )
        s.blob(
            (side * 0.06, 0),
            (side * 0.55, 0.05),
            (side * wide * 0.85, 0.35),
            (side * 0.5, low + 0.15),
            (side * 0.2, low),
            fill=other,
        )
        if s.chance(0.5):
            s.oval(side * wide * 0.62, -high * 0.55, 0.13, 0.13, fill=other)
        if s.chance(0.85):
            s.curve((side * 0.03, -0.4), (side * 0.12, -0.75), (side * 0.3, -s.between(0.85, 1)))
    if s.chance(0.75):
        s.oval(0, 0, s.between(0.05, 0.1), 0.45, fill="#5a4030")
    else:
        s.line((0, -0.45), (0, 0.45))


def cat(s: Sketch) -> None:
    """A face with whiskers, or a whole cat that sits."""
    fur = s.pick("#e0a050", "#9a9aa5", "#5f5f66", "#f0d9b5")
    if s.chance(0.3):  # sitting
        s.curve((0.4, 0.9), (0.85, 0.8), (0.9, 0.3), (0.7, 0.1), (0.75, -0.15))
        s.blob((-0.25, 0), (-0.42, 0.7), (-0.35, 1), (0.45, 1), (0.5, 0.6), (0.25, 0), fill=fur)
        _cat_head(s, 0, -0.4, 0.42, 0.36, fur)
    else:
        _cat_head(s, 0, 0, s.between(0.7, 0.85), s.between(0.6, 0.75), fur)


def _cat_head(s: Sketch, x: float, y: float, rx: float, ry: float, fur: str) -> None:
    tall, ears = s.between(1.3, 1.6), s.between(0.75, 0.95)
    for side in (-1, 1):
        s.shape(
            (x + side * rx * 0.2, y - ry * 0.92),
            (x + side * rx * ears, y - ry * tall),
            (x + side * rx * 0.92, y - ry * 0.4),
            fill=fur,
        )
    s.oval(x, y, rx, ry, fill=fur)
    for side in (-1, 1):
        s.dot(x + side * rx * 0.38, y - ry * 0.15, rx * s.between(0.06, 0.13))
        rows = s.count(2, 3) if s.chance(0.85) else 0
        for i in range(rows):
            rise = (i - (rows - 1) / 2) * 0.22
            s.line(
                (x + side * rx * 0.3, y + ry * (0.35 + rise * 0.4)),
                (x + side * rx * s.between(0.95, 1.3), y + ry * (0.3 + rise)),
            )
    s.shape(
        (x - rx * 0.1, y + ry * 0.2),
        (x + rx * 0.1, y + ry * 0.2),
        (x, y + ry * 0.35),
        fill="#ee8888",
    )
    if s.chance(0.7):
        s.curve(
            (x - rx * 0.3, y + ry * 0.55),
            (x - rx * 0.15, y + ry * 0.62),
            (x, y + ry * 0.38),
            (x + rx * 0.15, y + ry * 0.62),
            (x + rx * 0.3, y + ry * 0.55),
        )


def snowman(s: Sketch) -> None:
    """Two or three balls; arms, buttons, nose and hat at times."""
    white, balls = s.pick("#f4f8ff", "#e6eef8"), s.count(2, 3)
    sizes = (0.5, 0.33) if balls == 2 else (0.45, 0.35, 0.25)
    y = 1.0
    for i, size in enumerate(sizes):
        r = size * s.between(0.92, 1.08)
        y -= r
        s.oval(0, y, r, r * s.between(0.9, 1), fill=white)
        if i == balls - 2:
            for k in range(s.count(0, 3)):
                s.dot(0, y - r * 0.5 + k * r * 0.5, 0.04)
            for side in (-1, 1) if s.chance(0.6) else ():
                s.line(
                    (side * r * 0.9, y - r * 0.2),
                    (side * s.between(0.7, 0.9), y - s.between(0.1, 0.5)),
                )
        y -= r * 0.92
    head = y + r * 0.92
    face(s, 0, head, r)
    if s.chance(0.5):
        s.shape((0, head), (r * s.between(0.6, 1.2), head + 0.06), (0, head + 0.09), fill="#ff8f3c")
    if s.chance(0.6):
        s.line((-r * 1.1, y), (r * 1.1, y))
        s.shape(
            (-r * 0.7, y), (-r * 0.65, y - 0.4), (r * 0.65, y - 0.4), (r * 0.7, y), fill="#444450"
        )
