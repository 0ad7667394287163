"""A progress bar whose length is learnt on the way."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import click

Progress = Callable[[int, int | None], None]
"""Called with the bytes there are and, where known, how many there will be."""


@contextmanager
def bar(label: str) -> Iterator[Progress]:
    """A bar on a terminal; where there is none, one line."""
    with ExitStack() as stack:
        shown: Any = None

        def update(done: int, total: int | None) -> None:
            nonlocal shown
            if shown is None:
                size = f" ({total / 1e6:.1f} MB)" if total else ""
                shown = stack.enter_context(
                    click.progressbar(length=total or done + 1, label=label + size)
                )
            shown.update(done - shown.pos)

        yield update
