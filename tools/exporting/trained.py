"""Reads from a Keras file with which loss its network was trained."""

import json
import zipfile
from pathlib import Path
from typing import Any

SINGLE_LABEL = {
    "categoricalcrossentropy", "categoricalfocalcrossentropy", "kldivergence",
    "sparsecategoricalcrossentropy",
}  # fmt: skip
MULTI_LABEL = {"bce", "binarycrossentropy", "binaryfocalcrossentropy"}
"""Losses of one-label and multi-label networks, in lower case
(https://keras.io/api/losses/probabilistic_losses)."""


def is_multi_label(path: Path) -> bool | None:
    """Whether the loss in a `.keras` or `.h5` file is one for multi-label networks.

    None if the file has no loss, or another one.
    """
    loss = _loss(path)
    if isinstance(loss, dict):  # a class, or a function by its name
        named = loss.get("config") if loss.get("class_name") == "function" else None
        loss = named or loss.get("class_name")
    name = loss.lower().replace("_", "") if isinstance(loss, str) else ""
    return name in MULTI_LABEL if name in SINGLE_LABEL | MULTI_LABEL else None


def _loss(path: Path) -> Any:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as kept:
            config = json.loads(kept.read("config.json")).get("compile_config")
    else:
        import h5py  # comes with TensorFlow

        with h5py.File(path) as kept:
            config = json.loads(kept.attrs.get("training_config", "null"))
    return config.get("loss") if isinstance(config, dict) else None
