"""The one rule of every batch that says it has finished, for whoever has its bucket at hand.

Each image that was asked for is in the results once, in its place, as labels or as an error; and
the summary, which is written once, counts what is there.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import count
from typing import Any

import msgspec

from chalicelib.batch.objects import FanOut, Summary
from chalicelib.bulk.manifests import Entry
from chalicelib.bulk.records import Record

STOPPED = re.compile(r"batches/[^/]+/(rounds/[1-9]\d*/)?stopped\.json")

SUMMARY = re.compile(r"batches/(?P<id>[^/]+)/(rounds/(?P<round>[1-9]\d*)/)?summary\.json")

Read = Callable[[str], bytes]
"""An object of the results bucket, by its key. Raises KeyError where there is none."""


def reader(s3: Any, bucket: str) -> Read:
    """Reads the results of a bucket, with a client that hears of what is missing as missing."""

    def read(key: str) -> bytes:
        try:
            return bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        except s3.exceptions.NoSuchKey:
            raise KeyError(key) from None

    return read


def check_bucket(s3: Any, bucket: str) -> int:
    """Fails unless all that the batches of a bucket say of their ends is so; how many images."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="batches/")
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    read = reader(s3, bucket)
    finished = sum(check_finished(read, key) for key in keys if SUMMARY.fullmatch(key))
    return finished + sum(check_stopped(read, key) for key in keys if STOPPED.fullmatch(key))


def check_stopped(read: Read, key: str) -> int:
    """Fails unless what is told of a round that was stopped is a part of what was asked for, in
    order; how many images that is.

    Asked for is what was cut, whether or not the fan-out came to write down that it was.
    """
    summary, records = _told(read, key)
    asked = iter(_ids(_cut(read, f"batches/{summary.batch_id}/rounds")))
    for record in records:
        assert record.id in asked, f"{key}: {record.id} is doubled, made up or out of order"
    _check_counts(summary, records, key)
    return len(records)


def check_finished(read: Read, key: str) -> int:
    """Fails unless the round whose summary has that key balances; how many images it has."""
    summary, records = _told(read, key)
    root = f"batches/{summary.batch_id}/rounds"
    last = msgspec.json.decode(read(f"{root}/{summary.round}/fanout.json"), type=FanOut)
    assert last.complete, f"{key}: the fan-out goes on"
    asked = _asked(read, root)
    answered = [record.id for record in records]
    assert answered == asked, f"{key}: {_difference(asked, answered)}"
    assert summary.counts.total == len(answered), key
    _check_counts(summary, records, key)
    return len(answered)


def _told(read: Read, key: str) -> tuple[Summary, list[Record]]:
    """A summary and its results, of which each is either labels or an error."""
    summary = msgspec.json.decode(read(key), type=Summary)
    lines = read(f"{key.rpartition('/')[0]}/{summary.results}")
    records = msgspec.json.Decoder(Record).decode_lines(lines)
    for record in records:
        both = (record.labels is None) + (record.error is None)
        assert both == 1, f"{key}: {record.id} must have either labels or an error"
    return summary, records


def _check_counts(summary: Summary, records: list[Record], key: str) -> None:
    failed = sum(record.error is not None for record in records)
    assert summary.counts.done == len(records) <= summary.counts.total, key
    assert summary.counts.failed == failed == sum(summary.errors.values()), key
    counts = [len(record.likely()) or 1 for record in records if record.error is None]
    assert sum(summary.labels.values()) == sum(counts), key


def _asked(read: Read, root: str) -> list[str]:
    first = msgspec.json.decode(read(f"{root}/0/fanout.json"), type=FanOut)
    return _ids(read(_chunk(root, n)) for n in range(1, first.chunks + 1))


def _cut(read: Read, root: str) -> Iterator[bytes]:
    """The chunks up to the first that is not there; one is queued once all before it are."""
    with suppress(KeyError):
        for number in count(1):
            yield read(_chunk(root, number))


def _chunk(root: str, number: int) -> str:
    return f"{root}/0/chunks/{number:06d}.jsonl"


def _ids(chunks: Iterable[bytes]) -> list[str]:
    decoder = msgspec.json.Decoder(Entry)
    entries = [entry for chunk in chunks for entry in decoder.decode_lines(chunk)]
    assert [entry.position for entry in entries] == list(range(len(entries)))
    return [entry.id for entry in entries]


def _difference(asked: list[str], answered: list[str]) -> str:
    lost, more = Counter(asked) - Counter(answered), Counter(answered) - Counter(asked)
    return f"lost {sorted(lost)[:5]}, doubled or made up {sorted(more)[:5]}, or in another order"
