"""What each of the other servers does with a photograph: our decoding and our network."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from chalicelib.images.decode import decode
from chalicelib.inference.classifier import Classifier
from chalicelib.inference.packages import read_package

FOLDER, THREADS = "SERVE_MODEL", "SERVE_THREADS"
"""Environment variables: the folder of the model's package, and the threads of an inference."""


def load(environment: Mapping[str, str] = os.environ) -> Callable[[bytes], list[dict[str, Any]]]:
    """Returns a function from an encoded image to its five best labels, best first."""
    package = read_package(Path(environment[FOLDER]))
    classifier = Classifier(package, int(environment[THREADS]))
    size, how = classifier.input_size, package.info.preprocessing

    def classify(data: bytes) -> list[dict[str, Any]]:
        scores = classifier.scores(decode(data, size, how).pixels)
        labels = classifier.rank(scores, 5, 0.0)
        return [{"name": label.name, "score": label.score} for label in labels]

    return classify
