"""Drawings of an evaluation, in the style of the workflow's reports."""

from collections.abc import Sequence
from typing import NamedTuple

from chalicelib.wording import percent
from chalicelib.workflow.confusion import Matrix
from chalicelib.workflow.report.heatmap import heat_map
from chalicelib.workflow.report.svg import (
    Drawing,
    document,
    fit,
    group,
    line,
    number,
    text,
    wide,
    wrap,
)
from tools.evaluating.measures import ClassShare, Share

MARGIN = 32
ROW = 24
"""Pixels of a row's height."""

CLASSES = 40
"""Rows of classes; if there are more, those that are right least often."""

SCALE = 360
"""Pixels from 0% to 100%."""


class Row(NamedTuple):
    """A name, its share, and a note beside."""

    name: str
    share: Share
    said: str
    strong: bool = False


def sheet(title: str, drawing: Drawing, notes: Sequence[str] = ()) -> str:
    """An SVG document: a title, notes, and the drawing below."""
    width = max(drawing.width, min(wide(title, 20), 640))
    lines = [line for note in notes for line in wrap(note, width, 12)]
    parts = [text(0, 18, fit(title, width + MARGIN, 20), "headline")]
    parts += [text(0, 42 + 17 * place, line, "muted") for place, line in enumerate(lines)]
    above = 42 + 17 * len(lines) + 8
    parts.append(group(0, above, drawing.parts))
    return document(
        width + 2 * MARGIN,
        above + drawing.height + 2 * MARGIN,
        title,
        " ".join(notes) or title,
        [group(MARGIN, MARGIN, parts)],
    )


def shares(rows: Sequence[Row], axis: str) -> Drawing:
    """Each row's share as a point with its 95% interval, on one scale."""
    names = [fit(row.name, 330, 12) for row in rows]
    left = max(map(wide, names)) + 16
    low = 10 * int(10 * min(row.share.interval[0] for row in rows)) / 100
    low = min(low, 0.9)
    high = max(row.share.interval[1] for row in rows)
    high = 1.0 if high > low + 0.5 else min(1.0, max(low + 0.1, (int(high * 10) + 1) / 10))

    def x(share: float) -> float:
        return left + SCALE * (share - low) / (high - low)

    bottom = ROW * len(rows)
    steps = round((high - low) * 10)
    step = 0.02 if steps <= 1 else 0.05 if steps <= 3 else 0.1 if steps <= 6 else 0.2
    parts = []
    tick = low
    while tick < high + 1e-9:
        parts += [line(x(tick), 0, x(tick), bottom, "rule")]
        parts += [text(x(tick), bottom + 16, percent(round(tick, 4)), "muted mid")]
        tick += step
    parts.append(text(left, bottom + 38, axis, "muted"))
    said = left + SCALE + 20
    for place, (row, name) in enumerate(zip(rows, names, strict=True)):
        y = ROW * place + ROW / 2
        low_x, high_x = map(x, row.share.interval)
        parts += [
            text(0, y + 4, name, "name" if row.strong else ""),
            line(low_x, y, high_x, y, "range"),
            f'<circle cx="{number(x(row.share.share))}" cy="{number(y)}" r="4.5" class="dot"/>',
            text(said, y + 4, row.said, "" if row.strong else "muted"),
        ]
    width = said + max(wide(row.said) for row in rows)
    return Drawing(width, bottom + 42, parts)


def of_classes(by_class: Sequence[ClassShare], name: str) -> str:
    """How often each class is right, the worst first."""
    rows = [
        Row(share.name, share.top1, f"{share.top1.right} of {share.top1.of}" + _taken(share))
        for share in by_class[:CLASSES]
    ]
    title, notes = f"How often {name} is right, by class", ["With 95% intervals; the worst first."]
    if len(by_class) > CLASSES:
        title = f"The {CLASSES} classes on which {name} is right least often"
        notes = [f"Of {len(by_class):,} classes; classes.csv has all. With 95% intervals."]
    return sheet(title, shares(rows, "right, of the pictures of the class"), notes)


def _taken(share: ClassShare) -> str:
    return f", taken for {share.taken_for} ({share.taken})" if share.taken else ""


def of_confusion(matrix: Matrix, name: str) -> str:
    """Which classes are confused."""
    notes = [
        "Rows: what pictures show. Columns: what was answered. Red is wrong; the stronger a "
        "cell's colour, the larger its share of the row."
    ]
    if matrix.hidden:
        shown = len(matrix.labels) - 1
        notes += [
            f"The {shown} classes that are confused most; (other) stands for {matrix.hidden} more. "
            "confusion.csv has all."
        ]
    return sheet(f"What {name} takes for what", heat_map(matrix, 520), notes)
