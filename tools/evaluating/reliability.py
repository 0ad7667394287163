"""The reliability diagram: how often answers of each confidence are right."""

from collections.abc import Iterator

from chalicelib.wording import percent
from chalicelib.workflow.report.svg import Drawing, box, line, number, text
from tools.evaluating.calibration import BINS, Bin, Calibration
from tools.evaluating.illustrations import sheet

SIDE, BARS, LEFT, GAP = 380.0, 84.0, 60.0, 22.0
TICKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)

FEW = 5
"""A bin with fewer answers is drawn faint."""


def of_calibration(calibration: Calibration, name: str) -> str:
    """Draw it, with the number of answers of each confidence below."""
    bottom = SIDE + GAP + BARS
    parts = [*_grid(), *(part for bin in calibration.bins for part in _point(bin))]
    most = max(bin.of for bin in calibration.bins)
    for bin in calibration.bins:
        height = BARS * 0.85 * bin.of / most
        x, width = _x(bin.low), SIDE / BINS
        parts += [
            box(x + 1, bottom - height, width - 2, height, "same", 0.6),
            text(x + width / 2, bottom - height - 4, f"{bin.of:,}", "mid tiny"),
        ]
    parts += [
        line(LEFT, bottom, LEFT + SIDE, bottom, "rule"),
        *(text(_x(tick), bottom + 18, percent(tick), "muted mid") for tick in TICKS),
        text(LEFT, bottom + 40, "confidence: the score of the answer", "muted"),
        text(14, SIDE, "right, of the answers of that confidence", "muted", turn=-90),
        text(14, bottom, "answers", "muted", turn=-90),
    ]
    return sheet(f"Is {name} as sure as it is right?", Drawing(LEFT + SIDE, bottom + 46, parts), [
        sentence(calibration),
        "On the dashed line, a model is right as often as it says. Points have 95% intervals; "
        f"faint points have fewer than {FEW} answers.",
    ])  # fmt: skip


def sentence(calibration: Calibration) -> str:
    """The calibration in words."""
    error = f"Expected calibration error {percent(calibration.error)}"
    if calibration.error <= calibration.by_chance:
        return (
            f"{error}. That is no more than a calibrated model shows by chance on so many "
            f"pictures (up to {percent(calibration.by_chance)})."
        )
    gap = calibration.confidence - calibration.share
    side = "surer than it is right" if gap > 0 else "less sure than it is right"
    return (
        f"{error}; a calibrated model shows at most {percent(calibration.by_chance)} by chance. On "
        f"average it is {side}: {percent(calibration.confidence)} against "
        f"{percent(calibration.share)}."
    )


def _x(share: float) -> float:
    return LEFT + SIDE * share


def _y(share: float) -> float:
    return SIDE * (1 - share)


def _grid() -> Iterator[str]:
    yield box(LEFT, 0, SIDE, SIDE, "empty")
    for tick in TICKS:
        yield line(_x(tick), 0, _x(tick), SIDE, "gap")
        yield line(LEFT, _y(tick), LEFT + SIDE, _y(tick), "gap")
        yield text(LEFT - 8, _y(tick) + 4, percent(tick), "muted end")
    yield line(_x(0), _y(0), _x(1), _y(1), "mixed")


def _point(bin: Bin) -> Iterator[str]:
    x, (low, high) = _x(bin.confidence), bin.interval
    faint = ' opacity="0.3"' if bin.of < FEW else ""
    place = f'cx="{number(x)}" cy="{number(_y(bin.share))}"'
    yield f"<g{faint}>{line(x, _y(low), x, _y(high), 'range')}"
    yield f'<circle {place} r="5.5" class="dot"/></g>'
