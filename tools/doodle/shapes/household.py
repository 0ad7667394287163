"""Things about the house."""

from __future__ import annotations

import numpy as np

from tools.doodle.sketch import Sketch, arc, turned


def hourglass(s: Sketch) -> None:
    """Two crossing triangles, straight or curved glass; sand and a frame at times."""
    w, neck, high = s.between(0.45, 0.65), s.between(0.03, 0.09), s.between(0.8, 0.9)
    glass, sand = "#dceaf2", s.pick("#e8c878", "#e0a860")
    level, pile = s.between(0.3, 0.7) * high, s.between(0.3, 0.6) * high
    if s.chance(0.25):
        # two triangles that cross
        s.shape((-w, -high), (w, -high), (-w, high), (w, high), fill=glass)
    elif s.chance(0.45):
        bend = [
            (w, -high),
            (w * 0.95, -high * 0.5),
            (neck, -0.05),
            (neck, 0.05),
            (w * 0.95, high * 0.5),
            (w, high),
        ]
        s.blob(*bend, *((-x, y) for x, y in reversed(bend)), fill=glass)
    else:
        s.shape((-w, -high), (w, -high), (neck, 0), (w, high), (-w, high), (-neck, 0), fill=glass)
    half = w * level / high * 0.9
    if s.chance(0.5):
        s.shape((-half, -level), (half, -level), (0, -0.05), fill=sand)
    if s.chance(0.5):
        s.shape((-w * 0.8, high), (0, high - pile), (w * 0.8, high), fill=sand)
    if s.chance(0.3):
        s.line((0, 0), (0, high - 0.1))
    for y in (-high - 0.08, high + 0.08) if s.chance(0.7) else ():
        wide, t = w * s.between(1.1, 1.35), s.between(0.05, 0.1)
        if s.chance(0.5):
            s.shape((-wide, y - t), (wide, y - t), (wide, y + t), (-wide, y + t), fill="#94643a")
        else:
            s.line((-wide, y), (wide, y))
    for side in (-1, 1) if s.chance(0.2) else ():
        s.line((side * w * 1.15, -high), (side * w * 1.15, high))


def key(s: Sketch) -> None:
    """A ring or clover, a shaft and teeth, at any angle."""
    metal, r, tilt = (
        s.pick("#d9b040", "#a8a8b4", "#c98a4b"),
        s.between(0.28, 0.42),
        s.between(-50, 50),
    )
    begin = len(s.parts)
    if s.chance(0.2):
        for x, y in ((-1, 0), (-0.72, -0.28), (-0.72, 0.28)):
            s.oval(x, y, 0.22, 0.22, fill=metal)
    else:
        s.oval(-0.7, 0, r, r * s.between(0.85, 1.1), fill=metal)
    if s.chance(0.5):
        s.oval(-0.72, 0, r * 0.45, r * 0.45, fill="#ffffff")
    left, t, teeth, side = (
        -0.72 + r,
        s.between(0.05, 0.1),
        s.count(2, 3),
        1 if s.chance(0.8) else -1,
    )
    long = s.between(0.16, 0.3)
    if s.chance(0.5):
        s.line((left, 0), (1, 0))
        for i in range(teeth):
            s.line((1 - 0.2 * i, 0), (1 - 0.2 * i, side * long))
    else:
        edge = [
            (x, y)
            for i in range(teeth)
            for x, y in (
                (1 - 0.24 * i, side * t),
                (1 - 0.24 * i, side * (t + long)),
                (0.88 - 0.24 * i, side * (t + long)),
                (0.88 - 0.24 * i, side * t),
            )
        ]
        s.shape((left, -side * t), (1, -side * t), *edge, (left, side * t), fill=metal)
    tilt += 90 * s.count(0, 3) if s.chance(0.6) else 0
    s.parts[begin:] = [
        type(p)(turned(p.points, tilt), p.closed, p.fill, p.dot) for p in s.parts[begin:]
    ]


def ladder(s: Sketch) -> None:
    """Two rails and four to eight rungs."""
    wood, w, steps = s.pick("#94643a", "#c98a4b", "#a8a8b4"), s.between(0.25, 0.45), s.count(4, 8)
    lean, narrow, over = s.between(-0.35, 0.35), s.between(0.75, 1), s.chance(0.25)
    for side in (-1, 1):
        top, foot = lean + side * w * narrow, side * w
        if s.chance(0.25):
            s.shape(
                (foot - 0.05, 1), (top - 0.05, -1), (top + 0.05, -1), (foot + 0.05, 1), fill=wood
            )
        else:
            s.line((foot, 1), (top, -1))
    for y in np.linspace(0.8, -0.8, steps):
        t = (1 - y) / 2
        x, half = lean * t, w * (1 - (1 - narrow) * t) * (1.15 if over else 1)
        s.line((x - half, y), (x + half, y))


def clock(s: Sketch) -> None:
    """A dial with two hands; marks, or the bells of an alarm clock, at times."""
    r, marks = s.between(0.8, 0.95), [0, 4, 12, 12][s.count(0, 3)]
    if s.chance(0.25):  # an alarm clock
        for side in (-1, 1):
            s.line((side * 0.55, 0.65), (side * 0.75, 1.05))
            s.oval(side * 0.6, -0.85, 0.28, 0.22, fill="#d93030")
    s.oval(0, 0, r, r, fill=s.pick("#f7f7f7", "#fff0c8", "#cfe0f0"))
    if s.chance(0.2):
        s.oval(0, 0, r * 0.87, r * 0.87)
    for angle in np.arange(marks) * 360 / max(marks, 1):
        near = arc(0, 0, r * s.between(0.74, 0.8), r * 0.78, angle, angle, 1)[0]
        far = arc(0, 0, r * 0.92, r * 0.92, angle, angle, 1)[0]
        s.line((near[0], near[1]), (far[0], far[1]))
    hour = s.between(0, 360)
    minute = hour + s.between(50, 310)
    for angle, long in ((hour, s.between(0.35, 0.5)), (minute, s.between(0.58, 0.72))):
        tip = arc(0, 0, r * long, r * long, angle, angle, 1)[0]
        s.line((0, 0), (tip[0], tip[1]))
    if s.chance(0.3):
        s.dot(0, 0, 0.05)


def light_bulb(s: Sketch) -> None:
    """A globe on a screw base; filament and rays at times."""
    glow, r = s.pick("#ffe873", "#ffd93b", "#fff6c8"), s.between(0.55, 0.68)
    neck, y, foot = s.between(0.2, 0.28), -0.35, s.between(0.45, 0.55)
    sweep = float(np.degrees(np.arccos(neck / r)))
    globe = arc(0, y, r, r, 180 - sweep + 5, 360 + sweep - 5, 32)
    s.path(np.concatenate([[[-neck, foot]], globe, [[neck, foot]]]), closed=True, fill=glow)
    if s.chance(0.75):
        lines, t = s.count(2, 4), s.between(0.09, 0.13)
        for i in range(lines):
            s.line((-neck, foot + t * (i + 0.5)), (neck, foot + t * (i + 0.3)))
        low = foot + t * lines
        s.line(
            (-neck, foot),
            (-neck, low),
            (-neck * 0.4, low + 0.12),
            (neck * 0.4, low + 0.12),
            (neck, low),
            (neck, foot),
        )
    else:
        s.shape(
            (-neck, foot),
            (neck, foot),
            (neck * 0.8, foot + 0.4),
            (-neck * 0.8, foot + 0.4),
            fill="#a8a8b4",
        )
    if s.chance(0.6):
        s.line(
            (-neck * 0.5, foot),
            (-neck * 0.9, y),
            (-neck * 0.3, y + 0.15),
            (0, y - 0.02),
            (neck * 0.3, y + 0.15),
            (neck * 0.9, y),
            (neck * 0.5, foot),
        )
    for angle in np.linspace(150, 390, s.count(5, 8)) if s.chance(0.3) else ():
        near = arc(0, y, r + 0.12, r + 0.12, angle, angle, 1)[0]
        far = arc(0, y, r + 0.35, r + 0.35, angle, angle, 1)[0]
        s.line((near[0], near[1]), (far[0], far[1]))
