"""An evaluation as CSV tables."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tools.evaluating.measures import Result, Seen


def save(path: Path, rows: Iterable[Sequence[object]]) -> None:
    """Write the rows of a CSV, its header first."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def pictures(
    results: Sequence[Result], all_: Sequence[Sequence[Seen]]
) -> Iterator[Sequence[object]]:
    """A row for each answer."""
    yield (
        "model", "picture", "label", "truth", "answer", "score", "right", "in_top_5",
        "decode_ms", "infer_ms",
    )  # fmt: skip
    for result, of in zip(results, all_, strict=True):
        for seen in of:
            yield (
                result.name, seen.photo.called, seen.photo.label, seen.truth, seen.answer,
                f"{seen.score:.6f}", int(seen.right), int(seen.in_five),
                f"{seen.whole.decode_ms:.2f}", f"{seen.whole.infer_ms:.2f}",
            )  # fmt: skip


def classes(results: Sequence[Result]) -> Iterator[Sequence[object]]:
    """A row for each class."""
    yield "model", "class", "pictures", "right", "share", "low", "high", "taken_for", "times"
    for result in results:
        for share in result.by_class:
            low, high = share.top1.interval
            yield (
                result.name, share.name, share.top1.of, share.top1.right, f"{share.top1.share:.4f}",
                f"{low:.4f}", f"{high:.4f}", share.taken_for, share.taken,
            )  # fmt: skip


def confusion(
    results: Sequence[Result], all_: Sequence[Sequence[Seen]]
) -> Iterator[Sequence[object]]:
    """A row for each pair of truth and answer."""
    yield "model", "truth", "answer", "pictures"
    for result, of in zip(results, all_, strict=True):
        pairs = Counter((seen.truth, seen.answer) for seen in of)
        for (truth, answer), times in sorted(pairs.items()):
            yield result.name, truth, answer, times
