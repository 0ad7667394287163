"""Reads files of Keras 3, and of Keras 2 (TensorFlow up to 2.15), each with its own Keras."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from chalicelib.errors import ModelInvalid
from tools.exporting.reasons import last_line

HALVES = ("float16", "bfloat16", "mixed_float16", "mixed_bfloat16")
MODELS = ("Functional", "Model", "Sequential", "TFOpLambda", "SlicingOpLambda")
"""Layers of Keras 2 that are not in `keras.layers`."""
STEP = (
    "Where the code of its layers is at hand, save it as a SavedModel, with `{save}`; then export "
    "that with --saved-model net."
)
SAVE = {3: 'model.export("net")', 2: 'tf.saved_model.save(model, "net")'}


def load(tf: Any, path: Path) -> Any:
    """The model in a `.keras` or `.h5` file, by the Keras that wrote it.

    Raises ModelInvalid if it holds no whole model, or cannot be loaded.
    """
    config, version = _read(path)
    major = 2 if version.startswith(("1.", "2.")) else 3
    if major == 2 and "Lambda" in _classes(config):  # it would run the code inside of the file
        raise ModelInvalid(f"{path} has a Lambda layer, which is code. {STEP.format(save=SAVE[2])}")
    keras = keras_2() if major == 2 else tf.keras
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # whatever its layers raise
        why = (
            _why(error, own_layers(keras, config))
            or f"Keras {version} wrote it: {last_line(error)}."
        )
        raise ModelInvalid(
            f"{path} could not be loaded. {why} {STEP.format(save=SAVE[major])}"
        ) from error


def keras_2() -> Any:
    """The last Keras 2. Raises ModelInvalid if it is not installed."""
    try:
        import tf_keras
    except ImportError as error:
        raise ModelInvalid(
            "A file of Keras 2 needs tf_keras; run `make tensorflow` once."
        ) from error
    return tf_keras


def in_32_bits(model: Any, say: Callable[[str], None]) -> Any:
    """The same model with all layers in 32 bits, as in LiteRT.

    Half precision only makes training faster; a mixed model's weights have 32 bits anyway.
    """
    config = model.get_config()
    whole = _widened(config)
    if whole == config:
        return model
    say("Precision: 32 bits; it was trained in 16 bits, or in both.")
    twin = type(model).from_config(whole)
    twin.set_weights([np.asarray(values, np.float32) for values in model.get_weights()])
    return twin


def _widened(part: Any) -> Any:
    """The configuration with every half-precision dtype or policy replaced."""
    if isinstance(part, dict):
        if part.get("class_name") in ("DTypePolicy", "Policy"):
            return "float32" if part["config"]["name"] in HALVES else part
        return {
            key: "float32" if key == "dtype" and value in HALVES else _widened(value)
            for key, value in part.items()
        }
    return type(part)(map(_widened, part)) if type(part) in (list, tuple) else part


def _read(path: Path) -> tuple[Any, str]:
    """A file's configuration, and the Keras version that wrote it; "" if unknown."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as file:
                about = json.loads(file.read("metadata.json"))
                return json.loads(file.read("config.json")), about.get("keras_version", "")
        import h5py

        with h5py.File(path, "r") as file:
            config, version = file.attrs.get("model_config"), file.attrs.get("keras_version", "")
    except (OSError, KeyError, ValueError) as error:
        raise ModelInvalid(f"{path} is not a file of Keras: {last_line(error)}.") from error
    if config is None:
        raise ModelInvalid(
            f"{path} has only weights. Save the whole model with `model.save`. Or, if it is a "
            "network of keras.applications, give its name as --keras and this file as --weights."
        )
    return json.loads(config), version if isinstance(version, str) else version.decode()


def _classes(config: Any) -> set[str]:
    """The names of all classes in a configuration."""
    if isinstance(config, dict):
        own = {config["class_name"]} if isinstance(config.get("class_name"), str) else set()
        return own.union(*map(_classes, config.values()))
    return set().union(*map(_classes, config)) if isinstance(config, list) else set()


def own_layers(keras: Any, config: Any) -> list[str]:
    """Names of the custom layer classes in a configuration."""
    names: set[str] = set()
    if isinstance(config, dict):
        for key, value in config.items():
            if key == "layers" and isinstance(value, list):
                names |= {layer["class_name"] for layer in value if not _is_known(keras, layer)}
            names.update(own_layers(keras, value))
    elif isinstance(config, list):
        names.update(*(own_layers(keras, part) for part in config))
    return sorted(names)


def _is_known(keras: Any, layer: Any) -> bool:
    if not isinstance(layer, dict) or not isinstance(layer.get("class_name"), str):
        return True
    module, name = layer.get("module") or "", layer["class_name"]
    return module.startswith(("keras", "tf_keras")) or name in MODELS or hasattr(keras.layers, name)


def _why(error: Exception, own: list[str]) -> str:
    """The two usual reasons in words; Keras's own advice needs Python code."""
    if own:
        return f"It has layers of its own, {', '.join(own)}, whose code is not in it."
    return "It has a Lambda layer, which is code." if "`Lambda` layer" in str(error) else ""
