"""Writes an evaluation's folder: a page with drawings, JSON and CSV."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from chalicelib.files import staged
from chalicelib.wording import count, interval, p_value, percent
from chalicelib.workflow.report.markup import safe, table
from tools.console.refusals import Refused
from tools.evaluating import sheets
from tools.evaluating.alternatives import Way, Ways
from tools.evaluating.asking import Contestant, Load
from tools.evaluating.calibration import BINS
from tools.evaluating.contacts import of_mistakes
from tools.evaluating.evaluation import Evaluated, Evaluation, versus
from tools.evaluating.illustrations import Row, of_classes, of_confusion, shares, sheet
from tools.evaluating.measures import Compared, Result, Seen
from tools.evaluating.reliability import of_calibration, sentence
from tools.options import formula, told

JSON, PAGE = "report.json", "report.md"


def free(folder: Path | None, name: str, parent: Path) -> Path:
    """The folder to write to: `folder`, else the first free one of that name in `parent`.

    Raises Refused if `folder` is not empty.
    """
    if folder is not None:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise Refused(f"The folder {folder} is not empty; name another folder.")
        return folder
    number = 1
    while (path := parent / (name if number == 1 else f"{name}-{number}")).exists():
        number += 1
    return path


def write(evaluated: Evaluated, folder: Path) -> None:
    """Write all files of an evaluation into a folder, or none."""
    report, all_, load, asked = evaluated
    with staged(folder) as new:
        (new / JSON).write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
        ends = endings(report.results)
        for result, of, by, end in zip(report.results, all_, asked, ends, strict=True):
            for name, drawing in _drawings(result, of, by, load):
                (new / f"{name}{end}.svg").write_text(drawing, "utf-8")
        if report.ways:
            (new / "ways.svg").write_text(_of_ways(report.ways), "utf-8")
        sheets.save(new / "pictures.csv", sheets.pictures(report.results, all_))
        sheets.save(new / "classes.csv", sheets.classes(report.results))
        sheets.save(new / "confusion.csv", sheets.confusion(report.results, all_))
        (new / PAGE).write_text("\n".join(_page(report)) + "\n", "utf-8")


def endings(results: Sequence[Result]) -> list[str]:
    """The suffix of each result's drawings."""
    return ["", *(f"-{result.name.replace(':', '-')}" for result in results[1:])]


def _drawings(
    result: Result, of: Sequence[Seen], asked: Contestant, load: Load
) -> Iterator[tuple[str, str]]:
    yield "classes", of_classes(result.by_class, result.name)
    yield "confusion", of_confusion(result.confusion, result.name)
    if result.calibration:
        yield "calibration", of_calibration(result.calibration, result.name)
    if result.mistakes:
        files = [load(of[mistake.index].photo) for mistake in result.mistakes]
        yield "mistakes", of_mistakes(result.mistakes, files, result.name, asked.looked)


def _of_ways(ways: Ways) -> str:
    rows = [
        Row(
            way.name,
            way.top1,
            f"{percent(way.top1.share)}, {_gain(way) if place else 'the package as it is'}",
            place == ways.best,
        )
        for place, way in enumerate(ways.tried)
    ]
    rows.sort(key=lambda row: -row.share.right)
    notes = [
        ways.verdict,
        "+ and -: pictures that this way, or the package's own, alone gets right.",
    ]
    return sheet("Ways to give it its pictures", shares(rows, "right, with 95% interval"), notes)


def _gain(way: Way) -> str:
    return f"+{way.better} -{way.worse}"


def _page(report: Evaluation) -> Iterator[str]:
    first, ends = report.results[0], endings(report.results)
    yield "# How often " + ", and ".join(
        f"{safe(result.name)} is right" if result is first else safe(result.name)
        for result in report.results
    )
    yield ""
    yield (
        f"{count(report.evaluated, 'picture')} of {safe(report.pictures)}, labelled by "
        f"{safe(report.labels)}."
    )
    yield ""
    yield from _summary(report.results)
    yield ""
    for note in report.notes:
        yield f"**{note}** "
        yield ""
    yield (
        "Each picture was judged by a model that had not learned from it, nor from a copy of it."
        if report.held_out
        else "If a model was trained on these pictures, they do not say how good it is. "
        "Differences between models or ways still count."
    )
    if report.compared:
        yield from ("", "## Against each other", "", *_compared(report.compared))
    if report.ways:
        yield from ("", "## Ways to give it its pictures", "", safe(report.ways.verdict, 1000), "")
        yield "![How often each way is right](ways.svg)"
    for result, end in zip(report.results, ends, strict=True):
        name = f" of {safe(result.name)}" if len(report.results) > 1 else ""
        yield from ("", f"## Classes{name}", "", f"![How often each is right](classes{end}.svg)")
        yield from ("", f"## Confusion{name}", "", f"![What is taken for what](confusion{end}.svg)")
        yield from _confused(result)
        if result.calibration:
            yield from ("", f"## Calibration{name}", "", sentence(result.calibration), "")
            yield f"![Confidence against how often it is right](calibration{end}.svg)"
        yield from ("", f"## Mistakes{name}", "")
        if result.mistakes:
            yield f"![The surest mistakes](mistakes{end}.svg)"
        else:
            yield "None."
    yield from _left_out(report)
    yield from ("", "## How it was measured", "", *_conditions(first))


def _confused(result: Result) -> Iterator[str]:
    rows = [
        [safe(pair.row), safe(pair.column), safe(pair.example), f"{pair.count:,}"]
        for pair in result.confusion.confused
    ]
    if rows:
        yield from ("", *table(["what it is", "taken for", "as in", "pictures"], rows, words=3))


def _summary(results: Sequence[Result]) -> list[str]:
    heads = [
        "model", "right (top-1)", "95% interval", "in the top 5", "95% interval",
        "mean of classes", "calibration error", "decode, ms", "network, ms", "images/s",
    ]  # fmt: skip
    rows = [
        [
            safe(result.name),
            f"{percent(result.top1.share)} ({result.top1.right:,} of {result.top1.of:,})",
            interval(result.top1.interval),
            percent(result.top5.share) if result.top5 else "(few classes)",
            interval(result.top5.interval) if result.top5 else "",
            percent(result.mean_of_classes),
            percent(result.calibration.error) if result.calibration else "",
            f"{result.timing.decode_ms[0]:.2g}",
            f"{result.timing.infer_ms[0]:.3g}",
            f"{result.timing.images_per_second:,.0f}",
        ]
        for result in results
    ]
    return table(heads, rows)


def _compared(compared: Compared) -> list[str]:
    rows = [
        ["both", f"{compared.both:,}"],
        [f"only {safe(compared.first)}", f"{compared.only_first:,}"],
        [f"only {safe(compared.second)}", f"{compared.only_second:,}"],
        ["neither", f"{compared.neither:,}"],
    ]
    test = (
        "McNemar's exact test, of the pictures that only one of the two gets right: "
        f"{p_value(compared.p_value)}."
    )
    return [safe(versus(compared), 400), "", *table(["right", "pictures"], rows), "", test]


def _left_out(report: Evaluation) -> Iterator[str]:
    if not (report.unknown_labels or report.unreadable or report.faults or report.shared_labels):
        return
    yield from ("", "## Left out, or to be known", "")
    for label, times in report.unknown_labels.items():
        yield f"- no class is called {safe(label or '(empty)')}: {count(times, 'picture')} left out"
    for name, why in report.unreadable.items():
        yield f"- {safe(name)} cannot be read: {safe(why, 400)}"
    for fault in report.faults:
        yield f"- {safe(fault, 400)}"
    for label, names in report.shared_labels.items():
        any_ = safe(", ".join(names), 400)
        yield f"- {safe(label)} names several classes, any of which is right: {any_}"


def _conditions(result: Result) -> list[str]:
    how, timing = result.preprocessing, result.timing
    return [
        f"- {safe(result.model)}, version {safe(result.version)}, by {result.runs_by}, "
        f"{count(timing.threads, 'thread')} on {timing.processor}, one picture "
        "at a time; milliseconds are medians",
        f"- pictures: {told(how)}, {how.filter}; pixels: {formula(how)}",
        f"- intervals are Wilson's; the calibration error is the expected one, of {BINS} bins "
        "(Guo et al., 2017)",
        f"- [pictures.csv](pictures.csv) has every answer, [classes.csv](classes.csv) every class, "
        f"[confusion.csv](confusion.csv) every pair, [{JSON}]({JSON}) all of this",
    ]
