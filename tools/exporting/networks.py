"""TensorFlow's ways to keep a network, brought to one form."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chalicelib.errors import ModelInvalid
from chalicelib.preprocessing import Preprocessing
from chalicelib.tensors import DEPTHS, Tensor, check_fits, to_input
from tools.exporting import inside, published
from tools.exporting.frozen_graph import FrozenGraph

Scores = NDArray[np.float32]
Reference = Callable[[NDArray[np.uint8]], Scores]


@dataclass(frozen=True)
class Source:
    """A classifier in TensorFlow, as it is kept.

    name: of what it is kept in. image: what it takes, as one image of 32-bit floats.
    call: a float32 tensor of the shape of `image` to scores; to be traced.
    answer: an array of that shape to the scores that TensorFlow itself gives.
    takes_pixels: whether it is certain to take pixels 0..255; may take seconds.
    reference: one image uint8 [height, width, 3] to scores, where the source prepares it itself.
    """

    name: str
    image: Tensor
    classes: int
    call: Callable[[Any], Any]
    answer: Callable[[NDArray[np.generic]], Scores]
    takes_pixels: Callable[[], bool]
    reference: Reference | None = None


@dataclass(frozen=True)
class Network:
    """A classifier in TensorFlow, with what it is given.

    call: a float32 tensor [1, height, width, 3] of RGB pixels 0..255 to scores; to be traced.
    reference: one image uint8 [height, width, 3] to the scores that TensorFlow itself gives.
    size: width and height in pixels.
    classes: how many scores there are.
    """

    call: Callable[[Any], Any]
    reference: Reference
    size: tuple[int, int]
    classes: int


def with_preprocessing(tf: Any, source: Source, how: Preprocessing) -> Network:
    """The network that takes RGB pixels and prepares them so. Raises ModelInvalid if it cannot."""
    check_fits(source.name, how, source.image)

    def reference(image: NDArray[np.uint8]) -> Scores:
        return source.answer(to_input(image, source.image, how)[np.newaxis])

    return Network(
        lambda pixels: source.call(_prepared(tf, pixels, source.image, how)),
        source.reference or reference,
        source.image.size,
        source.classes,
    )


def keras_application(
    tf: Any, name: str, weights: str, side: int | None, classes: int | None
) -> tuple[Source, Preprocessing]:
    """A network of keras.applications, and what it was published with.

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
    try:
        network = build(
            weights=None if weights == "none" else weights,
            input_shape=(side, side, 3) if side else None,
            classes=classes or 1000,
        )
    except Exception as error:  # Keras raises plain Exception where a download fails
        raise ModelInvalid(f"Keras could not build {name}: {_first_line(error)}") from error
    source, prepare = keras_model(tf, network, name, side), published.prepare(build)

    def reference(image: NDArray[np.uint8]) -> Scores:
        return source.answer(prepare(image[np.newaxis].astype(np.float32)))

    return replace(source, reference=reference), published.preprocessing(prepare)


def keras_model(tf: Any, network: Any, name: str, side: int | None) -> Source:
    """A loaded Keras model. Raises ModelInvalid if it takes no image."""
    if len(network.inputs) != 1 or len(network.outputs) != 1:
        raise ModelInvalid(f"{name} does not take one image and give one score for each class.")
    image = _image(network.inputs[0].shape, side, name)

    def call(pixels: Any) -> Any:
        return network(pixels, training=False)

    return Source(
        name,
        image,
        _classes(network.outputs[0].shape),
        call,
        lambda values: _row(call(values)),
        lambda: inside.scales_itself(tf, call, image.shape),
    )


def load_keras(tf: Any, path: Path) -> Any:
    """The model in a `.keras` or `.h5` file. Raises ModelInvalid where Keras cannot load it."""
    try:
        return tf.keras.models.load_model(path, compile=False)
    except Exception as error:  # whatever its layers raise
        raise ModelInvalid(f"Keras could not load {path}: {_first_line(error)}") from error


def saved_model(tf: Any, folder: Path, signature: str, side: int | None) -> Source:
    """A signature of a SavedModel. Raises ModelInvalid where it takes no image."""
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
    if _is_random(function.graph.as_graph_def()):
        raise ModelInvalid(
            f"{folder} changes pictures at random, as layers that augment do: its answers differ "
            "from call to call. Export the .keras file with --keras-file, or save it without them."
        )
    argument, spec = next(iter(inputs.items()))
    image = _image(spec.shape, side, str(folder))

    def call(pixels: Any) -> Any:
        loaded.signatures  # noqa: B018 - keeps the variables alive for as long as the function
        return next(iter(function(**{argument: tf.cast(pixels, spec.dtype)}).values()))

    return Source(
        str(folder),
        image,
        _classes(outputs[0].shape),
        call,
        lambda values: _row(call(tf.constant(values))),
        lambda: spec.dtype == tf.uint8 or inside.scales_itself(tf, call, image.shape),
    )


def frozen_graph(tf: Any, graph: FrozenGraph, side: int | None) -> Source:
    """A frozen graph.

    Its own answers are for the whole of it, where it takes encoded images: so a scaling that the
    cut left out would come to light.
    """
    image = _image(graph.pixels.shape, side, graph.pixels.name)
    return Source(
        graph.pixels.name,
        image,
        _classes(graph.scores.shape),
        graph.call,
        lambda values: _row(graph.reference(values[0])),
        lambda: graph.encoded or inside.graph_scales_itself(tf, graph.pixels, image.shape),
        (lambda image: _row(graph.reference(image))) if graph.encoded else None,
    )


def _prepared(tf: Any, pixels: Any, image: Tensor, how: Preprocessing) -> Any:
    """`chalicelib.tensors.to_input` as TensorFlow's operations, on [1, height, width, 3]."""
    if image.depth == 1 or how.channels == "grey":
        weighed = tf.reduce_sum(pixels * [19595.0, 38470.0, 7471.0], axis=3, keepdims=True)
        pixels = tf.concat([tf.floor((weighed + 32768.0) / 65536.0)] * image.depth, axis=3)
    elif how.channels == "bgr":
        pixels = tf.reverse(pixels, axis=[3])
    if how.mean is not None:
        pixels = (pixels - tf.constant(how.mean)) / tf.constant(how.std)
    return tf.transpose(pixels, [0, 3, 1, 2]) if image.channels_first else pixels


def _is_random(graph_def: Any) -> bool:
    """Whether a graph, or a function that it calls, draws random numbers."""
    nodes = [graph_def.node, *(function.node_def for function in graph_def.library.function)]
    return any("Random" in node.op for part in nodes for node in part)


def _row(scores: Any) -> Scores:
    return np.asarray(scores, np.float32).reshape(-1)


def _image(shape: Any, side: int | None, name: str) -> Tensor:
    """What a network takes. Raises ModelInvalid unless the shape is that of one image."""
    dims = list(shape) if shape is not None and shape != [] else []
    first = len(dims) == 4 and dims[1] in DEPTHS and dims[3] not in DEPTHS
    if len(dims) != 4 or not (first or dims[3] in (*DEPTHS, None)):
        raise ModelInvalid(
            f"{name} takes {shape}, not images [batch, height, width, channels] of 1 or 3 "
            "channels; export another."
        )
    height, width = dims[2:] if first else dims[1:3]
    width, height = width or side, height or side
    if not width or not height:
        raise ModelInvalid(f"{name} leaves its input size open; give --size.")
    if side and (width, height) != (side, side):
        raise ModelInvalid(f"{name} takes {width}x{height}; leave --size out.")
    depth = dims[1] if first else dims[3] or 3
    whole = (1, depth, height, width) if first else (1, height, width, depth)
    return Tensor(0, name, whole, np.dtype(np.float32), 0.0, 0)


def _classes(shape: Any) -> int:
    if shape is None or not len(shape) or shape[-1] is None:
        raise ModelInvalid("The network gives no fixed number of scores; it is not a classifier.")
    return int(shape[-1])


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]
