"""Draw the confusion matrix of a model card."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from tools.doodle.drawings import LABELS


def confusion_picture(confusion: NDArray[np.int64], cell: int = 22) -> Image.Image:
    """Draws the matrix. Rows: what was drawn. Columns: the answers. Blue is right, red wrong."""
    margin, n = 110, len(confusion)
    font = ImageFont.load_default(13)
    side = margin + n * cell + 10
    image = Image.new("RGB", (side, side), "white")
    pen = ImageDraw.Draw(image)
    share = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    for row, column in np.ndindex(n, n):
        x, y = margin + column * cell, margin + row * cell
        fade = 1 - min(1.0, share[row, column] * (1 if row == column else 8))
        light = int(255 * fade)
        colour = (light, light, 255) if row == column else (255, light, light)
        pen.rectangle((x, y, x + cell - 2, y + cell - 2), fill=colour)
        if confusion[row, column]:
            ink = "white" if fade < 0.5 else "black"
            pen.text(
                (x + cell / 2, y + cell / 2),
                str(confusion[row, column]),
                ink,
                ImageFont.load_default(10),
                anchor="mm",
            )
    image.paste(_names(margin, cell, font, right=True), (0, margin))
    columns = _names(margin, cell, font, right=False)
    image.paste(columns.transpose(Image.Transpose.ROTATE_90), (margin, 0))
    return image


def _names(width: int, cell: int, font: Any, right: bool) -> Image.Image:
    image = Image.new("RGB", (width, len(LABELS) * cell), "white")
    pen = ImageDraw.Draw(image)
    for i, label in enumerate(LABELS):
        x, anchor = (width - 6, "rm") if right else (6, "lm")
        pen.text((x, (i + 0.5) * cell), label, "black", font, anchor)
    return image
