"""The command `evaluate` of `tools.model`: how often a model is right, on pictures of yours."""

from pathlib import Path
from typing import Any

import click

from chalicelib.settings import ROOT, Settings
from tools.console.refusals import one_line


@click.command("evaluate")
@click.argument("name", metavar="NAME")
@click.argument("photos", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--against",
    metavar="OTHER",
    help="Also measure another package, an engine, or NAME:ENGINE, and compare.",
)
@click.option(
    "--preprocessing",
    "ways",
    type=click.Choice(["own", "all"]),
    default="own",
    show_default=True,
    help="all: also try the usual parts of a picture, filters, scales and channels.",
)
@click.option(
    "--apply",
    "apply_",
    is_flag=True,
    help="Write the best way into the package, if it is better by more than luck.",
)
@click.option("--to", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER",
              help="Where the report goes, a new folder. [build/evaluations/NAME]")  # fmt: skip
def evaluate_(
    name: str, photos: Path, against: str | None, ways: str, apply_: bool, to: Path | None
) -> None:
    """Measure how often package NAME is right on PHOTOS, labelled pictures.

    PHOTOS is a folder with a folder for each class; or a CSV, or a folder with one (columns
    image,label); or JSON Lines (image, url or s3_uri, and label). A label is any of the names of
    a class; for ImageNet its WordNet id, too.

    The report says how often it is right (top-1, top-5, each class), what it takes for what,
    whether it is as sure as it is right, its surest mistakes, and how long it takes.

    \b
    Examples:
      .venv/bin/python -m tools.model evaluate flowers photos/
      .venv/bin/python -m tools.model evaluate flowers test.csv --against flowers-2
      .venv/bin/python -m tools.model evaluate flowers photos/ --preprocessing all --apply
    """
    with one_line():
        if apply_ and ways != "all":
            raise click.UsageError("--apply writes what --preprocessing all finds; give both.")
        _run(name, photos, against, ways == "all", apply_, to)


def _run(
    name: str, photos: Path, against: str | None, all_: bool, apply_: bool, to: Path | None
) -> None:
    from tools.evaluating.evaluation import evaluate
    from tools.evaluating.folder import PAGE, free, write
    from tools.evaluating.summary import lines

    settings = Settings.from_environment()
    called = f"{name}-against-{against}" if against else name
    folder = free(to, called.replace(":", "-"), ROOT / "build" / "evaluations")
    evaluated = evaluate(name, against, photos, settings, all_, click.echo)
    write(evaluated, folder)
    for line in lines(evaluated.evaluation):
        click.echo(line)
    ways = evaluated.evaluation.ways
    if apply_ and ways is not None:
        click.echo(_applied(name, settings, ways))
    click.echo(f"Report: {folder / PAGE}")


def _applied(name: str, settings: Settings, ways: Any) -> str:
    from tools.change import change
    from tools.evaluating.usual import as_options
    from tools.options import formula, told

    if not ways.more_than_luck:
        return f"{name} is left as it is: nothing was better by more than luck."
    best = ways.tried[ways.best].preprocessing
    how = change(
        name.partition(":")[0], settings.model_dirs, None, as_options(best)
    ).info.preprocessing
    return (
        f"{name} now does so. Pictures: {told(how)}, {how.filter}. Pixels: {formula(how)}. "
        "Restart what serves it."
    )
