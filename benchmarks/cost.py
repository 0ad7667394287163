"""What a million predictions cost, by memory size, architecture and way, and beside other services.

    python -m benchmarks.cost

    python -m benchmarks.cost --memory 1769 --images-per-month 300000

    python -m benchmarks.cost --seconds 0.05 --memory 2048 --images-per-month 300000

Runs the deployed functions on this machine, with as many CPUs as the memory size buys, counts their
requests to S3 and SQS, and multiplies by stage/prices.toml. The second and third command print
your own bill: for a memory size, or for your own seconds per prediction.
"""

import os
from pathlib import Path

import click
import msgspec

from benchmarks import findings, subject
from benchmarks.costing import bill
from benchmarks.costing.metering import cloud_of
from benchmarks.costing.pricing import MAX_VCPUS
from benchmarks.costing.study import ARCHITECTURES, Study
from benchmarks.costing.ways import measured
from chalicelib.settings import MEMORY_PER_CPU_MB
from localcloud.disk import ARCHITECTURE
from stage.prices import PRICES, Prices, load
from tools.bundling import enginelayer
from tools.bundling.pythons import BundleError


def prices_of(path: Path) -> Prices:
    """Reads a file of prices. Raises ClickException if it is not like prices.toml."""
    try:
        return load(path)
    except (msgspec.ValidationError, ValueError) as error:
        raise click.ClickException(f"{path} is not like {PRICES.name}: {error}.") from error


def vcpu_counts() -> list[int]:
    """Returns 1, 2, and this machine's CPUs, up to Lambda's maximum."""
    cores = min(len(os.sched_getaffinity(0)), MAX_VCPUS)
    return sorted({1, min(2, cores), cores})


@click.command(help=__doc__)
@click.option("--model", default=subject.MODEL, show_default=True, help="Model to run.")
@click.option(
    "--runs", default=20, show_default=True, help="Number of counted requests to the API."
)
@click.option("--chunks", default=2, show_default=True, help="Number of counted chunks of a batch.")
@click.option("--cold", default=0.01, show_default=True, help="Share of cold starts.")
@click.option(
    "--utilisation",
    default=0.6,
    show_default=True,
    help="Load of an instance that is always on, 0 to 1.",
)
@click.option(
    "--prices",
    "path",
    default=PRICES,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with other prices than stage/prices.toml.",
)
@click.option(
    "--images-per-month", type=click.IntRange(1), help="Images a month, for your own bill."
)
@click.option("--memory", type=click.IntRange(128, 10240), help="Memory in MB, for your own bill.")
@click.option("--arch", default="x86_64", show_default=True, type=click.Choice(ARCHITECTURES))
@click.option(
    "--seconds",
    type=click.FloatRange(0, min_open=True),
    help="Seconds per prediction, for your own bill.",
)
@findings.options
def main(
    model: str,
    runs: int,
    chunks: int,
    cold: float,
    utilisation: float,
    path: Path,
    images_per_month: int | None,
    memory: int | None,
    arch: str,
    seconds: float | None,
    as_json: bool,
    save: bool,
) -> None:
    """Measure, reckon, print."""
    prices = prices_of(path)
    own = images_per_month is not None
    if (memory or seconds) and not own:
        raise click.UsageError("--memory and --seconds are for a bill: add --images-per-month.")
    if own and save:
        raise click.UsageError("A bill of your own is printed, not kept: leave --save out.")
    size = memory or MEMORY_PER_CPU_MB
    if seconds is not None:
        told = bill.told(prices, seconds, size, arch, images_per_month or 0)
        findings.publish(told, as_json, save=False)
        return
    counts = [1] if own and size <= MEMORY_PER_CPU_MB else vcpu_counts()
    try:
        package = subject.model(model)
        with cloud_of(package) as cloud:
            with_second = enginelayer.needed(ARCHITECTURE, package) and not own
            ways, second = measured(cloud, counts, runs, chunks, with_second)
    except BundleError as error:
        raise click.ClickException(str(error)) from error
    study = Study(prices, ways, cold, utilisation, len(subject.photograph()), second)
    if own:
        findings.publish(bill.own(study, size, arch, images_per_month or 0), as_json, save=False)
        return
    record = bill.study(study)
    if save:
        from benchmarks.costing.graphs import draw  # matplotlib, which nothing else needs

        draw(dict(record.series))
    findings.publish(record, as_json, save)


if __name__ == "__main__":
    main()
