"""The figures of what predictions cost."""

import math
from collections.abc import Iterator

from benchmarks.costing.study import ARCHITECTURES, BASELINE, MILLION, Study
from benchmarks.findings import Figure, ratio
from chalicelib.settings import MEMORY_PER_CPU_MB


def against_book(study: Study) -> Iterator[Figure]:
    """Yields the baseline's best cost over each of ours."""
    for way in study.ways:
        for architecture in ARCHITECTURES:
            size = study.best(way, architecture)
            times = MILLION / BASELINE[0] / study.million(way, size, architecture)
            says = (
                f"{way}, {architecture}, {size:,} MB: the baseline's dollars over ours (target 10)"
            )
            yield ratio(f"baseline-over-{key_of(way, architecture)}", says, times)


def absolute(study: Study) -> Iterator[Figure]:
    """Yields dollars, and the milliseconds and megabytes behind them."""
    for way in study.ways:
        for architecture in ARCHITECTURES:
            size = study.best(way, architecture)
            says = f"{way}, {architecture}, {size:,} MB: a million predictions"
            cost = study.million(way, size, architecture)
            yield in_dollars(key_of(way, architecture), says, cost)
    size = MEMORY_PER_CPU_MB
    for way in study.ways:
        says = f"{way}, x86_64, as deployed at {size:,} MB: a million predictions"
        yield in_dollars(f"{key_of(way)}-deployed", says, study.million(way, size, "x86_64"))
    for way in ("API", "batch", "workflow"):
        milliseconds, key = study.ways[way].ms(size), key_of(way)
        says = f"{way}: billed an image, at one vCPU"
        yield Figure(f"{key}-ms", says, milliseconds, f"{milliseconds:.0f} ms")
        peak = study.ways[way].peak_mb[1]
        yield Figure(f"{key}-peak", f"{way}: peak memory, one thread", peak, f"{peak:.0f} MB")


def with_second_engine(study: Study) -> Iterator[Figure]:
    """Yields the cost with ONNX Runtime: over LiteRT's, against the baseline, and in dollars."""
    second, size = study.with_second, MEMORY_PER_CPU_MB
    for way in second.ways:
        key, memory = f"onnxruntime-{key_of(way)}", second.best(way, "x86_64")
        where = f"{way} with ONNX Runtime, x86_64"
        least = second.million(way, memory, "x86_64")
        litert = study.million(way, study.best(way, "x86_64"), "x86_64")
        yield ratio(f"{key}-over-litert", f"{where}: dollars over LiteRT's", least / litert)
        times = MILLION / BASELINE[0] / least
        says = f"{where}, {memory:,} MB: the baseline's dollars over ours (target 10)"
        yield ratio(f"baseline-over-{key}", says, times)
        yield in_dollars(f"{key}-million", f"{where}, {memory:,} MB: a million predictions", least)
        says = f"{where}, as deployed at {size:,} MB: a million predictions"
        yield in_dollars(f"{key}-deployed", says, second.million(way, size, "x86_64"))
    for way in ("API", "batch"):
        if way in second.ways:
            milliseconds, peak = second.ways[way].ms(size), second.ways[way].peak_mb[1]
            key, where = f"onnxruntime-{key_of(way)}", f"{way} with ONNX Runtime"
            says = f"{where}: billed an image, at one vCPU"
            yield Figure(f"{key}-ms", says, milliseconds, f"{milliseconds:.0f} ms")
            says = f"{where}: peak memory, one thread"
            yield Figure(f"{key}-peak", says, peak, f"{peak:.0f} MB")


def against_others(study: Study) -> Iterator[Figure]:
    """Yields what SageMaker Serverless costs, and when an instance becomes cheaper."""
    size, image = study.endpoint()
    alone = study.million("function URL", study.best("function URL", "x86_64"), "x86_64")
    yield ratio(
        "sagemaker-serverless-over-function",
        f"SageMaker Serverless, {size:,} MB, over the function URL, x86_64",
        image * MILLION / alone,
    )
    says = f"SageMaker Serverless, {size:,} MB: a million predictions"
    yield in_dollars("sagemaker-serverless", says, image * MILLION)
    for instance in study.prices.instances:
        for way in ("API", "batch"):
            count = study.crossing(instance, way)
            says = f"{instance.name}, always on, is cheaper than the {way} from so many a month"
            key = f"{key_of(instance.name)}-crosses-{key_of(way)}"
            value = count if math.isfinite(count) else 0  # JSON has no infinity
            yield Figure(key, says, value, count_text(count))


def count_text(value: float) -> str:
    """Says a number of images in words."""
    if math.isinf(value):
        return "never: one instance is too slow for so many"
    return f"{value / 1e6:.1f} million" if value >= 1e6 else f"{value:,.0f}"


def lambda_alone(base: Study) -> Iterator[Figure]:
    """Yields what Lambda alone costs, as deployed on x86_64: time and requests."""
    for engine, study in (("", base), ("onnxruntime-", base.with_second)):
        for name in [way for way in ("function URL", "batch") if way in study.ways]:
            bill = study.bills(MEMORY_PER_CPU_MB, "x86_64")[name]
            cost = sum(bill[part] for part in ("Lambda, time", "Lambda, requests")) * MILLION
            key = f"{engine}lambda-{key_of(name)}"
            where = f"{name}{' with ONNX Runtime' if engine else ''}, x86_64: Lambda's own bill"
            yield in_dollars(key, f"{where} of a million", cost)
            for count in BASELINE:
                says = f"{where}: the baseline's dollars, at {count:,} for one, over it (target 10)"
                yield ratio(f"baseline-{count // 1000}000-over-{key}", says, MILLION / count / cost)


def in_dollars(key: str, says: str, value: float) -> Figure:
    """Makes a figure of dollars."""
    return Figure(key, says, value, f"${value:,.2f}")


def key_of(*names: str) -> str:
    """Returns the names in kebab-case, as a key."""
    return "-".join(names).lower().translate(str.maketrans(" _.,", "----")).replace("--", "-")
