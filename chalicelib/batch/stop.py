"""The end of a round that goes on no longer: the results of what is done of it."""

from chalicelib.aws.sqs import Queue
from chalicelib.batch.fanout import FanOutMessage
from chalicelib.batch.finish import merged, read_parts, write_results
from chalicelib.batch.ledger import Ledger
from chalicelib.batch.recent import mark_end
from chalicelib.batch.records import Batch, Summary

DONE, RESULTS, SUMMARY = "stopping.json", "stopped.jsonl", "stopped.json"
"""Beside those of a whole round, never in their place: whoever is late here spoils nothing."""


def stop_if_told(ledger: Ledger, batch: Batch, queue: Queue) -> bool:
    """Write the results of what is done, if the round goes on no longer; whether that is so."""
    round, reason = batch.round, ledger.stopped(batch.round)
    if reason is None:
        return False
    summary = ledger.get(ledger.end_key(round, SUMMARY), Summary) or _write(ledger, batch)
    mark_end(ledger, batch, "failed" if reason.error else "cancelled", summary)
    ledger.rest(round)
    if ledger.stopped(round) is None:  # it was resumed meanwhile, and is to be looked after again
        queue.send([FanOutMessage(batch.batch_id, round, resumed=True)])
    return True


def _write(ledger: Ledger, batch: Batch) -> Summary:
    # of two that do this at once both write the same, though a worker may end in between
    done = ledger.first(
        ledger.end_key(batch.round, DONE),
        list[int],
        lambda: [tally.chunk for tally in ledger.tallies(batch.round)],
    )
    parts = read_parts(ledger, batch.round, done)
    before = ledger.summary(batch.round - 1) if batch.round else None
    total = before.counts.total if before else ledger.fan_out(batch.round).entries
    summary = write_results(ledger, batch, RESULTS, merged(ledger, batch, parts), total)
    ledger.put(ledger.end_key(batch.round, SUMMARY), summary)
    return summary
