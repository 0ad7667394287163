"""Draw the models' accuracy, or else their confidence, as points with intervals."""

import math
from collections.abc import Sequence

from chalicelib.wording import count, interval, percent, plain
from chalicelib.workflow.judgement import ArmResult
from chalicelib.workflow.report.svg import Drawing, dot, fit, group, line, text

NAMES, FIGURES = 190, 190
"""Pixels left and right of the scale."""

ARM = 62
"""Pixels of an arm's height."""

ROLES = "champion", "challenger"


class _Scale:
    """A scale of shares, 0..1, in pixels, from `low` to `high` tenths."""

    def __init__(self, shares: Sequence[float], width: float) -> None:
        low = math.floor(min(shares, default=0) * 10)
        high = math.ceil(max(shares, default=1) * 10)
        self.low, self.high = (low - 1, high) if low == high == 10 else (low, max(high, low + 1))
        self.width = width

    def __call__(self, share: float) -> float:
        return NAMES + self.width * (share * 10 - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Returns a handful of shares to mark: every tenth, half-tenth or fifth."""
        tenths = self.high - self.low
        step = 0.5 if tenths <= 2 else 1 if tenths <= 5 else 2
        first = math.ceil(self.low / step)
        return [place * step / 10 for place in range(first, int(self.high / step) + 1)]


def chart(arms: Sequence[ArmResult], width: float) -> Drawing:
    """Draws the champion and, if there is one, the challenger beneath."""
    labelled = any(arm.accuracy is not None for arm in arms)
    shares = [arm.accuracy if labelled else arm.mean_confidence for arm in arms]
    reach = [edge for arm in arms for edge in arm.interval or ()] if labelled else []
    known = reach + [share for share in shares if share is not None]
    scale = _Scale(known, width - NAMES - FIGURES)
    bottom = ARM * len(arms)
    parts = _axis(scale, bottom, labelled) if known else []
    for place, (arm, share) in enumerate(zip(arms, shares, strict=True)):
        drawn = _words(arm, ROLES[place], share, width)
        if share is not None:
            drawn += _point(scale, share, arm.interval if labelled else None)
        parts.append(group(0, ARM * place, drawn))
    return Drawing(width, bottom + (42 if known else 0), parts)


def _axis(scale: _Scale, bottom: float, labelled: bool) -> list[str]:
    parts = []
    for tick in scale.ticks():
        x = scale(tick)
        parts += [line(x, 0, x, bottom, "rule"), text(x, bottom + 16, percent(tick), "muted mid")]
    meaning = "right, of the labelled images answered, with the 95% interval"
    if not labelled:
        meaning = "mean confidence in the top label: not how often it is right"
    return [*parts, text(NAMES, bottom + 38, meaning, "muted")]


def _point(scale: _Scale, share: float, bounds: tuple[float, float] | None) -> list[str]:
    point = dot(scale(share), ARM / 2)
    if bounds is None:
        return [point]
    low, high = bounds
    return [line(scale(low), ARM / 2, scale(high), ARM / 2, "range"), point]


def _words(arm: ArmResult, role: str, share: float | None, width: float) -> list[str]:
    """Writes the arm's name on the left and its figures on the right."""
    failed = sum(arm.errors.values())
    facts = [count(failed, "error")]
    if arm.latency_ms:
        facts.append(f"{arm.latency_ms.p50:.3g} ms")
    parts = [
        text(0, ARM / 2 - 2, fit(arm.model, NAMES - 20, 15), "name"),
        text(0, ARM / 2 + 16, role, "muted"),
        text(width, ARM / 2 + (-2 if share is None else 18), " · ".join(facts), "muted end"),
    ]
    if share is None:
        codes = ", ".join(f"{number:,} {plain(code, 30)}" for code, number in arm.errors.items())
        why = f"no answer: {codes}" if codes else "no answer"
        return [*parts, text(NAMES, ARM / 2 - 2, fit(why, width - NAMES - 80), "muted")]
    known = f"{arm.correct:,} of {arm.labelled:,}" if arm.labelled else f"{arm.answered:,} answered"
    bounds = interval(arm.interval) if arm.interval else known
    return [
        *parts,
        text(width, ARM / 2 - 2, percent(share), "figure end"),
        text(width - 66, ARM / 2 - 3, bounds, "muted end"),
    ]
