"""End a round that was stopped, with the results of what is done.

What was in work at the stop comes to its end. So the results may be written again, with more in
them: each time under a name that is made of the chunks in it, so that nobody reads half of both.
"""

from contextlib import suppress

import msgspec

from chalicelib.aws.sqs import Queue
from chalicelib.batch.announcement import announce
from chalicelib.batch.fanout import FanOutMessage
from chalicelib.batch.finish import NotWhole, merged, read_parts, write_results
from chalicelib.batch.ledger import Ledger
from chalicelib.batch.objects import Batch, Summary, chained
from chalicelib.batch.recent import Ended, mark_end

SUMMARY = "stopped.json"
"""The name of its summary. It is not that of a whole round, so that a late stop spoils nothing."""

REWRITTEN_AT_ONCE = 100
"""Chunks of a round whose results each late chunk has written again. The schedule writes those of a
larger round, once for all late chunks, because that reads every part."""


def results_name(chunks: list[int]) -> str:
    """Returns the name of the results of these chunks."""
    digest = chained("", map(str, chunks)) or ""
    return f"stopped.{digest[:16]}.jsonl"


def stopped_summary(ledger: Ledger, round: int) -> Summary | None:
    """Returns the summary of a stopped round; None if it is not written."""
    summary = ledger.get(ledger.end_key(round, SUMMARY), Summary)
    if summary and not summary.results.startswith("stopped."):  # by 0.1, which did not name them
        return msgspec.structs.replace(summary, results="stopped.jsonl")
    return summary


def stop_if_told(ledger: Ledger, batch: Batch, queue: Queue) -> bool:
    """Writes the results so far, if the round was stopped. Returns whether it was."""
    round, reason = batch.round, ledger.stopped(batch.round)
    if reason is None:
        return False
    with suppress(NotWhole):  # damaged results of the round before: there is nothing to write
        summary = _written(ledger, batch)
        end: Ended = "failed" if reason.error else "cancelled"
        mark_end(ledger, batch, end, summary)
        announce(ledger, batch, end, summary, SUMMARY)
    ledger.rest(round)
    if ledger.stopped(round) is None:  # it was resumed meanwhile, and belongs on the schedule again
        queue.send([FanOutMessage(batch.batch_id, round, resumed=True)])
    return True


def stop_later(ledger: Ledger, batch: Batch, queue: Queue) -> None:
    """Has a chunk that was done after its round was cancelled added to the results."""
    if not ledger.cancelled(batch.round, sure=False):
        return
    reason = ledger.stopped(batch.round)
    if reason is None or reason.error:
        return
    ledger.mark(ledger.active_key(batch.round))
    if ledger.fan_out(batch.round).chunks <= REWRITTEN_AT_ONCE:
        stop_if_told(ledger, batch, queue)


def _written(ledger: Ledger, batch: Batch) -> Summary:
    key = ledger.end_key(batch.round, SUMMARY)
    last = ledger.tagged(key, Summary)  # before the listing: whoever replaces it knows of more
    done = [tally.chunk for tally in ledger.tallies(batch.round)]
    name = results_name(done)
    if last and last.value.results == name:
        return last.value
    parts = read_parts(ledger, batch.round, done)
    before = ledger.summary(batch.round - 1) if batch.round else None
    total = before.counts.total if before else ledger.fan_out(batch.round).entries
    summary = write_results(ledger, batch, name, merged(ledger, batch, parts), total)
    etag = last.etag if last else None
    if ledger.put(key, summary, only_new=last is None, replacing=etag):
        return summary
    return _written(ledger, batch)  # another writer was faster, and may know of less
