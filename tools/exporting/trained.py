"""What a file of Keras says of how its network was trained."""

import json
import zipfile
from pathlib import Path
from typing import Any


def judges_each(path: Path) -> bool:
    """Whether a `.keras` or `.h5` file says that each label was trained by itself.

    So a binary cross-entropy does (https://keras.io/api/losses/probabilistic_losses). False too
    where the file was saved without its loss.
    """
    loss = _loss(path)
    if isinstance(loss, dict):  # a class, or a function by its name
        named = loss.get("config") if loss.get("class_name") == "function" else None
        loss = named or loss.get("class_name")
    return isinstance(loss, str) and loss.lower().replace("_", "") in (
        "binarycrossentropy", "binaryfocalcrossentropy", "bce",
    )  # fmt: skip


def _loss(path: Path) -> Any:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as kept:
            config = json.loads(kept.read("config.json")).get("compile_config")
    else:
        import h5py  # comes with TensorFlow

        with h5py.File(path) as kept:
            config = json.loads(kept.attrs.get("training_config", "null"))
    return config.get("loss") if isinstance(config, dict) else None
