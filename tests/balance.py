"""The one rule of every batch that says it has finished, for whoever has its bucket at hand.

Each image that was asked for is in the results once, in its place, as labels or as an error; and
the summary, which is written once, counts what is there.
"""

import re
from collections import Counter
from collections.abc import Callable

import msgspec

from chalicelib.batch.ledger import FanOut, Record, Summary
from chalicelib.batch.manifests import Entry

SUMMARY = re.compile(r"batches/(?P<id>[^/]+)/(rounds/(?P<round>[1-9]\d*)/)?summary\.json")

Read = Callable[[str], bytes]
"""An object of the results bucket, by its key."""


def check_finished(read: Read, key: str) -> int:
    """Fails unless the round whose summary has that key balances; how many images it has."""
    summary = msgspec.json.decode(read(key), type=Summary)
    root = f"batches/{summary.batch_id}/rounds"
    last = msgspec.json.decode(read(f"{root}/{summary.round}/fanout.json"), type=FanOut)
    assert last.complete, f"{key}: the fan-out goes on"
    asked = _asked(read, root)
    lines = read(key.removesuffix("summary.json") + "results.jsonl")
    records = msgspec.json.Decoder(Record).decode_lines(lines)
    found = [record.id for record in records]
    assert found == asked, f"{key}: {_difference(asked, found)}"
    for record in records:
        both = (record.labels is None) + (record.error is None)
        assert both == 1, f"{key}: {record.id} must have either labels or an error"
    failed = sum(record.error is not None for record in records)
    counts = summary.counts
    assert (counts.total, counts.done, counts.failed) == (len(found), len(found), failed), key
    assert sum(summary.errors.values()) == failed, key
    assert sum(summary.labels.values()) == len(found) - failed, key
    return len(found)


def _asked(read: Read, root: str) -> list[str]:
    first = msgspec.json.decode(read(f"{root}/0/fanout.json"), type=FanOut)
    decoder = msgspec.json.Decoder(Entry)
    chunks = (read(f"{root}/0/chunks/{n:06d}.jsonl") for n in range(1, first.chunks + 1))
    entries = [entry for chunk in chunks for entry in decoder.decode_lines(chunk)]
    assert [entry.position for entry in entries] == list(range(first.entries))
    return [entry.id for entry in entries]


def _difference(asked: list[str], found: list[str]) -> str:
    lost, more = Counter(asked) - Counter(found), Counter(found) - Counter(asked)
    return f"lost {sorted(lost)[:5]}, doubled or made up {sorted(more)[:5]}, or in another order"
