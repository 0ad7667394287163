"""Draw pictures by the thousand, and read drawings that people made with a mouse."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tools.doodle.drawings import SIZE, TRAIN_SEEDS, example

Images: TypeAlias = NDArray[np.uint8]
Classes: TypeAlias = NDArray[np.int64]

CANVAS = 280  # the side of the page's canvas, in pixels
STROKE_WIDTH, STROKE_COLOUR = 10, "#1b1f24"

_CHUNK = 250
_SEEDS_A_RUN = len(TRAIN_SEEDS) // 10


@dataclass(frozen=True)
class MouseDrawing:
    """A drawing on the page's canvas: strokes of (x, y) points in its pixels."""

    label: str
    strokes: list[list[tuple[float, float]]]


def training_seeds(run: int, count: int) -> range:
    """Returns the seeds of training run 0..9. No two runs share a seed, and none is a test seed.

    Raises ValueError where a run has fewer seeds than asked for.
    """
    if not 0 <= run < 10 or not 0 < count <= _SEEDS_A_RUN:
        raise ValueError(f"A run is 0..9 and has {_SEEDS_A_RUN} seeds; got run {run}, {count}.")
    return TRAIN_SEEDS[run * _SEEDS_A_RUN : run * _SEEDS_A_RUN + count]


def pictures(
    seeds: Sequence[int], jobs: int, size: int = SIZE
) -> Iterator[tuple[int, Images, Classes]]:
    """Draws the pictures of the seeds in `jobs` processes, in order, some at a time.

    Yields (where they belong, uint8 [n, size, size, 3], class indices int64 [n]).
    """
    chunks = [list(seeds[i : i + _CHUNK]) for i in range(0, len(seeds), _CHUNK)]
    spawn = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
    with ProcessPoolExecutor(jobs, mp_context=spawn) as pool:
        start = 0
        for images, classes in pool.map(_drawn, chunks, [size] * len(chunks)):
            yield start, images, classes
            start += len(images)


def all_pictures(seeds: Sequence[int], jobs: int, size: int = SIZE) -> tuple[Images, Classes]:
    """Draws all pictures, and returns the images and their classes."""
    parts = list(pictures(seeds, jobs, size))
    return np.concatenate([p[1] for p in parts]), np.concatenate([p[2] for p in parts])


def mouse_drawings(path: Path) -> list[MouseDrawing]:
    """Reads a JSON list of {"label", "strokes": [[[x, y], …], …]}."""
    return [MouseDrawing(**item) for item in json.loads(path.read_text("utf-8"))]


def on_canvas(drawing: MouseDrawing) -> Image.Image:
    """Draws it as the page's canvas shows it: RGB, round dark strokes on white."""
    scale = 4  # edges of a canvas are smooth
    image = Image.new("RGB", (CANVAS * scale, CANVAS * scale), "white")
    pen, r = ImageDraw.Draw(image), STROKE_WIDTH * scale / 2
    for stroke in drawing.strokes:
        points = [(x * scale, y * scale) for x, y in stroke]
        pen.line(points, fill=STROKE_COLOUR, width=STROKE_WIDTH * scale)
        for x, y in points:
            pen.ellipse((x - r, y - r, x + r, y + r), fill=STROKE_COLOUR)
    return image.resize((CANVAS, CANVAS), Image.Resampling.BOX)


def squashed(image: Image.Image, size: int = SIZE) -> Images:
    """Returns the whole image as a model gets it: uint8 [size, size, 3]."""
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR), np.uint8)


def _drawn(seeds: list[int], size: int) -> tuple[Images, Classes]:
    drawn = [example(seed, size) for seed in seeds]
    images = np.stack([np.asarray(image, np.uint8) for image, _ in drawn])
    return images, np.array([index for _, index in drawn], np.int64)
