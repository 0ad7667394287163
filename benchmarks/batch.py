"""Batch: the worker against the bare network, and a fan-out's memory and speed.

    python -m benchmarks.batch

The worker takes chunks of 25 different 720p JPEGs from an object store in memory and does all that
it does on Lambda. The bare network gets the same images as arrays, as many at once as there are
cores and a thread each, which is its best; one at a time, on all cores, is shown beside it. They
run in turn, and the ratio of their medians is what carries over to other machines. The fan-out
writes its chunks into a store that keeps none of them.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import click

from benchmarks import findings, subject
from benchmarks.findings import Figure
from chalicelib.batch.fanout import ChunkMessage, fan_out
from chalicelib.batch.ledger import Ledger
from chalicelib.batch.records import Batch
from chalicelib.batch.worker import Worker
from chalicelib.bulk.chunks import LARGE_CHUNK, SMALL_CHUNK, SMALL_RUN
from chalicelib.bulk.manifests import Entry
from chalicelib.bulk.recorder import Recorder
from chalicelib.classification import Classification
from chalicelib.images.decode import decode
from chalicelib.inference.packages import Models
from chalicelib.inference.pool import Classifiers
from chalicelib.requests import Instance
from chalicelib.settings import Settings
from chalicelib.sources.read import Sources
from tests.fakes import MemoryQueue, MemoryStore

OVER_NETWORK = "the worker, images a second, over the bare network at its best, all cores"
OVER_ALONE = "the worker over the bare network, one image at a time on all cores"
BATCH = Batch(batch_id="b", created_at=0, source="", manifest="manifest.txt")


def worker_against_network(model: str, rounds: int) -> dict[str, float]:
    """Images a second of the worker, of the network at its best, and one at a time."""
    settings = Settings.from_environment({**os.environ, "MODEL": model})
    store, queue = MemoryStore(), MemoryQueue()
    models = Models(settings.model_dirs, "", store)
    classifiers = Classifiers(models, 1, model, "", copies=settings.threads)
    soonest = Classifiers(models, settings.threads, model, "").get()
    sources = Sources(lambda url: b"", store.read, frozenset({"images"}))
    worker = Worker(Recorder(Classification(sources, classifiers)), queue)
    ledger = Ledger(store, "results", "b")
    classifier = classifiers.get()
    size, how = classifier.input_size, classifier.info.preprocessing
    seconds: dict[str, list[float]] = {"worker": [], "network": [], "one_at_a_time": []}
    with click.progressbar(range(1, rounds + 2), label="worker", file=sys.stderr) as numbers:
        for chunk in numbers:
            files = [subject.photograph(chunk * SMALL_CHUNK + n) for n in range(SMALL_CHUNK)]
            arrays = [decode(data, size, how).pixels for data in files]
            entries = []
            for position, data in enumerate(files):
                store.objects["images", f"{chunk}/{position}"] = data
                address = Instance(s3_uri=f"s3://images/{chunk}/{position}")
                entries.append(Entry(position, str(position), address))
            ledger.write_chunk(0, chunk, entries)
            start = time.perf_counter()
            worker.work(ledger, BATCH, ChunkMessage("b", 0, chunk), lambda: 900.0)
            middle = time.perf_counter()
            with ThreadPoolExecutor(settings.threads) as pool:
                list(pool.map(classifier.scores, arrays))
            end = time.perf_counter()
            for pixels in arrays:
                soonest.scores(pixels)
            last = time.perf_counter()
            if chunk > 1:
                seconds["worker"].append(middle - start)
                seconds["network"].append(end - middle)
                seconds["one_at_a_time"].append(last - end)
    return {name: SMALL_CHUNK / statistics.median(each) for name, each in seconds.items()}


class Forgetful(MemoryStore):
    """Keeps nothing but the checkpoint, and makes up the manifest as it is read."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def stream(self, bucket: str, key: str) -> Iterator[bytes]:
        for start in range(0, self.count, 1000):
            lines = range(start, min(start + 1000, self.count))
            yield b"".join(b"https://images.example/photo-%d.jpg\n" % n for n in lines)

    def put(self, bucket: str, key: str, *rest: Any, **options: Any) -> str | None:
        return "none" if "chunks/" in key else super().put(bucket, key, *rest, **options)


class Counting(MemoryQueue):
    """Counts its messages."""

    count = 0

    def send(self, messages: object) -> None:
        self.count += len(list(messages))  # type: ignore[call-overload]


def fan_out_alone(count: int) -> dict[str, float]:
    """Seconds and peak megabytes of a fan-out, in this process."""
    queue = Counting()
    ledger = Ledger(Forgetful(count), "results", "b")
    start = time.perf_counter()
    assert fan_out(ledger, BATCH, queue, lambda: 900.0)
    seconds = time.perf_counter() - start
    small = min(count, SMALL_RUN)
    assert queue.count == -(-small // SMALL_CHUNK) - (small - count) // LARGE_CHUNK
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"lines": count, "seconds": round(seconds, 2), "peak_mb": round(peak)}


def fanned_out(counts: tuple[int, ...]) -> list[dict[str, float]]:
    """Each in a process of its own, from this one while it is small: its peak counts."""
    found = []
    for count in counts:
        command = [sys.executable, "-m", "benchmarks.batch", "--only-fan-out", str(count)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found.append(json.loads(done.stdout))
    return found


@click.command(help=__doc__)
@click.option("--model", default=subject.MODEL, show_default=True, help="Package to run.")
@click.option("--rounds", default=7, show_default=True, help="Chunks counted.")
@click.option("--lines", default=[100_000, 1_000_000], multiple=True, help="Manifests to fan out.")
@click.option("--only-fan-out", type=int, hidden=True)
@findings.options
def main(
    model: str,
    rounds: int,
    lines: tuple[int, ...],
    only_fan_out: int | None,
    as_json: bool,
    save: bool,
) -> None:
    """Measure, and print."""
    if only_fan_out:
        click.echo(json.dumps(fan_out_alone(only_fan_out)))
        return
    subject.model(model)
    outs = fanned_out(lines)
    speed = worker_against_network(model, rounds)
    worker, network, alone = speed["worker"], speed["network"], speed["one_at_a_time"]
    figures = [
        findings.ratio("worker-over-network", OVER_NETWORK, worker / network),
        findings.ratio("worker-over-one-at-a-time", OVER_ALONE, worker / alone),
        Figure("worker", "the worker", worker, f"{worker:.1f} images a second"),
        Figure("network", "the bare network", network, f"{network:.1f} images a second"),
    ]
    for out in outs:
        named, count = f"fan-out-{out['lines']}", f"{out['lines']:,} lines"
        peak, seconds = out["peak_mb"], out["seconds"]
        figures += [
            Figure(f"{named}-mb", f"fan-out of {count}: peak memory", peak, f"{peak:.0f} MB"),
            Figure(f"{named}-s", f"fan-out of {count}: time", seconds, f"{seconds:.1f} s"),
        ]
    title = f"Batch: the worker and the fan-out, {model}"
    series = {"speed": speed, "fan_out": outs}
    findings.publish(findings.Record("batch", title, figures, series=series), as_json, save)


if __name__ == "__main__":
    main()
