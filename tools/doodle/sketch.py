"""The parts of a drawing, and the verbs that shapes are written with.

Coordinates are unitless: a shape is written roughly inside [-1, 1] x [-1, 1], x to the right
and y down. `tools.doodle.drawings` fits whatever comes out into the frame.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Points: TypeAlias = NDArray[np.float64]
Point: TypeAlias = tuple[float, float]


@dataclass(frozen=True)
class Part:
    """One stroke of the pen.

    points: float64 [n, 2]. closed: the stroke comes back to where it began. fill: the colour
    ("#rrggbb") of the inside of a closed part where a drawing is coloured in; None stays empty.
    dot: a dab of ink, filled in the ink's colour.
    """

    points: Points
    closed: bool = False
    fill: str | None = None
    dot: bool = False


@dataclass
class Sketch:
    """Collects the parts of a drawing. Every corner lands a little off, as by hand."""

    rng: np.random.Generator
    jitter: float = 0.02
    parts: list[Part] = field(default_factory=list)

    def chance(self, probability: float) -> bool:
        """Returns True with this probability, 0..1."""
        return bool(self.rng.random() < probability)

    def between(self, low: float, high: float) -> float:
        """Returns a random number from low to high."""
        return float(self.rng.uniform(low, high))

    def count(self, low: int, high: int) -> int:
        """Returns a random whole number from low to high, both included."""
        return int(self.rng.integers(low, high + 1))

    def pick(self, *colours: str) -> str:
        """Returns one of the colours at random."""
        return colours[int(self.rng.integers(len(colours)))]

    def line(self, *corners: Point) -> None:
        """Draws an open stroke, straight from corner to corner."""
        self.parts.append(Part(self._off(corners)))

    def curve(self, *corners: Point) -> None:
        """Draws an open smooth stroke through the corners."""
        self.parts.append(Part(smooth(self._off(corners), closed=False)))

    def shape(self, *corners: Point, fill: str | None = None) -> None:
        """Draws a closed polygon."""
        self.parts.append(Part(close(self._off(corners)), closed=True, fill=fill))

    def blob(self, *corners: Point, fill: str | None = None) -> None:
        """Draws a closed smooth stroke through the corners."""
        self.parts.append(Part(smooth(self._off(corners), closed=True), closed=True, fill=fill))

    def path(self, points: Points, closed: bool = False, fill: str | None = None) -> None:
        """Draws a stroke through the points that the caller computed: float64 [n, 2]."""
        self.parts.append(Part(close(points) if closed else points, closed=closed, fill=fill))

    def oval(self, x: float, y: float, rx: float, ry: float, fill: str | None = None) -> None:
        """Draws an ellipse around (x, y)."""
        x, y = self._off([(x, y)])[0]
        rx, ry = rx * self._about(), ry * self._about()
        self.path(arc(x, y, rx, ry, 0, 360), closed=True, fill=fill)

    def arc(self, x: float, y: float, rx: float, ry: float, start: float, stop: float) -> None:
        """Draws a part of an ellipse. Degrees: 0 is to the right, 90 down."""
        x, y = self._off([(x, y)])[0]
        self.path(arc(x, y, rx * self._about(), ry * self._about(), start, stop))

    def dot(self, x: float, y: float, r: float = 0.04) -> None:
        """Draws a dab of ink."""
        x, y = self._off([(x, y)])[0]
        self.parts.append(Part(arc(x, y, r, r, 0, 360, 8), closed=True, dot=True))

    def tick(self, x: float, y: float, length: float, degrees: float) -> None:
        """Draws a short straight stroke centred on (x, y)."""
        dx, dy = np.cos(np.radians(degrees)) * length / 2, np.sin(np.radians(degrees)) * length / 2
        self.line((x - dx, y - dy), (x + dx, y + dy))

    def _about(self) -> float:
        return float(1 + self.rng.normal(0, self.jitter * 2))

    def _off(self, corners: tuple[Point, ...] | list[Point]) -> Points:
        points = np.asarray(corners, np.float64)
        return points + self.rng.normal(0, self.jitter, points.shape)


def arc(
    x: float, y: float, rx: float, ry: float, start: float, stop: float, steps: int = 32
) -> Points:
    """Returns points on an ellipse around (x, y) from start to stop degrees: float64 [steps, 2]."""
    angles = np.radians(np.linspace(start, stop, steps))
    return np.stack([x + rx * np.cos(angles), y + ry * np.sin(angles)], axis=1)


def turned(points: Points, degrees: float, around: Point = (0.0, 0.0)) -> Points:
    """Turns the points clockwise (y is down) around a centre."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    centre = np.asarray(around)
    return np.asarray((points - centre) @ np.array([[c, s], [-s, c]]) + centre)


def close(points: Points) -> Points:
    """Closes a line: returns the points, then the first again."""
    return np.concatenate([points, points[:1]])


def smooth(corners: Points, closed: bool, steps: int = 8) -> Points:
    """Returns a Catmull-Rom spline through the corners: float64 [m, 2], `steps` points a span."""
    if closed:
        p = np.concatenate([corners[-1:], corners, corners[:2]])
    else:
        p = np.concatenate([corners[:1], corners, corners[-1:]])
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    a, b, c, d = (p[i : len(p) - 3 + i, None, :] for i in range(4))
    spans = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return np.concatenate([spans.reshape(-1, 2), p[-2:-1]])
