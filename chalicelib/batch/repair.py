"""Finish or repair, on schedule, rounds whose messages went missing."""

from functools import partial

from chalicelib.answers.predictions import ErrorInfo
from chalicelib.aws.sqs import MAX_ENTRIES, Queue
from chalicelib.batch.fanout import ChunkMessage, FanOutMessage, ImageMessage
from chalicelib.batch.finish import finish_if_done
from chalicelib.batch.halt import stop_if_told
from chalicelib.batch.ledger import Ledger
from chalicelib.batch.losses import FAN_OUT, IMAGE_LOST, REPAIRS, Losses, QueueState, SingleImages
from chalicelib.batch.objects import Batch, FanOut, Stop
from chalicelib.bulk.chunks import grouped

TOGETHER = 1
"""Times that a missing chunk is queued again as a whole. Then its images go alone, so that an image
which ends its worker takes no other along."""


def repair(ledger: Ledger, batch: Batch, queue: Queue, state: QueueState, started: float) -> None:
    """Finishes the batch, or queues again what is missing. Two at once do no harm.

    started: when the round began or was resumed, by the store's clock.
    """
    if finish_if_done(ledger, batch) or stop_if_told(ledger, batch, queue):
        return
    fan = ledger.fan_out(batch.round)
    losses = Losses(ledger, batch.round, state, started)
    if not fan.complete:
        _repair_fan_out(ledger, batch, queue, losses)
    elif _repair_chunks(ledger, batch, queue, losses, fan):
        finish_if_done(ledger, batch)


def _repair_fan_out(ledger: Ledger, batch: Batch, queue: Queue, losses: Losses) -> None:
    if not losses.is_lost(FAN_OUT):
        return
    if losses.is_spent(FAN_OUT):
        ledger.stop(batch.round, Stop(_why(ledger, batch)))
        stop_if_told(ledger, batch, queue)
        return
    number = min(losses.tries(FAN_OUT) + 1, REPAIRS)
    queue.send([FanOutMessage(batch.batch_id, batch.round, number)])
    losses.count(FAN_OUT)


def _why(ledger: Ledger, batch: Batch) -> ErrorInfo:
    last = ledger.problem(batch.round)
    code = last.code if last else "no word of why"
    return ErrorInfo(
        "FanOutLost",
        f"The images could not be listed, after several tries ({code}); see the log for the "
        "reason, and retry the batch when it is fixed.",
        retryable=True,
    )


def _repair_chunks(ledger: Ledger, batch: Batch, queue: Queue, losses: Losses, fan: FanOut) -> bool:
    """Repairs missing chunks. Returns whether any part was written here."""
    counted = {tally.chunk for tally in ledger.tallies(batch.round)}
    missing = [chunk for chunk in range(1, fan.chunks + 1) if chunk not in counted]
    lost = [chunk for chunk in missing if losses.is_lost(chunk)]
    places = partial(_places, ledger, batch)
    spent = {chunk for chunk in lost if losses.is_spent(chunk, places)}
    again = [chunk for chunk in lost if chunk not in spent]
    for some in grouped(iter(again), MAX_ENTRIES):
        queue.send([
            message for chunk in some for message in _messages(ledger, batch, losses, chunk)
        ])  # fmt: skip
        # counted after they are sent, so that a queue that is away costs no image
        for chunk in some:
            losses.count(chunk)
    for chunk in spent:
        SingleImages(ledger, batch.round, chunk).join(ledger.chunk(batch.round, chunk), IMAGE_LOST)
    return bool(spent)


def _messages(
    ledger: Ledger, batch: Batch, losses: Losses, chunk: int
) -> list[ChunkMessage] | list[ImageMessage]:
    number = min(losses.tries(chunk) + 1, REPAIRS)
    if number <= TOGETHER:
        return [ChunkMessage(batch.batch_id, batch.round, chunk, number)]
    return [
        ImageMessage(batch.batch_id, batch.round, chunk, place, number)
        # all are done: the worker of the first image joins them
        for place in _places(ledger, batch, chunk) or [0]
    ]


def _places(ledger: Ledger, batch: Batch, chunk: int) -> list[int]:
    """Returns the missing images of a chunk whose images go alone."""
    done = SingleImages(ledger, batch.round, chunk).places()
    return [n for n in range(len(ledger.chunk(batch.round, chunk))) if n not in done]
