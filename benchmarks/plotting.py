"""Pictures in one style: SVG, on a light card that looks right on dark pages too."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cycler import cycler

from benchmarks.findings import folder

if TYPE_CHECKING:  # matplotlib takes a second to import, and not all who measure draw
    from matplotlib.axes import Axes

INK, PAPER, RULE = "#1f2430", "#fbfaf7", "#d9d5cc"
COLOURS = ["#2f6db5", "#d1642a", "#3b8f6b", "#8a5ab0", "#a8892c", "#6b7280"]
STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 11,
    "svg.fonttype": "path",  # so that it looks the same without our fonts
    "svg.hashsalt": "serverless-inception",  # so that the same figures give the same file
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": RULE,
    "axes.facecolor": PAPER,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
    "figure.facecolor": PAPER,
    "legend.frameon": False,
}


@contextlib.contextmanager
def picture(
    name: str, rows: int = 1, columns: int = 1, size: tuple[float, float] = (8.4, 4.4)
) -> Iterator[list["Axes"]]:
    """Yields axes to draw on, row by row, and saves them as docs/figures/KIND/NAME.svg.

    size: of the whole, in inches.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        yield list(figure.subplots(rows, columns, squeeze=False).flat)
        place = folder(name)
        place.mkdir(parents=True, exist_ok=True)
        figure.savefig(place / f"{name}.svg", metadata={"Date": None})
