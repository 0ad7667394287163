"""The contact sheet of the surest mistakes."""

import base64
import io
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from chalicelib.answers.predictions import HeatMap
from chalicelib.images.decode import decode
from chalicelib.images.preprocessing import Preprocessing
from chalicelib.wording import percent
from chalicelib.workflow.report.svg import Drawing, fit, group, number, text
from tools.evaluating.illustrations import sheet
from tools.evaluating.measures import Mistake

SIDE, COLUMNS, GAP, WORDS = 168, 4, 20, 58
"""A thumbnail's pixels, thumbnails a row, and the space around and below them."""

DARKEST = 0.7
"""How much of the light of a picture goes where nothing speaks for the label."""

WHOLE = Preprocessing("letterbox", colour=(241, 243, 244), filter="lanczos")


def of_mistakes(
    mistakes: Sequence[Mistake],
    files: Sequence[bytes],
    name: str,
    looked: Callable[[bytes, str], HeatMap | None],
) -> str:
    """Draw them, surest first. files: the pictures, in the same order.

    looked: where in a picture a label was seen, if that can be told.
    """
    maps = [looked(data, mistake.answer) for mistake, data in zip(mistakes, files, strict=True)]
    parts = []
    for place, (mistake, data, heat) in enumerate(zip(mistakes, files, maps, strict=True)):
        row, column = divmod(place, COLUMNS)
        sure = percent(mistake.score)
        parts.append(group(column * (SIDE + GAP), row * (SIDE + WORDS), [
            _thumbnail(data, heat),
            text(0, SIDE + 17, fit(mistake.answer, SIDE, 15), "name"),
            text(0, SIDE + 34, fit(f"{sure}; is {mistake.truth}", SIDE), "muted"),
        ], tip=f"{mistake.picture}: {mistake.answer}, {sure}; it is {mistake.truth}"))  # fmt: skip
    rows = -(-len(mistakes) // COLUMNS)
    across = min(len(mistakes), COLUMNS)
    drawing = Drawing(across * (SIDE + GAP) - GAP, rows * (SIDE + WORDS) - 16, parts)
    notes = ["What was said, how surely, and what it is."]
    if any(maps):
        notes.append("The bright parts of a picture speak most for what was said.")
    return sheet(f"The surest mistakes of {name}", drawing, notes)


def _thumbnail(data: bytes, heat: HeatMap | None) -> str:
    file, image = io.BytesIO(), decode(data, (SIDE, SIDE), WHOLE)
    size = WHOLE.fitted((image.width, image.height), (SIDE, SIDE))
    pixels = shaded(image.pixels, heat, size) if heat else image.pixels
    Image.fromarray(pixels).save(file, "JPEG", quality=85)
    encoded = base64.b64encode(file.getvalue()).decode()
    place = f'width="{number(SIDE)}" height="{number(SIDE)}"'
    frame = f'<rect {place} fill="none" class="rule"/>'
    return f'<image {place} href="data:image/jpeg;base64,{encoded}"/>{frame}'


def shaded(pixels: NDArray[np.uint8], heat: HeatMap, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Darkens what does not speak for the label. size: of the picture in the middle of `pixels`."""
    values = np.frombuffer(base64.b64decode(heat.values), np.uint8)
    cells = Image.fromarray(values.reshape(heat.height, heat.width))
    light = np.asarray(cells.resize(size, Image.Resampling.BILINEAR), np.float32) / 255
    left, upper = ((side - part) // 2 for side, part in zip(pixels.shape[1::-1], size, strict=True))
    dark = pixels.copy()
    part = dark[upper : upper + size[1], left : left + size[0]]
    part[:] = part * (1 - DARKEST * (1 - light[..., np.newaxis]))
    return dark
