"""The bill for predictions, as measured, or from a user's own seconds."""

import math
from collections.abc import Mapping
from typing import Any

from benchmarks.costing import pricing
from benchmarks.costing.figures import (
    absolute,
    against_book,
    against_others,
    in_dollars,
    key_of,
    lambda_alone,
    with_second_engine,
)
from benchmarks.costing.notes import notes, price_notes, verdict
from benchmarks.costing.pricing import MEMORY_SIZES, Duration, Way
from benchmarks.costing.study import ARCHITECTURES, MILLION, Study
from benchmarks.costing.tables import breakdown, by_memory, others, parts
from benchmarks.findings import Record
from stage.prices import Prices

MONTHS = [round(10 ** (exponent / 50)) for exponent in range(200, 451)]
"""Predictions a month in the picture: ten thousand to a billion."""


def study(study: Study) -> Record:
    """Returns the figures, tables and notes of what was measured."""
    return Record(
        name="cost",
        title="What predictions cost",
        figures=[
            *against_book(study),
            *absolute(study),
            *with_second_engine(study),
            *lambda_alone(study),
            *against_others(study),
        ],
        tables=[by_memory(study), parts(study), others(study)],
        notes=[*verdict(study), *notes(study)],
        series=series(study),
    )


def own(study: Study, memory_mb: int, architecture: str, images: int) -> Record:
    """Returns a month's bill at a memory size, for the ways that fit."""
    bills = study.bills(memory_mb, architecture)
    small = [name for name in study.ways if name not in bills]
    unfit = [f"{name} does not fit into {memory_mb:,} MB." for name in small]
    return _bill(bills, f"{memory_mb:,} MB, {architecture}", images, [*unfit, *notes(study)])


def told(prices: Prices, seconds: float, memory_mb: int, architecture: str, images: int) -> Record:
    """Returns a month's bill of the API, for the user's own seconds a prediction."""
    constant = Duration.known(seconds * 1000, memory_mb)
    never = Duration({1: 0.0}, 0)
    bills = {
        way.name: pricing.dollars(prices, way, memory_mb, architecture, 0)
        for way in (
            Way("API", 1, constant, never, {}, api_requests=1),
            Way("function URL", 1, constant, never, {}),
        )
    }
    where = f"{memory_mb:,} MB, {architecture}, {seconds:g} seconds a prediction"
    return _bill(bills, where, images, [TOLD, *price_notes(prices)])


def _bill(
    bills: Mapping[str, Mapping[str, float]], where: str, images: int, notes: list[str]
) -> Record:
    title = f"{images:,} predictions a month at {where}"
    figures = [
        in_dollars(key_of(name), name, sum(parts.values()) * images)
        for name, parts in bills.items()
    ]
    table = breakdown(f"{title}, dollars", bills, images)
    return Record("cost", title, figures, [table], notes)


TOLD = "Without cold starts, and with no log lines but Lambda's own."


def series(study: Study) -> dict[str, Any]:
    """Returns the data of the pictures."""
    return {"months": _months(study), "memory": _memory(study)}


def _months(study: Study) -> dict[str, Any]:
    lines = {
        f"{way}, {study.best(way, 'x86_64'):,} MB": [
            count * study.million(way, study.best(way, "x86_64"), "x86_64") / MILLION
            for count in MONTHS
        ]
        for way in ("API", "function URL", "batch")
    }
    lines["SageMaker Serverless"] = [count * study.endpoint()[1] for count in MONTHS]
    crossings = []
    for instance in study.prices.instances:
        most = study.capacity(instance)
        lines[f"{instance.name}, always on"] = [
            pricing.always_on(instance, count, most) for count in MONTHS
        ]
        count = study.crossing(instance, "API")
        if math.isfinite(count):
            month = pricing.always_on(instance, count, most)
            crossings.append({"name": instance.name, "images": count, "dollars": month})
    return {"images": MONTHS, "lines": lines, "crossings": crossings}


def _memory(study: Study) -> dict[str, Any]:
    sizes = [size for size in MEMORY_SIZES if study.ways["API"].fits(size)]
    return {
        "sizes": sizes,
        "ms": [study.ways["API"].work.at(size) for size in sizes],
        "dollars": {
            architecture: [study.million("function URL", size, architecture) for size in sizes]
            for architecture in ARCHITECTURES
        },
    }
