"""The runs to simulate: a batch, a workflow, requests; and the same in other accounts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.scale import platforms, simulatedapi, simulatedbatch, simulatedworkflow
from benchmarks.scale.durations import Times
from benchmarks.scale.elements import Outcome, Usage
from benchmarks.scale.limits import Limits, Ours
from benchmarks.scale.onaws import AwsJob
from chalicelib.bulk.chunks import LARGE_CHUNK
from stage.prices import Prices

ACCOUNTS = (10, 100, 1000, 10_000)
MOST_WORKERS = 1000
"""The maximum of a mapping's MaximumConcurrency."""
SECONDS = 60.0
"""All requests come within so many seconds."""


@dataclass(frozen=True)
class Question:
    """What all runs share. images: of a batch and a workflow, and requests to the API."""

    images: int
    concurrency: int
    times: Times
    limits: Limits
    ours: Ours
    prices: Prices
    seed: int


@dataclass(frozen=True)
class Run:
    """A simulated run. key, name: for files and for people. failed: images or requests."""

    key: str
    name: str
    outcome: Outcome
    dollars: float
    failed: int = 0


def dollars(usage: Usage, prices: Prices) -> float:
    """Returns the cost on x86-64 before any free tier, without logs and traces."""
    s3 = prices.s3
    parts: list[float] = [
        usage.gb_seconds * prices.aws_lambda["gb_second_x86_64"],
        usage.invocations * prices.aws_lambda["million_requests"] / 1e6,
        usage.s3_gets * s3["thousand_reads"] / 1e3,
        usage.s3_puts * s3["thousand_writes"] / 1e3,
        usage.sqs_requests * prices.sqs["million_requests"] / 1e6,
        usage.transitions * prices.step_functions["million_transitions"] / 1e6,
        usage.api_requests * prices.api_gateway["million_requests"] / 1e6,
    ]
    return sum(parts)


def batch_run(asked: Question, concurrency: int, workers: int, key: str, name: str) -> Run:
    """Simulates a batch in an account of that concurrency, with large chunks only."""
    chunks = -(-asked.images // LARGE_CHUNK)
    job = AwsJob(asked.times, asked.limits, asked.ours, chunks, asked.seed, LARGE_CHUNK)
    platform = platforms.on_aws(asked.limits, asked.ours, concurrency, workers)
    out = simulatedbatch.Batch(chunks, platform, job, asked.seed).run()
    return Run(key, name, out, dollars(out.usage, asked.prices), out.lost * LARGE_CHUNK)


def workflow_run(asked: Question, concurrency: int) -> Run:
    """Simulates a workflow with one model."""
    chunks = -(-asked.images // LARGE_CHUNK)
    machine = simulatedworkflow.on_aws(asked.limits, asked.ours, concurrency)
    memory = asked.ours.memory_gb
    out = simulatedworkflow.Workflow(chunks, machine, asked.times, memory, asked.seed).run()
    name = f"workflow, MaxConcurrency {machine.side_by_side}"
    paid = dollars(out.usage, asked.prices)
    return Run("workflow", name, out, paid, out.lost * LARGE_CHUNK)


def api_run(asked: Question, front: simulatedapi.Front, key: str, name: str) -> Run:
    """Simulates requests that all come in the first minute."""
    sim = simulatedapi.Api(
        asked.images, SECONDS, front, asked.times, asked.ours.memory_gb, asked.seed
    )
    out = sim.run()
    return Run(key, name, out, dollars(out.usage, asked.prices), sim.gave_up)


def runs(asked: Question) -> Iterator[Run]:
    """Simulates one run after another."""
    ours, limits, at_once = asked.ours, asked.limits, asked.concurrency
    yield batch_run(asked, at_once, ours.workers, "batch", f"batch, {ours.workers} workers")
    most = min(MOST_WORKERS, at_once)
    yield batch_run(asked, at_once, most, "batch-most", f"batch, {most:,} workers")
    yield workflow_run(asked, at_once)
    rate, burst = limits["api-rate"].value, limits["api-burst"].value
    front = simulatedapi.on_aws(limits, ours.rate, ours.burst, at_once)
    yield api_run(asked, front, "api", f"API, {ours.rate:.0f} a second")
    front = simulatedapi.on_aws(limits, rate, burst, at_once)
    yield api_run(asked, front, "api-most", f"API, {rate:,.0f} a second")
    raised = 2 * asked.images / SECONDS
    front = simulatedapi.on_aws(limits, raised, raised, 10 * at_once)
    yield api_run(asked, front, "api-raised", f"API, quotas raised: {raised:,.0f} a second, "
                  f"{10 * at_once:,} functions")  # fmt: skip


@dataclass(frozen=True)
class Account:
    """The same work in an account of that many functions at once: as deployed, with as many
    workers as it allows, and as a workflow."""

    concurrency: int
    deployed: Run
    most: Run
    workflow: Run


def accounts(asked: Question, sizes: Sequence[int] = ACCOUNTS) -> Iterator[Account]:
    """How long it takes in accounts of other sizes."""
    for size in sizes:
        workers = max(2, min(size, MOST_WORKERS))
        yield Account(
            size,
            batch_run(asked, size, asked.ours.workers, "batch", "as deployed"),
            batch_run(asked, size, workers, "batch-most", f"{workers:,} workers"),
            workflow_run(asked, size),
        )
