"""What a package that is there does to pictures and with scores, changed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import msgspec

from chalicelib.answers.predictions import Scores
from chalicelib.files import put
from chalicelib.inference.litert import inspect
from chalicelib.inference.packages import INFO, ModelInfo, ModelPackage
from chalicelib.inference.tensors import Tensor
from tools.ending import of_tflite
from tools.newpackage import as_json, existing, fitted
from tools.options import chosen
from tools.outputs import of_package
from tools.scaling import check_scaling


def change(
    name: str, dirs: Sequence[Path], version: str | None, options: Mapping[str, Any]
) -> ModelPackage:
    """Write what the options say into the `model.json` of the package of that name, at once.

    version: what the package is called from then on; None to leave that.
    Raises ModelInvalid where there is no such package, its network cannot be given pixels so, or
    gives something else.
    """
    package = existing(name, dirs)
    how = chosen(package.info.preprocessing, options)
    pixels, scores = inspect(package.model_path)
    check_scaling(name, how, pixels)
    info = msgspec.structs.replace(
        package.info, preprocessing=how, version=version or package.info.version
    )
    if options["scores"] or options["multi_label"] is not None:
        info = _scored(ModelPackage(package.folder, info), scores, options)
    if info != package.info:
        put(package.folder / INFO, as_json(info))
    return ModelPackage(package.folder, info)


def _scored(package: ModelPackage, tensor: Tensor, options: Mapping[str, Any]) -> ModelInfo:
    """The info of a package with what its network gives, as the options say or as is found."""
    info, labels = package.info, package.labels()
    known = of_tflite(package.model_path).kind in ("softmax", "sigmoid")
    said = {
        "scores": options["scores"] or ("auto" if known else info.scores),
        "multi_label": options["multi_label"],
    }
    if options["scores"] in get_args(Scores) and said["multi_label"] is None:
        said["multi_label"] = info.multi_label
    gives = of_package(package, tensor, said)
    if len(labels) > 1:  # one label of one unit is what packages had before
        fitted(labels, tensor.shape[-1], gives.multi_label, lambda line: None)
    return msgspec.structs.replace(info, scores=gives.scores, multi_label=gives.multi_label)
