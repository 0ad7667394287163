"""Finish a round: merge parts to results in the manifest's order, and write a summary.

A round says that it has finished only if its results match what was asked for: each chunk has its
part, the ids are those that the fan-out cut, and there are as many records as entries or, in a
retry, as in the last round.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from chalicelib.answers.batchviews import Counts
from chalicelib.answers.predictions import ErrorInfo
from chalicelib.batch.announcement import announce
from chalicelib.batch.ledger import BLOCK, Ledger
from chalicelib.batch.objects import Batch, FanOut, Stop, Summary, chained, now
from chalicelib.batch.recent import mark_end
from chalicelib.bulk.records import Record
from chalicelib.errors import ServiceUnavailable
from chalicelib.inference.labels import NO_LABEL

READERS = 32
"""Parts read ahead. S3 answers in some 15 ms, so the 10,300 of a million images take 5 s."""


class _PartMissing(Exception):
    """A chunk is counted but has no part."""

    def __init__(self, chunk: int) -> None:
        super().__init__(chunk)
        self.chunk = chunk


class NotWhole(Exception):
    """All parts exist, but they do not match what was asked for."""


NOT_WHOLE = ErrorInfo(
    "BatchNotWhole",
    "The results do not match the images of the batch; start the batch anew.",
    retryable=False,
)


def finish_if_done(ledger: Ledger, batch: Batch, chunk: int | None = None) -> bool:
    """Finishes the batch's round if every chunk is counted. Returns whether it did.

    chunk: the chunk that was just done. The whole round is checked only if that chunk's block is
    complete, so a worker makes one listing however large the batch is.

    A chunk that is counted but has no part loses its count, and is repaired as missing. Parts that
    do not match end the round with an error. Raises what the store does.
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
        summary = _finish(ledger, batch, fan)
    except _PartMissing as missing:
        ledger.uncount(batch.round, missing.chunk)
        return False
    except NotWhole:
        ledger.stop(batch.round, Stop(NOT_WHOLE))
        return False
    mark_end(ledger, batch, "finished", summary)
    announce(ledger, batch, "finished", summary, "summary.json")
    ledger.rest(batch.round)
    return True


def _finish(ledger: Ledger, batch: Batch, fan: FanOut) -> Summary:
    """Writes the results, which are always the same bytes, and the summary once."""
    records = merged(ledger, batch, _checked(ledger, batch, fan))
    summary = write_results(ledger, batch, "results.jsonl", records)
    where = ledger.end_key(batch.round, "summary.json")
    if ledger.put(where, summary, only_new=True):
        return summary
    first = ledger.summary(batch.round)
    if first is None:
        raise ServiceUnavailable(
            detail=f"Another writer changed {where} at the same time; try again."
        )
    return first


def write_results(
    ledger: Ledger, batch: Batch, name: str, records: Iterable[Record], total: int = 0
) -> Summary:
    """Writes the records as the round's results. Returns their summary.

    total: images that were asked for, as far as known, if the records may be incomplete.
    """
    totals, encode = _Totals(), msgspec.json.Encoder().encode
    lines = (encode(record) + b"\n" for record in totals.counted(records))
    ledger.store.write(ledger.bucket, ledger.end_key(batch.round, name), lines)
    failed = totals.errors.total()
    done = failed + totals.answered
    return Summary(
        batch_id=batch.batch_id,
        round=batch.round,
        counts=Counts(max(total, done), done, failed),
        created_at=batch.created_at,
        finished_at=now(),
        labels=dict(totals.labels.most_common()),
        errors=dict(totals.errors.most_common()),
        final=totals.final,
        results=name,
    )


class _Totals:
    """What a summary counts of the records."""

    def __init__(self) -> None:
        self.labels, self.errors = Counter[str](), Counter[str]()
        self.answered = self.final = 0

    def counted(self, records: Iterable[Record]) -> Iterator[Record]:
        """Yields the records, and counts each."""
        for record in records:
            if record.error is not None:
                self.errors[record.error.code] += 1
                self.final += record.is_final
            else:
                self.answered += 1
                self.labels.update([label.name for label in record.likely()] or [NO_LABEL])
            yield record


def merged(
    ledger: Ledger, batch: Batch, parts: Iterable[tuple[int, list[Record]]]
) -> Iterator[Record]:
    """Yields the records of parts in order. A retry's records replace those that had failed."""
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
        raise NotWhole


def _checked(ledger: Ledger, batch: Batch, fan: FanOut) -> Iterator[tuple[int, list[Record]]]:
    """Yields the parts by chunk. Raises _PartMissing, and NotWhole if they do not match.

    NotWhole is raised after the last part, so that nothing is written from these blocks.
    """
    entries, digest = 0, None if fan.digest is None else ""
    for chunk, records in read_parts(ledger, batch.round, range(1, fan.chunks + 1)):
        if not records:
            raise _PartMissing(chunk)
        entries += len(records)
        digest = chained(digest, (record.id for record in records))
        yield chunk, records
    if (entries, digest) != (fan.entries, fan.digest):
        raise NotWhole


def read_parts(
    ledger: Ledger, round: int, chunks: Sequence[int]
) -> Iterator[tuple[int, list[Record]]]:
    """Yields the parts of these chunks, by chunk."""
    with ThreadPoolExecutor(READERS) as readers:
        for start in range(0, len(chunks), READERS):
            some = chunks[start : start + READERS]
            yield from zip(some, readers.map(lambda n: ledger.part(round, n), some), strict=True)
