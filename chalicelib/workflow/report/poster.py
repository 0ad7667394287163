"""Draw a judgement: how good each model is, and what it confuses."""

from collections.abc import Sequence

from chalicelib.wording import count, interval, percent, plain
from chalicelib.workflow.judgement import ArmResult, Judgement
from chalicelib.workflow.report.chart import chart
from chalicelib.workflow.report.heatmap import heat_map
from chalicelib.workflow.report.svg import Drawing, box, document, group, text, wide, wrap

EDGE, GAP = 36, 40
NARROWEST = 720
"""Least inner width of the drawing in pixels."""

ALONE, PAIRED = 520, 400
"""Pixels of a heat map's side, alone and beside another."""


def picture(judgement: Judgement) -> str:
    """Draws the judgement as an SVG document that needs no other file."""
    room = ALONE if len(judgement.confusion) == 1 else PAIRED
    maps = [heat_map(matrix, room) for matrix in judgement.confusion]
    width = max(NARROWEST, sum(drawing.width for drawing in maps) + GAP * (len(maps) - 1))
    parts, y = [], float(EDGE)
    sections = [_heading(judgement, width), chart(judgement.arms, width)]
    if maps:
        sections += [_side_by_side(maps), _legend(judgement)]
    for section in sections:
        parts.append(group(EDGE, y, section.parts))
        y += section.height + GAP
    names = " against ".join(plain(arm.model) for arm in reversed(judgement.arms))
    return document(width + 2 * EDGE, y - GAP + EDGE, names, describe(judgement), parts)


def _heading(judgement: Judgement, width: float) -> Drawing:
    lines = wrap(plain(judgement.verdict, 400), width, 19)
    parts = [text(0, 18 + 27 * place, words, "headline") for place, words in enumerate(lines)]
    labelled = f"{judgement.labelled:,} of them labelled" if judgement.labelled else "no labels"
    if judgement.labelled == judgement.images:
        labelled = "all labelled"
    facts = [f"{count(judgement.images, 'image')}, {labelled}"]
    if judgement.agreement and judgement.labelled:
        facts.append(f"the models agree on {percent(judgement.agreement.rate)}")
    below = 16 + 27 * len(lines)
    return Drawing(width, below, [*parts, text(0, below, " · ".join(facts), "muted")])


def _side_by_side(maps: Sequence[Drawing]) -> Drawing:
    """Aligns the bottoms of the maps; with the same labels their tops align, too."""
    parts, x, height = [], 0.0, max(drawing.height for drawing in maps)
    for drawing in maps:
        parts.append(group(x, height - drawing.height, drawing.parts))
        x += drawing.width + GAP
    return Drawing(x - GAP, height, parts)


def _legend(judgement: Judgement) -> Drawing:
    same, differ = ("right", "wrong") if judgement.labelled else ("the same", "different")
    words = [(same, "same"), (differ, "differ")]
    parts, x = [], 0.0
    for word, style in words:
        parts += [box(x, 0, 12, 12, style), text(x + 18, 10, word)]
        x += 18 + wide(word) + 18
    note = "The stronger a cell's colour, the larger its share of the row."
    hidden = max(matrix.hidden for matrix in judgement.confusion)
    if hidden:
        note += f" (other) stands for {count(hidden, 'label')} more, confused less often."
    return Drawing(x, 12, [*parts, text(x, 10, note, "muted")])


def describe(judgement: Judgement) -> str:
    """Describes the drawing in words."""
    sentences = [plain(judgement.verdict, 400), *map(_described, judgement.arms)]
    for matrix in judgement.confusion:
        for pair in matrix.confused[:1]:
            row, column, whose = (
                plain(name, 40) for name in (pair.row, pair.column, matrix.columns)
            )
            sentences.append(f"Most often {whose} says {column} for {row}: {pair.count:,} times.")
    return " ".join(sentences)


def _described(arm: ArmResult) -> str:
    name, failed = plain(arm.model), count(sum(arm.errors.values()), "error")
    if arm.accuracy is not None and arm.interval is not None:
        return (
            f"{name}: right on {percent(arm.accuracy)} of {arm.labelled:,} "
            f"(95% interval {interval(arm.interval)}), {failed}."
        )
    if arm.mean_confidence is not None:
        return f"{name}: mean confidence {percent(arm.mean_confidence)}, {failed}."
    return f"{name}: no answer, {failed}."
