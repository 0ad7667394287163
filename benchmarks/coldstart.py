"""How long a cold start takes until the first answer, and how much memory.

    python -m benchmarks.coldstart

Our functions are the zips of `make package`, unpacked as on Lambda. Lambda's own runtime client
runs them, with Chalice and app.py, against a Runtime API on this machine. TensorFlow runs the same
network in plain processes: a frozen graph in a session, Keras, a SavedModel. All have two CPUs and
run in turn. Not included: what Lambda does before it starts Python, such as downloading the zips.
"""

import contextlib
import os
import random
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import click

from benchmarks import findings
from benchmarks.deployed import cases, measured, unpacked, with_token, without_bytecode
from benchmarks.findings import Figure, Record, Table, ratio
from benchmarks.others.pipe import cold, task
from benchmarks.subject import Subject, options

NAMES = {
    "predict": "our handler, first prediction",
    "predict_without_bytecode": "… from zips without bytecode",
    "predict_with_experiment": "… with an experiment (ARMS)",
    "predict_with_2_threads": "… with two threads, one for each CPU",
    "predict_with_blas_threads": "… with two BLAS threads",
    "onnxruntime": "… with ONNX Runtime, of the same network",
    "health": "our handler, GET /health",
    "authorize": "our authorizer",
    "baseline": "the baseline: frozen graph in a session",
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
WITHIN = list(NAMES)[1 : list(NAMES).index("baseline")]
"""Our cases that are compared with our first prediction."""
Start = Callable[[], dict[str, float]]


def medians(compared: Mapping[str, Start], runs: int) -> dict[str, dict[str, float]]:
    """Returns the medians of each case. Each round has its own order; the first does not count."""
    shuffled, order = list(compared), random.Random(0)
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in compared}
    with click.progressbar(range(runs + 1), label="cold starts", file=sys.stderr) as rounds:
        for number in rounds:
            order.shuffle(shuffled)
            for name in shuffled:
                run = compared[name]()
                if number:
                    seen[name].append(run)
    return {
        name: {key: round(statistics.median(run[key] for run in counted), 3) for key in counted[0]}
        for name, counted in seen.items()
    }


@contextlib.contextmanager
def contest(subject: Subject) -> Iterator[tuple[dict[str, Start], bool]]:
    """Yields the cases, and whether our function's folders are read-only, as on Lambda."""
    package = subject.package
    with contextlib.ExitStack() as running:
        others: dict[str, Start] = {}
        if subject.application:
            job = running.enter_context(task(subject.application, package, subject.image))
            others = {way: partial(cold, way, job) for way in ("baseline", "keras", "saved")}
        disk = running.enter_context(unpacked(package))
        aws = running.enter_context(with_token()) | {"MODEL": package.info.name}
        ours = cases(disk, without_bytecode(disk), aws, subject.image)
        in_place = ours["predict"].in_place
        yield {name: partial(measured, case) for name, case in ours.items()} | others, in_place


def figures(times: Mapping[str, Mapping[str, float]]) -> list[Figure]:
    """Returns our first prediction's figures, and the ratios of the others to it."""
    base = times["predict"]
    answer = "our first answer"
    against = []
    for way in ("baseline", "keras", "saved"):
        if way in times:
            seconds, megabytes = (times[way][key] / base[key] for key in ("total_s", "peak_mb"))
            says = f"{NAMES[way]}: from its start to its first answer, over ours"
            against.append(ratio(f"{way}-over-ours-seconds", says, seconds))
            says = f"{NAMES[way]}: peak memory, over ours"
            against.append(ratio(f"{way}-over-ours-memory", says, megabytes))
    if "baseline" in times:
        says = f"{NAMES['baseline']}, which uses both CPUs, over ours with two threads"
        seconds = times["baseline"]["total_s"] / times["predict_with_2_threads"]["total_s"]
        against.append(ratio("baseline-over-2-threads-seconds", says, seconds))
    within = [
        ratio(
            f"{name.replace('_', '-')}-over-predict",
            f"{NAMES[name].removeprefix('… ')}, over {answer}",
            times[name]["total_s"] / base["total_s"],
        )
        for name in WITHIN
        if name in times
    ]
    seconds, megabytes = base["total_s"], base["peak_mb"]
    return [
        *against,
        *within,
        Figure("seconds", f"{answer}, from the start of Python", seconds, f"{seconds:.2f} s"),
        Figure("memory", f"{answer}: peak memory", megabytes, f"{megabytes:.0f} MB"),
    ]


def table(times: Mapping[str, Mapping[str, float]]) -> Table:
    """Returns the table of every measure of every case."""

    def cell(measure: str, case: Mapping[str, float]) -> str:
        if measure not in case:
            return ""
        return f"{case[measure]:.0f}" if measure == "peak_mb" else f"{case[measure]:.2f}"

    rows = [(NAMES[name], *(cell(key, case) for key in MEASURES)) for name, case in times.items()]
    return Table("Cold starts", ("", *MEASURES.values()), rows)


@click.command(help=__doc__)
@options(runs=9)
@findings.options
def main(subject: Subject, runs: int, as_json: bool, save: bool) -> None:
    """Measure, and print."""
    with contest(subject) as (compared, in_place):
        # Lambda shows two CPUs to a function of up to 3,008 MB, however little of them it gets;
        # the last ones, because the first serve the interrupts
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-2:])
        times = medians(compared, runs)
    name, folders = subject.package.info.name, "read-only" if in_place else "not read-only"
    notes = [
        f"Model {name}, medians of {runs} rounds in turn, two CPUs. Our function's folders are "
        f"{folders}: where they are, the model's digest is left to deployment."
    ]
    report = Record("coldstart", "One image, cold", figures(times), [table(times)], notes, times)
    findings.publish(report, as_json, save)


if __name__ == "__main__":
    main()
