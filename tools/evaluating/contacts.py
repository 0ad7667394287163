"""The contact sheet of the surest mistakes."""

import base64
import io
from collections.abc import Sequence

from PIL import Image

from chalicelib.images.decode import decode
from chalicelib.images.preprocessing import Preprocessing
from chalicelib.wording import percent
from chalicelib.workflow.report.svg import Drawing, fit, group, number, text
from tools.evaluating.illustrations import sheet
from tools.evaluating.measures import Mistake

SIDE, COLUMNS, GAP, WORDS = 168, 4, 20, 58
"""A thumbnail's pixels, thumbnails a row, and the space around and below them."""

WHOLE = Preprocessing("letterbox", colour=(241, 243, 244), filter="lanczos")


def of_mistakes(mistakes: Sequence[Mistake], files: Sequence[bytes], name: str) -> str:
    """Draw them, surest first. files: the pictures, in the same order."""
    parts = []
    for place, (mistake, data) in enumerate(zip(mistakes, files, strict=True)):
        row, column = divmod(place, COLUMNS)
        sure = percent(mistake.score)
        parts.append(group(column * (SIDE + GAP), row * (SIDE + WORDS), [
            _thumbnail(data),
            text(0, SIDE + 17, fit(mistake.answer, SIDE, 15), "name"),
            text(0, SIDE + 34, fit(f"{sure}; is {mistake.truth}", SIDE), "muted"),
        ], tip=f"{mistake.picture}: {mistake.answer}, {sure}; it is {mistake.truth}"))  # fmt: skip
    rows = -(-len(mistakes) // COLUMNS)
    across = min(len(mistakes), COLUMNS)
    drawing = Drawing(across * (SIDE + GAP) - GAP, rows * (SIDE + WORDS) - 16, parts)
    return sheet(
        f"The surest mistakes of {name}", drawing, ["What was said, how surely, and what it is."]
    )


def _thumbnail(data: bytes) -> str:
    file = io.BytesIO()
    Image.fromarray(decode(data, (SIDE, SIDE), WHOLE).pixels).save(file, "JPEG", quality=85)
    encoded = base64.b64encode(file.getvalue()).decode()
    place = f'width="{number(SIDE)}" height="{number(SIDE)}"'
    frame = f'<rect {place} fill="none" class="rule"/>'
    return f'<image {place} href="data:image/jpeg;base64,{encoded}"/>{frame}'
