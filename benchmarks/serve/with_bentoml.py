"""BentoML's way: a service of `SERVE_WORKERS` processes, with the body as its root input."""

import os
from pathlib import Path
from typing import Annotated, Any

import bentoml
from bentoml.validators import ContentType

from benchmarks.serve.handling import load


@bentoml.service(workers=int(os.environ["SERVE_WORKERS"]))
class Inception:
    """Classifies the image that is the body."""

    def __init__(self) -> None:
        self.classify = load()

    @bentoml.api(route="/predict")
    def predict(self, image: Annotated[Path, ContentType("image/jpeg")], /) -> dict[str, Any]:
        return {"labels": self.classify(image.read_bytes())}
