"""One image in, labels out: what the service adds to the bare network.

    python -m benchmarks.predict --model inception-v3 photo.jpg

Prints medians of interleaved runs of one process, ratios first. Milliseconds belong to the machine
that the first line names; ratios carry over. `benchmarks.coldstart` measures cold starts.
"""

import io
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click
from chalice.test import Client

from benchmarks.machine import machine
from chalicelib.images import decode
from chalicelib.wiring import services


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


@click.command(help=__doc__)
@click.argument("image", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--model", default="inception-v3", show_default=True, help="Package to run.")
@click.option("--runs", default=50, show_default=True, help="Counted runs.")
@click.option("--threads", default=1, show_default=True, help="Threads of one inference.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(image: Path, model: str, runs: int, threads: int, as_json: bool) -> None:
    """Measure, and print."""
    settings = {"PUBLIC": "true", "POWERTOOLS_METRICS_DISABLED": "true"}
    os.environ.update(settings, MODEL=model, THREADS=str(threads))
    from app import app, logger  # which reads the environment

    logger.registered_handler.setStream(io.StringIO())  # written, and not shown
    data = image.read_bytes()
    classifier = services().classifiers.get()
    pixels = decode(data, classifier.input_size).pixels
    client, headers = Client(app), {"Content-Type": "application/octet-stream"}
    assert client.http.post("/predict", body=data, headers=headers).status_code == 200
    warm = medians(
        {
            "handler": lambda: client.http.post("/predict", body=data, headers=headers),
            "decode": lambda: decode(data, classifier.input_size),
            "network": lambda: classifier.scores(pixels),
        },
        runs,
    )
    figures = {
        "machine": machine(),
        "model": model,
        "threads": threads,
        "handler_over_network": round(warm["handler"] / warm["network"], 2),
        "handler_minus_network_and_decode_ms": round(
            warm["handler"] - warm["network"] - warm["decode"], 2
        ),
        **{f"{name}_ms": round(ms, 2) for name, ms in warm.items()},
    }
    click.echo(
        json.dumps(figures)
        if as_json
        else "\n".join(f"{name:38}{value}" for name, value in figures.items())
    )


if __name__ == "__main__":
    main()
