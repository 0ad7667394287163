"""The command `teach` of `tools.model`: labels of one's own, in a minute."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chalicelib.settings import ROOT, Settings
from tools.console.progress import progress
from tools.console.refusals import one_line

if TYPE_CHECKING:
    from tools.teaching.looks import Progress


@click.command("teach")
@click.argument("name", metavar="NAME")
@click.argument("photos", type=click.Path(exists=True, path_type=Path))
@click.option("--base", metavar="PACKAGE", help="The package to learn on, as inception-v3.")
@click.option(
    "--add", is_flag=True, help="The pictures come on top of those that NAME was taught with."
)
@click.option(
    "--reject/--no-reject",
    default=None,
    help='Whether pictures unlike all of these get the label "none of these". [as before, else no]',
)
@click.option("--title", default="", help="What people call it.")
@click.option("--description", default="", help="A sentence or two.")
@click.option("--force", is_flag=True, help="Replace a package of that name.")
def teach_(name: str, photos: Path, **options: str | bool | None) -> None:
    """Teach package NAME the labels of PHOTOS, on the features of a base package.

    PHOTOS is a folder with a folder of pictures for each label; or a CSV, or a folder with one
    (columns image,label); or JSON Lines (image, url or s3_uri, and label). A label needs at least
    3 pictures; 30 are a good start.

    The new package is one like any other: serve it, deploy it, evaluate it, compare it. It says in
    README.md how often it is right on pictures that it had not learned from.

    \b
    Examples:
      .venv/bin/python -m tools.model teach pets photos/ --base inception-v3
      .venv/bin/python -m tools.model teach pets photos/ --base inception-v3 --reject --force
      .venv/bin/python -m tools.model teach pets more/ --add
    """
    with one_line():
        from tools.evaluating.folder import PAGE, free, write
        from tools.evaluating.summary import lines
        from tools.teaching import taughtcard
        from tools.teaching.teaching import Wish, teach

        settings = Settings.from_environment()
        wish = Wish(**options)  # type: ignore[arg-type]
        with _shown() as show:
            taught = teach(name, photos, wish, settings, click.echo, show)
        folder = free(None, name, ROOT / "build" / "evaluations")
        write(taught.evaluated, folder)
        evaluation = taught.evaluated.evaluation
        for line in [*taughtcard.lines(evaluation.results[0]), *lines(evaluation)]:
            click.echo(line)
        click.echo(f"Report: {folder / PAGE}")
        click.echo(f"Ready: {taught.package.folder}\nServe it: make run MODEL={name}")


@contextmanager
def _shown() -> "Iterator[Progress]":
    """Progress on the terminal."""
    with progress("Teaching") as show:
        yield lambda what, done, of: show(done, of, f"{what}, {done} of {of}")
