"""Lay a grid of values over a picture: as a heat map, with boxes around its hot regions."""

import base64
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chalicelib.answers.predictions import HeatMap, HeatMethod, Region
from chalicelib.images.preprocessing import Box

SIDE = 32
"""Cells on the longer side of a heat map. The feature maps behind it have 7 to 12."""
HOT = 128
"""The least value of a hot region: half of the most."""
REGIONS = 3
"""Regions of a heat map. Further ones are cooler, and mostly single cells."""


class _Run(NamedTuple):
    """Hot cells side by side in a row: the first, the one behind the last, and the most."""

    row: int
    start: int
    end: int
    most: int

    def touches(self, other: "_Run") -> bool:
        """Whether a run of another row touches it by a side."""
        return self.row - other.row == 1 and self.start < other.end and other.start < self.end


def heat_map(
    grid: NDArray[np.float32], picture: tuple[int, int], view: Box, method: HeatMethod
) -> HeatMap:
    """Returns the heat map of a grid [rows, columns] that covers `view`.

    picture: width and height in pixels. view: of its coordinates; what lies outside gets 0.
    """
    longest = max(picture)
    width, height = (max(1, round(SIDE * side / longest)) for side in picture)
    across = _interpolation(width, picture[0], view[0], view[2], grid.shape[1])
    down = _interpolation(height, picture[1], view[1], view[3], grid.shape[0])
    finite = np.nan_to_num(grid, nan=0.0, posinf=0.0, neginf=0.0)
    heat = (down @ finite @ across.T).clip(min=0)
    values = np.rint(heat * (255 / max(float(heat.max()), 1e-9))).astype(np.uint8)
    regions = sorted(_regions(values), key=lambda runs: max(run.most for run in runs))
    boxes = [_around(runs, values.shape, picture) for runs in regions[: -REGIONS - 1 : -1]]
    return HeatMap(method, width, height, base64.b64encode(values.tobytes()).decode(), boxes)


def _interpolation(
    cells: int, side: int, start: float, end: float, points: int
) -> NDArray[np.float32]:
    """Weights [cells, points] that interpolate linearly between the middles of a grid's points."""
    place = (np.arange(cells) + 0.5) * side / cells
    within = (place - start) / (end - start)
    nearest = (within * points - 0.5).clip(0, points - 1)
    weights = (1 - np.abs(nearest[:, np.newaxis] - np.arange(points))).clip(min=0)
    weights[(within < 0) | (within > 1)] = 0
    return weights.astype(np.float32)


def _regions(values: NDArray[np.uint8]) -> list[list[_Run]]:
    """Returns the hot regions, each as runs of cells that touch by a side."""
    regions: list[list[_Run]] = []
    for run in _runs(values):
        touching = [region for region in regions if any(map(run.touches, region))]
        regions = [region for region in regions if region not in touching]
        regions.append([run, *(other for region in touching for other in region)])
    return regions


def _runs(values: NDArray[np.uint8]) -> Iterator[_Run]:
    hot = np.pad(values >= HOT, ((0, 0), (1, 1)))
    ends = np.argwhere(np.diff(hot, axis=1)).tolist()
    for (row, start), (_, end) in zip(ends[::2], ends[1::2], strict=True):
        yield _Run(row, start, end, int(values[row, start:end].max()))


def _around(runs: list[_Run], shape: tuple[int, ...], picture: tuple[int, int]) -> Region:
    """Returns the box in pixels around runs of a map of that shape."""
    left, right = min(run.start for run in runs), max(run.end for run in runs)
    upper, lower = min(run.row for run in runs), max(run.row for run in runs) + 1
    x, width = _pixels(left, right, shape[1], picture[0])
    y, height = _pixels(upper, lower, shape[0], picture[1])
    return Region(x, y, width, height)


def _pixels(start: int, end: int, cells: int, side: int) -> tuple[int, int]:
    """Returns the first pixel of cells `start` to `end`, and how many pixels they touch."""
    first = start * side // cells
    return first, -(-end * side // cells) - first
