"""TensorFlow -> model package, with a check that both give the same answers."""

import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from chalicelib.errors import ModelInvalid
from chalicelib.images.preprocessing import Preprocessing
from chalicelib.inference.classifier import Classifier
from chalicelib.inference.engines import LITERT, ONNXRUNTIME, Engine
from chalicelib.inference.packages import ModelPackage
from chalicelib.inference.tensors import to_probabilities
from chalicelib.settings import Settings
from tools import newpackage as packages
from tools.add import described_as
from tools.console.quiet import quiet
from tools.exporting import choices, inside, ortexport, photographs, raw, trained
from tools.exporting.agreement import FLOAT, STATIC, WEIGHTS, Limits, check_loss, compare
from tools.exporting.networks import Network
from tools.exporting.reasons import quoted
from tools.featuremaps import exposed_if_possible
from tools.inspecting.firstrun import check_runs
from tools.inspecting.outputs import Output, settled, told
from tools.options import for_labels
from tools.photosamples import of_folder

GENERATED = 24
LACKING = re.compile(r"(?:TF Select|Custom) ops: (.+)")
HALF = re.compile(r"tensor<[^>]*x?b?f16>")
"""How the converter names operations that LiteRT lacks, and tensors of 16 bits."""
PLAIN = (
    "Where you built it, use common layers, 32 bits and one fixed size; save that, and export it "
    "again."
)
Say = Callable[[str], None]


def export(
    name: str, settings: Settings, force: bool, options: Mapping[str, Any], say: Say
) -> ModelPackage:
    """Convert the network that the options name, compare, and install it as package `name`.

    The package takes uint8 RGB pixels and gives probabilities: channel order, scaling, and softmax
    or sigmoid become part of it. say: told each step.
    Raises ModelInvalid, and installs nothing, if conversion fails or the answers differ.
    """
    packages.check_name(name, settings.model_dirs, force)
    choices.check(options)
    say("1/4 Loading TensorFlow and the network")
    with quiet():
        tf = _tensorflow()
        with quoted("TensorFlow could not run the network", PLAIN):
            source, own = choices.load(tf, options, say)
    labels = choices.labels_for(options, source.classes, settings.model_dirs, say)
    labels = packages.fitted(labels, source.classes, options["multi_label"], say)
    background = packages.background_class(options["background_class"], labels, say)
    of_imagenet = bool(options["keras"]) and options["weights"] == "imagenet"
    how = for_labels(labels, options, say, of_imagenet, choices.usual_pictures(options))
    how = msgspec.structs.replace(how, channels="rgb", mean=None, std=None)  # inside the network
    with quiet(), quoted("TensorFlow could not run the network", PLAIN):
        network = choices.prepared(tf, source, own, options, labels, how, say)
    generated = packages.sample_images(network.size, GENERATED)
    with quiet(), quoted("TensorFlow could not run the network", PLAIN):
        gives = _gives(tf, name, network, options, generated)
    say(f"Scores: {told(gives.scores, gives.multi_label)}; {gives.why}.")
    info = msgspec.structs.replace(
        _described_as(name, options),
        background_class=background,
        preprocessing=how,
        multi_label=gives.multi_label,
    )
    kept = options["pictures"] if options["onnxruntime"] else None
    pictures = photographs.like_those(kept, network.size, how, say)
    ranges, held = photographs.held_back(pictures)
    images = generated + photographs.images(options["images"], network.size, how) + ranges + held
    with quiet(), quoted("TensorFlow could not run the network", PLAIN):
        expected = np.stack([network.reference(image) for image in images])

    say(f"2/4 Converting, {'32' if options['float_'] else '8'}-bit weights")
    with quiet():
        classify = _classifying(tf, network, gives)
        pixels = tf.TensorSpec([1, *reversed(network.size), 3], tf.uint8, name="pixels")
        data = _convert(tf, classify, pixels, options["float_"])
        ort = ortexport.convert(classify, pixels, ranges, held) if pictures else None
    say(f"3/4 Comparing with TensorFlow on {len(images)} images")
    if gives.scores == "logits":
        expected = to_probabilities(expected, gives.multi_label)
    with packages.candidate(info, data, labels, ort) as package:
        check_runs(package.model_path)
        package = exposed_if_possible(package, say)
        counts = len(pictures), len(held)
        _compare(package, settings.threads, images, expected, counts, options, say)
        _compare_own(package, settings.threads, options, network, gives, say)
        if options["samples"]:
            package = of_folder(package, options["samples"], say)
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


def _gives(
    tf: Any,
    name: str,
    network: Network,
    options: Mapping[str, Any],
    pictures: list[NDArray[np.uint8]],
) -> Output:
    """What the network's scores are. Raises ModelInvalid if that is unknown."""
    end = inside.ending(tf, network.call, (1, *reversed(network.size), 3))

    def answers() -> NDArray[np.float32]:
        return np.stack([network.reference(picture) for picture in pictures])

    file, said = options["keras_file"], options["multi_label"]
    unsure = end.kind == "linear" and network.classes > 1 and said is None
    multi_label = trained.is_multi_label(file) if unsure and file else None
    if multi_label is not None:
        gives = settled(
            name, end, network.classes, {**options, "multi_label": multi_label}, answers
        )
        return replace(gives, why=f"{gives.why}, and by the loss that it was trained with")
    return settled(name, end, network.classes, options, answers)


def _compare(
    package: ModelPackage,
    threads: int,
    images: list[NDArray[np.uint8]],
    expected: NDArray[np.float32],
    pictures: tuple[int, int],
    options: Mapping[str, Any],
    say: Say,
) -> None:
    """Raise ModelInvalid unless each engine that has a file gives the expected answers.

    pictures: how many of the last images were given, and how many of these were held back. ONNX
        Runtime sees only these, because its ranges come from them.
    """
    engines: list[tuple[str, Engine, Limits]] = [
        ("LiteRT", LITERT, FLOAT if options["float_"] else WEIGHTS)
    ]
    if package.info.ort_sha256:
        engines.append(("ONNX Runtime", ONNXRUNTIME, STATIC))
    agreed = []
    for title, engine, limits in engines:
        with quiet():
            classifier = Classifier(package, threads, load=engine.load)
        asked = slice(None) if engine is LITERT else slice(-pictures[0], None)
        compared = compare(title, classifier, images[asked], expected[asked])
        size = (package.folder / engine.file(package.info)).stat().st_size / 1e6
        say(f"    {compared}\n    {size:.1f} MB; {compared.milliseconds:.1f} ms an image here.")
        compared.check(options["tolerance"], limits)
        agreed.append(compared.agrees[-pictures[1] :])
    if len(agreed) == 2 and options["tolerance"] is None:
        say(f"    {check_loss(*agreed)}")


def _compare_own(
    package: ModelPackage,
    threads: int,
    options: Mapping[str, Any],
    network: Network,
    gives: Output,
    say: Say,
) -> None:
    """Raise ModelInvalid if most of the user's files get another answer in TensorFlow."""
    files = photographs.some([options["images"], options["pictures"]])

    def framework(data: bytes, part: Preprocessing) -> NDArray[np.float32]:
        scores = network.file(data, part)
        return to_probabilities(scores, gives.multi_label) if gives.scores == "logits" else scores

    with quiet():
        compared = raw.compare(files, Classifier(package, threads), framework)
    if compared.pictures or compared.skipped:
        say(f"    {compared}")
    compared.check()


def _classifying(tf: Any, network: Network, gives: Output) -> Callable[[Any], Any]:
    """The function to convert: uint8 pixels [1, height, width, 3] -> probabilities [1, units]."""
    is_sigmoid = gives.multi_label or network.classes == 1

    def classify(pixels: Any) -> Any:
        scores = network.call(tf.cast(pixels, tf.float32))
        scores = tf.cast(tf.reshape(scores, [1, network.classes]), tf.float32)
        if gives.scores == "probabilities":
            return scores
        return tf.sigmoid(scores) if is_sigmoid else tf.nn.softmax(scores)

    return classify


def _convert(tf: Any, classify: Callable[[Any], Any], pixels: Any, keep_float: bool) -> bytes:
    """The network as a `.tflite` file: uint8 pixels [1, height, width, 3] -> float32 [1, classes].

    Dynamic range: 8-bit weights, activations quantised at run time; needs no sample images
    (https://ai.google.dev/edge/litert/models/post_training_quantization).
    """
    with quoted("TensorFlow could not convert the network", PLAIN), _operations_named():
        # Without the model itself as second argument: with it the variables of a Keras 3 model
        # are left out of the file, and the network gives noise (TensorFlow 2.21).
        traced = tf.function(classify).get_concrete_function(pixels)
        converter = tf.lite.TFLiteConverter.from_concrete_functions([traced])
        if not keep_float:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        data: bytes = converter.convert()
    return data


@contextmanager
def _operations_named() -> Iterator[None]:
    """Turn the converter's report of operations that LiteRT lacks into ModelInvalid."""
    try:
        yield
    except Exception as error:
        if HALF.search(str(error)):
            raise ModelInvalid(
                "It computes in 16 bits, and LiteRT has no operations for that. Export its Keras "
                "file with --keras-file, which computes in 32 bits, or save it in 32 bits."
            ) from error
        if match := LACKING.search(str(error)):
            raise ModelInvalid(
                f"LiteRT does not have {match[1]}, which it needs. {PLAIN}"
            ) from error
        raise
