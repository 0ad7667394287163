"""Whether what the benchmarks need is installed."""

import importlib.util
from collections.abc import Callable
from typing import Any

NEEDED = ("simpy", "matplotlib", "tensorflow")


def check(find: Callable[[str], Any] = importlib.util.find_spec) -> None:
    """Exit with a sentence if a package is absent that `make run` does not install."""
    if absent := [name for name in NEEDED if not find(name)]:
        raise SystemExit(
            f"Error: Not installed: {', '.join(absent)}. Run `make .venv/test` once; it installs "
            "what benchmarks and tests need, TensorFlow too."
        )
