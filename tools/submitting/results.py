"""The results of a finished batch: streamed into a file, and summed up."""

import io
import os
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import msgspec

from chalicelib.answers.batchviews import BatchView
from chalicelib.bulk.records import Record
from chalicelib.wording import count, percent
from tools.console.columns import columns
from tools.submitting.batchapi import Api
from tools.submitting.csvfile import write_table
from tools.submitting.retrying import ApiError

TOP = 15
"""How many labels the summary names."""

EXAMPLE_CHARACTERS = 120


@dataclass
class Told:
    """What the summary tells of single results.

    examples: a message for each error code. only: the record of a batch of one image.
    is_more: a record has heat maps or an embedding.
    """

    examples: dict[str, str] = field(default_factory=dict)
    only: Record | None = None
    is_more: bool = False


def save(api: Api, view: BatchView, target: Path | None) -> Told:
    """Write the results to `target`, a .csv or .jsonl, whole or not at all. Raises ApiError.

    Without a target, read only as far as the summary needs.
    """
    told = Told()
    is_one = view.counts.total == 1
    if view.results is None or not (target or view.errors or is_one):
        return told
    decode = msgspec.json.Decoder(Record).decode
    with api.lines(view.results) as lines, _writer(target) as write:
        for line in lines:
            try:
                record = decode(line)
            except msgspec.DecodeError as error:
                raise ApiError(f"The results have a line that is not a record: {error}") from error
            if record.error:
                said = f"{record.id}: {record.error.message}"
                example = textwrap.shorten(said, EXAMPLE_CHARACTERS)
                told.examples.setdefault(record.error.code, example)
            told.only = record if is_one else None
            told.is_more |= bool(record.embedding or any(it.heat_map for it in record.labels or []))
            write(line, record)
            if target is None and told.examples.keys() >= (view.errors or {}).keys():
                break
    return told


def summary(view: BatchView, told: Told) -> Iterator[str]:
    """The summary of a finished batch, in lines."""
    counts = view.counts
    line = f"Batch {view.batch_id}: {count(counts.total, 'image')}, {counts.failed} failed"
    if view.finished_at:
        seconds = (view.finished_at - view.created_at).total_seconds()
        rate = f", {counts.total / seconds:.1f} images/s" if seconds else ""
        line += f"; {seconds:.0f} s from request to results{rate}"
    yield f"{line}."
    if told.only and told.only.labels:
        yield ""
        scores = [(label.name, percent(label.score)) for label in told.only.labels]
        yield from columns(("LABEL", "SCORE"), scores)
    elif view.labels:
        yield ""
        top = sorted(view.labels.items(), key=lambda pair: (-pair[1], pair[0]))
        yield from columns(("LABEL", "IMAGES"), [(name, str(n)) for name, n in top[:TOP]])
        if len(top) > TOP:
            yield f"and {len(top) - TOP} labels more"
    if view.errors:
        yield ""
        rows = [(code, str(n), told.examples.get(code, "")) for code, n in view.errors.items()]
        yield from columns(("ERROR", "IMAGES", "EXAMPLE"), rows)


@contextmanager
def _writer(target: Path | None) -> Iterator[Callable[[bytes, Record], object]]:
    """A function that takes a line and its record; `target` appears at the end."""
    if target is None:
        yield lambda line, record: None
        return
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file, io.TextIOWrapper(file, "utf-8", newline="") as text:
            if target.suffix.lower() == ".csv":
                with _table_writer(text) as write:
                    yield write
            else:
                yield lambda line, record: file.write(line)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _table_writer(text: TextIO) -> Iterator[Callable[[bytes, Record], object]]:
    """Takes lines and their records; writes the table at the end, when its columns are known."""
    widest = 1
    with tempfile.TemporaryFile() as lines:

        def keep(line: bytes, record: Record) -> None:
            nonlocal widest
            widest = max(widest, len(record.labels or []))
            lines.write(line)

        yield keep
        lines.seek(0)
        write_table(text, map(msgspec.json.Decoder(Record).decode, lines), widest)
