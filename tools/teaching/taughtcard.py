"""The card of a taught package: what it knows, how well, and what to doubt."""

from collections.abc import Iterator

from chalicelib.inference.packages import ModelPackage
from chalicelib.wording import count, interval, percent, plain
from chalicelib.workflow.report.markup import safe, table
from tools.console.columns import columns
from tools.evaluating.evaluation import Evaluation
from tools.evaluating.measures import Result
from tools.evaluating.reliability import sentence
from tools.teaching.lessons import Lesson

CARD = "README.md"

MOST, FEW, WIDTH = 20, 5, 40
"""Labels, mistakes, and characters of a label, on the terminal."""


def card(package: ModelPackage, lesson: Lesson, evaluation: Evaluation) -> str:
    """The card, in Markdown."""
    return "\n".join(_lines(package, lesson, evaluation)) + "\n"


def _lines(package: ModelPackage, lesson: Lesson, evaluation: Evaluation) -> Iterator[str]:
    info, (result,) = package.info, evaluation.results
    pictures = f"{count(len(lesson.told), 'picture')} with {count(len(lesson.labels), 'label')}"
    yield from (f"# {safe(info.title or info.name)}", "", safe(info.description, 400), "")
    yield (
        f"Version {safe(info.version)}, taught with {pictures}. Its network is that of "
        f"{safe(info.base)} (SHA-256 of `model.tflite`: `{info.sha256}`); only its last layer is "
        "new."
    )
    yield from ("", "## How often it is right", "")
    yield (
        f"**{percent(result.top1.share)}**, {result.top1.right:,} of {result.top1.of:,} pictures "
        "that the judged layers had not learned from (95% interval "
        f"{interval(result.top1.interval)}; mean of labels {percent(result.mean_of_classes)})."
    )
    if result.calibration:
        yield from ("", sentence(result.calibration))
    if evaluation.notes:
        yield from (
            "",
            "## To be known",
            "",
            *(f"- {safe(note, 600)}" for note in evaluation.notes),
        )
    yield from ("", "## By label", "", *_by_label(result))
    yield from ("", "## What is taken for what", "", *_confused(result))
    yield from ("", "## The surest mistakes", "", *_mistakes(result))
    yield from ("", "## Licence", "", safe(info.licence) or f"That of {safe(info.base)}.")


def lines(result: Result) -> Iterator[str]:
    """The tables of the card for the terminal, cut short."""
    head = ("", "RIGHT", "", "MOSTLY TAKEN FOR")
    rows = [
        (plain(share.name, WIDTH), f"{share.top1.right:,} of {share.top1.of:,}",
         percent(share.top1.share), plain(share.taken_for, WIDTH))
        for share in result.by_class[:MOST]
    ]  # fmt: skip
    yield from columns(head, rows)
    if len(result.by_class) > MOST:
        yield f"and {len(result.by_class) - MOST} labels more, which are right more often"
    for pair in result.confusion.confused[:FEW]:
        pair_ = f"{plain(pair.row, WIDTH)} taken for {plain(pair.column, WIDTH)}"
        yield f"  {pair_}: {count(pair.count, 'time')}"
    for mistake in result.mistakes[:FEW]:
        sure = f"{plain(mistake.answer, WIDTH)}, {percent(mistake.score)} sure"
        yield f"  {plain(mistake.picture)}: {sure}; it is {plain(mistake.truth, WIDTH)}"


def _by_label(result: Result) -> list[str]:
    rows = [
        [
            safe(share.name),
            f"{share.top1.right:,} of {share.top1.of:,}",
            percent(share.top1.share),
            interval(share.top1.interval),
            safe(share.taken_for),
        ]
        for share in result.by_class
    ]
    return table(["label", "right", "share", "95% interval", "most often taken for"], rows)


def _confused(result: Result) -> list[str]:
    rows = [
        [safe(pair.row), safe(pair.column), f"{pair.count:,}", safe(pair.example)]
        for pair in result.confusion.confused
    ]
    return table(["what it is", "taken for", "pictures", "as in"], rows) if rows else ["Nothing."]


def _mistakes(result: Result) -> list[str]:
    rows = [
        [safe(mistake.picture), safe(mistake.truth), safe(mistake.answer), percent(mistake.score)]
        for mistake in result.mistakes
    ]
    return table(["picture", "what it is", "answer", "score"], rows) if rows else ["None."]
