"""A batch as callers see it."""

from typing import Any

from chalicelib.aws.s3 import LINK_SECONDS
from chalicelib.batch import stop
from chalicelib.batch.ledger import Ledger
from chalicelib.batch.records import Batch, Counts, Summary
from chalicelib.times import iso


def view_of(ledger: Ledger) -> dict[str, Any]:
    """The batch as `GET /batches/{id}` shows it. Raises NotFound.

    What was stopped shows what was done until then; until that is written, the last round's end,
    and no `finished_at`.
    """
    batch = ledger.batch()
    view: dict[str, Any] = {
        "batch_id": batch.batch_id,
        "source": batch.source,
        "created_at": iso(batch.created_at),
    }
    summary = ledger.summary(batch.round)
    if summary is not None:
        view |= {"status": "finished", "finished_at": iso(summary.finished_at)}
        return view | _end(ledger, summary, "results.jsonl", "summary.json")
    reason = ledger.stopped(batch.round)
    if reason is None:
        return view | _progress(ledger, batch)
    view["status"] = "cancelled" if reason.error is None else "failed"
    if reason.error is not None:
        view["error"] = reason.error
    done = ledger.get(ledger.end_key(batch.round, stop.SUMMARY), Summary)
    if done is not None:
        view["finished_at"] = iso(done.finished_at)
        return view | _end(ledger, done, stop.RESULTS, stop.SUMMARY)
    before = ledger.summary(batch.round - 1) if batch.round else None
    if before is not None:
        return view | _end(ledger, before, "results.jsonl", "summary.json")
    return view | {"counts": _progress(ledger, batch)["counts"]}


def _end(ledger: Ledger, summary: Summary, results: str, name: str) -> dict[str, Any]:
    """What a round ended with, and links to it."""
    files = {"results": results, "summary": name}
    links = {
        kind: ledger.store.link(ledger.bucket, ledger.end_key(summary.round, file), LINK_SECONDS)
        for kind, file in files.items()
    }
    return {"counts": summary.counts, "labels": summary.labels, "errors": summary.errors} | links


def _progress(ledger: Ledger, batch: Batch) -> dict[str, Any]:
    """Status and counts of a round that has not ended."""
    fan, tallies = ledger.fan_out(batch.round), list(ledger.tallies(batch.round))
    done, failed = sum(t[1] for t in tallies), sum(t[2] for t in tallies)
    known = max(fan.entries, done)  # chunks may be done before their fan-out is written down
    counts = Counts(known, done, failed)
    last = ledger.summary(batch.round - 1) if batch.round else None
    if last is not None:  # the rest of the images keep their outcome
        before = last.counts
        waiting = known - done
        unmended = before.failed - known
        counts = Counts(before.total, before.total - waiting, unmended + failed)
    return {"status": "running" if known else "queued", "counts": counts}
