"""TensorFlow's ways to keep a network, brought to one form."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chalicelib.errors import ModelInvalid
from chalicelib.models import Scaling
from tools.exporting.frozen_graph import FrozenGraph

PIXELS = Scaling(0.0, 1.0)
"""A network that takes pixels 0..255 and scales them itself."""


@dataclass(frozen=True)
class Network:
    """A classifier in TensorFlow.

    call: a float32 tensor [1, height, width, 3] of pixels 0..255 to scores; to be traced.
    reference: one image uint8 [height, width, 3] to the scores that TensorFlow itself gives.
    size: width and height in pixels.
    classes: how many scores there are.
    """

    call: Callable[[Any], Any]
    reference: Callable[[NDArray[np.uint8]], NDArray[np.float32]]
    size: tuple[int, int]
    classes: int


def keras_application(
    tf: Any, name: str, weights: str, side: int | None, classes: int | None
) -> Network:
    """A network of keras.applications with the preprocessing it was published with.

    weights: "imagenet", "none" for random ones, or a file.
    side: width and height; None for the application's own.
    Raises ModelInvalid where Keras refuses any of it.
    """
    build = getattr(tf.keras.applications, name, None)
    if build is None or not name[:1].isupper():
        names = [known for known in dir(tf.keras.applications) if known[0].isupper()]
        raise ModelInvalid(f"Keras has no application {name!r}; there are {', '.join(names)}.")
    if weights not in ("imagenet", "none") and not Path(weights).is_file():
        raise ModelInvalid(f"--weights must be imagenet, none or a file, not {weights!r}.")
    preprocess = sys.modules[build.__module__].preprocess_input
    try:
        network = build(
            weights=None if weights == "none" else weights,
            input_shape=(side, side, 3) if side else None,
            classes=classes or 1000,
        )
    except Exception as error:  # Keras raises plain Exception where a download fails
        raise ModelInvalid(f"Keras could not build {name}: {_first_line(error)}") from error
    return _of_keras(network, preprocess, name, side)


def keras_model(network: Any, name: str, side: int | None, scaling: Scaling) -> Network:
    """A loaded Keras model, given pixels scaled so. Raises ModelInvalid if it takes no image."""
    return _of_keras(network, lambda pixels: (pixels - scaling.mean) / scaling.std, name, side)


def load_keras(tf: Any, path: Path) -> Any:
    """The model in a `.keras` or `.h5` file. Raises ModelInvalid where Keras cannot load it."""
    try:
        return tf.keras.models.load_model(path, compile=False)
    except Exception as error:  # whatever its layers raise
        raise ModelInvalid(f"Keras could not load {path}: {_first_line(error)}") from error


def scales_itself(network: Any) -> bool:
    """Whether a Keras model begins with a layer that scales pixels."""
    first = [type(layer).__name__ for layer in network._flatten_layers()][:6]
    return not {"Rescaling", "Normalization"}.isdisjoint(first)


def saved_model(
    tf: Any, folder: Path, signature: str, side: int | None, scaling: Scaling
) -> Network:
    """A signature of a SavedModel, given pixels scaled so."""
    try:
        loaded = tf.saved_model.load(str(folder))
    except Exception as error:  # of TensorFlow's own kinds
        raise ModelInvalid(f"{folder} is not a SavedModel: {_first_line(error)}") from error
    if signature not in loaded.signatures:
        names = ", ".join(loaded.signatures) or "none"
        raise ModelInvalid(f"{folder} has no signature {signature!r}; it has {names}: --signature.")
    function = loaded.signatures[signature]
    inputs = function.structured_input_signature[1]
    outputs = list(function.structured_outputs.values())
    if len(inputs) != 1 or len(outputs) != 1:
        raise ModelInvalid(
            f"Signature {signature} has {len(inputs)} inputs and {len(outputs)} outputs; "
            "save one that takes one image and gives one score for each class."
        )
    argument, spec = next(iter(inputs.items()))

    def scaled(pixels: Any) -> Any:
        return tf.cast((pixels - scaling.mean) / scaling.std, spec.dtype)

    def call(pixels: Any) -> Any:
        loaded.signatures  # noqa: B018 - keeps the variables alive for as long as the function
        return next(iter(function(**{argument: scaled(pixels)}).values()))

    def reference(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        values = (image[np.newaxis].astype(np.float32) - scaling.mean) / scaling.std
        answer = function(**{argument: tf.constant(values.astype(spec.dtype.as_numpy_dtype))})
        return _row(next(iter(answer.values())))

    return Network(
        call, reference, _size(spec.shape, side, str(folder)), _classes(outputs[0].shape)
    )


def frozen_graph(graph: FrozenGraph, side: int | None, scaling: Scaling) -> Network:
    """A frozen graph, given pixels scaled so where its input is.

    Its own answers are for the whole of it, where it takes encoded images: so a scaling that the
    cut left out would come to light.
    """

    def reference(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        if graph.encoded:
            return _row(graph.reference(image))
        return _row(graph.reference((image.astype(np.float32) - scaling.mean) / scaling.std))

    return Network(
        lambda pixels: graph.call((pixels - scaling.mean) / scaling.std),
        reference,
        _size(graph.pixels.shape, side, graph.pixels.name),
        _classes(graph.scores.shape),
    )


def _of_keras(
    network: Any, preprocess: Callable[[Any], Any], name: str, side: int | None
) -> Network:
    if len(network.inputs) != 1 or len(network.outputs) != 1:
        raise ModelInvalid(f"{name} does not take one image and give one score for each class.")

    def reference(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        return _row(network(preprocess(image[np.newaxis].astype(np.float32)), training=False))

    return Network(
        lambda pixels: network(preprocess(pixels), training=False),
        reference,
        _size(network.inputs[0].shape, side, name),
        _classes(network.outputs[0].shape),
    )


def _row(scores: Any) -> NDArray[np.float32]:
    return np.asarray(scores, np.float32).reshape(-1)


def _size(shape: Any, side: int | None, name: str) -> tuple[int, int]:
    """Width and height. Raises ModelInvalid unless the shape is that of one RGB image."""
    dims = list(shape) if shape is not None and shape != [] else []
    if len(dims) != 4 or dims[3] not in (3, None):
        raise ModelInvalid(
            f"{name} takes {shape}, not RGB images [batch, height, width, 3]; export another."
        )
    width, height = dims[2] or side, dims[1] or side
    if not width or not height:
        raise ModelInvalid(f"{name} leaves its input size open; give --size.")
    if side and (width, height) != (side, side):
        raise ModelInvalid(f"{name} takes {width}x{height}; leave --size out.")
    return width, height


def _classes(shape: Any) -> int:
    if shape is None or not len(shape) or shape[-1] is None:
        raise ModelInvalid("The network gives no fixed number of scores; it is not a classifier.")
    return int(shape[-1])


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]
