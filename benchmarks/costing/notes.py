"""Notes on the costs: which ways reach the target, and what was assumed."""

from collections.abc import Iterator

from benchmarks.costing import pricing
from benchmarks.costing.study import ARCHITECTURES, BASELINE, MILLION, TARGET, Study
from chalicelib.settings import MEMORY_PER_CPU_MB
from stage.prices import Prices

BUSY = 1.2
"""A wall time this many times the CPU time means that the machine was busy."""


def verdict(study: Study) -> Iterator[str]:
    """Says which ways reach the target, and what the others would need."""
    for predictions in BASELINE:
        goal = MILLION / predictions / TARGET
        names = [
            f"{way} on {architecture}"
            for way in study.ways
            for architecture in ARCHITECTURES
            if study.million(way, study.best(way, architecture), architecture) <= goal
        ]
        yield (
            f"A tenth of the baseline's {predictions:,} predictions a dollar is {goal:.2f} dollars "
            f"a million. At its best memory size it is reached by: "
            f"{'; '.join(names) or 'nothing'}."
        )
    goal = MILLION / BASELINE[0] / TARGET
    for way in study.ways:
        for architecture in ARCHITECTURES:
            if study.million(way, study.best(way, architecture), architecture) > goal:
                yield _needed(study, way, architecture, goal)


def _needed(study: Study, way: str, architecture: str, goal: float) -> str:
    left = pricing.budget_ms(study.prices, study.ways[way], architecture, goal / MILLION)
    if left <= 0:
        return (
            f"{way} on {architecture} cannot cost {goal:.2f}: other costs than time are more than "
            "that already."
        )
    measured_ms = study.ways[way].ms(MEMORY_PER_CPU_MB)
    return (
        f"{way} on {architecture} would cost {goal:.2f} with {left:.0f} ms an image at one vCPU, "
        f"and has {measured_ms:.0f} ms here."
    )


def notes(study: Study) -> Iterator[str]:
    """Says how it was measured, and what is left out."""
    yield from _busy(study)
    counts = sorted(study.ways["API"].work.wall_ms)
    yield (
        f"Measured with {' and '.join(map(str, counts))} CPUs and as many threads, by affinity. "
        "Below one vCPU the duration is modelled: that of one, divided by the share of a vCPU. "
        "Between whole vCPUs the speed is interpolated; beyond "
        f"{counts[-1]} it is taken to stay as with {counts[-1]}."
    )
    yield (
        "arm64 could not be timed here. Its dollars are its prices with this machine's "
        "milliseconds: an assumption, not a measurement."
    )
    yield (
        f"{study.cold:.1%} of the invocations are taken to start cold, and their init is billed, "
        "as on Lambda since August 2025. A millisecond that has begun is billed. Not counted: "
        "free tiers, discounts, data leaving AWS, storage, fetching images by URL, and what a "
        "stage costs without calls. `python -m benchmarks.standing` has that, and what X-Ray "
        "adds."
    )
    yield (
        "S3 and SQS were on this machine, nearer than AWS's. A batch and a workflow fetch images "
        "side by side while others are classified, which hides most of the difference. The "
        "workflow has no challenger; with a challenger the function runs twice. Its small runs "
        "have up to 10,000 images, in chunks of 25 instead of 100, like the first 10,000 images "
        "of a batch."
    )
    yield (
        f"An always-on instance is busy {study.utilisation:.0%} of the time at most, at this "
        "machine's milliseconds. One instance is not highly available, and no load balancer is "
        "counted. SageMaker Serverless is taken to be as fast as Lambda with that memory, with "
        "the image's bytes as data. The baseline's figure is what its course states, for the "
        "hosts and the billing of its day; it is not measured here."
    )
    yield from price_notes(study.prices)


def _busy(study: Study) -> Iterator[str]:
    """Warns if other programs used the processor, which makes everything look dearer."""
    for name in ("API", "batch", "workflow"):
        work = study.ways[name].work
        if work.wall_ms[1] > BUSY * work.cpu_ms:
            yield (
                f"This machine was busy: of {work.wall_ms[1]:,.0f} ms of the {name}'s invocation, "
                f"it had the processor for {work.cpu_ms:,.0f}. Measure again when the machine is "
                "quiet."
            )


def price_notes(prices: Prices) -> Iterator[str]:
    """Says where the prices come from."""
    yield (
        f"Prices of {prices.region} as known on {prices.written_down}, copied from AWS's public "
        f"lists and not fetched by this script: {', '.join(prices.sources())}."
    )
