"""One image in, labels out: what the service adds to the bare network, and what a cold start costs.

    python -m benchmarks.predict --model inception-v3 photo.jpg

Prints medians of interleaved runs of one process, ratios first. Milliseconds belong to the machine
that the first line names; ratios carry over.
"""

import io
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click
from chalice.test import Client

from app import app, logger
from benchmarks.machine import machine
from chalicelib.images import decode
from chalicelib.wiring import services

COLD = """
import resource, sys, time
start = time.perf_counter()
from chalice.test import Client
from app import app
client = Client(app)
image = open(sys.argv[1], "rb").read()
answer = client.http.post("/predict", body=image, headers={"Content-Type": "image/jpeg"})
assert answer.status_code == 200, answer.body
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def medians(work: dict[str, Callable[[], object]], runs: int) -> dict[str, float]:
    """Median milliseconds of each, the runs interleaved, after one that is not counted."""
    times: dict[str, list[float]] = {name: [] for name in work}
    with click.progressbar(range(runs + 1), label="warm", file=sys.stderr) as rounds:
        for number in rounds:
            for name, run in work.items():
                start = time.perf_counter()
                run()
                if number:
                    times[name].append((time.perf_counter() - start) * 1000)
    return {name: statistics.median(each) for name, each in times.items()}


def cold_starts(image: Path, runs: int) -> tuple[float, float]:
    """Median seconds from a process's first line to its first answer, and its peak megabytes."""
    seen = []
    with click.progressbar(range(runs), label="cold", file=sys.stderr) as rounds:
        for _ in rounds:
            command = [sys.executable, "-c", COLD, str(image.resolve())]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            seen.append(
                [float(n) for n in re.findall(r"^([\d.]+) ([\d.]+)$", done.stdout, re.M)[0]]
            )
    return statistics.median(s for s, _ in seen), statistics.median(mb for _, mb in seen)


@click.command(help=__doc__)
@click.argument("image", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--model", default="inception-v3", show_default=True, help="Package to run.")
@click.option("--runs", default=50, show_default=True, help="Counted runs.")
@click.option("--threads", default=1, show_default=True, help="Threads of one inference.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(image: Path, model: str, runs: int, threads: int, as_json: bool) -> None:
    """Measure, and print."""
    os.environ.update(MODEL=model, THREADS=str(threads), POWERTOOLS_METRICS_DISABLED="true")
    logger.registered_handler.setStream(io.StringIO())  # written, and not shown
    data = image.read_bytes()
    classifier = services().classifiers.get()
    pixels = decode(data, classifier.input_size).pixels
    client, headers = Client(app), {"Content-Type": "application/octet-stream"}
    warm = medians(
        {
            "handler": lambda: client.http.post("/predict", body=data, headers=headers),
            "decode": lambda: decode(data, classifier.input_size),
            "network": lambda: classifier.scores(pixels),
        },
        runs,
    )
    seconds, megabytes = cold_starts(image, max(3, runs // 10))
    figures = {
        "machine": machine(),
        "model": model,
        "threads": threads,
        "handler_over_network": round(warm["handler"] / warm["network"], 2),
        "handler_minus_network_and_decode_ms": round(
            warm["handler"] - warm["network"] - warm["decode"], 2
        ),
        **{f"{name}_ms": round(ms, 2) for name, ms in warm.items()},
        "cold_start_s": round(seconds, 2),
        "cold_start_peak_mb": round(megabytes),
    }
    click.echo(
        json.dumps(figures)
        if as_json
        else "\n".join(f"{name:38}{value}" for name, value in figures.items())
    )


if __name__ == "__main__":
    main()
