"""Food, and what stands on a table."""

from __future__ import annotations

import numpy as np

from tools.doodle.sketch import Sketch, arc


def mushroom(s: Sketch) -> None:
    """A cap on a stem, with or without spots."""
    cap = s.pick("#d93030", "#b5653a", "#e0a050", "#c43d3d")
    high, w, droop = s.between(0.7, 1), s.between(0.14, 0.3), s.between(-0.05, 0.2)
    belly = w * s.between(0.9, 1.6)
    s.curve((-w, 0), (-w, 0.4), (-belly, 0.85), (0, 0.98), (belly, 0.85), (w, 0.4), (w, 0))
    dome = arc(0, 0, s.between(0.8, 1), high, 180, 360, 24)
    under = arc(0, 0, 0.9, droop, 0, 180, 12)[1:-1]
    s.path(np.concatenate([dome, under]), closed=True, fill=cap)
    for _ in range(s.count(2, 5) if s.chance(0.65) else 0):
        angle, reach, r = s.between(195, 345), s.between(0.3, 0.75), s.between(0.06, 0.14)
        x, y = arc(0, 0, reach * 0.8, reach * high, angle, angle, 1)[0]
        s.oval(x, y - 0.05, r, r * 0.9, fill="#ffffff")


def banana(s: Sketch) -> None:
    """A thick crescent with a stem at one end."""
    skin, sag = s.pick("#ffd93b", "#f4e04d", "#ffe873"), s.between(0.35, 0.65)
    thick, stem = s.between(0.22, 0.36), s.between(0.14, 0.26)
    tip = (-0.95, -0.25)
    inner = [(-0.5, sag * 0.55 - 0.1), (0, sag * 0.8 - 0.05), (0.5, sag * 0.5 - 0.1)]
    outer = [
        (0.65, sag * 0.5 + thick * 0.65),
        (0, sag * 0.8 + thick),
        (-0.6, sag * 0.55 + thick * 0.8),
    ]
    s.blob(
        tip,
        *inner,
        (0.82, -0.25),
        (0.84, -0.25 - stem),
        (0.97, -0.25 - stem),
        (0.98, -0.2),
        *outer,
        (-0.98, -0.1),
        fill=skin,
    )
    if s.chance(0.55):
        s.curve((-0.8, 0), (0, sag * 0.8 + thick * 0.4), (0.8, -0.05))
    if s.chance(0.5):
        s.line((0.8, -0.25), (0.98, -0.24))
    if s.chance(0.4):
        s.dot(-0.95, -0.2, 0.05)


def strawberry(s: Sketch) -> None:
    """A pointed berry with a crown of leaves and seeds."""
    wide, tip = s.between(0.6, 0.85), s.between(0.85, 1.05)
    red = s.pick("#d93030", "#e8455a", "#c8283c")
    if s.chance(0.75):
        s.blob(
            (0, -0.5),
            (wide * 0.7, -0.6),
            (wide, -0.2),
            (wide * 0.6, 0.45),
            (0, tip),
            (-wide * 0.6, 0.45),
            (-wide, -0.2),
            (-wide * 0.7, -0.6),
            fill=red,
        )
    else:
        s.blob(
            (0, -0.55),
            (wide, -0.45),
            (wide * 0.55, 0.35),
            (0, tip),
            (-wide * 0.55, 0.35),
            (-wide, -0.45),
            fill=red,
        )
    leaves, reach = s.count(3, 6), wide * s.between(0.6, 0.95)
    xs = np.linspace(-reach, reach, 2 * leaves + 1)
    ys = np.where(np.arange(len(xs)) % 2, s.between(-0.3, -0.1), -0.55)
    ys[[0, -1]] = -0.5
    crown = np.concatenate([np.stack([xs, ys], axis=1), [[0.1, -0.65], [-0.1, -0.65]]])
    s.path(crown + s.rng.normal(0, 0.04, crown.shape), closed=True, fill="#4caf50")
    if s.chance(0.65):
        s.curve((0, -0.6), (s.between(-0.1, 0.1), -0.8), (s.between(-0.2, 0.2), -0.95))
    dabs = s.chance(0.6)
    for y in np.arange(-0.05, tip - 0.25, s.between(0.2, 0.32)):
        half = wide * (0.75 - 0.65 * (y + 0.2))
        for x in np.linspace(-half, half, max(1, round(half / 0.16))):
            if dabs:
                s.dot(x * 0.9, y, 0.03)
            else:
                s.tick(x * 0.9, y, 0.09, s.between(70, 110))


def ice_cream(s: Sketch) -> None:
    """A cone with one to three balls or soft ice."""
    top, half, foot = s.between(0, 0.15), s.between(0.4, 0.55), s.between(0.95, 1.15)
    flavours = ("#f7b6c8", "#fff0c8", "#8a5a3c", "#b8e8c8", "#d8c0f0")
    s.shape((-half, top), (half, top), (0, foot), fill="#e0a860")
    for t in np.arange(0.25, 0.9, s.between(0.2, 0.35)) if s.chance(0.6) else ():
        y, w = top + (foot - top) * (1 - t), half * t
        s.line((-w, y), (w * 0.3, y + (foot - top) * 0.25 * t))
        s.line((w, y), (-w * 0.3, y + (foot - top) * 0.25 * t))
    style, wide = s.count(0, 4), half * s.between(1, 1.2)
    if style == 0:  # soft ice: rolls that get narrower
        for i in range(3):
            s.oval(0, top - 0.12 - 0.25 * i, wide * (1 - 0.27 * i), 0.19, fill=flavours[1])
        s.curve((-0.1, top - 0.72), (0.05, top - 0.95), (0.12, top - 0.85))
    elif style == 1:  # two balls side by side, one above
        for x, y in ((-0.25, 0.25), (0.25, 0.25), (0, 0.62)):
            s.oval(x, top - y, 0.32, 0.32, fill=s.pick(*flavours))
    elif style == 2:
        for i in range(s.count(2, 3)):
            s.oval(0, top - 0.25 - 0.38 * i, wide * (0.9 - 0.12 * i), 0.34, fill=s.pick(*flavours))
    else:
        s.path(
            arc(0, top, wide, s.between(0.5, 0.8), 180, 360, 24),
            closed=style == 3,
            fill=s.pick(*flavours) if style == 3 else None,
        )
    if s.chance(0.2):
        s.oval(0, top - 1, 0.1, 0.1, fill="#d93030")


def apple(s: Sketch) -> None:
    """A round fruit with a dip, a stem and mostly a leaf."""
    skin, wide, dip = (
        s.pick("#d93030", "#7cb83c", "#e8c040"),
        s.between(0.72, 0.9),
        s.between(0.1, 0.25),
    )
    bottom = s.between(0.75, 0.9)
    s.blob(
        (0, -0.5 + dip),
        (wide * 0.55, -0.6),
        (wide, -0.1),
        (wide * 0.7, 0.6),
        (0.25, bottom),
        (0, bottom - s.between(0, 0.12)),
        (-0.25, bottom),
        (-wide * 0.7, 0.6),
        (-wide, -0.1),
        (-wide * 0.55, -0.6),
        fill=skin,
    )
    s.curve((0, -0.45 + dip), (s.between(-0.05, 0.05), -0.75), (s.between(-0.05, 0.2), -1))
    if s.chance(0.75):
        side = 1 if s.chance(0.8) else -1
        s.blob(
            (side * 0.05, -0.7),
            (side * 0.2, -0.95),
            (side * 0.55, -0.95),
            (side * 0.35, -0.7),
            fill="#4caf50",
        )
    if s.chance(0.2):
        s.arc(0.4, -0.1, 0.2, 0.25, -70, 0)


def cup(s: Sketch) -> None:
    """A mug or a tea cup with a handle; steam and a saucer at times."""
    colour, slope = s.pick("#4f8fe8", "#f2f2f2", "#e8556d", "#5bb04b", "#ffb000"), s.between(0, 0.2)
    top, foot = s.between(-0.75, -0.45), s.between(0.6, 0.85)
    y, big = (top + foot) / 2 - slope * 0.3, s.between(0.2, 0.33)
    s.arc(0.6 - slope * 0.6, y, s.between(0.3, 0.42), big, -95, 95)
    if s.chance(0.55):
        s.arc(0.6 - slope * 0.6, y, 0.22, big * 0.6, -95, 95)
    deep = s.chance(0.5)
    if s.chance(0.3):  # a tea cup, half round
        s.path(
            np.concatenate([arc(0, top, 0.68, foot - top, 0, 180, 24)]), closed=True, fill=colour
        )
    elif deep:
        bowl = arc(0, foot, 0.62 - slope, 0.14, 0, 180, 12)
        s.path(np.concatenate([[[0.62, top]], bowl, [[-0.62, top]]]), closed=True, fill=colour)
    else:
        s.shape((-0.62, top), (0.62, top), (0.62 - slope, foot), (-0.62 + slope, foot), fill=colour)
    if s.chance(0.55):
        s.oval(0, top, 0.62, s.between(0.08, 0.18), fill=s.pick("#8a5a3c", "#f7f7f7"))
    for x in (-0.3, 0, 0.3) if s.chance(0.35) else ():
        s.curve((x, top - 0.2), (x + 0.08, top - 0.35), (x - 0.08, top - 0.5), (x, top - 0.65))
    if s.chance(0.25):
        s.oval(0, foot + 0.08, 0.95, 0.1, fill=colour)


def teapot(s: Sketch) -> None:
    """A round pot with a spout, a lid and a handle beside or above."""
    colour = s.pick("#4f8fe8", "#e8556d", "#5bb04b", "#8f6be0", "#c98a4b", "#3cb8b0")
    wide, high = s.between(0.52, 0.66), s.between(0.45, 0.6)
    lip = s.between(-0.45, -0.2)
    if s.chance(0.75):
        s.shape(
            (-wide * 0.8, 0.3),
            (-0.85, lip + 0.1),
            (-1.1, lip),
            (-0.98, lip - 0.1),
            (-0.75, lip),
            (-wide * 0.85, -0.12),
            fill=colour,
        )
    else:
        s.curve((-wide * 0.85, 0.3), (-0.85, 0.1), (-1.05, lip))
        s.curve((-wide * 0.85, 0), (-0.75, -0.1), (-1.05, lip))
    loop, tall = s.between(0.3, 0.45), s.between(0.25, 0.4)
    if s.chance(0.85):
        s.arc(wide * 0.85, 0.03, loop, tall, -110, 110)
        if s.chance(0.45):
            s.arc(wide * 0.85, 0.03, loop * 0.65, tall * 0.65, -100, 100)
    else:  # a handle over the top
        s.arc(0, -high * 0.7, wide * 0.9, 0.55, 180, 360)
    s.oval(0, 0.1, wide, high, fill=colour)
    brim = 0.1 - high * s.between(0.75, 0.95)
    if s.chance(0.6):
        s.path(
            arc(0, brim, wide * 0.55, s.between(0.1, 0.2), 180, 360, 16), closed=True, fill=colour
        )
    else:
        s.arc(0, brim - 0.06, wide * 0.6, 0.12, 20, 160)
    s.oval(0, brim - s.between(0.17, 0.26), 0.09, 0.08, fill=colour)
    if s.chance(0.4):
        s.line((-wide * 0.6, high + 0.1), (wide * 0.6, high + 0.1))


def candle(s: Sketch) -> None:
    """A candle that burns; drips, a holder and light at times."""
    wax, w = s.pick("#f7f0d8", "#e8556d", "#4f8fe8", "#d8c0f0"), s.between(0.16, 0.34)
    top, foot = s.between(-0.4, -0.1), 1.0
    if s.chance(0.4):
        s.path(
            np.concatenate([arc(0, foot, w, 0.08, 0, 180, 10), arc(0, top, w, 0.1, 180, 360, 10)]),
            closed=True,
            fill=wax,
        )
        s.arc(0, top, w, 0.1, 0, 180)
    else:
        s.shape((-w, top), (w, top), (w, foot), (-w, foot), fill=wax)
    wick = top - s.between(0.08, 0.2)
    s.line((0, top), (0, wick))
    high, flame = s.between(0.35, 0.55), s.between(0.12, 0.2)
    s.blob(
        (0, wick + 0.05),
        (flame, wick - high * 0.25),
        (flame * 0.5, wick - high * 0.7),
        (0, wick - high),
        (-flame * 0.5, wick - high * 0.7),
        (-flame, wick - high * 0.25),
        fill=s.pick("#ffb000", "#ff8f3c"),
    )
    if s.chance(0.3):
        s.curve((w * 0.3, top), (w * 0.45, top + 0.35), (w * 0.65, top + 0.3), (w * 0.75, top))
    if s.chance(0.35):  # a holder with a ring to carry it by
        s.shape((-0.6, foot), (0.6, foot), (0.45, foot + 0.2), (-0.45, foot + 0.2), fill="#c9a04b")
        if s.chance(0.6):
            s.oval(0.75, foot + 0.05, 0.17, 0.15)
    for angle in (200, 235, 270, 305, 340) if s.chance(0.25) else ():
        near = arc(0, wick - 0.2, 0.4, 0.45, angle, angle, 1)[0]
        far = arc(0, wick - 0.2, 0.58, 0.65, angle, angle, 1)[0]
        s.line((near[0], near[1]), (far[0], far[1]))
