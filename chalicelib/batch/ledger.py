"""Keep a batch's state in the results bucket, and nowhere else.

    batches/ID/batch.json           the request; written once, except for its round
    batches/ID/manifest.TOKEN.EXT   what to classify, as it was at the start
    batches/ID/manifest.000001-TOKEN.jsonl      for a prefix: its images, in parts; see `listing`
    batches/ID/results.jsonl, summary.json      the end, once it is complete
    batches/ID/cancelled            stop, and why
    batches/ID/stopped.DIGEST.jsonl, stopped.json       what was done, in the same shapes
    batches/ID/rounds/0/            the first pass; 1, 2… are retries of what failed
        problem.json                the error that ended the fan-out
        fanout.json                 chunks queued so far; `complete` at the end
        fanout.listing.json         for a prefix: how far it is listed, and in which parts
        chunks/000001.jsonl         25 entries, or 100 after the first 10,000: the unit of work
        parts/000001.jsonl          their records; whoever writes it first wins
        tally/000001-25-2           the part in numbers: records and failures
        partial/000001.jsonl        records of a worker that ran out of time
        repairs/, begun/, alone/    what is missing; see `losses`
        results.jsonl, summary.json, cancelled…     of a retry, like those of the batch above
    active/ID, active/ID/1          empty objects: rounds that the schedule looks after
    recent/                         empty objects: batches, newest first; see `recent`

Batch, round and chunk fix every key. So work that is done twice rewrites the same object, and a
late worker of a round cannot touch the next.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

import msgspec

from chalicelib.answers.predictions import ErrorInfo
from chalicelib.aws.documents import Documents, Tagged
from chalicelib.aws.eventbridge import Bus
from chalicelib.aws.store import ObjectStore
from chalicelib.batch.objects import Batch, FanOut, Stop, Summary
from chalicelib.bulk.manifests import Entry
from chalicelib.bulk.records import Record
from chalicelib.errors import NotFound, ObjectMissing

BLOCK = 1000
"""Chunks whose tallies one listing returns. A worker looks only at its own block."""

BATCH_FOLDERS, ACTIVE = "batches/", "active/"

_ID = re.compile("[A-Za-z0-9-]{1,64}")
"""Ids of batches. S3 refuses other keys, too long or with `..`, instead of saying they are missing
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html)."""


class ChunkTally(NamedTuple):
    """A part in numbers: how many records it has, and how many of them are errors."""

    chunk: int
    records: int
    failed: int


class Ledger(Documents):
    """The objects of one batch. bus: is told how it ends; None for nobody."""

    def __init__(
        self, store: ObjectStore, bucket: str, batch_id: str, bus: Bus | None = None
    ) -> None:
        super().__init__(store, bucket)
        self.batch_id, self.bus = batch_id, bus
        self._root = f"{BATCH_FOLDERS}{batch_id}/"

    def key(self, name: str) -> str:
        """Returns the key of an object of the batch."""
        return self._root + name

    def round_key(self, round: int, name: str) -> str:
        """Returns the key of an object of a round."""
        return f"{self._root}rounds/{round}/{name}"

    def end_key(self, round: int, name: str) -> str:
        """Returns the key of a round's result. The first round's results are the batch's."""
        return self.round_key(round, name) if round else self.key(name)

    def active_key(self, round: int) -> str:
        """The key that exists while the schedule looks after the round."""
        return f"{ACTIVE}{self.batch_id}" + (f"/{round}" if round else "")

    def rest(self, round: int) -> None:
        """Takes the round off the schedule."""
        self.store.delete(self.bucket, self.active_key(round))

    def batch(self) -> Batch:
        """Returns the request. Raises NotFound."""
        return self.tagged_batch().value

    def tagged_batch(self) -> Tagged[Batch]:
        """Returns the request and its ETag. Raises NotFound."""
        may_be = _ID.fullmatch(self.batch_id)
        tagged = self.tagged(self.key("batch.json"), Batch) if may_be else None
        if tagged is None:
            raise NotFound(f"There is no batch {self.batch_id[:64]!r}; GET /batches lists them.")
        return tagged

    def fan_out(self, round: int) -> FanOut:
        """Returns how far the round's fan-out came."""
        state, _ = self.tagged_fan_out(round)
        return state

    def tagged_fan_out(self, round: int) -> tuple[FanOut, str | None]:
        """Returns how far the round's fan-out came, and the ETag of that checkpoint."""
        written = self.tagged(self.round_key(round, "fanout.json"), FanOut)
        return written or (FanOut(digest=""), None)

    def advance(self, round: int, state: FanOut, etag: str | None) -> str | None:
        """Replaces the checkpoint with that ETag. Returns the new ETag.

        Returns None if another fan-out came further meanwhile.
        """
        key = self.round_key(round, "fanout.json")
        return self.put(key, state, only_new=etag is None, replacing=etag)

    def problem(self, round: int) -> ErrorInfo | None:
        """Returns the error that ended the fan-out, if it could be written down."""
        return self.get(self.round_key(round, "problem.json"), ErrorInfo)

    def write_chunk(self, round: int, chunk: int, entries: list[Entry]) -> None:
        """Writes a chunk's entries."""
        self.put_lines(self.round_key(round, f"chunks/{chunk:06d}.jsonl"), entries)

    def chunk(self, round: int, chunk: int) -> list[Entry]:
        """Returns a chunk's entries."""
        return self.lines(self.round_key(round, f"chunks/{chunk:06d}.jsonl"), Entry)

    def complete(self, round: int, chunk: int, records: list[Record]) -> None:
        """Writes a chunk's records, unless someone was faster, and counts the part.

        Raises ObjectMissing if there is no part then.
        """
        if not records or not self.write_part(round, chunk, records):
            records = self.part(round, chunk)
        self.tally(round, chunk, records)

    def write_part(self, round: int, chunk: int, records: list[Record]) -> bool:
        """Writes a chunk's records, unless someone was faster. Returns whether it did."""
        key = self.round_key(round, f"parts/{chunk:06d}.jsonl")
        return self.put_lines(key, records, only_new=True) is not None

    def part(self, round: int, chunk: int, sure: bool = True) -> list[Record]:
        """Returns a chunk's records; empty if it is not done. sure: see Documents."""
        return self.lines(self.round_key(round, f"parts/{chunk:06d}.jsonl"), Record, sure)

    def write_partial(self, round: int, chunk: int, records: dict[int, Record]) -> None:
        """Keeps the records of a worker that ran out of time, by place in the chunk."""
        self.put(self.round_key(round, f"partial/{chunk:06d}.jsonl"), records)

    def partial(self, round: int, chunk: int) -> dict[int, Record]:
        """Returns what `write_partial` kept, as far as it can be read."""
        key = self.round_key(round, f"partial/{chunk:06d}.jsonl")
        return self.get(key, dict[int, Record], sure=False) or {}

    def tally(self, round: int, chunk: int, records: list[Record]) -> None:
        """Counts a part that is written. Counting twice has no effect: the part fixes the key.

        Raises ObjectMissing for an empty part, which no chunk has.
        """
        if not records:
            raise ObjectMissing(detail=f"part {chunk} of {self.batch_id} is not there")
        failed = sum(record.error is not None for record in records)
        self.mark(self.round_key(round, f"tally/{chunk:06d}-{len(records)}-{failed}"))

    def tallies(self, round: int, block: int | None = None) -> Iterator[ChunkTally]:
        """The parts that are counted; those of one block of chunks only.

        Each chunk once: of two marks the last, because an older version counted what was empty.
        """
        start = "" if block is None else f"{block:03d}"
        marks = (ChunkTally(*map(int, names)) for names in self._names(round, f"tally/{start}"))
        for _, same in groupby(marks, key=attrgetter("chunk")):
            yield max(same)

    def uncount(self, round: int, chunk: int) -> None:
        """Removes the count of a part."""
        for mark in self.store.list(self.bucket, self.round_key(round, f"tally/{chunk:06d}-")):
            self.store.delete(self.bucket, mark.key)

    def _names(self, round: int, prefix: str) -> Iterator[list[str]]:
        """Returns the numbers in the names of marks, such as 000001-25-2."""
        for mark in self.store.list(self.bucket, self.round_key(round, prefix)):
            yield mark.key.rsplit("/", 1)[1].split("-")

    def cancelled(self, round: int, sure: bool = True) -> bool:
        """Whether the round is stopped. sure: see Documents."""
        return self.has(self.end_key(round, "cancelled"), sure)

    def stop(self, round: int, reason: Stop) -> None:
        """Stops the round. The first reason counts."""
        self.put(self.end_key(round, "cancelled"), reason, only_new=True)

    def forget_stop(self, round: int) -> None:
        """Lets the round go on again, and forgets the results of the stop."""
        for name in ("stopped.json", "cancelled"):
            self.store.delete(self.bucket, self.end_key(round, name))

    def stopped(self, round: int) -> Stop | None:
        """Returns why the round was stopped; None if it was not."""
        data = self._data(self.end_key(round, "cancelled"), sure=True)
        return None if data is None else msgspec.json.decode(data or b"{}", type=Stop)

    def summary(self, round: int) -> Summary | None:
        """Returns the summary of the round; None if it has not finished."""
        return self.get(self.end_key(round, "summary.json"), Summary)

    def records(self, round: int) -> Iterator[Record]:
        """Streams all results as of the end of the round, in the manifest's order."""
        key = self.end_key(round, "results.jsonl")
        for line in split_lines(self.store.stream(self.bucket, key)):
            yield msgspec.json.decode(line, type=Record)


def parse_active(key: str) -> tuple[str, int]:
    """Returns batch and round of an `active_key`."""
    batch_id, _, round = key.removeprefix(ACTIVE).partition("/")
    return batch_id, int(round or 0)


def split_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Splits JSONL, which comes in blocks, into lines."""
    pending = b""
    for block in blocks:
        *whole, pending = (pending + block).split(b"\n")
        yield from whole
    if pending:
        yield pending
