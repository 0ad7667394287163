"""TensorFlow's file formats -> one form of network."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chalicelib.errors import ModelInvalid
from chalicelib.images.preprocessing import Preprocessing
from chalicelib.inference.tensors import DEPTHS, Tensor, check_fits, to_input
from tools.exporting import applications, inside
from tools.exporting.frozen_graph import FrozenGraph
from tools.exporting.raw import opened
from tools.exporting.reasons import quoted
from tools.inspecting.scaling import Order

Scores = NDArray[np.float32]
Reference = Callable[[NDArray[Any]], Scores]


@dataclass(frozen=True)
class Source:
    """A TensorFlow classifier as stored.

    name: of its file or application. image: the input, as one image of 32-bit floats.
    call: a float32 tensor of the shape of `image` to scores; to be traced.
    answer: an array of that shape to the scores that TensorFlow gives.
    takes_pixels: the order in which it surely takes pixels 0..255, or None; may run for seconds.
    reference: one image [height, width, 3] of 0..255, uint8 or float32, to scores, if the source
        prepares it. file: an encoded picture to scores, if the source also decodes it.
    """

    name: str
    image: Tensor
    classes: int
    call: Callable[[Any], Any]
    answer: Callable[[NDArray[np.generic]], Scores]
    takes_pixels: Callable[[], Order | None]
    reference: Reference | None = None
    file: Callable[[bytes], Scores] | None = None


@dataclass(frozen=True)
class Network:
    """A TensorFlow classifier that takes RGB pixels.

    call: a float32 tensor [1, height, width, 3] of RGB pixels 0..255 to scores; to be traced.
    reference: one image uint8 [height, width, 3] to the scores that TensorFlow gives.
    file: an encoded picture to scores. TensorFlow decodes it, takes the preprocessing's part of it
        and resizes that.
    size: width and height in pixels. classes: the number of scores.
    """

    call: Callable[[Any], Any]
    reference: Reference
    file: Callable[[bytes, Preprocessing], Scores]
    size: tuple[int, int]
    classes: int


def with_preprocessing(tf: Any, source: Source, how: Preprocessing) -> Network:
    """The network behind its preprocessing. Raises ModelInvalid if they do not fit."""
    check_fits(source.name, how, source.image)

    def reference(image: NDArray[np.uint8]) -> Scores:
        return source.answer(to_input(image, source.image, how)[np.newaxis])

    def file(data: bytes, part: Preprocessing) -> Scores:
        if source.file:
            return source.file(data)
        pixels = opened(tf, data, source.image.size, part)
        if source.reference:
            return source.reference(pixels[0].numpy())
        return source.answer(_prepared(tf, pixels, source.image, how).numpy())

    return Network(
        lambda pixels: source.call(_prepared(tf, pixels, source.image, how)),
        source.reference or reference,
        file,
        source.image.size,
        source.classes,
    )


def keras_application(
    tf: Any, name: str, weights: str, side: int | None, classes: int | None
) -> tuple[Source, Preprocessing]:
    """A network of keras.applications with its published preprocessing.

    weights: "imagenet", "none" for random ones, or a file.
    side: width and height; None for the application's own. Raises ModelInvalid if Keras refuses.
    """
    build = getattr(tf.keras.applications, name, None)
    if build is None or not name[:1].isupper():
        names = [known for known in dir(tf.keras.applications) if known[0].isupper()]
        raise ModelInvalid(f"Keras has no application {name!r}. It has {', '.join(names)}.")
    if weights not in ("imagenet", "none") and not Path(weights).is_file():
        raise ModelInvalid(f"--weights must be imagenet, none or a file, not {weights!r}.")
    step = "Give a --size and --weights that fit; --weights none takes random weights."
    with quoted(f"Keras could not build {name}", step):
        network = build(
            weights=None if weights == "none" else weights,
            input_shape=(side, side, 3) if side else None,
            classes=classes or 1000,
        )
    source, prepare = keras_model(tf, network, name, side), applications.prepare(build)

    def reference(image: NDArray[np.uint8]) -> Scores:
        return source.answer(prepare(image[np.newaxis].astype(np.float32)))

    return replace(source, reference=reference), applications.preprocessing(prepare)


def keras_model(tf: Any, network: Any, name: str, side: int | None) -> Source:
    """A loaded Keras 2 or 3 model. Raises ModelInvalid if it takes no image."""
    if not network.inputs:
        if side is None:
            raise ModelInvalid(f"{name} leaves its input open; give --size.")
        network.build((None, side, side, 3))
    if len(network.inputs) != 1 or len(network.outputs) != 1:
        raise ModelInvalid(f"{name} does not take one image and give one score for each class.")
    image = image_of(network.inputs[0].shape, side, name)

    def call(pixels: Any) -> Any:
        return network(pixels, training=False)

    return Source(
        name,
        image,
        classes_of(network.outputs[0].shape),
        call,
        lambda values: row(call(values)),
        lambda: inside.scales_itself(tf, call, image.shape),
    )


def frozen_graph(tf: Any, graph: FrozenGraph, side: int | None) -> Source:
    """A frozen graph.

    If it takes encoded images, its reference answers come from the uncut graph. So they would
    differ if the cut left out a scaling.
    """
    image = image_of(graph.pixels.shape, side, graph.pixels.name)
    return Source(
        graph.pixels.name,
        image,
        classes_of(graph.scores.shape),
        graph.call,
        lambda values: row(graph.reference(values[0])),
        lambda: (
            "rgb" if graph.encoded else inside.graph_scales_itself(tf, graph.pixels, image.shape)
        ),
        (lambda image: row(graph.reference(image))) if graph.encoded else None,
        (lambda data: row(graph.scores_of(data))) if graph.encoded else None,
    )


def _prepared(tf: Any, pixels: Any, image: Tensor, how: Preprocessing) -> Any:
    """`chalicelib.inference.tensors.to_input` in TensorFlow, on [1, height, width, 3]."""
    if image.depth == 1 or how.channels == "grey":
        weighed = tf.reduce_sum(pixels * [19595.0, 38470.0, 7471.0], axis=3, keepdims=True)
        pixels = tf.concat([tf.floor((weighed + 32768.0) / 65536.0)] * image.depth, axis=3)
    elif how.channels == "bgr":
        pixels = tf.reverse(pixels, axis=[3])
    if how.mean is not None:
        pixels = (pixels - tf.constant(how.mean)) / tf.constant(how.std)
    return tf.transpose(pixels, [0, 3, 1, 2]) if image.channels_first else pixels


def row(scores: Any) -> Scores:
    """Scores of any shape as a row: float32 [classes]."""
    return np.asarray(scores, np.float32).reshape(-1)


def image_of(shape: Any, side: int | None, name: str) -> Tensor:
    """A network's input. Raises ModelInvalid unless the shape is that of one image.

    shape: as TensorFlow or Keras give it. side: width and height, if the shape leaves them open.
    """
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


def classes_of(shape: Any) -> int:
    """The number of scores in a tensor of that shape. Raises ModelInvalid if it is open."""
    if shape is None or not len(shape) or shape[-1] is None:
        raise ModelInvalid("The network gives no fixed number of scores; it is not a classifier.")
    return int(shape[-1])
