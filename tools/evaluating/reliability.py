"""The reliability diagram: how often answers of each confidence are right."""

from collections.abc import Iterator

from chalicelib.wording import percent
from chalicelib.workflow.report.svg import Drawing, box, line, number, text
from tools.evaluating.calibration import BINS, Bin, Calibration
from tools.evaluating.illustrations import sheet

SIDE, BARS, LEFT, GAP = 380.0, 84.0, 60.0, 22.0
TICKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)

FEW = 5
"""Answers of a bin: what fewer say is drawn faint."""


def of_calibration(found: Calibration, name: str) -> str:
    """Draw it, with how many answers there are of each confidence beneath."""
    bottom = SIDE + GAP + BARS
    parts = [*_grid(), *(part for each in found.bins for part in _point(each))]
    most = max(each.of for each in found.bins)
    for each in found.bins:
        height = BARS * 0.85 * each.of / most
        x, width = _x(each.low), SIDE / BINS
        parts += [
            box(x + 1, bottom - height, width - 2, height, "same", 0.6),
            text(x + width / 2, bottom - height - 4, f"{each.of:,}", "mid tiny"),
        ]
    parts += [
        line(LEFT, bottom, LEFT + SIDE, bottom, "rule"),
        *(text(_x(tick), bottom + 18, percent(tick), "muted mid") for tick in TICKS),
        text(LEFT, bottom + 40, "confidence: the score of the answer", "muted"),
        text(14, SIDE, "right, of the answers of that confidence", "muted", turn=-90),
        text(14, bottom, "answers", "muted", turn=-90),
    ]
    return sheet(f"Is {name} as sure as it is right?", Drawing(LEFT + SIDE, bottom + 46, parts), [
        sentence(found),
        "On the dashed line, a model is right as often as it says. Points have 95% intervals; "
        f"faint points have fewer than {FEW} answers.",
    ])  # fmt: skip


def sentence(found: Calibration) -> str:
    """What the calibration is, in words."""
    error = f"Expected calibration error {percent(found.error)}"
    if found.error <= found.by_chance:
        return (
            f"{error}. That is no more than a calibrated model shows by chance on so many "
            f"pictures (up to {percent(found.by_chance)})."
        )
    gap = found.confidence - found.share
    side = "surer than it is right" if gap > 0 else "less sure than it is right"
    return (
        f"{error}; a calibrated model shows at most {percent(found.by_chance)} by chance. On "
        f"average it is {side}: {percent(found.confidence)} against {percent(found.share)}."
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


def _point(each: Bin) -> Iterator[str]:
    x, (low, high) = _x(each.confidence), each.interval
    faint = ' opacity="0.3"' if each.of < FEW else ""
    place = f'cx="{number(x)}" cy="{number(_y(each.share))}"'
    yield f"<g{faint}>{line(x, _y(low), x, _y(high), 'range')}"
    yield f'<circle {place} r="5.5" class="dot"/></g>'
