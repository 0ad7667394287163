"""The batch worker against the bare network, and the fan-out's memory and speed.

    python -m benchmarks.batch

The worker does all its work on Lambda, with chunks of 25 different 720p JPEGs from an object store
in memory. The bare network gets the same images as arrays: an image on each core, with one thread
each (its best), and then one image at a time on all cores. They run in turn, and the ratio of their
medians carries over to other machines. `benchmarks.cutting` runs the fan-outs.
"""

import os
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import click
import msgspec

from benchmarks import findings, subject
from benchmarks.cutting import fanned_out
from benchmarks.cutting import figures as cutting_figures
from benchmarks.findings import Figure
from chalicelib.batch.fanout import ChunkMessage
from chalicelib.batch.ledger import Ledger
from chalicelib.batch.objects import Batch
from chalicelib.bulk.chunks import SMALL_CHUNK
from chalicelib.bulk.manifests import Entry
from chalicelib.images.decode import decode
from chalicelib.inference.pool import Classifiers
from chalicelib.requests import Instance
from chalicelib.settings import Settings
from chalicelib.wiring import Services
from localcloud.inmemory import MemoryQueue, MemoryStore

OVER_NETWORK = "the worker, images a second, over the bare network at its best, all cores"
OVER_ALONE = "the worker over the bare network, one image at a time on all cores"
SET_UP = {
    "IMAGES_BUCKET": "images", "RESULTS_BUCKET": "results", "WORK_QUEUE": "work",
    "MODELS_BUCKET": "", "FALLBACK_MODEL": "", "ENGINE": "litert",
}  # fmt: skip
BATCH = Batch(batch_id="b", created_at=0, source="", manifest="manifest.txt")


def worker_against_network(model: str, rounds: int) -> dict[str, float]:
    """Returns images a second: the worker, the network at its best, and one image at a time."""
    settings = Settings.from_environment({**os.environ, **SET_UP, "MODEL": model})
    store = MemoryStore()
    services = Services(settings, store=store, queue=MemoryQueue())
    ledger = Ledger(store, "results", "b")
    ledger.put(ledger.key("batch.json"), BATCH)
    soonest = Classifiers(services.models, settings.threads, model, "").get()
    classifier = services.chunk_classifiers.get()
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
            message = msgspec.json.encode(ChunkMessage("b", 0, chunk)).decode()
            start = time.perf_counter()
            services.events.on_message(message, lambda: 900.0)
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
    return {name: SMALL_CHUNK / statistics.median(times) for name, times in seconds.items()}


@click.command(help=__doc__)
@click.option("--model", default=subject.MODEL, show_default=True, help="Model to run.")
@click.option("--rounds", default=7, show_default=True, help="Number of counted chunks.")
@click.option(
    "--lines",
    default=[100_000, 1_000_000],
    multiple=True,
    help="Lines of the manifests to split (repeatable).",
)
@click.option("--keys", default=1_000_000, show_default=True, help="Keys of the prefix to split.")
@findings.options
def main(
    model: str, rounds: int, lines: tuple[int, ...], keys: int, as_json: bool, save: bool
) -> None:
    """Measure, and print."""
    subject.model(model)
    outs = [*(fanned_out("lines", count) for count in lines), fanned_out("keys", keys)]
    speed = worker_against_network(model, rounds)
    worker, network, alone = speed["worker"], speed["network"], speed["one_at_a_time"]
    figures = [
        findings.ratio("worker-over-network", OVER_NETWORK, worker / network),
        findings.ratio("worker-over-one-at-a-time", OVER_ALONE, worker / alone),
        Figure("worker", "the worker", worker, f"{worker:.1f} images a second"),
        Figure("network", "the bare network", network, f"{network:.1f} images a second"),
    ]
    figures += cutting_figures(outs)
    title = f"Batch: the worker and the fan-out, {model}"
    series = {"speed": speed, "fan_out": outs}
    findings.publish(findings.Record("batch", title, figures, series=series), as_json, save)


if __name__ == "__main__":
    main()
