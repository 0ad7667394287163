"""Build, train and quantise the network, a small Inception.

The modules are those of Szegedy et al., "Rethinking the Inception Architecture for Computer
Vision" (https://arxiv.org/abs/1512.00567, figures 5, 6 and 10), with narrower branches.
TensorFlow is imported where it is needed: drawing processes do without.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.doodle.data import Classes, Images
from tools.doodle.drawings import LABELS, SIZE

_PEAK_RATE = 3e-3


@dataclass(frozen=True)
class Variant:
    """The widths of the stem's two convolutions, and of a module's branches in each stage."""

    stem: tuple[int, int]
    stages: tuple[tuple[int, int], ...]  # (modules, channels of each of the four branches)
    dropout: float


VARIANTS = {
    "doodle": Variant(stem=(12, 32), stages=((1, 14), (3, 24), (2, 44)), dropout=0.3),
    "doodle-small": Variant(stem=(8, 16), stages=((1, 8), (2, 14), (1, 24)), dropout=0.2),
}


def build(variant: Variant, size: int = SIZE) -> Any:
    """Builds the Keras model: float32 [n, size, size, 3] in 0..1 -> softmax over LABELS."""
    from tensorflow import keras

    inputs = keras.Input((size, size, 3))
    x = inputs
    for filters in variant.stem:
        x = _unit(x, filters, 3, strides=2)
    for stage, (modules, width) in enumerate(variant.stages):
        if stage:
            x = _reduction(x, width)
        for _ in range(modules):
            x = _inception(x, width)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dropout(variant.dropout)(x)
    return keras.Model(
        inputs, keras.layers.Dense(len(LABELS), activation="softmax")(x), name="doodle"
    )


def _unit(
    x: Any, filters: int, kernel: int | tuple[int, int], strides: int | tuple[int, int] = 1
) -> Any:
    from tensorflow import keras

    x = keras.layers.Conv2D(filters, kernel, strides=strides, padding="same", use_bias=False)(x)
    return keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.98)(x))


def _inception(x: Any, width: int) -> Any:
    """1x1; 1x1 -> 3x3; 1x1 -> 1x3 -> 3x1 -> 1x3 -> 3x1 (a factorised 5x5); pooled -> 1x1."""
    from tensorflow import keras

    inner = width * 3 // 4
    narrow = _unit(x, width, 1)
    three = _unit(_unit(x, inner, 1), width, 3)
    five = _unit(x, inner, 1)
    for kernel, filters in (((1, 3), inner), ((3, 1), inner), ((1, 3), width), ((3, 1), width)):
        five = _unit(five, filters, kernel)
    pooled = _unit(keras.layers.AveragePooling2D(3, strides=1, padding="same")(x), width, 1)
    return keras.layers.Concatenate()([narrow, three, five, pooled])


def _reduction(x: Any, width: int) -> Any:
    """Halves the grid without a bottleneck: two strided branches and a pooled one."""
    from tensorflow import keras

    inner = width * 3 // 4
    three = _unit(_unit(x, inner, 1), width * 3 // 2, 3, strides=2)
    five = _unit(_unit(x, inner, 1), inner, 3)
    five = _unit(_unit(five, inner, (1, 3), strides=(1, 2)), width, (3, 1), strides=(2, 1))
    return keras.layers.Concatenate()(
        [three, five, keras.layers.MaxPooling2D(3, strides=2, padding="same")(x)]
    )


def train(
    model: Any,
    images: Images,
    classes: Classes,
    held_out: tuple[Images, Classes],
    epochs: int,
    batch: int,
) -> None:
    """Trains the model in place. The learning rate falls to zero; Keras shows its progress."""
    from tensorflow import keras

    steps = epochs * -(-len(images) // batch)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps, warmup_target=_PEAK_RATE, warmup_steps=min(400, steps // 10 + 1)
    )
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=1e-3),
        keras.losses.CategoricalCrossentropy(label_smoothing=0.05),
        metrics=["accuracy"],
        jit_compile=False,  # plain TensorFlow runs a module's branches side by side
    )
    one_hot = np.eye(len(LABELS), dtype=np.float32)
    held_images, held_classes = held_out
    model.fit(
        _scaled(images),
        one_hot[classes],
        batch_size=batch,
        epochs=epochs,
        shuffle=True,
        validation_data=(_scaled(held_images), one_hot[held_classes]),
        verbose=1,
    )


def _scaled(images: Images) -> NDArray[np.float32]:
    return np.asarray(images, np.float32) / np.float32(255)


def float_scores(model: Any, images: Images) -> NDArray[np.float32]:
    """Returns Keras' scores: float32 [n, classes]."""
    chunks = [_scaled(images[i : i + 250]) for i in range(0, len(images), 250)]
    return np.concatenate([np.asarray(model(chunk, training=False)) for chunk in chunks])


def quantised(model: Any, images: Images) -> bytes:
    """Returns the model as a static 8-bit .tflite, uint8 in and out, calibrated on the images.

    The input's scale is 1/255, so that raw pixels are its quantised values.
    """
    import tensorflow as tf

    size = images.shape[1]
    function = tf.function(
        lambda x: model(x, training=False),
        input_signature=[tf.TensorSpec([1, size, size, 3], tf.float32)],
    )
    # Without the model as second argument: with it a Keras 3 model's variables are left out.
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([_scaled(image[None])] for image in images)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.uint8
    return bytes(converter.convert())


def for_onnxruntime(model: Any, images: Images) -> bytes:
    """Returns model.ort, calibrated on the images: uint8 pixels in, float32 scores out."""
    import tensorflow as tf

    from tools.exporting import ortexport

    pixels = tf.TensorSpec([1, *images.shape[1:]], tf.uint8, name="pixels")

    def classify(pixels: Any) -> Any:
        return model(tf.cast(pixels, tf.float32) / 255.0, training=False)

    return ortexport.convert(classify, pixels, list(images))
