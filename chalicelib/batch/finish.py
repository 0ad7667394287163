"""The end of a round: parts -> results in the order of the manifest, and their summary.

A round says that it has finished only once what was written is what was asked for: each chunk has
its part, the ids are those that the fan-out cut, and the records are as many as its entries or, of
a retry, as the last round's.
"""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import msgspec

from chalicelib.batch.ledger import (
    BLOCK,
    Batch,
    Counts,
    FanOut,
    Ledger,
    Record,
    Summary,
    chained,
    now,
)
from chalicelib.errors import SourceUnreachable

READERS = 32
"""Parts read ahead: S3 answers in some 15 ms, so a million images' 10,300 take 5 seconds."""


class _PartMissing(Exception):
    """A chunk that is counted and has no part."""

    def __init__(self, chunk: int) -> None:
        super().__init__(chunk)
        self.chunk = chunk


def finish_if_done(ledger: Ledger, batch: Batch, chunk: int | None = None) -> bool:
    """Finish the batch's round if every chunk of it is counted; whether it was.

    chunk: the one that was just done. Then the whole is looked at only where that chunk's block is
    complete, so that a worker costs one listing however large the batch.

    A chunk that is counted and has no part is counted no longer, and goes missing. Raises
    SourceUnreachable where what there is cannot be read, or is not what was asked for.
    """
    fan = ledger.fan_out(batch.round)
    if not fan.complete:
        return False
    if chunk is not None:
        block = chunk // BLOCK
        first, last = max(block * BLOCK, 1), min(block * BLOCK + BLOCK - 1, fan.chunks)
        if sum(1 for _ in ledger.tallies(batch.round, block)) < last - first + 1:
            return False
    if sum(1 for _ in ledger.tallies(batch.round)) < fan.chunks:
        return False
    try:
        _finish(ledger, batch, fan)
    except _PartMissing as missing:
        ledger.uncount(batch.round, missing.chunk)
        return False
    ledger.rest(batch.round)
    return True


def _finish(ledger: Ledger, batch: Batch, fan: FanOut) -> None:
    """Write the results, again, from the same parts, to the same bytes; and the summary once."""
    labels: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    encode = msgspec.json.Encoder().encode

    def encoded() -> Iterator[bytes]:
        for record in _merged(ledger, batch, fan):
            if record.error is not None:
                errors[record.error.code] += 1
            else:
                labels[record.labels[0].name if record.labels else "(none)"] += 1
            yield encode(record) + b"\n"

    key = ledger.end_key(batch.round, "results.jsonl")
    ledger.store.write(ledger.bucket, key, encoded())
    failed, total = errors.total(), errors.total() + labels.total()
    summary = Summary(
        batch_id=batch.batch_id,
        round=batch.round,
        counts=Counts(total, total, failed),
        created_at=batch.created_at,
        finished_at=now(),
        labels=dict(labels.most_common()),
        errors=dict(errors.most_common()),
    )
    where = ledger.end_key(batch.round, "summary.json")
    if not ledger.put(where, summary, only_new=True) and ledger.summary(batch.round) is None:
        raise SourceUnreachable(f"{where} was being written by another; try again.")


def _merged(ledger: Ledger, batch: Batch, fan: FanOut) -> Iterator[Record]:
    """The records in order; a retry's take the places of those that had failed."""
    parts = _checked(ledger, batch, fan)
    if not batch.round:
        for _, records in parts:
            yield from records
        return
    retried = (
        (entry.position, record)
        for number, records in parts
        for entry, record in zip(ledger.chunk(batch.round, number), records, strict=True)
    )
    place, newer = next(retried, (-1, None))
    position = -1
    for position, record in enumerate(ledger.records(batch.round - 1)):
        if newer is not None and position == place:
            yield newer
            place, newer = next(retried, (-1, None))
        else:
            yield record
    before = ledger.summary(batch.round - 1)
    if newer is not None or before is None or before.counts.total != position + 1:
        raise _not_whole(batch, "the last round's results")


def _checked(ledger: Ledger, batch: Batch, fan: FanOut) -> Iterator[tuple[int, list[Record]]]:
    """The parts by chunk. Raises _PartMissing, and SourceUnreachable if they are not what was cut.

    The last raises after the last part: what is written in blocks is then not written at all.
    """
    entries, digest = 0, None if fan.digest is None else ""
    for chunk, records in enumerate(_parts(ledger, batch.round, fan.chunks), 1):
        if not records:
            raise _PartMissing(chunk)
        entries += len(records)
        digest = chained(digest, (record.id for record in records))
        yield chunk, records
    if (entries, digest) != (fan.entries, fan.digest):
        raise _not_whole(batch, "what was cut into chunks")


def _not_whole(batch: Batch, what: str) -> SourceUnreachable:
    return SourceUnreachable(
        f"The results of batch {batch.batch_id}, round {batch.round}, are not those of {what}."
    )


def _parts(ledger: Ledger, round: int, chunks: int) -> Iterator[list[Record]]:
    with ThreadPoolExecutor(READERS) as readers:
        for start in range(1, chunks + 1, READERS):
            numbers = range(start, min(start + READERS, chunks + 1))
            yield from readers.map(lambda number: ledger.part(round, number), numbers)
