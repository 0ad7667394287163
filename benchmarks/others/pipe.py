"""Run `benchmarks.others.respond` as a process, and ask it over a pipe."""

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from benchmarks.machine import check_hidden_from
from benchmarks.others.forms import made
from chalicelib.inference.packages import LABELS, ModelPackage
from chalicelib.settings import ROOT
from localcloud.unzipped import cpu_seconds, peak_megabytes


@dataclass(frozen=True)
class Task:
    """What every contestant gets. application: the network's name in keras.applications."""

    application: str
    network: Path
    labels: Path
    image: Path


class Contestant:
    """A process that classifies the task's image each time it is asked."""

    def __init__(self, process: "subprocess.Popen[str]", log: Path) -> None:
        self._process, self._log = process, log
        self.pid = process.pid

    def answer(self) -> list[dict[str, Any]]:
        """Returns the labels. Raises ClickException with its output if the process ended."""
        assert self._process.stdin and self._process.stdout
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise click.ClickException(self._log.read_text()[-2000:])
        labels: list[dict[str, Any]] = json.loads(line)
        return labels


@contextlib.contextmanager
def task(application: str, package: ModelPackage, image: bytes) -> Iterator[Task]:
    """Yields the task, with the image in a file and the network in TensorFlow's forms."""
    network = made(application, len(package.labels()))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image.jpg"
        path.write_bytes(image)
        yield Task(application, network, package.folder / LABELS, path)


@contextlib.contextmanager
def started(way: str, task: Task, threads: int) -> Iterator[Contestant]:
    """Runs a contestant until the end of the block. threads: for TensorFlow; 0 for its default.

    Raises ClickException at the end if it saw other instructions than this process.
    """
    arguments = [way, task.application, task.network, task.labels, task.image, threads]
    with tempfile.NamedTemporaryFile("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.others.respond", *map(str, arguments)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            yield Contestant(process, Path(log.name))
            check_hidden_from(process.pid)
        finally:
            process.kill()
            process.communicate()


def cold(way: str, task: Task) -> dict[str, float]:
    """Measures a start up to the first answer, and a second answer: seconds and megabytes."""
    start = time.perf_counter()
    with started(way, task, threads=0) as contestant:
        contestant.answer()
        first = time.perf_counter()
        cpu = cpu_seconds(contestant.pid)
        contestant.answer()
        second = time.perf_counter() - first
        return {
            "total_s": first - start,
            "cpu_s": cpu,
            "second_s": second,
            "peak_mb": peak_megabytes(contestant.pid),
        }
