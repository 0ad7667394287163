"""How much faster a network is with XNNPACK than with LiteRT's own kernels.

    python -m benchmarks.kernels

Both run in turn in one process. The ratio depends on the processor.
"""

import click
import numpy as np
from ai_edge_litert.interpreter import OpResolverType

from benchmarks import findings
from benchmarks.findings import Record, Table, ratio
from benchmarks.subject import MODEL, model
from benchmarks.timing import medians
from chalicelib.inference.classifier import Classifier
from chalicelib.inference.kernels import BUILTIN, XNNPACK
from chalicelib.inference.litert import LiteRT
from chalicelib.inference.packages import ModelPackage


def without_xnnpack(package: ModelPackage, threads: int) -> LiteRT:
    """Loads the network on LiteRT's own kernels."""
    return LiteRT(package.model_path, threads, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)


@click.command(help=__doc__)
@click.option("--model", "name", default=MODEL, show_default=True, help="Model to run.")
@click.option("--runs", default=30, show_default=True, help="Number of counted runs of each.")
@click.option("--threads", default=1, show_default=True, help="Threads of one inference.")
@findings.options
def main(name: str, runs: int, threads: int, as_json: bool, save: bool) -> None:
    """Measure, and print."""
    package = model(name)
    fast = Classifier(package, threads)
    slow = Classifier(package, threads, load=without_xnnpack)
    if (fast.kernels, slow.kernels) != (XNNPACK, BUILTIN):
        raise click.ClickException(f"{name} does not run on XNNPACK here: nothing to compare.")
    width, height = fast.input_size
    pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    ms = medians(
        {"with XNNPACK": lambda: fast.scores(pixels), "without": lambda: slow.scores(pixels)}, runs
    )
    over = ms["without"] / ms["with XNNPACK"]
    findings.publish(
        Record(
            "kernels",
            "XNNPACK, and without it",
            [ratio("builtin-over-xnnpack", "the network without XNNPACK, over that with it", over)],
            [Table("One inference", ("", "ms"), [(k, f"{time:.1f}") for k, time in ms.items()])],
            [f"Model {name}, {threads} thread(s), medians of {runs} rounds in turn."],
            {"ms": ms},
        ),
        as_json,
        save,
    )


if __name__ == "__main__":
    main()
