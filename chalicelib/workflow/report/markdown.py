"""Write a run's report in Markdown."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from chalicelib.answers.judged import McNemar
from chalicelib.inference.labels import LIKELY_SCORE
from chalicelib.wording import count, interval, p_value, percent
from chalicelib.workflow.judgement import ArmResult, Judgement
from chalicelib.workflow.report.markup import json_block, safe, table
from chalicelib.workflow.run import Plan

OUTCOMES = {
    "promoted": "**Promoted.** The challenger is significantly better and gets the traffic.",
    "kept": "**Kept.** The experiment's traffic stays as it is.",
    "degraded": "**Degraded.** Too many images failed, so nothing was decided.",
}


def markdown(plan: Plan, outcome: str, judgement: Judgement, when: float) -> str:
    """Writes the report. outcome: promoted, kept or degraded. when: seconds since the epoch.

    Its links are relative to its own place in the results bucket, reports/NAME.md.
    """
    sections = [
        _verdict(plan, outcome, judgement, when),
        _arms(judgement),
        _pairs(judgement),
        _left_out(judgement),
        _errors(judgement),
        _confused(judgement),
        _again(plan),
        _files(plan),
    ]
    return "\n".join("\n".join([*lines, ""]) for lines in sections if lines)


def _verdict(plan: Plan, outcome: str, judgement: Judgement, when: float) -> list[str]:
    day = datetime.fromtimestamp(when, UTC)
    return [
        f"# {safe(judgement.verdict, 400)}",
        "",
        OUTCOMES.get(outcome, f"**{safe(outcome)}.**") + _why(plan, outcome, judgement),
        "",
        f"Run {safe(plan.name)}, {count(judgement.images, 'image')}, "
        f"{judgement.labelled:,} with a known label, {day:%Y-%m-%d %H:%M} UTC.",
        "",
        f"![Accuracy and confusion of the models]({quote(plan.name, safe='')}.svg)",
    ]


def _why(plan: Plan, outcome: str, judgement: Judgement) -> str:
    if outcome == "degraded":
        return (
            f" The limit is {percent(plan.max_error_rate)} of the images; "
            f"one model failed on {percent(judgement.error_rate)}."
        )
    if outcome == "kept" and judgement.better and not plan.promote:
        return " The challenger is significantly better; a run with `promote` would promote it."
    return ""


def _arms(judgement: Judgement) -> list[str]:
    heads = ["Model", "Role", "Right", "95% interval", "Mean confidence"]
    heads += ["Answered", "Errors", "Latency p50", "p95"]
    roles = ("champion", "challenger")
    rows = [_arm(arm, role) for arm, role in zip(judgement.arms, roles, strict=False)]
    return [
        "## The models",
        "",
        *table(heads, rows, words=2),
        "",
        "Right: the share of labelled images, of those that the model answered. An image without "
        "an answer is an error, not a wrong answer. The interval is Wilson's. Latency is of "
        "decoding and inference.",
        *_several(judgement),
    ]


def _several(judgement: Judgement) -> list[str]:
    names = [safe(arm.model) for arm in judgement.arms if arm.multi_label]
    if not names:
        return []
    return [
        "",
        f"{' and '.join(names)} may find several labels in an image. Such a model is right if the "
        f"known label has a score of at least {percent(LIKELY_SCORE)}.",
    ]


def _arm(arm: ArmResult, role: str) -> list[str]:
    """Writes a row of the table."""
    right = bounds = confidence = p50 = p95 = "–"
    if arm.accuracy is not None and arm.interval is not None:
        right = f"{percent(arm.accuracy)} ({arm.correct:,} of {arm.labelled:,})"
        bounds = interval(arm.interval)
    if arm.mean_confidence is not None:
        confidence = percent(arm.mean_confidence)
    if arm.latency_ms is not None:
        p50, p95 = f"{arm.latency_ms.p50:.1f} ms", f"{arm.latency_ms.p95:.1f} ms"
    errors = f"{sum(arm.errors.values()):,} ({percent(arm.error_rate)})"
    return [safe(arm.model), role, right, bounds, confidence, f"{arm.answered:,}", errors, p50, p95]


def _pairs(judgement: Judgement) -> list[str]:
    both, test = judgement.agreement, judgement.mcnemar
    if both is None:
        return []
    agree = (
        f"Their top labels agree on {both.agree:,} of the {count(both.pairs, 'image')} "
        f"that both answered ({percent(both.rate)})."
    )
    return ["## Side by side", "", agree, *(_test(judgement, test) if test else [])]


def _test(judgement: Judgement, test: McNemar) -> list[str]:
    champion, challenger = (safe(arm.model) for arm in judgement.arms)
    rows = [
        [f"**{champion} right**", f"{test.both:,}", f"{test.only_champion:,}"],
        [f"**{champion} wrong**", f"{test.only_challenger:,}", f"{test.neither:,}"],
    ]
    return [
        "",
        *table(["Images", f"{challenger} right", f"{challenger} wrong"], rows),
        "",
        f"McNemar's exact test looks at the {count(test.discordant, 'image')} that only one model "
        f"got right: {p_value(test.p_value)}. That is how often chance alone would split them at "
        "least this unevenly, if the models were equally good.",
    ]


def _left_out(judgement: Judgement) -> list[str]:
    if not judgement.left_out:
        return []
    rows = [
        [safe(label.label), safe(label.known_to or "no model"), f"{label.images:,}"]
        for label in judgement.unknown
    ]
    rest = judgement.left_out - sum(label.images for label in judgement.unknown)
    rows += [["(others)", "–", f"{rest:,}"]] if rest else []
    return [
        "## Answers that do not count",
        "",
        f"Images whose label not every model here knows: {judgement.left_out:,}. "
        "Nothing above counts them, because a model cannot be right with a label that it does "
        "not have.",
        "",
        *table(["Answer", "Known to", "Images"], rows, words=2),
    ]


def _errors(judgement: Judgement) -> list[str]:
    rows = [
        [safe(code), safe(arm.model), safe(example.message, 200), safe(example.id), f"{number:,}"]
        for arm in judgement.arms
        for code, number in arm.errors.items()
        if (example := arm.examples.get(code))
    ]
    heads = ["Error", "Model", "Message, for example", "of image", "Images"]
    return ["## Errors", "", *table(heads, rows, words=4)] if rows else []


def _confused(judgement: Judgement) -> list[str]:
    rows = [
        [*map(safe, (pair.row, pair.column, matrix.columns, pair.example)), f"{pair.count:,}"]
        for matrix in judgement.confusion
        for pair in matrix.confused
    ]
    first = "Truth" if judgement.labelled else f"{safe(judgement.champion.model)} says"
    heads = [first, "Taken for", "By", "Image, for example", "Images"]
    return ["## Most confused", "", *table(heads, rows, words=4)] if rows else []


def _again(plan: Plan) -> list[str]:
    request: dict[str, Any] = {
        "champion": plan.champion,
        "challenger": plan.challenger,
        "promote": plan.promote,
        "max_error_rate": plan.max_error_rate,
        "max_labels": plan.max_labels,
    }
    fields = {key: value for key, value in request.items() if value is not None}
    images = f"on the same images ({safe(plan.source)})"
    if plan.source.startswith("s3://"):
        fields, images = {"manifest": plan.source, **fields}, "on what the manifest lists then"
    else:
        images += ", given as its `instances`"
    return [
        "## Run it again",
        "",
        f"`POST /workflows` with this body is a new run {images}:",
        "",
        *json_block(fields),
    ]


def _files(plan: Plan) -> list[str]:
    name = quote(plan.name, safe="")
    return [
        f"Every image's answers: [results.jsonl](../workflows/{name}/results.jsonl) · "
        f"this report as data: [JSON]({name}.json) · the picture: [SVG]({name}.svg)"
    ]
