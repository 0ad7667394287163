"""The command `teach` of `tools.model`: trains a model for your own labels."""

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
@click.option("--base", metavar="PACKAGE", help="The base package, such as inception-v3.")
@click.option("--add", is_flag=True, help="Add the pictures to those that NAME has learned.")
@click.option(
    "--reject/--no-reject",
    default=None,
    help='Whether pictures unlike all of PHOTOS get the label "none of these". [as before, or no]',
)
@click.option("--title", default="", help="Title to show.")
@click.option("--description", default="", help="Description in a sentence or two.")
@click.option("--force", is_flag=True, help="Replace a package of that name.")
def teach_(name: str, photos: Path, **options: str | bool | None) -> None:
    """Train package NAME to recognise the labels of PHOTOS, with a base package's features.

    PHOTOS is a folder with a folder of pictures for each label; a CSV, or a folder that contains a
    CSV (columns image,label); or JSON Lines (image, url or s3_uri, and label). A label needs at
    least 3 pictures; 30 are a good start.

    Serve, deploy, evaluate and compare the new package like any other. Its README.md states the
    accuracy on pictures that it did not learn from.

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
