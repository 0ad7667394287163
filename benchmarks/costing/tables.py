"""The tables of what predictions cost."""

from collections.abc import Mapping

from benchmarks.costing import pricing
from benchmarks.costing.figures import count_text
from benchmarks.costing.pricing import MEMORY_SIZES
from benchmarks.costing.study import ARCHITECTURES, BASELINE, MILLION, Study
from benchmarks.findings import Table
from chalicelib.settings import MEMORY_PER_CPU_MB


def by_memory(study: Study) -> Table:
    """Returns what each memory size costs, without sizes that are too small."""
    shown = ("function URL", "API", "batch", "workflow")
    columns = ["memory MB", "vCPU", "ms, API", "ms an image, batch"]
    columns += [f"{way}, {architecture}" for way in shown for architecture in ARCHITECTURES]
    most = max(study.ways["API"].work.wall_ms)
    rows = []
    for size in MEMORY_SIZES:
        vcpus = pricing.vcpus_of(size)
        fits = {way: study.ways[way].fits(size) for way in shown}
        if not any(fits.values()):
            continue
        note = " (share)" if vcpus < 1 else f" (as {most})" if vcpus > most else ""
        times = [
            f"{study.ways[way].ms(size):.0f}" if fits[way] else "–" for way in ("API", "batch")
        ]
        costs = [
            f"{study.million(way, size, architecture):.2f}" if fits[way] else "–"
            for way in shown
            for architecture in ARCHITECTURES
        ]
        rows.append([f"{size:,}", f"{vcpus:.2f}{note}", *times, *costs])
    return Table("A million predictions, by memory size, dollars", columns, rows)


def parts(study: Study) -> Table:
    """Returns what is paid for at the deployed memory size."""
    bills = study.bills(MEMORY_PER_CPU_MB, "x86_64")
    title = f"Where the dollars of a million go, x86_64, {MEMORY_PER_CPU_MB:,} MB"
    return breakdown(title, bills, MILLION)


def others(study: Study) -> Table:
    """Compares each way at its best memory size with the baseline, SageMaker and instances."""
    rows = [["the baseline", f"{MILLION / BASELINE[0]:.2f} to {MILLION / BASELINE[1]:.2f}", "", ""]]
    for way in study.ways:
        for architecture in ARCHITECTURES:
            size = study.best(way, architecture)
            cost = study.million(way, size, architecture)
            times = f"{MILLION / BASELINE[0] / cost:.1f} to {MILLION / BASELINE[1] / cost:.1f}"
            name = f"{way}, {architecture}, {size:,} MB"
            rows.append([name, f"{cost:.2f}", f"{MILLION / cost:,.0f}", times])
    size, image = study.endpoint()
    million = f"{image * MILLION:.2f}"
    rows.append([f"SageMaker Serverless, {size:,} MB", million, f"{1 / image:,.0f}", ""])
    for instance in study.prices.instances:
        most, month = study.capacity(instance), instance.hour * pricing.HOURS
        name = f"{instance.name}, {month:.2f} a month, at its {count_text(most)}"
        rows.append([name, f"{month / most * MILLION:.2f}", f"{most / month:,.0f}", ""])
    columns = ["", "dollars a million", "predictions a dollar", "times less than the baseline"]
    return Table("Against the baseline and others", columns, rows)


def breakdown(title: str, bills: Mapping[str, Mapping[str, float]], count: int) -> Table:
    """Returns a table with a column for each bill, for so many images."""
    rows = [
        [part, *(f"{parts[part] * count:.2f}" for parts in bills.values())]
        for part in next(iter(bills.values()))
    ]
    total = ["together", *(f"{sum(parts.values()) * count:.2f}" for parts in bills.values())]
    return Table(title, ["", *bills], [*rows, total])
