"""What XNNPACK is worth here: one network on it, and on LiteRT's own kernels, as where it is lost.

    python -m benchmarks.kernels --model inception-v3

Prints medians of interleaved runs of one process, the ratio first. It belongs to the machine that
the first line names: how much faster XNNPACK is depends on the processor.
"""

import json

import click
import numpy as np
from ai_edge_litert.interpreter import OpResolverType

from benchmarks.machine import machine
from benchmarks.predict import medians
from chalicelib.classifier import Classifier
from chalicelib.kernels import BUILTIN, XNNPACK
from chalicelib.wiring import services


@click.command(help=__doc__)
@click.option("--model", default="inception-v3", show_default=True, help="Package to run.")
@click.option("--runs", default=30, show_default=True, help="Counted runs of each.")
@click.option("--threads", default=1, show_default=True, help="Threads of one inference.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(model: str, runs: int, threads: int, as_json: bool) -> None:
    """Measure, and print."""
    package = services().models.find(model)
    fast = Classifier(package, threads)
    slow = Classifier(package, threads, resolver=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    if (fast.kernels, slow.kernels) != (XNNPACK, BUILTIN):
        raise click.ClickException(f"{model} does not run on XNNPACK here: nothing to compare.")
    width, height = fast.input_size
    pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    times = medians(
        {"xnnpack": lambda: fast.scores(pixels), "builtin": lambda: slow.scores(pixels)}, runs
    )
    figures = {
        "machine": machine(),
        "model": model,
        "threads": threads,
        "builtin_over_xnnpack": round(times["builtin"] / times["xnnpack"], 2),
        **{f"{name}_ms": round(ms, 2) for name, ms in times.items()},
    }
    click.echo(
        json.dumps(figures)
        if as_json
        else "\n".join(f"{name:38}{value}" for name, value in figures.items())
    )


if __name__ == "__main__":
    main()
