"""Things people make."""

from __future__ import annotations

import numpy as np

from tools.doodle.sketch import Sketch, arc


def heart(s: Sketch) -> None:
    """Drawn by eye, or after the well-known curve."""
    red, tip = s.pick("#d93030", "#e8556d", "#d957b8"), s.between(0.8, 1.05)
    if s.chance(0.4):
        dip, lobe = s.between(-0.45, -0.2), s.between(0.7, 0.95)
        right = [(0.45, -0.75), (lobe, -0.6), (lobe + 0.02, -0.15), (0.5, 0.4)]
        s.blob(
            (0, dip),
            (0.06, dip - 0.14),
            *right,
            (0.06, tip - 0.1),
            (0, tip),
            (-0.06, tip - 0.1),
            *((-x, y) for x, y in reversed(right)),
            (-0.06, dip - 0.14),
            fill=red,
        )
        return
    t = np.linspace(0, 2 * np.pi, 48) + np.pi * int(s.chance(0.5))
    x, fat = np.sin(t) ** 3, s.between(0.85, 1.2)
    y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)) / 16
    s.path(np.stack([x * fat, np.where(y > 0, y * tip, y)], axis=1), closed=True, fill=red)


def house(s: Sketch) -> None:
    """Front with a pointed roof, or the long side; door, windows and chimney at times."""
    wall, roof = (
        s.pick("#f0d9b5", "#e8c0a0", "#cfe0f0", "#fff0c8"),
        s.pick("#c43d3d", "#7a4f2a", "#5a6a8a"),
    )
    w, eave, top = s.between(0.55, 0.85), s.between(-0.35, 0.0), s.between(-1.05, -0.75)
    over, ridge = s.between(0, 0.25), s.between(-0.08, 0.08)
    if s.chance(0.35):
        x, colour = s.between(0.25, 0.45), s.pick("#b5653a", "#888890")
        s.shape(
            (x, eave - 0.2),
            (x, top + 0.02),
            (x + 0.17, top + 0.02),
            (x + 0.17, eave - 0.1),
            fill=colour,
        )
    if s.chance(0.15):  # the outline in one go
        s.shape((-w, 1), (-w, eave), (ridge, top), (w, eave), (w, 1), fill=wall)
    elif s.chance(0.2):  # seen from the long side
        s.shape((-w, eave), (w, eave), (w, 0.9), (-w, 0.9), fill=wall)
        s.shape((-w - over, eave), (-w * 0.6, top), (w * 0.6, top), (w + over, eave), fill=roof)
    else:
        s.shape((-w, eave), (w, eave), (w, 1), (-w, 1), fill=wall)
        s.shape((-w - over, eave), (ridge, top), (w + over, eave), fill=roof)
    if s.chance(0.9):
        x, d = s.between(-0.3, 0.3) * w, s.between(0.1, 0.17)
        s.shape((x - d, 0.95), (x - d, 0.45), (x + d, 0.45), (x + d, 0.95), fill="#7a4f2a")
        if s.chance(0.4):
            s.dot(x + d * 0.5, 0.7, 0.025)
    for side in (-1, 1):
        if s.chance(0.6):
            x, y, r = side * w * 0.58, s.between(0.18, 0.35), s.between(0.1, 0.15)
            s.shape((x - r, y - r), (x + r, y - r), (x + r, y + r), (x - r, y + r), fill="#a8d8f0")
            if s.chance(0.55):
                s.line((x, y - r), (x, y + r))
                s.line((x - r, y), (x + r, y))


def umbrella(s: Sketch) -> None:
    """A dome with a straight or scalloped rim, a shaft and a hook."""
    colour, other = s.pick("#d93030", "#4f8fe8", "#8f6be0", "#3cb8b0"), s.pick("#ffd93b", "#f2f2f2")
    high, scallops = s.between(0.7, 1), s.count(2, 5)
    rim = (
        []
        if s.chance(0.25)
        else [
            arc(1 - (2 * i + 1) / scallops, 0, 1 / scallops, s.between(0.06, 0.16), 0, -180, 8)
            for i in range(scallops)
        ]
    )
    s.path(np.concatenate([arc(0, 0, 1, high, 180, 360, 24), *rim]), closed=True, fill=colour)
    for x in np.linspace(-1, 1, scallops + 1)[1:-1] if s.chance(0.6) else ():
        s.curve((0, -high), (x * 0.75, -high * 0.55), (x, -0.04))
    if s.chance(0.15) and scallops >= 3:
        s.path(np.concatenate([arc(0, 0, 0.35, high, 180, 360, 12)]), closed=True, fill=other)
    foot, hook, side = s.between(0.75, 1.0), s.between(0.12, 0.2), 1 if s.chance(0.5) else -1
    begin = -high if s.chance(0.2) else 0
    handle = arc(side * hook, foot, side * hook, hook * 1.2, 180, s.between(-30, 30), 12)
    straight = s.chance(0.08)
    s.path(
        np.array([[0, begin], [0, foot + 0.1]])
        if straight
        else np.concatenate([[[0, begin]], handle])
    )
    if s.chance(0.4):
        s.line((0, -high), (0, -high - 0.15))


def sailboat(s: Sketch) -> None:
    """A hull, a mast and one or two sails; a flag and waves at times."""
    hull, sail = s.pick("#7a4f2a", "#d93030", "#4f8fe8"), s.pick("#f7f7f7", "#ffe0a0", "#e8556d")
    deck, keel, slope = s.between(0.4, 0.55), s.between(0.8, 0.95), s.between(0.2, 0.4)
    if s.chance(0.7):
        s.shape((-0.95, deck), (0.95, deck), (0.95 - slope, keel), (-0.95 + slope, keel), fill=hull)
    else:
        s.path(arc(0, deck, 0.9, keel - deck + 0.1, 0, 180, 24), closed=True, fill=hull)
    mast, low, x = s.between(-1.05, -0.85), deck - s.between(0.05, 0.2), s.between(-0.2, 0.15)
    if s.chance(0.85):
        s.line((x, deck), (x, mast))
    style, bulge = s.count(0, 3), s.between(0, 0.12)
    if style != 1:
        s.shape(
            (x + 0.04, mast + 0.05),
            (x + 0.4 + bulge, (mast + low) / 2),
            (x + 0.75, low),
            (x + 0.04, low),
            fill=sail,
        )
    if style != 0:
        top = mast + s.between(0.05, 0.4)
        s.shape((x - 0.06, top), (x - 0.06, low), (x - s.between(0.4, 0.7), low), fill=sail)
    if s.chance(0.2):
        s.shape((x, mast), (x + 0.25, mast + 0.08), (x, mast + 0.16), fill="#d93030")
    if s.chance(0.35):
        xs = np.linspace(-1.15, 1.15, 30)
        s.path(np.stack([xs, keel + 0.08 + 0.06 * np.sin(xs * s.between(7, 14))], axis=1))


def envelope(s: Sketch) -> None:
    """A rectangle with its flap, closed or open."""
    paper, high = s.pick("#f7f0e0", "#ffffff", "#f7d9a0", "#cfe0f0"), s.between(0.5, 0.75)
    s.shape((-1, -high), (1, -high), (1, high), (-1, high), fill=paper)
    deep = s.between(-0.05, 0.35) * high
    if s.chance(0.12):  # open: the flap points up
        s.line((-1, -high), (0, -high - 0.55), (1, -high))
        s.line((-1, -high), (0, deep), (1, -high))
        return
    s.line((-1, -high), (0, deep), (1, -high))
    if s.chance(0.35):
        s.line((-1, high), (-0.3, s.between(-0.1, 0.1)))
        s.line((1, high), (0.3, s.between(-0.1, 0.1)))
    if s.chance(0.25):
        s.oval(0, deep, 0.13, 0.13, fill="#d93030")


def balloon(s: Sketch) -> None:
    """An egg with its tip down, a knot and a string."""
    colour, wide = (
        s.pick("#d93030", "#4f8fe8", "#ffd93b", "#d957b8", "#5bb04b"),
        s.between(0.48, 0.6),
    )
    low = s.between(0.25, 0.4)
    s.blob(
        (0, -1),
        (wide * 0.75, -0.8),
        (wide, -0.4),
        (wide * 0.6, 0.05),
        (0.06, low),
        (-0.06, low),
        (-wide * 0.6, 0.05),
        (-wide, -0.4),
        (-wide * 0.75, -0.8),
        fill=colour,
    )
    if s.chance(0.75):
        s.shape((0, low), (0.1, low + 0.12), (-0.1, low + 0.12), fill=colour)
    xs = s.rng.normal(0, s.between(0.02, 0.13), 4)
    s.curve(
        (0, low + 0.1), (xs[0], 0.55), (xs[1], 0.75), (xs[2], 0.95), (xs[3], s.between(1, 1.35))
    )
    if s.chance(0.25):
        s.arc(wide * -0.1, -0.5, wide * 0.55, 0.3, 180, 260)
