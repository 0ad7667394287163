"""Trains the bundled model: `python -m tools.train_doodle`.

Draws the pictures, trains the network, quantises it, measures it on drawings it never saw, and
writes the package (model.tflite, labels.txt, model.json) with its model card (README.md,
confusion.png). The pictures are the same on every machine; the trained weights may differ in
the last digits, as TensorFlow adds floats in no fixed order. What `--onnxruntime` adds to a package
of the same network computes the same each time it is made, though names inside may differ.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
import numpy as np

from chalicelib.errors import ModelInvalid
from chalicelib.inference.classifier import Classifier
from chalicelib.inference.engines import ONNXRUNTIME
from chalicelib.inference.packages import MODEL, ORT, read_package
from tools.doodle.card import Training, measure, write_package
from tools.doodle.data import Classes, Images, pictures, training_seeds
from tools.doodle.drawings import SIZE, TEST_SEEDS, VALIDATION_SEEDS
from tools.doodle.drawnsamples import write_samples
from tools.doodle.inception import VARIANTS, build, for_onnxruntime, quantised, train
from tools.exporting import ortexport
from tools.featuremaps import original
from tools.newpackage import described

_BATCH = 96
_CALIBRATION_IMAGES = 500
_ONNXRUNTIME_IMAGES = 300
_TEST_IMAGES = 2000


@click.command(context_settings={"show_default": True})
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="The package's folder.  [default: vendor/models/VARIANT]",
)
@click.option(
    "--images",
    type=click.IntRange(100, 1_000_000),
    default=100_000,
    help="Number of pictures to draw and train on.",
)
@click.option("--epochs", type=click.IntRange(1), default=4, help="How often each picture is seen.")
@click.option(
    "--seed",
    type=click.IntRange(0, 9),
    default=0,
    help="Which of ten disjoint sets of pictures, and the network's first weights.",
)
@click.option(
    "--variant",
    type=click.Choice(sorted(VARIANTS)),
    default="doodle",
    help="The network; doodle-small is a challenger for A/B tests.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    default=max(1, (os.cpu_count() or 2) - 1),
    show_default="all cores but one",
    help="Processes that draw, then threads that train.",
)
@click.option(
    "--weights",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A .keras file: the trained float network is kept there, and where the file "
    "exists it is used instead of training again.",
)
@click.option(
    "--onnxruntime",
    is_flag=True,
    help="Only make model.ort, of the network in --weights, for the package that is there.",
)
@click.option(
    "--samples",
    is_flag=True,
    help="Only draw the samples of the package that is there.",
)
def main(
    out: Path | None,
    images: int,
    epochs: int,
    seed: int,
    variant: str,
    jobs: int,
    weights: Path | None,
    onnxruntime: bool,
    samples: bool,
) -> None:
    """Trains doodle, the bundled image classifier, on pictures drawn here."""
    folder = out or Path("vendor/models") / variant
    if samples:
        for path in write_samples(folder):
            click.echo(f"{path}  {path.stat().st_size / 1000:.1f} kB")
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    training = Training(variant, images, epochs, seed, _BATCH)
    if onnxruntime:
        _check_onnxruntime(folder, weights)
    model, calibration = _trained(training, jobs, weights)
    click.echo("Quantising to 8 bit …")
    content = quantised(model, calibration)
    if onnxruntime:
        _add_ort(folder, content, model, calibration[:_ONNXRUNTIME_IMAGES])
    test = _drawn(TEST_SEEDS[:_TEST_IMAGES], jobs, "Drawing unseen pictures")
    if onnxruntime:
        classifier = Classifier(read_package(folder), jobs, load=ONNXRUNTIME.load)
        answers = [int(classifier.scores(image).argmax()) for image in test[0]]
        click.echo(f"On {len(answers)} unseen drawings: {np.mean(answers == test[1]):.2%}")
        return
    result = measure(model, content, *test)
    write_package(folder, content, training, model.count_params(), result)
    write_samples(folder)
    click.echo(
        f"{folder}: {len(content) / 1e6:.2f} MB, on {len(test[0])} unseen drawings: "
        f"float {result.float_accuracy:.2%}, 8-bit {result.accuracy:.2%}"
    )


def _check_onnxruntime(folder: Path, weights: Path | None) -> None:
    if weights is None or not weights.exists():
        raise click.UsageError("--onnxruntime needs --weights, the file of a trained network.")
    try:
        ortexport.check_machine()
        ortexport.check_packages()
        read_package(folder).verify(MODEL)
    except ModelInvalid as error:
        raise click.ClickException(str(error)) from error


def _add_ort(folder: Path, content: bytes, model: Any, samples: Images) -> None:
    """Add model.ort to a package of that network, and its digest to model.json."""
    package = read_package(folder)
    if original(package) != content:
        raise click.ClickException(
            f"{package.model_path} has other weights, pictures or seed; nothing was written."
        )
    ort = for_onnxruntime(model, samples)
    (folder / ORT).write_bytes(ort)
    described(package)
    click.echo(f"{folder / ORT}: {len(ort) / 1e6:.2f} MB")


def _trained(training: Training, jobs: int, weights: Path | None) -> tuple[Any, Images]:
    """The float network, and training pictures to calibrate 8-bit ranges."""
    import tensorflow as tf
    from tensorflow import keras

    seeds = training_seeds(training.seed, training.images)
    if weights is not None and weights.exists():
        click.echo(f"Taking the trained network from {weights}.")
        calibration = _drawn(seeds[:_CALIBRATION_IMAGES], jobs, "Drawing pictures")[0]
        return keras.models.load_model(weights, compile=False), calibration
    images, classes = _drawn(seeds, jobs, "Drawing pictures")
    held_out = _drawn(VALIDATION_SEEDS[:1000], jobs, "Drawing held-out pictures")
    tf.config.threading.set_intra_op_parallelism_threads(jobs)
    keras.utils.set_random_seed(training.seed)
    model = build(VARIANTS[training.variant])
    train(model, images, classes, held_out, training.epochs, training.batch)
    if weights is not None:
        model.save(weights)
    return model, images[:_CALIBRATION_IMAGES]


def _drawn(seeds: range, jobs: int, title: str) -> tuple[Images, Classes]:
    images = np.empty((len(seeds), SIZE, SIZE, 3), np.uint8)
    classes = np.empty(len(seeds), np.int64)
    with click.progressbar(length=len(seeds), label=title) as bar:
        for start, part, part_classes in pictures(seeds, jobs):
            images[start : start + len(part)] = part
            classes[start : start + len(part)] = part_classes
            bar.update(len(part))
    return images, classes


if __name__ == "__main__":
    main()
