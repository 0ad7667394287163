"""A model.json of TensorFlow.js whose weights are not as it says; nothing here needs TensorFlow."""

import json
from pathlib import Path
from typing import Any

import pytest

from chalicelib.errors import ModelInvalid
from tools.exporting.tfjs import load


def test_weights_that_are_not_as_the_manifest_says_are_refused(tmp_path: Path) -> None:
    def weight(**other: Any) -> dict[str, Any]:
        return {"name": "w", "dtype": "float32", "shape": [4], **other}

    quantised = {"dtype": "uint8", "scale": 1}
    (tmp_path / "a.bin").write_bytes(bytes(16))
    for manifest, said in (
        ([{"weights": [weight()]}], "'paths'. Download"),
        ([{"paths": ["a.bin"], "weights": [weight(shape=[-2, -2])]}], "Download it again"),
        ([{"paths": ["a.bin"], "weights": [weight(shape=[16], quantization=quantised)]}], "'min'"),
        ([{"paths": ["a.bin"], "weights": [weight(dtype="string")]}], "of type string"),
        ([{"paths": ["a.bin"], "weights": [weight(shape=[2])] * 2}], "Two weights are called w"),
        ([{"paths": ["a.bin"], "weights": [weight(shape=[5])]}], "end within w"),
        ([{"paths": ["b.bin"], "weights": [weight()]}], "b.bin is missing"),
        (["a.bin"], "cannot be read"),
        (None, "cannot be read"),
    ):
        about = {"modelTopology": {}, "weightsManifest": manifest}
        (tmp_path / "model.json").write_text(json.dumps(about))
        with pytest.raises(ModelInvalid, match=said):
            load(tmp_path / "model.json")
