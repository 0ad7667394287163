"""Figures, tables and notes of the simulations."""

from collections.abc import Iterator, Sequence

from benchmarks.findings import Figure, Record, Table
from benchmarks.scale.elements import Outcome
from benchmarks.scale.limits import Limits
from benchmarks.scale.scenarios import Account, Question, Run

POINTS = 240
"""Points of a curve."""

NOTES = (
    "All of it is simulated, with limits that AWS publishes. No AWS account was used. A worker's "
    "time is that of this machine's CPU, unless --image-ms says otherwise.",
    "Assumed, because nobody publishes it or it cannot be measured here: S3 answers in 30 ms and "
    "SQS in 15; the part of a cold start before Python; how a throttled event source mapping "
    "waits; that S3 does not split a busy prefix; that refused callers try four more times, with "
    "jitter; that child executions of a Map start as fast as StartExecution allows.",
    "Dollars are those of Lambda, S3, SQS, Step Functions and API Gateway at list price, on "
    "x86-64, without logs and traces.",
)


def duration(seconds: float) -> str:
    """Says a duration as a person would."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def record(asked: Question, runs: Sequence[Run], sizes: Sequence[Account]) -> Record:
    """Returns the record of all simulations."""
    figures = [*_figures(runs), *_accounts(sizes)]
    tables = [_runs(runs), _sensitivity(sizes), _limits(asked.limits)]
    series = {
        "runs": {run.key: {"name": run.name, **_curve(run.outcome)} for run in runs},
        "accounts": {
            "sizes": [account.concurrency for account in sizes],
            "deployed": [account.deployed.outcome.seconds for account in sizes],
            "most": [account.most.outcome.seconds for account in sizes],
            "workflow": [account.workflow.outcome.seconds for account in sizes],
            "lost": [account.workflow.failed for account in sizes],
        },
    }
    title = f"How far it scales: {asked.images:,} at once, simulated"
    return Record("scale", title, figures, tables, NOTES, series)


def _figures(runs: Sequence[Run]) -> Iterator[Figure]:
    for run in runs:
        out = run.outcome
        yield Figure(f"{run.key}-drain", f"{run.name}: until all is done", out.seconds,
                     duration(out.seconds))  # fmt: skip
        yield Figure(f"{run.key}-peak", f"{run.name}: functions at once", out.peak, f"{out.peak:,}")
        yield Figure(f"{run.key}-dollars", f"{run.name}: cost", run.dollars, f"${run.dollars:,.2f}")
        what = "requests given up" if run.key.startswith("api") else "images lost"
        yield Figure(f"{run.key}-failed", f"{run.name}: {what}", run.failed, f"{run.failed:,}")


def _accounts(sizes: Sequence[Account]) -> Iterator[Figure]:
    for account in sizes:
        for key, run in (("deployed", account.deployed), ("most", account.most)):
            seconds = run.outcome.seconds
            says = f"batch in an account of {account.concurrency:,}, {run.name}"
            yield Figure(f"account-{account.concurrency}-{key}", says, seconds, duration(seconds))
        lost = account.workflow.failed
        yield Figure(f"account-{account.concurrency}-lost",
                     f"workflow in an account of {account.concurrency:,}: images lost", lost,
                     f"{lost:,}")  # fmt: skip


def _runs(runs: Sequence[Run]) -> Table:
    columns = ("run", "time", "functions at once", "cold starts", "throttled", "failed",
               "held up by", "cost")  # fmt: skip
    return Table("Runs", columns, [_row(run) for run in runs])


def _row(run: Run) -> list[str]:
    out = run.outcome
    refused = ", ".join(f"{reason} {count:,}" for reason, count in out.throttles.most_common())
    total = out.bottleneck.total()
    held = ", ".join(
        f"{reason} {count / total:.0%}"
        for reason, count in out.bottleneck.most_common(3)
        if count / total >= 0.01
    )
    return [
        run.name, duration(out.seconds), f"{out.peak:,}", f"{out.cold:,}", refused or "none",
        f"{run.failed:,}", held or "nothing", f"${run.dollars:,.2f}",
    ]  # fmt: skip


def _sensitivity(sizes: Sequence[Account]) -> Table:
    rows = []
    for account in sizes:
        cells = [f"{account.concurrency:,}"]
        for run in (account.deployed, account.most, account.workflow):
            lost = f"; {run.failed:,} images lost" if run.failed else ""
            cells.append(f"{duration(run.outcome.seconds)} ({run.outcome.held_up_by}){lost}")
        rows.append(cells)
    columns = ("functions at once", "batch as deployed", "as many workers as allowed", "workflow")
    return Table("By the size of the account", columns, rows)


def _limits(limits: Limits) -> Table:
    rows = [
        [name, f"{limit.value:,.0f} {limit.unit}", limit.says, limit.source]
        for name, limit in limits.items()
    ]
    return Table("Limits", ("limit", "value", "what it is of", "source"), rows)


def _curve(out: Outcome) -> dict[str, list[float]]:
    """Thins a curve to POINTS; each is the maximum of its stretch."""
    step = -(-len(out.times) // POINTS)
    starts = range(0, len(out.times), step)
    return {
        "times": [out.times[start] for start in starts],
        "running": [max(out.running[start : start + step]) for start in starts],
        "waiting": [max(out.waiting[start : start + step]) for start in starts],
    }
