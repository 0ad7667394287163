"""Describe a batch to callers."""

from functools import partial

import msgspec

from chalicelib.answers.batchviews import BatchStatus, BatchView, Counts
from chalicelib.aws.store import LINK_SECONDS
from chalicelib.batch import halt
from chalicelib.batch.ledger import Ledger
from chalicelib.batch.objects import Batch, Summary
from chalicelib.times import moment


def view_of(ledger: Ledger) -> BatchView:
    """Returns the batch as `GET /batches/{id}` shows it. Raises NotFound.

    A stopped batch shows what was done until then. Until that is written, it shows the end of the
    last round, and no `finished_at`.
    """
    batch = ledger.batch()
    show = partial(
        BatchView, batch_id=batch.batch_id, source=batch.source, created_at=moment(batch.created_at)
    )
    summary = ledger.summary(batch.round)
    if summary is not None:
        view = show(status="finished", counts=summary.counts)
        return _ended(view, ledger, summary, "summary.json")
    reason = ledger.stopped(batch.round)
    if reason is None:
        status, counts = _progress(ledger, batch)
        return show(status=status, counts=counts)
    show = partial(show, status="failed" if reason.error else "cancelled", error=reason.error)
    done = halt.stopped_summary(ledger, batch.round)
    if done is not None:
        return _ended(show(counts=done.counts), ledger, done, halt.SUMMARY)
    before = ledger.summary(batch.round - 1) if batch.round else None
    if before is not None:
        view = _ended(show(counts=before.counts), ledger, before, "summary.json")
        return msgspec.structs.replace(view, finished_at=None)
    _, counts = _progress(ledger, batch)
    return show(counts=counts)


def last_summary(ledger: Ledger) -> Summary | None:
    """Returns the summary of the latest results; None if there are none. Raises NotFound."""
    round = ledger.batch().round
    return (
        ledger.summary(round)
        or halt.stopped_summary(ledger, round)
        or (ledger.summary(round - 1) if round else None)
    )


def _ended(view: BatchView, ledger: Ledger, summary: Summary, name: str) -> BatchView:
    """Adds a round's end, and links to its results, to the view."""

    def link(file: str) -> str:
        key = ledger.end_key(summary.round, file)
        return ledger.store.link(ledger.bucket, key, LINK_SECONDS)

    return msgspec.structs.replace(
        view,
        finished_at=moment(summary.finished_at),
        labels=summary.labels,
        errors=summary.errors,
        retryable=summary.counts.failed - summary.final,
        results=link(summary.results),
        summary=link(name),
    )


def _progress(ledger: Ledger, batch: Batch) -> tuple[BatchStatus, Counts]:
    """Returns status and counts of a round that has not ended."""
    fan, tallies = ledger.fan_out(batch.round), list(ledger.tallies(batch.round))
    done = sum(tally.records for tally in tallies)
    failed = sum(tally.failed for tally in tallies)
    # chunks may be done before their fan-out's checkpoint is written
    known = max(fan.entries, done)
    counts = Counts(known, done, failed)
    last = ledger.summary(batch.round - 1) if batch.round else None
    if last is not None:  # the other images keep their outcome
        before = last.counts
        waiting = known - done
        unmended = before.failed - known
        counts = Counts(before.total, before.total - waiting, unmended + failed)
    return "running" if known else "queued", counts
