"""How often the bundled models are right about drawings that they were not trained on.

    python -m benchmarks.accuracy

Draws the first 2,000 test pictures, the same as for the model cards, and classifies them with the
deployed 8-bit networks.
"""

import os
import sys

import click
import numpy as np

from benchmarks import findings, subject
from benchmarks.findings import Figure
from chalicelib.inference.classifier import Classifier
from chalicelib.significance import wilson_interval
from chalicelib.wording import interval, percent
from tools.doodle.data import all_pictures
from tools.doodle.drawings import TEST_SEEDS

BUNDLED = ("doodle", "doodle-small")


@click.command(help=__doc__)
@click.option("--images", default=2000, show_default=True, help="Number of drawings.")
@findings.options
def main(images: int, as_json: bool, save: bool) -> None:
    """Measure, and print."""
    pictures, classes = all_pictures(TEST_SEEDS[:images], jobs=os.cpu_count() or 1)
    figures = []
    for name in BUNDLED:
        classifier = Classifier(subject.model(name), threads=1)
        with click.progressbar(pictures, label=name, file=sys.stderr) as bar:
            answers = np.array([classifier.scores(picture).argmax() for picture in bar])
        right = int((answers == classes).sum())
        bounds = interval(wilson_interval(right, images))
        says = f"{name}: right of {images:,} drawings (95% interval {bounds})"
        figures.append(Figure(name, says, right / images, percent(right / images)))
    title = "The bundled models on drawings they never saw"
    findings.publish(findings.Record("accuracy", title, figures), as_json, save)


if __name__ == "__main__":
    main()
