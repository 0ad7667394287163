"""The end of a round: parts -> results in the order of the manifest, and their summary."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import msgspec

from chalicelib.batch.ledger import BLOCK, Batch, Counts, Ledger, Record, Summary, now

READERS = 32
"""Parts read ahead: S3 answers in some 15 ms, so a million images' 10,300 take 5 seconds."""


def finish_if_done(ledger: Ledger, batch: Batch, chunk: int | None = None) -> bool:
    """Finish the batch's round if every chunk of it is counted; whether it was.

    chunk: the one that was just done. Then the whole is looked at only where that chunk's block is
    complete, so that a worker costs one listing however large the batch.
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
    _finish(ledger, batch, fan.chunks)
    return True


def _finish(ledger: Ledger, batch: Batch, chunks: int) -> None:
    """Write results and summary; again, from the same parts, to the same bytes."""
    labels: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    encode = msgspec.json.Encoder().encode

    def encoded() -> Iterator[bytes]:
        for record in _merged(ledger, batch, chunks):
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
    ledger.put(ledger.end_key(batch.round, "summary.json"), summary)
    ledger.rest(batch.round)


def _merged(ledger: Ledger, batch: Batch, chunks: int) -> Iterator[Record]:
    """The records in order; a retry's take the places of those that had failed."""
    if not batch.round:
        for records in _parts(ledger, 0, chunks):
            yield from records
        return
    retried = (
        (entry.position, record)
        for number, records in enumerate(_parts(ledger, batch.round, chunks), 1)
        for entry, record in zip(ledger.chunk(batch.round, number), records, strict=True)
    )
    place, newer = next(retried, (-1, None))
    for position, record in enumerate(ledger.records(batch.round - 1)):
        if newer is not None and position == place:
            yield newer
            place, newer = next(retried, (-1, None))
        else:
            yield record


def _parts(ledger: Ledger, round: int, chunks: int) -> Iterator[list[Record]]:
    with ThreadPoolExecutor(READERS) as readers:
        for start in range(1, chunks + 1, READERS):
            numbers = range(start, min(start + READERS, chunks + 1))
            yield from readers.map(lambda number: ledger.part(round, number), numbers)
