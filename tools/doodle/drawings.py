"""Draws hand-drawn-looking pictures of everyday things, the same ones for the same seed.

`draw` makes one picture; `example` makes the picture a seed stands for. The ranges of seeds
for training, validation and test do not overlap, so no picture of one is ever in another.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw

from tools.doodle.hand import arrange, shaken
from tools.doodle.paper import RGB, brightness, paper, worn
from tools.doodle.shapes import SHAPES
from tools.doodle.sketch import Part, Points, Sketch
from tools.doodle.styles import Style, random_style

LABELS: tuple[str, ...] = tuple(sorted(SHAPES))
SIZE = 64

TRAIN_SEEDS = range(10_000_000)
VALIDATION_SEEDS = range(10_000_000, 11_000_000)
TEST_SEEDS = range(11_000_000, 12_000_000)

_SCALE = 3  # pictures are drawn this much larger and reduced, so that edges are smooth


def example(seed: int, size: int = SIZE) -> tuple[Image.Image, int]:
    """Draws a seed's picture; returns it with its class. Consecutive seeds go through LABELS."""
    index = seed % len(LABELS)
    return draw(LABELS[index], np.random.default_rng(seed), size), index


def draw(
    label: str, rng: np.random.Generator, size: int = SIZE, style: Style | None = None
) -> Image.Image:
    """Draws one of LABELS as a size x size RGB picture, in a random style unless `style` is set.

    Raises KeyError for a label that is not in LABELS.
    """
    style = style or random_style(rng)
    sketch = Sketch(rng, jitter=rng.uniform(0.005, 0.04))
    SHAPES[label](sketch)
    frame = size * _SCALE
    parts, unit = arrange(_kept(sketch.parts, style, rng), rng, frame, style.fraction, style.tilt)
    sheet, base = paper(style.paper, frame, rng)
    _Pen(sheet, base, style, rng, unit).draw(parts)
    reduce = (Image.Resampling.BOX, Image.Resampling.BILINEAR, Image.Resampling.LANCZOS)
    small = sheet.resize((size, size), reduce[int(rng.integers(3))])
    return worn(small, rng, style.wear)


def _kept(parts: list[Part], style: Style, rng: np.random.Generator) -> list[Part]:
    """Leaves out some of the small parts, as people leave out details."""
    small = [max(np.ptp(part.points, axis=0)) < 0.32 for part in parts]
    omit = rng.random(len(parts)) < style.omit
    return [p for p, s, o in zip(parts, small, omit, strict=True) if not (s and o)] or parts


class _Pen:
    """Draws the parts of one picture on its sheet; pixels throughout."""

    def __init__(
        self, sheet: Image.Image, base: RGB, style: Style, rng: np.random.Generator, unit: float
    ) -> None:
        self.sheet, self.base, self.style, self.rng, self.unit = sheet, base, style, rng, unit
        self.pen = ImageDraw.Draw(sheet)
        self.width = max(1.0, style.width * sheet.width)
        self.rounding = int(rng.choice([0, 0, 1, 2]))
        self.ink = style.ink
        if abs(brightness(base) - brightness(style.ink)) < 80:
            light = brightness(base) < 128
            self.ink = (245, 245, 240) if light else (25, 25, 30)
        self.swap: dict[str, RGB] = {}

    def draw(self, parts: list[Part]) -> None:
        for part in parts:
            line, area = shaken(part, self.rng, self.unit, self.style.wobble, self.rounding)
            coloured = part.fill is not None and self.style.fill != "none"
            if part.fill is not None and coloured:
                coloured = self._fill(area, self._fill_colour(part.fill))
            if part.dot:
                self._dot(area)
            elif not coloured or self.style.outlined or not part.closed:
                self._stroke(line)
                if self.style.twice:
                    self._stroke(shaken(part, self.rng, self.unit, self.style.wobble, 0)[0])

    def _fill_colour(self, colour: str) -> RGB:
        if colour not in self.swap:
            if self.style.own_colours:
                own = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
            else:
                own = self.rng.integers(20, 255, 3)
            r, g, b = np.clip(own + self.rng.normal(0, 14, 3), 0, 255).astype(int)
            if abs(brightness((r, g, b)) - brightness(self.ink)) < 50:  # lines on it must show
                away = 255 if brightness(self.ink) < 128 else 0
                r, g, b = (r + away) // 2, (g + away) // 2, (b + away) // 2
            self.swap[colour] = (int(r), int(g), int(b))
        return self.swap[colour]

    def _fill(self, area: Points, colour: RGB) -> bool:
        """Colours an area in; returns whether it stands out without a line around it."""
        fill, extent = self.style.fill, float(np.ptp(area, axis=0).max())
        if fill != "flat":
            centre = area.mean(axis=0)
            grow, off = self.rng.uniform(0.88, 1.06), self.rng.normal(0, 0.03 * self.unit, 2)
            area = centre + (area - centre) * grow + off
        if fill == "scribble" and extent > 0.25 * self.unit:
            self._scribble(area, colour)
        else:
            self.pen.polygon(area.ravel().tolist(), fill=colour)
        contrast = max(abs(a - b) for a, b in zip(colour, self.base, strict=True))
        return contrast > 70 and fill != "scribble"

    def _scribble(self, area: Points, colour: RGB) -> None:
        (left, top), (right, bottom) = area.min(axis=0), area.max(axis=0)
        reach = float(np.hypot(right - left, bottom - top)) / 2
        width = self.width * self.rng.uniform(0.8, 1.6)
        rows = int(np.clip(2 * reach / (width * self.rng.uniform(1.1, 2)), 4, 60))
        across = np.linspace(-reach, reach, rows)
        ends = np.where(np.arange(rows) % 2, reach, -reach) * self.rng.uniform(0.9, 1.1, rows)
        angle = self.rng.uniform(0, np.pi)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        zigzag = np.stack([ends, across], 1) @ turn + [(left + right) / 2, (top + bottom) / 2]
        mask = Image.new("L", self.sheet.size)
        ImageDraw.Draw(mask).polygon(area.ravel().tolist(), fill=255)
        hatch = Image.new("L", self.sheet.size)
        ImageDraw.Draw(hatch).line(zigzag.ravel().tolist(), fill=255, width=round(width))
        self.sheet.paste(colour, mask=ImageChops.multiply(mask, hatch))

    def _stroke(self, line: Points) -> None:
        pieces = [line]
        if self.style.pressure and len(line) > 6:
            cuts = range(4, len(line) - 2, 4)
            pieces = [line[max(0, a - 4) : a + 1] for a in (*cuts, len(line) - 1)]
        for piece in pieces:
            width = self.width * (1 + self.style.pressure * self.rng.uniform(-1, 1))
            self.pen.line(piece.ravel().tolist(), fill=self.ink, width=max(1, round(width)))
            r = width / 2
            for x, y in piece[_round(piece)].tolist():
                self.pen.ellipse((x - r, y - r, x + r, y + r), fill=self.ink)

    def _dot(self, area: Points) -> None:
        (x, y), reach = area.mean(axis=0), float(np.ptp(area, axis=0).max()) / 2
        r = max(reach, self.width * self.rng.uniform(0.45, 0.7))
        self.pen.ellipse((x - r, y - r, x + r, y + r), fill=self.ink)


def _round(line: Points) -> NDArray[np.bool_]:
    """Returns where a round pen shows: at both ends, and at turns of over about 15 degrees."""
    way = np.diff(line, axis=0)
    length = np.hypot(way[:, 0], way[:, 1]) + 1e-9
    cosine = (way[1:] * way[:-1]).sum(axis=1) / (length[1:] * length[:-1])
    return np.concatenate([[True], cosine < 0.966, [True]])
