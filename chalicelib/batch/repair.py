"""The schedule's part: what no message brings to an end any more."""

from chalicelib.batch.fanout import ChunkMessage, FanOutMessage
from chalicelib.batch.finish import finish_if_done
from chalicelib.batch.ledger import Batch, Ledger, Record
from chalicelib.predict import ErrorInfo
from chalicelib.queue import Queue

REPAIRS = 3
"""Times that a missing chunk is queued again before its images are given up as errors."""

LOST = ErrorInfo(
    "ChunkLost",
    "The workers failed on this image's chunk again and again; retry the batch, "
    "and see the dead-letter queue for why.",
    retryable=True,
)


def repair(ledger: Ledger, batch: Batch, queue: Queue) -> None:
    """Finish the batch, or queue again what it lacks. Twice at once does no harm.

    A chunk is missing for certain only where the queue is idle: its message is neither waiting nor
    being worked on, so it went to the dead-letter queue or was lost.
    """
    if finish_if_done(ledger, batch):
        return
    if ledger.cancelled(batch.round):
        ledger.rest(batch.round)
        return
    if not queue.idle():
        return
    fan = ledger.fan_out(batch.round)
    if not fan.complete:
        queue.send([FanOutMessage(batch.batch_id, batch.round)])
        return
    counted = {chunk for chunk, _, _ in ledger.tallies(batch.round)}
    missing = [chunk for chunk in range(1, fan.chunks + 1) if chunk not in counted]
    times = {chunk: ledger.repairs(batch.round, chunk) for chunk in missing}
    again = [chunk for chunk in missing if times[chunk] < REPAIRS]
    queue.send([ChunkMessage(batch.batch_id, batch.round, chunk) for chunk in again])
    for chunk in missing:  # counted once they are sent: a queue that is away costs no image
        if times[chunk] < REPAIRS:
            ledger.count_repair(batch.round, chunk, times[chunk] + 1)
        else:
            _give_up(ledger, batch.round, chunk)
    finish_if_done(ledger, batch)


def _give_up(ledger: Ledger, round: int, chunk: int) -> None:
    """Write the chunk's images off as errors."""
    ledger.complete(
        round,
        chunk,
        [Record(entry.id, entry.source, error=LOST) for entry in ledger.chunk(round, chunk)],
    )
