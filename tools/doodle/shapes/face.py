"""A friendly face, for a sun or a snowman."""

from __future__ import annotations

from tools.doodle.sketch import Sketch


def face(s: Sketch, x: float, y: float, r: float) -> None:
    """Draws two eyes and a smile inside a disc of radius r."""
    s.dot(x - r * 0.35, y - r * 0.2, r * 0.1)
    s.dot(x + r * 0.35, y - r * 0.2, r * 0.1)
    s.arc(x, y + r * 0.1, r * 0.45, r * 0.4, 20, 160)
