"""TensorFlow.js layers models, from its converter or its own `model.save`.

The format: https://github.com/tensorflow/tfjs/blob/master/tfjs-core/src/io/types.ts (`ModelJSON`,
`WeightsManifestConfig`).
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chalicelib.errors import ModelInvalid
from chalicelib.images.preprocessing import Preprocessing
from tools.exporting.keras_files import keras_2, own_layers
from tools.exporting.reasons import quoted

DTYPES = {
    "float32": "<f4",
    "float16": "<f2",
    "int32": "<i4",
    "uint8": "u1",
    "uint16": "<u2",
    "bool": "?",
}
TEACHABLE_MACHINE = Preprocessing(resize="crop", crop=1.0, mean=(127.5,), std=(127.5,))
"""The square in the middle, -1..1
(https://github.com/googlecreativelab/teachablemachine-community/blob/master/libraries/image/src)."""


def teachable_labels(path: Path) -> tuple[str, ...]:
    """The labels in the `metadata.json` that Teachable Machine writes beside a `model.json`.

    Empty if something else made the model, or if it is no image project.
    """
    try:
        about = json.loads((path.parent / "metadata.json").read_text("utf-8-sig"))
        if about["packageName"] == "@teachablemachine/image":
            return tuple(str(label) for label in about["labels"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return ()


def load(path: Path) -> Any:
    """The model of a `model.json`, with the weights from the files that it names.

    Raises ModelInvalid if it is no model, or a weight is missing or has another shape.
    """
    with quoted(f"{path} is not a model of TensorFlow.js", "Name its model.json."):
        about = json.loads(path.read_text("utf-8-sig"))
        topology, manifest = about["modelTopology"], about["weightsManifest"]
    if about.get("format") == "graph-model" or "node" in topology:
        raise ModelInvalid(
            f"{path} is a graph model of TensorFlow.js, which has no layers any more. Export what "
            "it was converted from, with --saved-model, --keras-file or --frozen-graph."
        )
    with quoted(f"The weightsManifest of {path} cannot be read", "Download it again."):
        weights = read_weights(manifest, path.parent)
    config = topology.get("model_config", topology)
    step = (
        "Convert it again with tensorflowjs_converter, or export the Keras file it was made from."
    )
    if own := own_layers(keras_2(), config):
        raise ModelInvalid(f"{path} has layers that Keras does not: {', '.join(own)}. {step}")
    with quoted(f"Keras could not build {path}", step):
        model = keras_2().models.model_from_json(json.dumps(config))
    if not model.built:
        raise ModelInvalid(f"{path} leaves its input open; {step}")
    model.set_weights(_in_order([weight.name for weight in model.weights], model, weights, path))
    return model


def read_weights(
    manifest: Sequence[Mapping[str, Any]], folder: Path
) -> dict[str, NDArray[np.generic]]:
    """A manifest's weights by name. The files of a group, joined, hold its weights in order.

    Raises ModelInvalid if a file is missing or too short, or two weights share a name.
    """
    weights: dict[str, NDArray[np.generic]] = {}
    for group in manifest:
        files = [folder / name for name in group["paths"]]
        missing = [str(file) for file in files if not file.is_file()]
        if missing:
            raise ModelInvalid(f"{missing[0]} is missing; put it beside model.json.")
        data, start = b"".join(file.read_bytes() for file in files), 0
        for entry in group["weights"]:
            if entry["name"] in weights:
                raise ModelInvalid(f"Two weights are called {entry['name']}; convert it again.")
            weights[entry["name"]], start = _weight(entry, data, start)
        if start != len(data):
            raise ModelInvalid(
                f"{', '.join(group['paths'])} hold {len(data)} bytes where model.json says {start};"
                " download them again."
            )
    return weights


def _weight(entry: Mapping[str, Any], data: bytes, start: int) -> tuple[NDArray[np.generic], int]:
    """A weight, and where the next starts. A quantised weight is value * scale + min."""
    quantised = entry.get("quantization") or {}
    kind = quantised.get("dtype", entry["dtype"])
    if kind not in DTYPES:
        raise ModelInvalid(f"Weight {entry['name']} is of type {kind}, which is not read here.")
    dtype, count = np.dtype(DTYPES[kind]), math.prod(entry["shape"])
    end = start + count * dtype.itemsize
    if end > len(data):
        raise ModelInvalid(f"The weights end within {entry['name']}; download them again.")
    values = np.frombuffer(data, dtype, count, start).reshape(entry["shape"])
    if "scale" in quantised:
        values = values * np.float64(quantised["scale"]) + np.float64(quantised["min"])
    return values.astype(DTYPES[entry["dtype"]]), end


def _in_order(
    names: Sequence[str], model: Any, weights: Mapping[str, NDArray[np.generic]], path: Path
) -> list[NDArray[np.generic]]:
    """The weights in the model's order.

    A name ends in LAYER/WEIGHT; what comes before depends on the writer.
    """
    pairs = [(_match(name.removesuffix(":0"), weights), tuple(weight.shape))
             for name, weight in zip(names, model.weights, strict=True)]  # fmt: skip
    for name, (key, shape) in zip(names, pairs, strict=True):
        if key is None or weights[key].shape != shape:
            raise ModelInvalid(f"{path} has no weight {name} of shape {shape}; convert it again.")
    keys = [key for key, _ in pairs if key]
    if len(set(keys)) < len(keys):
        raise ModelInvalid(f"{path} has several layers of one name; convert it again.")
    return [weights[key] for key in keys]


def _match(name: str, weights: Mapping[str, object]) -> str | None:
    if name in weights:
        return name
    ending = name.split("/")[-2:]
    alike = [key for key in weights if key.split("/")[-2:] == ending]
    return alike[0] if len(alike) == 1 else None
