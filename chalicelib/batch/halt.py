"""End a round that was stopped, with the results of what is done."""

from chalicelib.aws.sqs import Queue
from chalicelib.batch.fanout import FanOutMessage
from chalicelib.batch.finish import merged, read_parts, write_results
from chalicelib.batch.ledger import Ledger
from chalicelib.batch.objects import Batch, Summary
from chalicelib.batch.recent import mark_end

DONE, RESULTS, SUMMARY = "stopping.json", "stopped.jsonl", "stopped.json"
"""Names of its results, beside those of a whole round, so that a late stop spoils nothing."""


def stop_if_told(ledger: Ledger, batch: Batch, queue: Queue) -> bool:
    """Writes the results so far, if the round was stopped. Returns whether it was."""
    round, reason = batch.round, ledger.stopped(batch.round)
    if reason is None:
        return False
    summary = ledger.get(ledger.end_key(round, SUMMARY), Summary) or _write(ledger, batch)
    mark_end(ledger, batch, "failed" if reason.error else "cancelled", summary)
    ledger.rest(round)
    if ledger.stopped(round) is None:  # it was resumed meanwhile, and belongs on the schedule again
        queue.send([FanOutMessage(batch.batch_id, round, resumed=True)])
    return True


def _write(ledger: Ledger, batch: Batch) -> Summary:
    # two at once write the same, though a worker may end in between
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
