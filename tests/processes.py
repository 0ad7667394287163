"""Which processes there are below one, and what tests and their faulty AWS agree on."""

import contextlib
import re
from pathlib import Path

PROC = Path("/proc")
OBSERVER = "test-observer"
"""What the tests' own clients of a local AWS call themselves; its faults are not for them."""
FAULTS = "/-/faults"
"""Where an AWS that goes wrong on purpose says how many faults there were."""


def descendants(pid: int) -> dict[int, str]:
    """The command lines of the processes that it started, and those that these did, by id."""
    parents: dict[int, int] = {}
    for status in PROC.glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            match = re.search(r"^PPid:\s+(\d+)", status.read_text(), re.MULTILINE)
            parents[int(status.parent.name)] = int(match[1]) if match else 0
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
