"""Evaluate the bundled models on new drawings, and write the report that docs/models.md shows.

python -m tools.evaluate_doodle
"""

import shutil
import sys
import tempfile
from pathlib import Path

import click

from chalicelib.settings import ROOT
from tools.doodle.drawings import LABELS, TEST_SEEDS, example
from tools.evaluate import evaluate_

FOLDER = ROOT / "docs" / "evaluation"
SIZE = 128
"""Pixels a side: twice what the networks take, as real pictures are larger too."""


def draw(folder: Path, count: int) -> None:
    """Draw the first test pictures, each into the folder of its label."""
    for label in LABELS:
        (folder / label).mkdir(parents=True)
    with click.progressbar(TEST_SEEDS[:count], label="drawing", file=sys.stderr) as seeds:
        for seed in seeds:
            image, index = example(seed, SIZE)
            image.save(folder / LABELS[index] / f"{seed}.png")


@click.command(help=__doc__)
@click.option("--images", default=500, show_default=True, help="Number of drawings.")
def main(images: int) -> None:
    """Draw, evaluate, and put the report where the docs show it."""
    with tempfile.TemporaryDirectory() as parent:
        drawings = Path(parent) / "drawings"
        draw(drawings, images)
        shutil.rmtree(FOLDER, ignore_errors=True)
        options = ["--against", "doodle", "--preprocessing", "all", "--to", str(FOLDER)]
        evaluate_(["doodle-small", str(drawings), *options], standalone_mode=False)


if __name__ == "__main__":
    main()
