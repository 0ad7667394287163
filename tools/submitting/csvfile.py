"""Results as a table: a row for each image, and two columns for each of its labels."""

import csv
import re
from collections.abc import Iterable, Iterator
from typing import TextIO

from chalicelib.bulk.records import Record

ENDED = re.compile(r"[^/]+\.[A-Za-z0-9]{1,8}")
"""A file's name with its ending."""

UPLOADED = re.compile(r"s3://[^/]+/batches/")
"""The start of addresses that the service gave to uploads, which mean nothing to people."""


def write_table(file: TextIO, records: Iterable[Record], labels: int) -> None:
    """Write a CSV. labels: the largest number that a record has."""
    rows = csv.writer(file)
    rows.writerow(_header(labels))
    rows.writerows(_row(record, labels) for record in records)


def file_name(id: str, source: str) -> str:
    """The name of an image's file: the end of its id if that is one, else of its address.

    It is empty for an inline image.
    """
    last = id.rpartition("/")[2]
    if ENDED.fullmatch(last) or "://" not in source:
        return last if ENDED.fullmatch(last) else ""
    return re.split("[?#]", source)[0].rstrip("/").rpartition("/")[2]


def _header(labels: int) -> Iterator[str]:
    yield from ("id", "file")
    for number in range(1, labels + 1):
        yield from (f"label_{number}", f"score_{number}")
    yield from ("model", "truncated", "error_code", "error_message", "address")


def _row(record: Record, labels: int) -> Iterator[str | float]:
    yield from (record.id, file_name(record.id, record.source))
    for label in record.labels or []:
        yield from (label.name, label.score)
    yield from [""] * 2 * (labels - len(record.labels or []))
    yield from (record.model or "", "true" * record.truncated)
    error = record.error
    yield from (error.code, error.message) if error else ("", "")
    yield "" if UPLOADED.match(record.source) else record.source
