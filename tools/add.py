"""A `.tflite` file and its labels -> a package."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from chalicelib.errors import ModelInvalid
from chalicelib.images.preprocessing import Preprocessing
from chalicelib.inference.classifier import Classifier
from chalicelib.inference.litert import LiteRT, inspect
from chalicelib.inference.packages import ModelInfo, ModelPackage
from chalicelib.inference.tensors import Tensor, to_input
from tools import newpackage as packages
from tools.console.quiet import quiet
from tools.console.refusals import Refused
from tools.evaluating.deciding import Trial, decided, doubted, second_above, tried, unknown
from tools.featuremaps import exposed_if_possible
from tools.inspecting.ending import of_tflite
from tools.inspecting.firstrun import check_runs
from tools.inspecting.kinds import check_kind
from tools.inspecting.metadata import normalisation
from tools.inspecting.outputs import of_package, told
from tools.inspecting.scaling import BRIGHTEST, check_scaling, holds_pixels, in_order, scales_itself
from tools.labelling.labelfile import of_network
from tools.options import KEYS, chosen, for_labels, formula
from tools.photosamples import of_folder


def add(
    name: str,
    model: Path,
    labels_file: Path | None,
    dirs: Sequence[Path],
    force: bool,
    about: Mapping[str, Any],
    say: Callable[[str], None],
) -> ModelPackage:
    """Check a network and install it as package `name` in the last of `dirs`.

    labels_file: None for the labels inside `model`.
    about: title, description, source, licence, version; background_class ("auto", "none" or an
        index); the options that `tools.options` and `tools.inspecting.outputs` read; pictures, a
        folder of labelled pictures or None, to find the pixel scaling if the file does not tell it;
        samples, a folder of those that go with the package, or None.
    say: told of assumptions. Raises ModelInvalid if it is no image classifier with these labels.
    """
    packages.check_name(name, dirs, force)
    check_kind(model, "tflite")
    info = described_as(name, about)
    with packages.candidate(info, model, labels=()) as package:
        check_runs(package.model_path)
        pixels, scores = inspect(package.model_path)
        if min(pixels.size) < 2:
            raise ModelInvalid(
                f"The input size of {model} is open; convert it with a fixed height and width."
            )
        labels = of_network(model, labels_file, scores.shape[-1], say)
        labels = packages.fitted(labels, scores.shape[-1], about["multi_label"], say)
        packages.write_labels(package.folder, labels)
        how = for_labels(labels, about, say)
        if pixels.depth == 1:
            how = msgspec.structs.replace(how, channels="grey")
        trial = _tried(package.model_path, about, labels, how)
        how = _prepared(package, pixels, how, trial, about, say)
        if about["pictures"] and not trial:
            say(
                "Pictures: not used. They tell how pixels are scaled only if one label of a "
                "picture is right and the network takes floats."
            )
        info = msgspec.structs.replace(info, preprocessing=how)
        gives = of_package(ModelPackage(package.folder, info), scores, about)
        say(f"Scores: {told(gives.scores, gives.multi_label)}; {gives.why}.")
        info = msgspec.structs.replace(
            info,
            background_class=packages.background_class(about["background_class"], labels, say),
            scores=gives.scores,
            multi_label=gives.multi_label,
        )
        package = packages.described(ModelPackage(package.folder, info))
        package = exposed_if_possible(package, say)
        if about["samples"]:
            package = of_folder(package, about["samples"], say)
        with quiet():
            classifier = Classifier(package, 1)
        classifier.scores(packages.sample_images(classifier.input_size, 1)[0])
        return packages.install(package, dirs[-1])


def described_as(name: str, about: Mapping[str, Any]) -> ModelInfo:
    """The info of a package before its network is inspected."""
    return ModelInfo(
        name=name,
        version=about["version"],
        sha256="0" * 64,
        title=about["title"] or name,
        description=about["description"],
        source=about["source"],
        licence=about["licence"],
    )


def _tried(
    path: Path, about: Mapping[str, Any], labels: Sequence[str], how: Preprocessing
) -> Trial | None:
    """How often the usual ways are right on labelled pictures; None without pictures.

    Raises ModelInvalid if the pictures are not labelled.
    """
    with quiet():
        network = LiteRT(path, 1)
    if not about["pictures"] or about["multi_label"] or network.input.dtype != np.float32:
        return None
    above = None
    if network.output.shape[-1] == 1:
        above = second_above(of_tflite(path), about["scores"])
        if above is None or network.output.scale:
            return None

    def answer(pixels: NDArray[np.uint8], way: Preprocessing) -> NDArray[np.generic]:
        return network.run(to_input(pixels, network.input, way)[np.newaxis]).reshape(-1)

    try:
        size, depth = network.input.size, network.input.depth
        return tried(about["pictures"], labels, how, size, depth, answer, above)
    except Refused as error:
        raise ModelInvalid(str(error)) from error


def _prepared(
    package: ModelPackage,
    pixels: Tensor,
    how: Preprocessing,
    trial: Trial | None,
    about: Mapping[str, Any],
    say: Callable[[str], None],
) -> Preprocessing:
    """The preprocessing with its scaling. Raises ModelInvalid if unknown or unfit."""
    how, why = _scaled(package, pixels, how, trial, about)
    check_scaling(package.info.name, how, pixels)
    say(f"Pixels: {formula(how)}, {why}.")
    if trial and how in trial.right:
        say(doubted(trial, how))
    return how


def _scaled(
    package: ModelPackage,
    pixels: Tensor,
    how: Preprocessing,
    trial: Trial | None,
    about: Mapping[str, Any],
) -> tuple[Preprocessing, str]:
    """How pixels are scaled, and why. Raises ModelInvalid if that is unknown."""
    if how.mean is not None:
        return how, "as you said"
    is_small = pixels.dtype in (np.uint8, np.int8)
    if is_small and holds_pixels(pixels):
        return how, f"as its input is {pixels.dtype}"
    if said := normalisation(package.model_path):
        named = dict.fromkeys(KEYS) | dict(zip(("mean", "std"), said, strict=True))
        return chosen(how, named), "as its metadata says"
    if np.issubdtype(pixels.dtype, np.integer):
        if not is_small and pixels.scale * np.iinfo(pixels.dtype).max >= BRIGHTEST:
            return how, "because its input has that range"
    elif order := scales_itself(package.model_path):
        return in_order(how, order, about["channels"])
    if trial:
        return decided(trial, package.info.name)
    raise unknown(package.info.name, about["pictures"])
