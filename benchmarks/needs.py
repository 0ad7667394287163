"""Whether what the benchmarks need is installed."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

NEEDED = ("simpy", "matplotlib", "tensorflow")
OTHER_SERVERS = Path(__file__).parents[1] / "build" / "bench" / "serve"
"""The environment of the servers that `benchmarks.serve` compares, which has none of NEEDED."""


def check(
    find: Callable[[str], Any] = importlib.util.find_spec, environment: str = sys.prefix
) -> None:
    """Exits with a sentence if a package is absent that `make run` does not install."""
    absent = [name for name in NEEDED if not find(name)]
    if absent and Path(environment) != OTHER_SERVERS:
        raise SystemExit(
            f"Error: Not installed: {', '.join(absent)}. Run `make .venv/test` once; it installs "
            "what benchmarks and tests need, TensorFlow too."
        )
