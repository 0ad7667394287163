"""An evaluation for the terminal."""

from collections.abc import Iterator

from chalicelib.wording import count, interval, percent, plain
from tools.evaluating.evaluation import Evaluation, versus
from tools.evaluating.measures import Result, Share
from tools.evaluating.reliability import sentence

SHOWN = 5
"""How many unreadable pictures, and weak classes, are named."""

LONGEST = 300
"""Characters of a reason."""

FEW = 5
"""Classes with fewer pictures are not called weak."""


def lines(report: Evaluation) -> Iterator[str]:
    """The lines of an evaluation."""
    if report.unreadable:
        yield f"Left out as unreadable: {count(len(report.unreadable), 'picture')}"
        for name, why in list(report.unreadable.items())[:SHOWN]:
            yield f"  {plain(name)}: {plain(why, LONGEST)}"
        if len(report.unreadable) > SHOWN:
            yield f"  and {len(report.unreadable) - SHOWN} more, in the report"
    for result in report.results:
        yield from _result(result)
    if report.compared:
        yield versus(report.compared)
    if report.ways:
        yield report.ways.verdict
    yield from report.notes


def _result(result: Result) -> Iterator[str]:
    yield f"{result.name}, version {result.version}, by {result.runs_by}"
    yield f"  right:       {_share(result.top1)}"
    five = _share(result.top5) if result.top5 else "not meaningful for so few classes"
    yield f"  in top 5:    {five}"
    weak = [share for share in result.by_class if share.top1.share < 1 and share.top1.of >= FEW][
        :SHOWN
    ]
    if weak:
        words = ", ".join(f"{e.name} ({e.top1.right} of {e.top1.of})" for e in weak)
        yield f"  weakest:     {words}"
    if result.confusion.confused and (most := result.confusion.confused[0]).count > 1:
        times = count(most.count, "time")
        yield f"  confuses:    {most.row} with {most.column}, most often ({times})"
    if result.calibration:
        yield f"  calibration: {sentence(result.calibration)}"
    timing = result.timing
    yield (
        f"  time:        decode {timing.decode_ms[0]:.3g} ms, network {timing.infer_ms[0]:.3g} ms, "
        f"{timing.images_per_second:,.0f} images a second one by one, "
        f"{count(timing.threads, 'thread')}"
    )


def _share(share: Share) -> str:
    return (
        f"{percent(share.share)}, {share.right:,} of {share.of:,} "
        f"(95% interval {interval(share.interval)})"
    )
