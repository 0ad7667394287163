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
    """Returns the median milliseconds of each. The first round does not count.

    Each round has its own order, so that none always follows the one that leaves caches cold.
    """
    shuffled, order = list(work), random.Random(0)
    times: dict[str, list[float]] = {name: [] for name in work}
    with click.progressbar(range(runs + 1), label=label, file=sys.stderr) as rounds:
        for number in rounds:
            order.shuffle(shuffled)
            for name in shuffled:
                run = work[name]
                start = time.perf_counter()
                run()
                if number:
                    times[name].append((time.perf_counter() - start) * 1000)
    return {name: statistics.median(counted) for name, counted in times.items()}
