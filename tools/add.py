"""Bring your own: a `.tflite` file and its labels become a package."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from chalicelib.classifier import Classifier
from chalicelib.errors import ModelInvalid
from chalicelib.litert import inspect
from chalicelib.models import ModelInfo, ModelPackage, Scaling
from chalicelib.tensors import Tensor
from tools import package as packages
from tools.quiet import quiet

DEFAULT_SCALING = Scaling(127.5, 127.5)
"""Pixels to -1..1, what TF-slim's and Keras's Inception networks were trained on."""


def add(
    name: str,
    model: Path,
    labels_file: Path,
    dirs: Sequence[Path],
    force: bool,
    about: Mapping[str, Any],
    say: Callable[[str], None],
) -> ModelPackage:
    """Check a network and install it as package `name` in the last of `dirs`.

    about: title, description, source, licence, version; background_class ("auto", "none" or an
        index), mean and std (numbers or None), scores ("auto", "probabilities" or "logits").
    say: told what was assumed.
    Raises ModelInvalid where it is not an image classifier with these labels.
    """
    packages.check_name(name, dirs, force)
    labels = packages.read_labels(labels_file)
    info = described_as(name, about)
    with packages.candidate(info, model, labels) as package:
        pixels, scores = inspect(package.model_path)
        if min(pixels.shape[1:3]) < 2:
            raise ModelInvalid(
                f"{model} leaves its input size open; convert it with a fixed height and width."
            )
        packages.check_labels(labels, scores.shape[-1])
        info = msgspec.structs.replace(
            info,
            background_class=packages.background_class(about["background_class"], labels),
            input_scaling=_scaling(pixels, about["mean"], about["std"], say),
        )
        package = ModelPackage(package.folder, info)
        logits = about["scores"] == "logits"
        if about["scores"] == "auto":
            with quiet():
                classifier = Classifier(package, 1)
            logits = packages.is_logits(classifier, rounded=scores.scale > 0)
            say(f"Its scores are {'logits' if logits else 'probabilities'}, by what it gives.")
        info = msgspec.structs.replace(info, scores="logits" if logits else "probabilities")
        if info.background_class is not None:
            say(f"Class {info.background_class} ({labels[info.background_class]}) is hidden.")
        package = packages.described(ModelPackage(package.folder, info))
        with quiet():
            classifier = Classifier(package, 1)
        classifier.scores(packages.sample_images(classifier.input_size, 1)[0])
        return packages.install(package, dirs[-1])


def described_as(name: str, about: Mapping[str, Any]) -> ModelInfo:
    """The info of a package whose network is yet to be looked at."""
    return ModelInfo(
        name=name,
        version=about["version"],
        sha256="0" * 64,
        title=about["title"] or name,
        description=about["description"],
        source=about["source"],
        licence=about["licence"],
    )


def given_scaling(mean: float | None, std: float | None) -> Scaling | None:
    """What --mean and --std say together; None where neither is given.

    Raises ModelInvalid where only one is.
    """
    if mean is None and std is None:
        return None
    if mean is None or std is None:
        raise ModelInvalid("Give both --mean and --std, or neither.")
    return Scaling(mean, std)


def _scaling(
    pixels: Tensor, mean: float | None, std: float | None, say: Callable[[str], None]
) -> Scaling | None:
    given = given_scaling(mean, std)
    if given or not np.issubdtype(pixels.dtype, np.floating):
        return given
    say(
        "It takes floats: pixels are scaled to -1..1, (pixel - 127.5) / 127.5. If it was trained "
        "on others, add it again with --mean and --std (0 and 255 for 0..1, 0 and 1 for 0..255)."
    )
    return DEFAULT_SCALING
