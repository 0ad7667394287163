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
    help="all: also try the usual crops, filters, scales and channel orders.",
)
@click.option(
    "--apply",
    "apply_",
    is_flag=True,
    help="Write the best preprocessing into the package, if it is significantly better.",
)
@click.option("--to", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER",
              help="New folder for the report. [build/evaluations/NAME]")  # fmt: skip
def evaluate_(
    name: str, photos: Path, against: str | None, ways: str, apply_: bool, to: Path | None
) -> None:
    """Measure the accuracy of package NAME on PHOTOS, labelled pictures.

    PHOTOS is a folder with a folder for each class; a CSV, or a folder that contains a CSV (columns
    image,label); or JSON Lines (image, url or s3_uri, and label). A label is any name of a class;
    for ImageNet also the WordNet id.

    The report shows the accuracy (top-1, top-5, per class), the confusions, the calibration, the
    most confident mistakes, and the speed.

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
        return f"{name} is unchanged: no other preprocessing was significantly better."
    best = ways.tried[ways.best].preprocessing
    how = change(
        name.partition(":")[0], settings.model_dirs, None, as_options(best)
    ).info.preprocessing
    return (
        f"{name} is changed. Pictures: {told(how)}, {how.filter}. Pixels: {formula(how)}. "
        "Restart the service."
    )
