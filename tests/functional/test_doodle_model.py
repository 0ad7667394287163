"""The bundled packages, on drawings they never saw."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from chalicelib.images.preprocessing import WHOLE, Preprocessing
from chalicelib.inference import onnx
from chalicelib.inference.classifier import Classifier
from chalicelib.inference.engines import LITERT, ONNXRUNTIME
from chalicelib.inference.packages import read_package
from tools.doodle.data import all_pictures, mouse_drawings, on_canvas, squashed
from tools.doodle.drawings import LABELS, SIZE, TEST_SEEDS

ROOT = Path(__file__).parents[2]
BUNDLED = ROOT / "vendor/models"
MOUSE_DRAWINGS = ROOT / "tests/data/mouse_drawings.json"

# The card's figures are of the first 2,000 test seeds; these are others.
FRESH_SEEDS = TEST_SEEDS[500_000:502_000]
LEAST = {"doodle": 0.97, "doodle-small": 0.90}
"""Of the bundled packages: the share of fresh drawings that each knows."""


@pytest.fixture(scope="module", params=LEAST)
def package(request: pytest.FixtureRequest) -> Path:
    return BUNDLED / str(request.param)


@pytest.fixture(scope="module")
def fresh() -> tuple[np.ndarray, np.ndarray]:
    return all_pictures(FRESH_SEEDS, jobs=min(4, os.cpu_count() or 1))


@pytest.fixture(scope="module")
def interpreter(package: Path) -> Interpreter:
    loaded = Interpreter(model_path=str(package / "model.tflite"), num_threads=1)
    loaded.allocate_tensors()
    return loaded


def _scores(interpreter: Interpreter, image: np.ndarray) -> np.ndarray:
    """uint8 [size, size, 3] -> probabilities, float32 [classes]."""
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[None])
    interpreter.invoke()
    output = interpreter.get_output_details()[0]
    scale, zero = output["quantization"]
    return (interpreter.get_tensor(output["index"])[0].astype(np.float32) - zero) * scale


def test_it_knows_fresh_drawings(
    package: Path, interpreter: Interpreter, fresh: tuple[np.ndarray, np.ndarray]
) -> None:
    images, classes = fresh
    answers = np.array([_scores(interpreter, image).argmax() for image in images])
    wrong = Counter((LABELS[a], LABELS[b]) for a, b in zip(classes, answers, strict=True) if a != b)
    assert len(images) == 2000
    assert np.mean(answers == classes) >= LEAST[package.name], wrong.most_common(8)


@pytest.mark.skipif(not onnx.installed(), reason="ONNX Runtime is not installed")
def test_both_engines_know_fresh_drawings(fresh: tuple[np.ndarray, np.ndarray]) -> None:
    images, classes = fresh
    package = read_package(BUNDLED / "doodle")
    by_lite, by_ort = (
        np.array([classifier.scores(image).argmax() for image in images])
        for classifier in (
            Classifier(package, 1, load=engine.load) for engine in (LITERT, ONNXRUNTIME)
        )
    )
    assert np.mean(by_ort == classes) >= LEAST["doodle"]
    assert np.mean(by_ort == by_lite) >= 0.99


def test_it_knows_what_people_draw_with_a_mouse(interpreter: Interpreter) -> None:
    drawings = mouse_drawings(MOUSE_DRAWINGS)
    assert len(drawings) >= 40 and {d.label for d in drawings} <= set(LABELS)
    assert len({d.label for d in drawings}) >= 28
    answers = [
        (d.label, LABELS[_scores(interpreter, squashed(on_canvas(d))).argmax()]) for d in drawings
    ]
    wrong = [(label, answer) for label, answer in answers if label != answer]
    assert len(wrong) <= 0.15 * len(drawings), wrong


def test_it_is_an_8_bit_model_of_the_labels(package: Path, interpreter: Interpreter) -> None:
    into, out = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    assert into["dtype"] is np.uint8 and list(into["shape"]) == [1, SIZE, SIZE, 3]
    assert out["dtype"] is np.uint8 and list(out["shape"]) == [1, len(LABELS)]
    scale, zero = into["quantization"]
    assert scale == pytest.approx(1 / 255, rel=1e-3) and zero == 0
    names = (package / "labels.txt").read_text("utf-8").splitlines()
    assert names == list(LABELS)


def test_scores_are_probabilities(interpreter: Interpreter) -> None:
    blank = np.full((SIZE, SIZE, 3), 255, np.uint8)
    scores = _scores(interpreter, blank)
    assert scores.min() >= 0 and scores.sum() == pytest.approx(1, abs=0.1)


def test_the_package_is_whole_and_small(package: Path) -> None:
    info = json.loads((package / "model.json").read_text("utf-8"))
    content = (package / "model.tflite").read_bytes()
    assert info["sha256"] == hashlib.sha256(content).hexdigest()
    assert (info["name"], info["version"]) == (package.name, "1.0")
    assert info["background_class"] is None
    assert msgspec.convert(info["preprocessing"], Preprocessing) == WHOLE
    assert sum(file.stat().st_size for file in package.rglob("*.*")) <= 2_000_000
    files = {
        "model.tflite", "head.npz", "labels.txt", "model.json", "README.md", "confusion.png",
        "samples",
    }  # fmt: skip
    if package.name == "doodle":
        files.add("model.ort")
        content = (package / "model.ort").read_bytes()
        assert info["ort_sha256"] == hashlib.sha256(content).hexdigest()
    assert files == {file.name for file in package.iterdir()}
