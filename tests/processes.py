"""Processes of tests: they run in the project's folder, and end with the test, however it ends."""

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
END_SECONDS = 20
PROC = Path("/proc")
OBSERVER = "test-observer"
"""What the tests' own clients of a local AWS call themselves; its faults are not for them."""
FAULTS = "/-/faults"
"""Where an AWS that goes wrong on purpose says how many faults there were."""
PYTHON = [sys.executable, "-m"]

Command = Sequence[str | Path]


@contextlib.contextmanager
def started(
    command: Command,
    env: dict[str, str] | None = None,
    seconds: float = END_SECONDS,
    **options: Any,
) -> Iterator["subprocess.Popen[bytes]"]:
    """The process, until the end of the block: then it is asked to end, and killed if it does not.

    env: what its environment has beside that of the tests. seconds: how long it may take to end.
    options: of Popen. Raises AssertionError where it had to be killed.
    """
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | (env or {}), **options)
    try:
        yield process
    finally:
        process.terminate()
        _wait_for_end(process, seconds)


def _wait_for_end(process: "subprocess.Popen[bytes]", seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise AssertionError(f"{process.args} did not end within {seconds} s") from None


def descendants(pid: int) -> dict[int, str]:
    """The command lines of the processes that it started, and those that these did, by id."""
    parents: dict[int, int] = {}
    for status in PROC.glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            found = re.search(r"^PPid:\s+(\d+)", status.read_text(), re.MULTILINE)
            parents[int(status.parent.name)] = int(found[1]) if found else 0
    below, found_more = {pid}, True
    while found_more:
        more = {child for child, parent in parents.items() if parent in below} - below
        below |= more
        found_more = bool(more)
    commands: dict[int, str] = {}
    for child in below - {pid}:
        with contextlib.suppress(OSError):
            line = (PROC / str(child) / "cmdline").read_bytes()
            commands[child] = line.replace(b"\0", b" ").decode(errors="replace")
    return commands
