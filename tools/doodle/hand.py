"""Move, bend and shake the parts of a sketch as a person's hand does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tools.doodle.sketch import Part, Points

_STEP = 0.07  # distance between the points of a shaken stroke, in a sketch's units


def arrange(
    parts: list[Part], rng: np.random.Generator, size: int, fraction: float, tilt: float = 8.0
) -> tuple[list[Part], float]:
    """Bends, mirrors, stretches and turns a sketch, then fits it somewhere into the frame.

    Returns the parts in pixels of a size x size frame and how many pixels a unit became. The
    longer side of the drawing takes `fraction` of the frame; tilt is the standard deviation of
    the rotation in degrees.
    """
    points = _bent(np.concatenate([part.points for part in parts]), rng)
    angle = np.radians(np.clip(rng.normal(0, tilt), -25, 25))
    stretch = np.exp(np.clip(rng.normal(0, 0.1), -0.25, 0.25))
    mirror = -1 if rng.random() < 0.5 else 1
    c, s = np.cos(angle), np.sin(angle)
    matrix = np.array([[c, s], [-s, c]]) @ np.diag([stretch, 1 / stretch])
    points = (points * [mirror, 1]) @ matrix
    low, high = points.min(axis=0), points.max(axis=0)
    scale = fraction * size / float((high - low).max())
    room = size - (high - low) * scale
    points = (points - low) * scale + rng.uniform(0.04, 0.96, 2) * room
    ends = np.cumsum([len(part.points) for part in parts])[:-1]
    pieces = np.split(points, ends)
    return [replace(p, points=xy) for p, xy in zip(parts, pieces, strict=True)], scale


def _bent(points: Points, rng: np.random.Generator) -> Points:
    """Bends the whole plane in a slow wave, so that proportions differ between drawings."""
    strength = rng.uniform(0, 0.12)
    wave = rng.uniform(-2.2, 2.2, (2, 2))
    phase = rng.uniform(0, 2 * np.pi, 2)
    return points + strength * np.sin(points @ wave + phase)


def shaken(
    part: Part, rng: np.random.Generator, unit: float, wobble: float, rounding: int
) -> tuple[Points, Points]:
    """Draws a stroke as a hand does; returns the line to ink and the outline to fill.

    part is in pixels, unit is the pixels of a sketch's unit, wobble the standard deviation of
    the hand's error in units, rounding how many neighbours a corner is averaged over.
    """
    points = _resampled(part.points, _STEP * unit)
    if part.closed:
        points = np.roll(points[:-1], rng.integers(len(points)) * (rng.random() < 0.6), axis=0)
        points = np.concatenate([points, points[:1]])
    n = len(points)
    error = wobble * unit
    knots = rng.normal(0, error, (max(2, n // 5 + 1), 2))
    at, grid = np.arange(n) * ((len(knots) - 1) / (n - 1)), np.arange(len(knots))
    slow = np.column_stack([np.interp(at, grid, knots[:, i]) for i in (0, 1)])
    centre = points.mean(axis=0)
    drift = 1 + rng.normal(0, wobble, 2)
    points = centre + (points - centre) * drift + slow + rng.normal(0, error * 0.6, 2)
    points = points + rng.normal(0, error * 0.2, points.shape)
    if rounding and n > 2 * rounding + 2:
        points = _rounded(points, rounding)
    return _ended(points, part.closed, rng, error), points


def _resampled(points: Points, step: float) -> Points:
    way = points[1:] - points[:-1]
    along = np.concatenate([[0.0], np.cumsum(np.hypot(way[:, 0], way[:, 1]))])
    n = max(3, int(along[-1] / step) + 1)
    at = np.arange(n) * (along[-1] / (n - 1))
    return np.column_stack([np.interp(at, along, points[:, i]) for i in (0, 1)])


def _rounded(points: Points, reach: int) -> Points:
    padded = np.pad(points, ((reach, reach), (0, 0)), mode="edge")
    sums = np.cumsum(np.concatenate([np.zeros((1, 2)), padded]), axis=0)
    width = 2 * reach + 1
    return np.asarray((sums[width:] - sums[:-width]) / width)


def _ended(points: Points, closed: bool, rng: np.random.Generator, error: float) -> Points:
    """Ends a closed stroke before or past its start, and an open one a little off."""
    n = len(points)
    if closed and n > 12:
        extra = int(rng.integers(-max(1, n // 14), max(2, n // 10)))
        if extra < 0:
            return points[:extra]
        return np.concatenate([points, points[1 : extra + 1] + rng.normal(0, error, 2)])
    if not closed:
        points = points.copy()
        way = points[-1] - points[-2]
        points[-1] += way / (np.hypot(*way) + 1e-9) * rng.normal(0, 2 * error)
    return points
