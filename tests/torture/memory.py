"""Whether processes grow: what they hold resident, sampled from /proc while they work."""

import contextlib
import itertools
import re
import statistics
import threading
from collections.abc import Callable, Iterator

from tests.processes import PROC

EVERY_SECONDS = 0.05
FIND_EVERY = 20
FEWEST = 30
"""Samples: a process that lived for fewer cannot be told to grow."""

Samples = list[float]


def resident_mb(pid: int) -> float | None:
    """Resident memory in MB; None of a process that is gone."""
    try:
        resident = re.search(r"VmRSS:\s+(\d+) kB", (PROC / str(pid) / "status").read_text())
    except OSError:
        return None
    return int(resident[1]) * 1024 / 1e6 if resident else None


@contextlib.contextmanager
def watching(find: Callable[[], dict[int, str]]) -> Iterator[dict[tuple[int, str], Samples]]:
    """Sample, until the end of the block, the memory of the processes that `find` names.

    Yields samples in MB, by id and name.
    """
    samples: dict[tuple[int, str], Samples] = {}
    done = threading.Event()

    def watch() -> None:
        for moment in itertools.count():
            if moment % FIND_EVERY == 0:
                processes = find()
            for process in processes.items():
                held = resident_mb(process[0])
                if held is not None:
                    samples.setdefault(process, []).append(held)
            if done.wait(EVERY_SECONDS):
                return

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield samples
    finally:
        done.set()
        thread.join()


def growth(samples: Samples) -> float:
    """By how many MB the floor rises from third to third, each time at least.

    The floor is the lower quartile: what an image takes while it is decoded is given back, a leak
    is not. What rises once has loaded something, as a function does that gets its first image late.
    """
    assert len(samples) >= FEWEST, len(samples)
    third = len(samples) // 3
    first, middle, last = (
        floor(part) for part in (samples[:third], samples[third:-third], samples[-third:])
    )
    return min(middle - first, last - middle)


def floor(samples: Samples) -> float:
    return statistics.quantiles(samples, n=4)[0]
