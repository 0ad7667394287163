"""Sky and plants. Each function draws one way of many to draw its thing."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from tools.doodle.shapes.face import face
from tools.doodle.sketch import Sketch, arc, turned


def star(s: Sketch) -> None:
    """Five strokes that cross, or the outline of a star of five or six points."""
    turn = s.between(-12, 12)
    if s.chance(0.35):  # five strokes that cross, pen never lifted
        corners = turned(arc(0, 0, 1, 1, -90, 630, 6), turn)
        s.path(corners + s.rng.normal(0, 0.06, corners.shape), fill="#ffd93b")
        return
    points = 5 if s.chance(0.9) else 6
    waist = s.between(0.32, 0.58)
    angles = np.radians(np.arange(2 * points) * 180 / points - 90 + turn)
    radii = np.where(np.arange(2 * points) % 2, waist, 1) * (1 + s.rng.normal(0, 0.07, 2 * points))
    corners = np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)
    s.path(corners, closed=True, fill=s.pick("#ffd93b", "#ffb000", "#f4e04d"))


def sun(s: Sketch) -> None:
    """A disc with rays: lines, triangles or waves; sometimes a face."""
    r, rays = s.between(0.38, 0.62), s.count(6, 16)
    style, first = s.count(0, 4), s.between(0, 60)
    for angle in np.linspace(first, first + 360, rays, endpoint=False):
        gap, length = r + s.between(0, 0.14), s.between(0.85, 1.1)
        if style == 0 and rays > 6:  # triangles for rays
            half = 130 / rays
            tip, foot = arc(0, 0, length, length, angle, angle, 1), arc(0, 0, r, r, -half, half, 2)
            s.path(np.concatenate([turned(foot, angle), tip]), closed=True, fill="#ffb000")
        else:
            radii = np.array([gap, length]) if style < 4 else np.linspace(gap, length, 6)
            sway = 6 * np.sin(np.linspace(0, 6, len(radii)))
            wave = np.radians(angle + (s.rng.normal(0, 3, 2) if style < 4 else sway))
            s.path(np.stack([radii * np.cos(wave), radii * np.sin(wave)], axis=1))
    s.oval(0, 0, r, r, fill=s.pick("#ffd93b", "#ffb000", "#ff9a3c"))
    if s.chance(0.3):
        face(s, 0, 0, r)


def cloud(s: Sketch) -> None:
    """Bumps all around, or above a flat foot."""
    bumps, flat = s.count(5, 9), s.chance(0.5)
    angles = np.linspace(180, 360 if flat else 540, bumps + 1) + s.between(-8, 8) * (not flat)
    height = s.between(0.4, 0.65)
    feet = np.stack([np.cos(np.radians(angles)), height * np.sin(np.radians(angles))], axis=1)
    feet[1:-1] *= 1 + s.rng.normal(0, 0.08, (bumps - 1, 1))
    outline = []
    for a, b in pairwise(feet):
        middle, r = (a + b) / 2, float(np.hypot(*(b - a))) / 2
        begin = float(np.degrees(np.arctan2(*(a - middle)[::-1])))
        swell = s.between(0.85, 1.15)
        lobe = arc(0, 0, r, r * swell, 180, 360, 12)
        outline.append(turned(lobe, begin - 180) + middle)
    s.path(np.concatenate(outline), closed=True, fill=s.pick("#dfe9f5", "#b9d4ee", "#c9c9d4"))


def lightning_bolt(s: Sketch) -> None:
    """The flash of a warning sign, one with two kinks, a narrow one, one zigzag stroke."""
    colour, w = s.pick("#ffd93b", "#ffb000", "#f7f06d"), s.between(-0.12, 0.12)
    style = s.count(0, 3)
    if style == 0:  # the flash of a warning sign
        s.shape(
            (0.15 + w, -1),
            (-0.45, 0.12),
            (-0.05, 0.1),
            (-0.2 - w, 1),
            (0.45, -0.2),
            (0.05, -0.18),
            (0.45 + w, -1),
            fill=colour,
        )
    elif style == 1:  # two kinks
        s.shape(
            (-0.1, -1),
            (-0.5, -0.2 + w),
            (-0.2, -0.22),
            (-0.4, 0.35),
            (-0.12, 0.32),
            (-0.25, 1),
            (0.45, 0.05),
            (0.12, 0.08),
            (0.5, -0.45),
            (0.15, -0.42),
            (0.45 + w, -1),
            fill=colour,
        )
    elif style == 2:  # narrow, ends in points
        s.shape(
            (0.3 + w, -1),
            (-0.4, 0.15),
            (0.0, 0.12),
            (-0.3 - w, 1),
            (0.4, -0.12),
            (0.0, -0.1),
            fill=colour,
        )
    else:  # one zigzag stroke
        s.line((0.25 + w, -1), (-0.35, 0.05), (0.3, -0.05 + w), (-0.25, 1))


def tree(s: Sketch) -> None:
    """A conifer in layers, bare branches, or a trunk with a round or leafy crown."""
    leaf, bark = s.pick("#3c9d4e", "#5bb04b", "#2f7d4f", "#d98032"), s.pick("#7a4f2a", "#94643a")
    style, w = s.count(0, 5), s.between(0.08, 0.2)
    if style <= 1:  # a conifer: triangles on top of each other, or one jagged outline
        s.shape((-w, 0.6), (w, 0.6), (w, 1), (-w, 1), fill=bark)
        layers = s.count(1, 4)
        for i in reversed(range(layers)):
            top, foot = -1 + i * 1.1 / layers, -1 + (i + 1) * 1.6 / layers
            half = 0.35 + 0.4 * (i + 1) / layers
            s.shape((0, top), (half, foot), (-half, foot), fill=leaf)
        return
    foot, spread = s.between(0.9, 1.1), s.between(0.0, 0.15)
    if style == 2:  # bare branches, or almost
        s.line((0, foot), (0, -0.5))
        for i in range(s.count(4, 7)):
            side, y = (-1) ** i, s.between(-0.35, 0.35)
            s.line((0, y), (side * s.between(0.4, 0.75), y - s.between(0.3, 0.6)))
        return
    s.line((-w, 0.05), (-w, 0.5), (-w - spread, foot))
    s.line((w, 0.05), (w, 0.5), (w + spread, foot))
    if s.chance(0.3):
        s.line((-w - spread, foot), (w + spread, foot))
    wide, high = s.between(0.55, 0.85), s.between(0.5, 0.7)
    if style == 3:
        s.oval(0, -0.35, wide, high, fill=leaf)
    else:
        bumps = s.count(6, 10)
        angle = np.radians(np.linspace(90, 450, bumps * 6))
        swell = 1 + 0.14 * np.abs(np.sin(angle * bumps / 2)) - 0.07
        crown = np.stack([wide * swell * np.cos(angle), high * swell * np.sin(angle) - 0.35], 1)
        s.path(crown, closed=True, fill=leaf)
    for _ in range(s.count(3, 6) if s.chance(0.25) else 0):
        s.oval(s.between(-0.4, 0.4), s.between(-0.65, -0.1), 0.07, 0.07, fill="#d93030")


def flower(s: Sketch) -> None:
    """Petals around a centre, with or without a stem; now and then a tulip."""
    petal = s.pick("#e8556d", "#d957b8", "#8f6be0", "#f2f2f2", "#ff8f3c", "#4f8fe8")
    stem, y = s.chance(0.8), s.between(-0.5, -0.3)
    if stem:
        s.curve((0, y + 0.2), (s.between(-0.1, 0.1), 0.4), (s.between(-0.1, 0.1), 1))
        for side in (-1, 1):
            if s.chance(0.6):
                foot = s.between(0.5, 0.8)
                s.blob(
                    (0, foot),
                    (side * 0.25, foot - 0.25),
                    (side * 0.5, foot - 0.3),
                    (side * 0.3, foot - 0.03),
                    fill="#4caf50",
                )
    if stem and s.chance(0.2):  # a tulip
        s.shape(
            (-0.35, -0.8),
            (-0.18, -0.5),
            (0, -0.85),
            (0.18, -0.5),
            (0.35, -0.8),
            (0.33, -0.35),
            (0.15, -0.1),
            (-0.15, -0.1),
            (-0.33, -0.35),
            fill=petal,
        )
        return
    count, r = s.count(4, 9), s.between(0.14, 0.22)
    reach = s.between(0.26, 0.4)
    width = min(0.2, reach * np.pi / count * s.between(0.75, 1.1))
    for angle in np.linspace(0, 360, count, endpoint=False) + s.between(0, 60):
        loop = arc(r + reach / 2, 0, reach / 2 * s.between(0.9, 1.2), width, 180, 540, 20)
        s.path(turned(loop, angle) + np.array([0, y]), closed=True, fill=petal)
    s.oval(0, y, r, r, fill=s.pick("#ffd93b", "#ffb000", "#7a4f2a"))


def cactus(s: Sketch) -> None:
    """A column with one or two arms; spines, a pot or the ground at times."""
    green, w = s.pick("#3c9d4e", "#5bb04b", "#2f7d4f"), s.between(0.18, 0.27)
    top = np.concatenate([arc(0, -0.75, w, 0.25, 180, 360, 12), [[w, 0.9]], [[-w, 0.9]]])
    for side in (-1, 1) if s.chance(0.85) else (1,):
        y, reach, t = s.between(-0.1, 0.35), s.between(0.5, 0.7), s.between(0.09, 0.14)
        up = y - s.between(0.35, 0.6)
        s.shape(
            (side * w, y - t),
            (side * (reach - t), y - t),
            (side * (reach - t), up),
            (side * reach, up - 0.12),
            (side * (reach + t), up),
            (side * (reach + t), y + t),
            (side * w, y + t),
            fill=green,
        )
    s.path(top, closed=True, fill=green)
    for _ in range(s.count(4, 12) if s.chance(0.5) else 0):
        s.tick(s.between(-w, w), s.between(-0.7, 0.7), 0.12, s.between(50, 130))
    if s.chance(0.35):
        s.shape((-0.5, 0.7), (0.5, 0.7), (0.36, 1.2), (-0.36, 1.2), fill="#c8663c")
    elif s.chance(0.4):
        s.line((-0.8, 0.92), (0.8, 0.92))
