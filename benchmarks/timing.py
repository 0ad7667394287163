"""Time several pieces of work in turn, so that a disturbance hits all of them."""

import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping

import click


def medians(
    work: Mapping[str, Callable[[], object]], runs: int, label: str = "warm"
) -> dict[str, float]:
    """Returns the median milliseconds of each; see `rounds`."""
    return {name: statistics.median(ms) for name, ms in rounds(work, runs, label).items()}


def fastest(work: Mapping[str, Callable[[], object]], runs: int) -> dict[str, float]:
    """Returns the least milliseconds of each, which other work on the machine adds least to."""
    return {name: min(ms) for name, ms in rounds(work, runs, "warm").items()}


def rounds(
    work: Mapping[str, Callable[[], object]], runs: int, label: str
) -> dict[str, list[float]]:
    """Returns the milliseconds of each in all rounds but the first.

    Each round has its own order, so that none always follows the one that leaves caches cold.
    """
    shuffled, order = list(work), random.Random(0)
    times: dict[str, list[float]] = {name: [] for name in work}
    with click.progressbar(range(runs + 1), label=label, file=sys.stderr) as bar:
        for number in bar:
            order.shuffle(shuffled)
            for name in shuffled:
                run = work[name]
                start = time.perf_counter()
                run()
                if number:
                    times[name].append((time.perf_counter() - start) * 1000)
    return times
