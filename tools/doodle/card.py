"""Write the package and its model card, whose figures are all measured here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from chalicelib.images.preprocessing import WHOLE
from chalicelib.inference.packages import read_package
from tools.doodle.data import Classes, Images, mouse_drawings, on_canvas, squashed
from tools.doodle.drawings import LABELS, SIZE, TEST_SEEDS, TRAIN_SEEDS
from tools.doodle.inception import float_scores
from tools.doodle.matrix import confusion_picture
from tools.featuremaps import exposed_if_possible

CARD = Path(__file__).with_name("card.md")
MOUSE_DRAWINGS = Path("tests/data/mouse_drawings.json")


@dataclass(frozen=True)
class Training:
    """The options of a training."""

    variant: str
    images: int
    epochs: int
    seed: int
    batch: int


@dataclass(frozen=True)
class Result:
    """A network's figures. confusion[true, predicted]: counts, int64 [classes, classes]."""

    float_accuracy: float
    confusion: NDArray[np.int64]
    mouse: tuple[int, int] | None  # right, of how many

    @property
    def accuracy(self) -> float:
        """Top-1 of the 8-bit model, 0..1."""
        return float(np.trace(self.confusion) / self.confusion.sum())


def measure(model: Any, tflite: bytes, images: Images, classes: Classes) -> Result:
    """Measures the float network in Keras and the 8-bit one in LiteRT on the same images."""
    by_float = float_scores(model, images).argmax(axis=1)
    confusion = np.zeros((len(LABELS), len(LABELS)), np.int64)
    np.add.at(confusion, (classes, litert_classes(tflite, images)), 1)
    mouse = None
    if MOUSE_DRAWINGS.exists():
        drawings = mouse_drawings(MOUSE_DRAWINGS)
        answers = litert_classes(tflite, [squashed(on_canvas(d)) for d in drawings])
        mouse = (
            sum(LABELS[i] == d.label for i, d in zip(answers, drawings, strict=True)),
            len(drawings),
        )
    return Result(float(np.mean(by_float == classes)), confusion, mouse)


def litert_classes(tflite: bytes, images: Images | Sequence[Images]) -> Classes:
    """Returns the most likely class of each uint8 image: int64 [n]."""
    interpreter = Interpreter(model_content=tflite, num_threads=1)
    interpreter.allocate_tensors()
    into = interpreter.get_input_details()[0]["index"]
    out = interpreter.get_output_details()[0]["index"]
    answers = []
    for image in images:
        interpreter.set_tensor(into, image[None])
        interpreter.invoke()
        answers.append(int(interpreter.get_tensor(out)[0].argmax()))
    return np.array(answers, np.int64)


def write_package(
    folder: Path, tflite: bytes, training: Training, parameters: int, result: Result
) -> None:
    """Writes model.tflite, labels.txt, model.json, confusion.png and README.md."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.tflite").write_bytes(tflite)
    (folder / "labels.txt").write_text("\n".join(LABELS) + "\n", "utf-8")
    package = {
        "name": training.variant,
        "version": "1.0",
        "title": "Doodle" + " (small)" * (training.variant != "doodle"),
        "description": f"Knows drawings of {len(LABELS)} everyday things; a small Inception "
        "network that needs no download.",
        "source": "trained by tools/train_doodle.py on pictures it drew itself",
        "licence": "Apache-2.0",
        "sha256": hashlib.sha256(tflite).hexdigest(),
        "background_class": None,
        "preprocessing": msgspec.to_builtins(WHOLE),
    }
    (folder / "model.json").write_text(json.dumps(package, indent=2) + "\n", "utf-8")
    exposed_if_possible(read_package(folder), lambda line: None)
    confusion_picture(result.confusion).save(folder / "confusion.png", optimize=True)
    (folder / "README.md").write_text(_card(training, len(tflite), parameters, result), "utf-8")


def _card(training: Training, size: int, parameters: int, result: Result) -> str:
    mouse = "not measured: the check's drawings were not found"
    if result.mouse is not None:
        right, of = result.mouse
        mouse = f"**{right / of:.1%}** ({right} of {of})"
    return CARD.read_text("utf-8").format(
        training=training,
        result=result,
        mouse=mouse,
        classes=len(LABELS),
        labels=", ".join(LABELS),
        train=(TRAIN_SEEDS[0], TRAIN_SEEDS[-1]),
        test=(TEST_SEEDS[0], TEST_SEEDS[-1]),
        parameters=parameters,
        megabytes=size / 1e6,
        side=SIZE,
        drawings=int(result.confusion.sum()),
        weakest=_weakest(result.confusion),
        mixed_up=_mixed_up(result.confusion),
    )


def _weakest(confusion: NDArray[np.int64], count: int = 5) -> str:
    recall = np.diag(confusion) / np.maximum(confusion.sum(axis=1), 1)
    order = np.argsort(recall, kind="stable")[:count]
    return ", ".join(f"{LABELS[i]} {recall[i]:.1%}" for i in order)


def _mixed_up(confusion: NDArray[np.int64], count: int = 5) -> str:
    wrong = confusion - np.diag(np.diag(confusion))
    order = np.argsort(-wrong, axis=None, kind="stable")[:count]
    pairs = [np.unravel_index(i, wrong.shape) for i in order]
    return (
        ", ".join(f"{LABELS[a]} as {LABELS[b]} ({wrong[a, b]})" for a, b in pairs if wrong[a, b])
        or "nothing"
    )
