"""Tell the event bus how a batch ended."""

from datetime import datetime

import msgspec

from chalicelib.answers.batchviews import BatchStatus, Counts
from chalicelib.batch.ledger import Ledger
from chalicelib.batch.objects import Batch, Summary
from chalicelib.times import moment

KIND = "Batch Finished"


class BatchFinished(msgspec.Struct, frozen=True):
    """The detail of the event.

    id: the key of the results. An event with the same id is the same event again. errors: images by
    error code. results, summary: s3:// addresses, for whoever may read the results bucket.
    """

    id: str
    batch_id: str
    round: int
    status: BatchStatus
    source: str
    counts: Counts
    errors: dict[str, int]
    created_at: datetime
    finished_at: datetime
    results: str
    summary: str


def announce(
    ledger: Ledger, batch: Batch, status: BatchStatus, summary: Summary, name: str
) -> None:
    """Puts the end of a round on the bus, if there is a bus. name: of the summary.

    Whoever ends a round does this before the round rests. So after a fault it is done again.
    Raises ServiceUnavailable.
    """
    if ledger.bus is None:
        return
    results = ledger.end_key(batch.round, summary.results)
    place = f"s3://{ledger.bucket}/"
    detail = BatchFinished(
        id=results,
        batch_id=batch.batch_id,
        round=batch.round,
        status=status,
        source=batch.source,
        counts=summary.counts,
        errors=summary.errors,
        created_at=moment(batch.created_at),
        finished_at=moment(summary.finished_at),
        results=place + results,
        summary=place + ledger.end_key(batch.round, name),
    )
    ledger.bus.put(KIND, detail)
