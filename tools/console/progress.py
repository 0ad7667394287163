"""Progress: a bar on a terminal, else a line now and then."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

LINE_SECONDS = 5.0
"""Least time between two lines."""

Show = Callable[[float, float, str], None]
"""Takes what is done, the total (which may grow), and a text."""


@contextmanager
def progress(label: str, clock: Callable[[], float] = time.monotonic) -> Iterator[Show]:
    """Show progress on stderr; stdout is for results."""
    with _bar(label) if sys.stderr.isatty() else _lines(label, clock) as show:
        yield show


@contextmanager
def download_progress(label: str) -> Iterator[Callable[[int, int | None], None]]:
    """Show the bytes received, and the total if known."""
    with progress(label) as show:

        def report(done: int, total: int | None) -> None:
            of = f" of {total / 1e6:.1f}" if total else ""
            show(done, total or done + 1, f"{done / 1e6:.1f}{of} MB")

        yield report


@contextmanager
def _bar(label: str) -> Iterator[Show]:
    with click.progressbar(
        length=1, label=label, width=0, show_eta=False, item_show_func=lambda text: text,
        file=sys.stderr,
    ) as bar:  # fmt: skip

        def show(done: float, total: float, text: str) -> None:
            bar.length = max(round(total), 1)
            bar.finished = False  # click stops at the first end, but our totals grow
            bar.current_item = text
            bar.make_step(round(done) - bar.pos)
            bar.render_progress()

        yield show


@contextmanager
def _lines(label: str, clock: Callable[[], float]) -> Iterator[Show]:
    due, waiting = clock(), ""

    def show(done: float, total: float, text: str) -> None:
        nonlocal due, waiting
        waiting = text
        if clock() >= due:
            click.echo(f"{label}: {text}", err=True)
            due, waiting = clock() + LINE_SECONDS, ""

    yield show
    if waiting:
        click.echo(f"{label}: {waiting}", err=True)
