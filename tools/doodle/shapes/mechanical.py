"""Things with moving parts."""

from __future__ import annotations

from tools.doodle.sketch import Sketch, arc


def glasses(s: Sketch) -> None:
    """Two round or square lenses and a bridge; temples at times."""
    r, gap, shade = (
        s.between(0.36, 0.46),
        s.between(0.08, 0.18),
        s.pick("#cfe8f7", "#3a3a44", "#ffffff"),
    )
    x, square = r + gap, s.chance(0.25)
    for side in (-1, 1):
        if square:
            a, b = side * (x - r), side * (x + r)
            s.shape((a, -r * 0.7), (b, -r * 0.7), (b, r * 0.6), (a, r * 0.7), fill=shade)
        else:
            s.oval(side * x, 0, r, r * s.between(0.8, 1), fill=shade)
    s.curve((-gap, -0.05), (0, -s.between(0.08, 0.2)), (gap, -0.05))
    style = s.count(0, 3)
    for side in (-1, 1) if style else ():
        reach = s.between(0.08, 0.35)
        if style == 1:  # seen from the front: short ends
            s.line((side * (x + r), -0.05), (side * (x + r + reach), -0.12))
        else:  # temples folded out, up and back
            s.curve(
                (side * (x + r), -0.05),
                (side * (x + r + 0.05), -0.35),
                (side * (x + r - 0.1), -0.55),
            )


def bicycle(s: Sketch) -> None:
    """Two wheels, a frame, a saddle and a handlebar."""
    r, hub = s.between(0.38, 0.48), s.between(0.58, 0.66)
    y, seat = 0.45, (-0.28, s.between(-0.25, -0.1))
    for side in (-1, 1):
        s.oval(side * hub, y, r, r)
        for angle in (0, 45, 90, 135) if s.chance(0.15) else ():
            s.tick(side * hub, y, 1.8 * r, angle)
    pedal, head = (-0.05, y), (0.42, s.between(-0.2, -0.05))
    s.line((-hub, y), seat, head, pedal, (-hub, y))
    if s.chance(0.75):
        s.line(pedal, (seat[0] - 0.03, seat[1] - 0.12))
    s.line((hub, y), head, (head[0] - 0.07, head[1] - 0.25))
    bar = (head[0] - 0.07, head[1] - 0.25)
    if s.chance(0.5):
        s.curve(bar, (bar[0] + 0.2, bar[1] - 0.03), (bar[0] + 0.22, bar[1] + 0.13))
    else:
        s.line((bar[0] - 0.15, bar[1] - 0.05), (bar[0] + 0.12, bar[1]))
    s.line((seat[0] - 0.18, seat[1] - 0.13), (seat[0] + 0.12, seat[1] - 0.13))
    if s.chance(0.3):
        s.oval(*pedal, 0.08, 0.08)


def car(s: Sketch) -> None:
    """A body with a cabin on two wheels, seen from the side."""
    paint, low = s.pick("#d93030", "#4f8fe8", "#5bb04b", "#ffd93b", "#a8a8b4"), 0.4
    belt, roof, r = s.between(-0.15, 0.02), s.between(-0.62, -0.42), s.between(0.18, 0.26)
    a, b = s.between(-0.65, -0.5), s.between(0.35, 0.5)
    c, d = a + s.between(0.1, 0.3), b - s.between(0.1, 0.3)
    if s.chance(0.5):  # body and cabin in one outline
        s.shape(
            (-1, low),
            (-0.98, belt),
            (a, belt),
            (c, roof),
            (d, roof),
            (b, belt),
            (0.98, belt + 0.08),
            (1, low),
            fill=paint,
        )
    elif s.chance(0.5):
        s.path(
            arc((a + b) / 2, belt, (b - a) / 2, belt - roof, 180, 360, 20), closed=True, fill=paint
        )
        s.shape((-1, low), (-1, belt), (1, belt), (1, low), fill=paint)
    else:
        s.shape((a, belt), (c, roof), (d, roof), (b, belt), fill=paint)
        s.shape((-1, low), (-1, belt), (1, belt), (1, low), fill=paint)
    for x in (-s.between(0.5, 0.6), s.between(0.5, 0.6)):
        s.oval(x, low, r, r, fill="#3a3a44")
        if s.chance(0.4):
            s.oval(x, low, r * 0.45, r * 0.45, fill="#c8c8d0")
    if s.chance(0.65):
        m, t = (c + d) / 2, 0.06
        s.shape(
            (a + 0.12, belt), (c + t, roof + t), (m - t, roof + t), (m - t, belt), fill="#cfe8f7"
        )
        s.shape(
            (m + t, belt), (m + t, roof + t), (d - t, roof + t), (b - 0.12, belt), fill="#cfe8f7"
        )
    if s.chance(0.3):
        s.oval(0.9, belt + 0.18, 0.07, 0.07, fill="#ffe873")
    if s.chance(0.2):
        s.line((0.0, belt + 0.15), (0.12, belt + 0.15))


def scissors(s: Sketch) -> None:
    """Two blades that cross, and a loop on each."""
    wide, r, steel = s.between(0.2, 0.45), s.between(0.2, 0.28), "#c8c8d0"
    grip, cross = s.pick("#d93030", "#4f8fe8", "#ff8f3c"), s.between(0.0, 0.25)
    thick = s.chance(0.45)
    for side in (-1, 1):
        tip, knee = (side * wide, -1.0), (-side * 0.22, cross + 0.32)
        if thick:
            s.shape(
                tip,
                (side * 0.1, cross - 0.02),
                knee,
                (-side * 0.3, cross + 0.3),
                (-side * 0.02, cross - 0.05),
                fill=steel,
            )
        else:
            s.line(tip, (0, cross), knee)
        s.oval(
            -side * (0.2 + r * 0.6), cross + 0.3 + r * 0.85, r, r * s.between(0.95, 1.3), fill=grip
        )
        if s.chance(0.2):
            s.oval(
                -side * (0.2 + r * 0.6), cross + 0.3 + r * 0.85, r * 0.6, r * 0.7, fill="#ffffff"
            )
    if s.chance(0.5):
        s.dot(0, cross, 0.04)
