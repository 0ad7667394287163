"""TensorFlow -> model package, and proof that both say the same."""

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from chalicelib.classifier import Classifier
from chalicelib.errors import InceptionError, ModelInvalid
from chalicelib.images import decode
from chalicelib.models import ModelPackage
from chalicelib.settings import Settings
from tools import package as packages
from tools.add import described_as
from tools.exporting import choices
from tools.exporting.agreement import compare, softmax
from tools.exporting.networks import Network
from tools.quiet import quiet

SAMPLES = 24
Say = Callable[[str], None]


def export(
    name: str, settings: Settings, force: bool, options: Mapping[str, Any], say: Say
) -> ModelPackage:
    """Convert the network that the options name, compare, and install it as package `name`.

    The package takes uint8 pixels and gives probabilities: scaling and softmax are part of it.
    say: told each step.
    Raises ModelInvalid where it cannot be converted or does not agree; then nothing is installed.
    """
    packages.check_name(name, settings.model_dirs, force)
    choices.check(options)
    say("1/4 Loading TensorFlow and the network")
    with quiet():
        tf = _tensorflow()
        network = choices.load(tf, options, say)
    labels = choices.labels_for(options, network.classes, settings.model_dirs, say)
    packages.check_labels(labels, network.classes)
    background = packages.background_class(options["background_class"], labels)
    info = msgspec.structs.replace(_described_as(name, options), background_class=background)
    images = packages.sample_images(network.size, SAMPLES) + _decoded(options["images"], network)
    with quiet():
        expected = np.stack([network.reference(image) for image in images])
    logits = _logits(options["scores"], expected[:SAMPLES])

    say(f"2/4 Converting, {'32' if options['float_'] else '8'}-bit weights")
    with quiet():
        data = _convert(tf, network, logits, options["float_"])
    say(f"3/4 Comparing with TensorFlow on {len(images)} images")
    with packages.candidate(info, data, labels) as package:
        with quiet():
            classifier = Classifier(package, settings.threads)
        found = compare(classifier, images, softmax(expected) if logits else expected)
        say(
            f"    {found}\n    {len(data) / 1e6:.1f} MB; {found.milliseconds:.1f} ms an image here."
        )
        found.check(options["tolerance"], options["float_"])
        say("4/4 Installing")
        return packages.install(package, settings.model_dirs[-1])


def _tensorflow() -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        import tensorflow as tf
    except ImportError as error:
        raise ModelInvalid("TensorFlow is not installed; run `make tensorflow` once.") from error
    logging.getLogger("absl").setLevel(logging.ERROR)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    return tf


def _described_as(name: str, options: Mapping[str, Any]) -> Any:
    info = described_as(name, options)
    if not options["keras"]:
        return info
    return msgspec.structs.replace(
        info,
        title=options["title"] or f"{options['keras']} (Keras)",
        source=options["source"] or f"keras.applications.{options['keras']}",
    )


def _decoded(folder: Path | None, network: Network) -> list[NDArray[np.uint8]]:
    """The images in a folder, as the service decodes them; other files are passed over."""
    images = []
    for path in sorted(folder.iterdir()) if folder else ():
        try:
            images.append(decode(path.read_bytes(), network.size).pixels)
        except (InceptionError, IsADirectoryError):
            continue
    if folder and not images:
        raise ModelInvalid(f"{folder} holds no image that can be read; leave --images out.")
    return images


def _logits(option: str, scores: NDArray[np.float32]) -> bool:
    return option == "logits" or (option == "auto" and not packages.are_probabilities(scores))


def _convert(tf: Any, network: Network, logits: bool, keep_float: bool) -> bytes:
    """The network as a `.tflite` file: uint8 pixels [1, height, width, 3] -> float32 [1, classes].

    Dynamic range: 8-bit weights, activations quantised while it runs; needs no sample images
    (https://ai.google.dev/edge/litert/models/post_training_quantization).
    """
    width, height = network.size
    pixels = tf.TensorSpec([1, height, width, 3], tf.uint8, name="pixels")

    def classify(pixels: Any) -> Any:
        scores = tf.reshape(network.call(tf.cast(pixels, tf.float32)), [1, network.classes])
        return tf.nn.softmax(scores) if logits else scores

    try:
        # Without the model itself as second argument: with it the variables of a Keras 3 model
        # are left out of the file, and the network gives noise (TensorFlow 2.21).
        traced = tf.function(classify).get_concrete_function(pixels)
        converter = tf.lite.TFLiteConverter.from_concrete_functions([traced])
        if not keep_float:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        data: bytes = converter.convert()
    except Exception as error:  # of TensorFlow's own kinds
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        raise ModelInvalid(f"TensorFlow could not convert the network: {reason}") from error
    return data
