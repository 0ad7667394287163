"""One 720p JPEG to labels on one thread: our handler, and other ways to the same labels.

    python -m benchmarks.predict

Compares, in turn and pinned to one CPU: the handler through Chalice's test client; the same with
ONNX Runtime, if the package has a network for it; the use case without HTTP; LiteRT alone on an
array that is ready; the baseline, a frozen graph of the same network in a session that stays open,
which decodes the JPEG itself; and Keras' `model.predict`. TensorFlow's ways run in processes that
answer over a pipe. Also shows where the handler's milliseconds go.
"""

import contextlib
import os
from collections.abc import Callable, Iterator

import click

from benchmarks import findings
from benchmarks.breakdown import STAGES, parsing_an_event, stages
from benchmarks.findings import Figure, Record, Table, ratio
from benchmarks.inprocess import Service
from benchmarks.others.pipe import Task, started, task
from benchmarks.subject import Subject, options
from benchmarks.timing import medians

NAMES = {
    "handler": "our handler, by chalice.test.Client",
    "onnxruntime": "our handler with ONNX Runtime, of the same network",
    "use_case": "our use case, without HTTP",
    "network": "LiteRT alone, on an array that is ready",
    "baseline": "the baseline: frozen graph, session kept",
    "keras": "Keras model.predict",
    "baseline_new_session": "the baseline's graph, a new session for each image",
}
Works = dict[str, Callable[[], object]]


@contextlib.contextmanager
def others(job: Task) -> Iterator[Works]:
    """Yields TensorFlow's ways, each in a process that waits."""
    ways = ("baseline", "keras", "baseline_new_session")
    with contextlib.ExitStack() as running:
        yield {way: running.enter_context(started(way, job, threads=1)).answer for way in ways}


def measured(service: Service, compared: Works, runs: int, second: bool) -> dict[str, float]:
    """Returns median milliseconds. New sessions get few runs, because they take so long.

    second: whether the package has a network for the second engine.
    """
    works: Works = {
        "handler": service.handler,
        **({"onnxruntime": service.onnxruntime} if second else {}),
        "use_case": service.use_case,
        "network": service.network,
        **compared,
    }
    rare = {name: works.pop(name) for name in ("baseline_new_session",) if name in works}
    ms = medians(works, runs)
    return ms | medians(rare, max(1, runs // 10), label="sessions") if rare else ms


def figures(ms: dict[str, float]) -> list[Figure]:
    """Returns ratios, and the time that the service adds."""
    over_handler = [
        ratio(
            f"{name.replace('_', '-')}-over-handler",
            f"{NAMES[name]}, over our handler",
            ms[name] / ms["handler"],
        )
        for name in ("baseline", "keras", "baseline_new_session", "onnxruntime")
        if name in ms
    ]
    over_second = [
        ratio(
            f"{name}-over-onnxruntime",
            f"{NAMES[name]}, over our handler with ONNX Runtime",
            ms[name] / ms["onnxruntime"],
        )
        for name in ("handler", "baseline", "keras")
        if name in ms and "onnxruntime" in ms
    ]
    network, added = ms["network"], ms["handler"] - ms["network"]
    return [
        *over_handler,
        *over_second,
        ratio("handler-over-network", "our handler, over LiteRT alone", ms["handler"] / network),
        Figure(
            "handler-minus-network",
            "what our handler adds to LiteRT alone: JPEG, HTTP, JSON and the log",
            added,
            f"{added:.1f} ms",
        ),
    ]


def tables(ms: dict[str, float], spent: dict[str, float]) -> list[Table]:
    """Returns the tables of the ways, and of our handler's stages."""
    whole = sum(spent.values())
    parts = [*((STAGES[name], ms) for name, ms in spent.items()), ("together", whole)]
    return [
        Table(
            "A 720p JPEG to labels, one thread",
            ("", "ms", "over LiteRT alone"),
            [(NAMES[k], f"{v:.1f}", f"{v / ms['network']:.2f}×") for k, v in ms.items()],
        ),
        Table(
            "Where our handler's milliseconds go",
            ("stage", "ms", "share"),
            [(says, f"{ms:.2f}", f"{ms / whole:.1%}") for says, ms in parts],
        ),
    ]


@click.command(help=__doc__)
@options(runs=50)
@findings.options
def main(subject: Subject, runs: int, as_json: bool, save: bool) -> None:
    """Measure, and print."""
    package, data = subject.package, subject.image
    with contextlib.ExitStack() as running:
        compared: Works = {}
        if subject.application:
            job = running.enter_context(task(subject.application, package, data))
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # the children's, too
        if subject.application:
            compared = running.enter_context(others(job))
        service = Service(package, data)
        ms = measured(service, compared, runs, bool(package.info.ort_sha256))
        spent = stages(service, runs)
        event_ms = medians({"event": parsing_an_event(service)}, runs, label="event")["event"]
    findings.publish(
        Record(
            "predict",
            "One image, warm",
            figures(ms),
            tables(ms, spent),
            [
                f"Model {package.info.name}, {len(data) / 1000:.0f} kB of JPEG, medians of {runs} "
                "rounds in turn. Stages are means of the middle half of as many calls.",
                f"On Lambda the runtime also reads the event from JSON: {event_ms:.2f} ms.",
            ],
            {"ms": ms, "stages": spent},
        ),
        as_json,
        save,
    )


if __name__ == "__main__":
    main()
