"""The service in this process, with a log that tells when a line was written."""

import io
import logging
import os
import time
from collections.abc import Callable
from typing import Any

import click
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from chalice.test import Client

from chalicelib.classification import Classification
from chalicelib.images.decode import decode
from chalicelib.inference.litert import inspect
from chalicelib.inference.packages import ModelPackage
from chalicelib.inference.pool import Classifiers
from chalicelib.inference.tensors import to_input
from chalicelib.predict import Predictor
from chalicelib.requests import PredictRequest
from chalicelib.wiring import services

HEADERS = {"content-type": "application/octet-stream"}
"""In lower case, so that the test client puts the body in base64, as API Gateway does."""


class Written(io.StringIO):
    """Keeps the last text written to it, and the time of that by `time.perf_counter`."""

    at = 0.0

    def write(self, text: str) -> int:
        self.truncate(0)
        self.seek(0)
        self.at = time.perf_counter()
        return super().write(text)


def second_predictor(package: ModelPackage) -> Predictor:
    """Makes the predictor of `app.py` with the second engine and one thread."""
    settings = services().settings
    models, name = services().models, package.info.name
    classifiers = Classifiers(models, settings.threads, name, "", engine="onnxruntime")
    return Predictor(Classification(services().predictor._classification._sources, classifiers))


class Service:
    """`app.py` with one model on one thread, and an image to classify. Only one in a process.

    within: when the last request reached the view's middleware, was decoded from base64, and was
        answered there.
    """

    def __init__(self, package: ModelPackage, image: bytes) -> None:
        os.environ.update(
            PUBLIC="true",
            MODEL=package.info.name,
            THREADS="1",
            ENGINE="litert",
            MODEL_DIR=str(package.folder.parent),
        )
        import app

        self.image, self.log = image, Written()
        self.within = (0.0, 0.0, 0.0)
        handler = app.logger.registered_handler
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(self.log)
        app.app.register_middleware(self._stamp, "http")
        self._http = Client(app.app).http
        self.predictor = services().predictor
        self.classifier = services().classifiers.get()
        self.pixels = decode(image, self.classifier.input_size, package.info.preprocessing).pixels
        self._first, self._second = self.predictor, second_predictor(package)
        tensor, scores = inspect(package.model_path)
        self._array = to_input(self.pixels, tensor, package.info.preprocessing)[np.newaxis]
        self._input, self._output = tensor.index, scores.index
        self._interpreter = Interpreter(model_path=str(package.model_path), num_threads=1)
        self._interpreter.allocate_tensors()

    def handler(self) -> Any:
        """Classifies the image through Chalice."""
        response = self._http.post("/predict", body=self.image, headers=HEADERS)
        if response.status_code != 200:
            raise click.ClickException(response.body.decode())
        return response

    def onnxruntime(self) -> Any:
        """Does the same with ONNX Runtime, if the package has a network for it."""
        services().predictor = self._second
        try:
            return self.handler()
        finally:
            services().predictor = self._first

    def use_case(self) -> Any:
        """Does the same without HTTP, JSON and the log line."""
        return self.predictor.predict(PredictRequest(), self.image)

    def network(self) -> Any:
        """Runs LiteRT alone, on an array that is ready."""
        self._interpreter.set_tensor(self._input, self._array)
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output)

    def _stamp(self, event: Any, get_response: Callable[[Any], Any]) -> Any:
        entered = time.perf_counter()
        event.raw_body  # noqa: B018 - which Chalice keeps: from base64 here, and not in the view
        decoded = time.perf_counter()
        response = get_response(event)
        self.within = (entered, decoded, time.perf_counter())
        return response
