"""A cold start: how long from nothing to the first answer, and how much memory it takes.

    python -m benchmarks.coldstart

Ours are the zips of `make package`, unpacked as Lambda does and run by its own runtime client
against a Runtime API on this machine, Chalice and app.py included. TensorFlow's ways with the same
network are processes with nothing of the kind around them: a frozen graph in a session, Keras, a
SavedModel. All have two CPUs and run in turn. What Lambda does before it starts Python (a machine,
the zips' download) is not in it; the files are in memory.
"""

import contextlib
import os
import random
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import click

from benchmarks import record
from benchmarks.deployed import cases, local_aws, measured, unpacked
from benchmarks.others.contestant import cold, task
from benchmarks.record import Figure, Record, Table, ratio
from benchmarks.subject import MODEL, model, photograph
from chalicelib.models import ModelPackage

NAMES = {
    "predict": "our handler, first prediction",
    "predict_without_bytecode": "… from zips without bytecode",
    "predict_with_experiment": "… with an experiment (ARMS)",
    "predict_with_1_blas_thread": "… with one BLAS thread",
    "onnxruntime": "… with ONNX Runtime, of the same network",
    "health": "our handler, GET /health",
    "authorize": "our authorizer",
    "book": "the book's way: frozen graph in a session",
    "keras": "Keras model.predict",
    "saved": "TensorFlow SavedModel",
}
MEASURES = {
    "init_s": "init, s",
    "first_s": "first call, s",
    "total_s": "both, s",
    "cpu_s": "CPU, s",
    "second_s": "second call, s",
    "peak_mb": "peak MB",
}
WITHIN = list(NAMES)[1 : list(NAMES).index("book")]
"""Ours, held against our first prediction."""
Start = Callable[[], dict[str, float]]


def medians(compared: Mapping[str, Start], runs: int) -> dict[str, dict[str, float]]:
    """Medians of each, in rounds of an order of their own, after one that is not counted."""
    shuffled, order = list(compared), random.Random(0)
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in compared}
    with click.progressbar(range(runs + 1), label="cold starts", file=sys.stderr) as rounds:
        for number in rounds:
            order.shuffle(shuffled)
            for name in shuffled:
                found = compared[name]()
                if number:
                    seen[name].append(found)
    return {
        name: {key: round(statistics.median(run[key] for run in found), 3) for key in found[0]}
        for name, found in seen.items()
    }


@contextlib.contextmanager
def contest(
    package: ModelPackage, image: bytes, application: str | None
) -> Iterator[dict[str, Start]]:
    """All that is compared. application: of keras.applications; None to leave TensorFlow out."""
    with contextlib.ExitStack() as running:
        given = application and running.enter_context(task(application, package, image))
        disk, bare = running.enter_context(unpacked(package))
        aws = running.enter_context(local_aws()) | {"MODEL": package.info.name}
        ours = cases(disk, bare, aws, image).items()
        others = {way: partial(cold, way, given) for way in ("book", "keras", "saved")}
        yield {name: partial(measured, case) for name, case in ours} | (others if given else {})


def figures(found: Mapping[str, Mapping[str, float]]) -> list[Figure]:
    """Ratios to our first prediction, and that itself."""
    base = found["predict"]
    answer = "our first answer"
    against = []
    for way in ("book", "keras", "saved"):
        if way in found:
            seconds, megabytes = (found[way][key] / base[key] for key in ("total_s", "peak_mb"))
            says = f"{NAMES[way]}: from its start to its first answer, over ours"
            against.append(ratio(f"{way}-over-ours-seconds", says, seconds))
            says = f"{NAMES[way]}: peak memory, over ours"
            against.append(ratio(f"{way}-over-ours-memory", says, megabytes))
    within = [
        ratio(
            f"{name.replace('_', '-')}-over-predict",
            f"{NAMES[name].removeprefix('… ')}, over {answer}",
            found[name]["total_s"] / base["total_s"],
        )
        for name in WITHIN
        if name in found
    ]
    seconds, megabytes = base["total_s"], base["peak_mb"]
    return [
        *against,
        *within,
        Figure("seconds", f"{answer}, from the start of Python", seconds, f"{seconds:.2f} s"),
        Figure("memory", f"{answer}: peak memory", megabytes, f"{megabytes:.0f} MB"),
    ]


def table(found: Mapping[str, Mapping[str, float]]) -> Table:
    """Every measure of every case."""

    def cell(measure: str, each: Mapping[str, float]) -> str:
        if measure not in each:
            return ""
        return f"{each[measure]:.0f}" if measure == "peak_mb" else f"{each[measure]:.2f}"

    rows = [(NAMES[name], *(cell(key, each) for key in MEASURES)) for name, each in found.items()]
    return Table("Cold starts", ("", *MEASURES.values()), rows)


@click.command(help=__doc__)
@click.argument(
    "image", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--model", "name", default=MODEL, show_default=True, help="Package to run.")
@click.option(
    "--application",
    default="InceptionV3",
    show_default=True,
    help="The same network in keras.applications, for TensorFlow's ways.",
)
@click.option("--runs", default=9, show_default=True, help="Counted runs.")
@click.option("--without-tensorflow", is_flag=True, help="Leave TensorFlow's ways out.")
@record.options
def main(
    image: Path | None,
    name: str,
    application: str,
    runs: int,
    without_tensorflow: bool,
    as_json: bool,
    save: bool,
) -> None:
    """Measure, and print."""
    package, data = model(name), image.read_bytes() if image else photograph()
    chosen = None if without_tensorflow else application
    with contest(package, data, chosen) as compared:
        # Lambda shows two CPUs to a function of up to 3,008 MB, however little of them it gets
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
        found = medians(compared, runs)
    notes = [f"Model {name}, medians of {runs} rounds in turn, two CPUs."]
    report = Record("coldstart", "One image, cold", figures(found), [table(found)], notes, found)
    record.publish(report, as_json, save)


if __name__ == "__main__":
    main()
