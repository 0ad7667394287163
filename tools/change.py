"""Changes an installed package: its preprocessing, what its scores are, its version."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import msgspec

from chalicelib.answers.predictions import Scores
from chalicelib.errors import ModelInvalid
from chalicelib.files import put
from chalicelib.inference.litert import inspect
from chalicelib.inference.packages import INFO, ModelInfo, ModelPackage
from chalicelib.inference.tensors import Tensor
from tools.inspecting.ending import of_tflite
from tools.inspecting.outputs import of_package
from tools.inspecting.scaling import check_scaling
from tools.newpackage import as_json, existing, fitted
from tools.options import chosen
from tools.photosamples import of_folder


def change(
    name: str,
    dirs: Sequence[Path],
    version: str | None,
    options: Mapping[str, Any],
    say: Callable[[str], None] = lambda line: None,
) -> ModelPackage:
    """Write the options into the package's `model.json`, all or nothing.

    version: the new version; None to keep the old. say: told of new samples.
    Raises ModelInvalid if there is no such package, or if its network contradicts the options, and
    Refused if its samples are no samples.
    """
    package = existing(name, dirs)
    package.verify()
    how = chosen(package.info.preprocessing, options)
    pixels, scores = inspect(package.model_path)
    check_scaling(name, how, pixels)
    info = msgspec.structs.replace(
        package.info, preprocessing=how, version=version or package.info.version
    )
    if options["scores"] or options["multi_label"] is not None:
        if info.base:
            raise ModelInvalid(
                f"{name} was taught to give probabilities, of which one is right; leave --scores "
                "and --multi-label out."
            )
        info = _scored(ModelPackage(package.folder, info), scores, options)
    if options.get("samples"):
        return of_folder(ModelPackage(package.folder, info), options["samples"], say)
    if info != package.info:
        put(package.folder / INFO, as_json(info))
    return ModelPackage(package.folder, info)


def _scored(package: ModelPackage, tensor: Tensor, options: Mapping[str, Any]) -> ModelInfo:
    """The info with the scores' meaning, from the options or the network."""
    info, labels = package.info, package.labels()
    known = of_tflite(package.model_path).kind in ("softmax", "sigmoid")
    said = {
        "scores": options["scores"] or ("auto" if known else info.scores),
        "multi_label": options["multi_label"],
    }
    if options["scores"] in get_args(Scores) and said["multi_label"] is None:
        said["multi_label"] = info.multi_label
    gives = of_package(package, tensor, said)
    if len(labels) > 1:  # older packages have one label for one unit
        fitted(labels, tensor.shape[-1], gives.multi_label, lambda line: None)
    return msgspec.structs.replace(info, scores=gives.scores, multi_label=gives.multi_label)
