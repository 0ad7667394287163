"""Draw a matrix of labels as a heat map."""

from chalicelib.wording import count, percent, plain
from chalicelib.workflow.confusion import Matrix
from chalicelib.workflow.judge import TRUTH
from chalicelib.workflow.report.svg import Drawing, box, fit, group, line, text, wide

SMALLEST, LARGEST = 19, 46
"""Least and largest side of a cell in pixels: room for two digits, but not huge."""

LABEL_WIDTH = 130
"""Pixels for a label's name beside the cells. The cell's tip has the whole name."""

CELL_GAP = 1.5
"""Pixels between cells."""

CLEAR = 0.75
"""From this opacity on, a cell's figure is drawn in the sheet's colour."""


def heat_map(matrix: Matrix, room: float) -> Drawing:
    """Draws the matrix. A cell's colour is its share of the row's images.

    room: pixels that the cells share on a side, as far as their limits allow.
    """
    names = [fit(label, LABEL_WIDTH) for label in matrix.labels]
    cell = min(max(room / len(names), SMALLEST), LARGEST)
    longest = max(wide(name) for name in names)
    left, top = max(longest, wide(_rows(matrix))) + 8, longest * 0.71 + 34
    side, title = cell * len(names), f"{fit(matrix.columns, 280, 15)} says →"
    parts = [text(0, 14, title, "name"), text(left - 8, top - 8, _rows(matrix) + " ↓", "muted end")]
    for place, name in enumerate(names):
        middle = (place + 0.5) * cell
        parts.append(text(left - 8, top + middle + 4, name, "end"))
        parts.append(text(left + middle + 2, top - 6, name, "", turn=-45))
    parts.append(group(left, top, _cells(matrix, cell)))
    overhang = longest * 0.71 - cell / 2
    width = max(left + side + max(overhang, 0), wide(title, 15))
    return Drawing(width, top + side, parts)


def _rows(matrix: Matrix) -> str:
    return TRUTH if matrix.rows == TRUTH else f"{fit(matrix.rows, LABEL_WIDTH)} says"


def _cells(matrix: Matrix, side: float) -> list[str]:
    whole = side * len(matrix.labels)
    cells = [box(0, 0, whole - CELL_GAP, whole - CELL_GAP, "empty")]
    for place in range(1, len(matrix.labels)):
        at = place * side - CELL_GAP / 2
        cells += [line(at, 0, at, whole, "gap"), line(0, at, whole, at, "gap")]
    for row, counts in enumerate(matrix.counts):
        for column, number in enumerate(counts):
            if number:
                share = number / sum(counts)
                tip = (
                    f"{plain(matrix.labels[row])} → {plain(matrix.labels[column])}: "
                    f"{count(number, 'image')}, {percent(share)} of the row"
                )
                drawn = _cell(matrix, row, column, share, side)
                cells.append(group(column * side, row * side, drawn, tip))
    return cells


def _cell(matrix: Matrix, row: int, column: int, share: float, side: float) -> list[str]:
    inner, opacity = side - CELL_GAP, round(0.15 + 0.85 * share, 2)
    size = "mid" if side > 28 else "mid tiny"
    if opacity > CLEAR:
        size += " on"
    figure = short(matrix.counts[row][column])
    words = text(inner / 2, inner / 2 + (4 if side > 28 else 3.4), figure, size)
    if matrix.hidden and row == column == len(matrix.labels) - 1:
        words = words.replace(" on", "")
        return [box(0.5, 0.5, inner - 1, inner - 1, "mixed"), words]
    return [box(0, 0, inner, inner, "same" if row == column else "differ", opacity), words]


def short(number: int) -> str:
    """Writes a count in at most four characters, up to a million."""
    if number < 1000:
        return str(number)
    if number < 10_000:
        return f"{number / 1000:.1f}k".replace(".0k", "k")
    return f"{number // 1000}k" if number < 1_000_000 else f"{number / 1e6:.1f}M"
