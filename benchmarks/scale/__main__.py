"""How long a million images or requests at once take, what is refused, and what it costs.

    python -m benchmarks.scale

    python -m benchmarks.scale --concurrency 10

    python -m benchmarks.scale --image-ms 25 --images 100000

Measures the time of an image here. Simulates a batch, a workflow and the API with the limits of
limits.toml, and says which limit holds each up.
"""

import sys
from collections.abc import Iterable
from typing import TypeVar

import click

from benchmarks import findings
from benchmarks.scale import conclusions, scenarios
from benchmarks.scale.curves import draw
from benchmarks.scale.durations import Times, measured_call, measured_image
from benchmarks.scale.limits import limits, ours
from stage.prices import load

T = TypeVar("T")


def shown(items: Iterable[T], length: int, label: str) -> list[T]:
    """Returns all items, with a progress bar."""
    with click.progressbar(items, length=length, label=label, file=sys.stderr) as bar:
        return list(bar)


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option(
    "--images", default=1_000_000, type=click.IntRange(1), help="Number of images, and of requests."
)
@click.option(
    "--concurrency", default=1000, type=click.IntRange(2), help="Concurrency limit of the account."
)
@click.option("--image-ms", type=float, help="Milliseconds per image.  [default: measured here]")
@click.option(
    "--call-ms", type=float, help="CPU milliseconds per S3 request.  [default: measured here]"
)
@click.option("--store-ms", default=30.0, help="Milliseconds until S3 answers.")
@click.option("--queue-ms", default=15.0, help="Milliseconds until SQS answers.")
@click.option("--cold-ms", default=1000.0, help="Median milliseconds of a cold start.")
@click.option("--seed", default=1, help="Seed of the random numbers.")
@findings.options
def main(
    images: int,
    concurrency: int,
    image_ms: float | None,
    call_ms: float | None,
    store_ms: float,
    queue_ms: float,
    cold_ms: float,
    seed: int,
    as_json: bool,
    save: bool,
) -> None:
    """Simulate, compare, and print."""
    times = Times(
        image=measured_image() if image_ms is None else [image_ms / 1000],
        call=measured_call() if call_ms is None else call_ms / 1000,
        store=store_ms / 1000,
        queue=queue_ms / 1000,
        cold=cold_ms / 1000,
    )
    prices = load()
    asked = scenarios.Question(images, concurrency, times, limits(), ours(), prices, seed)
    runs = shown(scenarios.runs(asked), 6, "runs")
    sizes = shown(scenarios.accounts(asked), len(scenarios.ACCOUNTS), "accounts")
    record = conclusions.record(asked, runs, sizes)
    if save:
        draw(record.series)
    findings.publish(record, as_json, save)


if __name__ == "__main__":
    main()
