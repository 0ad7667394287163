"""Processes of engines: started, asked and timed in turn, all on one core."""

import json
import os
import random
import statistics
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import click

from benchmarks.engines.prepare import HERE
from benchmarks.timing import medians

CORE = max(os.sched_getaffinity(0))


@dataclass(frozen=True)
class Case:
    """An engine, a file of a network's folder, and the child's options."""

    engine: str
    file: str
    options: dict[str, Any] = field(default_factory=dict)

    def command(self, python: Path, folder: Path) -> list[str]:
        """Of the child."""
        script = HERE / f"with_{self.engine}.py"
        return [str(python), str(script), str(folder / self.file), json.dumps(self.options)]


class Process(AbstractContextManager["Process"]):
    """One that has given its first answer. seconds: from its start to that. peak_mb: of memory."""

    def __init__(self, command: list[str]) -> None:
        begun = time.perf_counter()
        self._child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, preexec_fn=lambda: os.sched_setaffinity(0, {CORE}),
        )  # fmt: skip
        first = self._answer()
        self.seconds = time.perf_counter() - begun
        self.peak_mb = float(first["peak_mb"])

    def ask(self, what: str) -> Any:
        """Its answer to a line."""
        assert self._child.stdin
        self._child.stdin.write(what + "\n")
        self._child.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._child.stdout
        assert self._child.stderr
        line = self._child.stdout.readline()
        if not line:
            raise click.ClickException(self._child.stderr.read()[-2000:])
        return json.loads(line)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._child.communicate()


def warm(commands: dict[str, list[str]], runs: int) -> dict[str, float]:
    """Median milliseconds of an answer; each run follows one that warms the caches again."""
    processes = {name: Process(command) for name, command in commands.items()}
    times: dict[str, list[float]] = {name: [] for name in commands}

    def run(name: str) -> None:
        processes[name].ask("run")
        times[name].append(processes[name].ask("run"))

    try:
        medians({name: lambda name=name: run(name) for name in commands}, runs)  # type: ignore[misc]
    finally:
        for process in processes.values():
            process.__exit__(None, None, None)
    return {name: statistics.median(each[1:]) for name, each in times.items()}


def cold(commands: dict[str, list[str]], runs: int) -> dict[str, tuple[float, float]]:
    """Median seconds and megabytes of a process until it has answered once."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    names, order = list(commands), random.Random(0)
    with click.progressbar(range(runs + 1), label="cold", file=sys.stderr) as rounds:
        for number in rounds:
            order.shuffle(names)
            for name in names:
                with Process(commands[name]) as process:
                    if number:
                        found[name].append((process.seconds, process.peak_mb))
    return {
        name: (statistics.median(s for s, _ in each), statistics.median(m for _, m in each))
        for name, each in found.items()
    }


def classes(command: list[str], images: Path) -> list[int]:
    """The best class of each picture."""
    with Process(command) as process:
        return list(process.ask(str(images)))
