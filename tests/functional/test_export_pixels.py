"""TensorFlow -> package: what a network is given is told from it, or asked for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from click.testing import CliRunner, Result

from chalicelib.images.preprocessing import IMAGENET, WHOLE, Preprocessing
from chalicelib.inference.classifier import Classifier
from chalicelib.inference.packages import read_package
from chalicelib.inference.tensors import Tensor, to_input
from tests.conftest import TEST_DATA
from tests.samplepackages import with_metadata
from tests.unit.test_labels import imagenet
from tools.exporting import applications
from tools.inspecting.metadata import normalisation
from tools.model import cli
from tools.newpackage import sample_images

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning"),  # of Keras, about NumPy 2
]
SIDE = 24
MEAN = [120.0, 110.0, 100.0]
CAFFE = [103.939, 116.779, 123.68]
ASKED = "needs its pixels scaled. Give --mean and --std"
Run = Callable[..., Result]
Build = Callable[[Any], Any]


@pytest.fixture
def run(cache: Path, tmp_path: Path) -> Run:
    """`tools.model` with a command, and labels of three classes where it needs some."""
    (tmp_path / "labels.txt").write_text("red\ngreen\nblue\n")

    def invoke(command: str, *arguments: Any) -> Result:
        words = [command, "own", *map(str, arguments)]
        words += ["--labels", str(tmp_path / "labels.txt")] * ("--labels" not in words)
        result = CliRunner().invoke(cli, words, env={"MODEL_DIR": str(cache), "THREADS": "1"})
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        return result

    return invoke


def body(tf: Any, x: Any, classes: int = 3) -> Any:
    """A small network whose answer depends on each channel and on the scale of its pixels."""
    layers = tf.keras.layers
    wide = tf.keras.initializers.RandomNormal(stddev=1.0, seed=5)
    x = layers.Conv2D(6, 3, strides=2, activation="relu", kernel_initializer=wide)(x)
    x = layers.GlobalAveragePooling2D()(x)
    return layers.Dense(classes, activation="softmax", kernel_initializer=wide)(x)


def model(tf: Any, before: Build, shape: tuple[int, ...] = (SIDE, SIDE, 3)) -> Any:
    tf.keras.utils.set_random_seed(7)
    inputs = tf.keras.Input(shape)
    return tf.keras.Model(inputs, body(tf, before(inputs)))


def normalised(tf: Any) -> Build:
    layer = tf.keras.layers.Normalization()
    layer.adapt(np.stack(sample_images((SIDE, SIDE), 8)).astype(np.float32))
    return layer


def augmented(tf: Any) -> Build:
    layers = tf.keras.layers
    steps = [layers.RandomFlip(), layers.RandomRotation(0.1), layers.RandomZoom(0.1)]
    return tf.keras.Sequential([*steps, layers.Rescaling(1 / 127.5, -1)])


def nested(tf: Any) -> Build:
    """A base model that scales, inside of another."""
    inputs = tf.keras.Input((SIDE, SIDE, 3))
    scaled = tf.keras.layers.Rescaling(1 / 255)(inputs)
    wide = tf.keras.initializers.RandomNormal(stddev=1.0, seed=3)
    conv = tf.keras.layers.Conv2D(4, 3, padding="same", kernel_initializer=wide)
    return tf.keras.Model(inputs, conv(scaled))


INSIDE: dict[str, Callable[[Any], Build]] = {
    "after augmentation": augmented,
    "in a nested base": nested,
    "a normalisation": normalised,
    "operations, -1..1": lambda tf: tf.keras.applications.mobilenet_v2.preprocess_input,
    "operations, BGR": lambda tf: tf.keras.applications.vgg16.preprocess_input,
    "operations, a mean and a deviation": lambda tf: (
        lambda x: (
            (x / 255.0 - np.array([0.485, 0.456, 0.406], np.float32))
            / np.array([0.229, 0.224, 0.225], np.float32)
        )
    ),
    "a resize before": lambda tf: (
        lambda x: tf.keras.layers.Rescaling(1 / 255)(tf.keras.layers.Resizing(16, 16)(x))
    ),
}


@pytest.mark.parametrize(
    ("way", "kept"),
    [(way, kept) for way in INSIDE for kept in ("keras", "saved")
     if (way, kept) != ("after augmentation", "saved")],
)  # fmt: skip
def test_a_network_that_scales_pixels_itself_gets_them_as_they_are(
    tf: Any, run: Run, cache: Path, tmp_path: Path, way: str, kept: str
) -> None:
    net = model(tf, INSIDE[way](tf))
    source = save(net, tmp_path, kept)
    result = run("export", *source, "--float")
    assert result.exit_code == 0, result.output
    assert "Pixels: as they are, 0..255, because it scales them itself" in result.output
    check(cache, lambda image: net(image[None].astype(np.float32), training=False)[0])


@pytest.mark.parametrize("kept", ["keras", "saved", "tflite"])
def test_a_network_that_subtracts_the_mean_of_blue_first_gets_blue_first(
    tf: Any, run: Run, cache: Path, tmp_path: Path, kept: str
) -> None:
    padded = tf.keras.layers.ZeroPadding2D(1)
    net = model(tf, lambda x: padded(x - np.array(CAFFE, np.float32)))
    if kept == "tflite":
        source: tuple[Any, ...] = (tmp_path / "net.tflite",)
        source[0].write_bytes(converter(tf, net).convert())
        command = "add"
    else:
        command, source = "export", (*save(net, tmp_path, kept), "--float")
    result = run(command, *source)
    assert result.exit_code == 0, result.output
    assert "in the order BGR, because it subtracts Caffe's means itself" in result.output
    check(cache, lambda image: net(image[None, ..., ::-1].astype(np.float32), training=False)[0])
    assert run(command, *source, "--force", "--channels", "rgb").exit_code == 0
    assert read_package(cache / "own").info.preprocessing.channels == "rgb"


def converter(tf: Any, net: Any) -> Any:
    """LiteRT's, for the network with one image."""
    spec = tf.TensorSpec([1, SIDE, SIDE, 3], tf.float32)
    traced = tf.function(lambda x: net(x, training=False)).get_concrete_function(spec)
    return tf.lite.TFLiteConverter.from_concrete_functions([traced])


def save(net: Any, folder: Path, kept: str) -> tuple[Any, ...]:
    """The option that names it, and where it is."""
    if kept == "keras":
        net.save(folder / "net.keras")
        return "--keras-file", folder / "net.keras"
    net.export(str(folder / "net"), verbose=False)
    return "--saved-model", folder / "net"


def check(cache: Path, expected: Callable[[np.ndarray], Any], within: float = 0.01) -> None:
    """The package says what the network does, on images that it tells apart."""
    package = read_package(cache / "own")
    package.verify()
    classifier = Classifier(package, 1)
    images = sample_images((SIDE, SIDE), 8)
    rows = [np.asarray(expected(image)) for image in images]
    assert np.ptp(rows, axis=0).max() > 0.1
    for image, wanted in zip(images, rows, strict=True):
        assert np.abs(classifier.scores(image) - wanted).max() < within


def test_a_saved_model_that_augments_at_random_is_refused(
    tf: Any, run: Run, cache: Path, tmp_path: Path
) -> None:
    """As Keras's own export of one with such layers does, at every call."""
    source = save(model(tf, augmented(tf)), tmp_path, "saved")
    for scaling in ((), ("--mean", 0, "--std", 1)):
        result = run("export", *source, *scaling)
        assert result.exit_code == 1 and "at random" in result.output
        assert "--keras-file" in result.output and not cache.exists()


OUTSIDE: dict[str, Callable[[Any], Build]] = {
    "none": lambda tf: lambda x: x,
    "a normalisation of 0..1": lambda tf: lambda x: (x - 0.5) / 0.25,
    "cut off at 0 and 1": lambda tf: lambda x: tf.keras.ops.clip(x, 0.0, 1.0),
    "a learned one of unknown pixels": lambda tf: tf.keras.layers.BatchNormalization(),
}


@pytest.mark.parametrize("kept", ["keras", "saved"])
@pytest.mark.parametrize("way", OUTSIDE)
def test_where_it_cannot_be_told_it_is_asked_for(
    tf: Any, run: Run, cache: Path, tmp_path: Path, way: str, kept: str
) -> None:
    net = model(tf, OUTSIDE[way](tf))
    source = save(net, tmp_path, kept)
    asked = run("export", *source, "--float")
    assert asked.exit_code == 1 and ASKED in asked.output and not cache.exists()
    result = run("export", *source, "--float", "--mean", 0, "--std", 255)
    assert result.exit_code == 0, result.output
    check(cache, lambda image: net(image[None] / 255.0, training=False)[0])


def test_a_scaling_that_comes_twice_is_told(tf: Any, run: Run, tmp_path: Path) -> None:
    source = save(model(tf, augmented(tf)), tmp_path, "keras")
    result = run("export", *source, "--mean", 0, "--std", 255)
    assert result.exit_code == 0 and "scales them itself as well" in result.output
    plain = run("export", *source, "--mean", 0, "--std", 1, "--force")
    assert plain.exit_code == 0 and "itself as well" not in plain.output


def test_blue_first_with_a_mean_and_a_deviation_for_each_channel(
    tf: Any, run: Run, cache: Path, tmp_path: Path
) -> None:
    net = model(tf, lambda x: x)
    mean, std = [103.939, 116.779, 123.68], [57.375, 57.12, 58.395]
    scaling = ("--mean", ",".join(map(str, mean)), "--std", ",".join(map(str, std)))
    source = save(net, tmp_path, "keras")
    result = run("export", *source, "--float", "--channels", "bgr", *scaling)
    assert result.exit_code == 0, result.output
    assert "in the order BGR, as you said" in result.output
    check(cache, lambda image: net((image[None, ..., ::-1] - mean) / std, training=False)[0])
    assert read_package(cache / "own").info.preprocessing == WHOLE  # the network does the rest
    later = ["set", "own", "--mean", "1", "--std", "2"]
    refused = CliRunner().invoke(cli, later, env={"MODEL_DIR": str(cache)})
    assert refused.exit_code == 1 and "scales them itself; leave --mean" in refused.output


def test_a_network_of_one_channel_gets_grey(tf: Any, run: Run, cache: Path, tmp_path: Path) -> None:
    net = model(tf, tf.keras.layers.Rescaling(1 / 255), (SIDE, SIDE, 1))
    result = run("export", *save(net, tmp_path, "keras"), "--float")
    assert result.exit_code == 0, result.output
    grey = Tensor(0, "", (1, SIDE, SIDE, 1), np.dtype(np.float32), 0.0, 0)
    check(cache, lambda image: net(to_input(image, grey, WHOLE)[None], training=False)[0])
    refused = run("export", *save(net, tmp_path, "keras"), "--force", "--channels", "bgr")
    assert refused.exit_code == 1 and "takes one channel" in refused.output


class Signature:
    """A SavedModel of one signature, as hand-written ones are."""

    def __init__(self, tf: Any, net: Any, before: Build, shape: tuple[int, ...], dtype: Any):
        spec = tf.TensorSpec([None, *shape], dtype, name="image")
        self.module = tf.Module()
        self.module.net = net
        self.module.serve = tf.function(
            lambda image: {"scores": net(before(image), training=False)}, input_signature=[spec]
        )
        self.save = lambda folder: tf.saved_model.save(
            self.module, str(folder), signatures={"serving_default": self.module.serve}
        )


def test_a_signature_that_takes_bytes_gets_pixels_as_they_are(
    tf: Any, run: Run, cache: Path, tmp_path: Path
) -> None:
    net = model(tf, lambda x: x)
    before = lambda image: tf.image.convert_image_dtype(image, tf.float32)  # noqa: E731
    Signature(tf, net, before, (SIDE, SIDE, 3), tf.uint8).save(tmp_path / "saved")
    result = run("export", "--saved-model", tmp_path / "saved", "--float")
    assert result.exit_code == 0, result.output
    check(cache, lambda image: net(image[None] / 255.0, training=False)[0])


def test_channels_first_are_transposed(tf: Any, run: Run, cache: Path, tmp_path: Path) -> None:
    net = model(tf, lambda x: x)
    before = lambda image: tf.transpose(image, [0, 2, 3, 1])  # noqa: E731
    Signature(tf, net, before, (3, SIDE, SIDE), tf.float32).save(tmp_path / "saved")
    scaling = ("--mean", "1,2,3", "--std", "255")
    result = run("export", "--saved-model", tmp_path / "saved", "--float", *scaling)
    assert result.exit_code == 0, result.output
    check(cache, lambda image: net((image[None] - [1.0, 2.0, 3.0]) / 255.0, training=False)[0])


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("inception_v3", Preprocessing(mean=(127.5,), std=(127.5,))),
        ("vgg16", Preprocessing(
            channels="bgr", mean=(103.939, 116.779, 123.68), std=(1.0,))),
        ("densenet", Preprocessing(
            mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))),
        ("efficientnet", WHOLE),
        ("mobilenet_v3", WHOLE),
        ("convnext", WHOLE),
    ],
)  # fmt: skip
def test_keras_says_what_its_networks_are_given(
    tf: Any, module: str, expected: Preprocessing
) -> None:
    builders = {"vgg16": "VGG16", "inception_v3": "InceptionV3", "densenet": "DenseNet121",
                "efficientnet": "EfficientNetB0", "mobilenet_v3": "MobileNetV3Small",
                "convnext": "ConvNeXtTiny"}  # fmt: skip
    prepare = applications.prepare(getattr(tf.keras.applications, builders[module]))
    how = applications.preprocessing(prepare)
    assert how == expected
    pixels = np.stack(sample_images((8, 8), 1))
    tensor = Tensor(0, "", (1, 8, 8, 3), np.dtype(np.float32), 0.0, 0)
    ours: Any = to_input(pixels[0], tensor, how)
    np.testing.assert_allclose(ours, prepare(pixels.astype(np.float32))[0], atol=1e-3)


def test_an_application_that_scales_inside_is_given_pixels(tf: Any, run: Run) -> None:
    result = run("export", "--keras", "MobileNetV3Small", "--weights", "none", "--size", 32)
    assert result.exit_code == 0, result.output
    assert "as they are, 0..255, as keras.applications.MobileNetV3Small" in result.output


def test_labels_of_imagenet_bring_its_crop(tf: Any, run: Run, cache: Path, tmp_path: Path) -> None:
    inputs = tf.keras.Input((SIDE, SIDE, 3))
    net = tf.keras.Model(inputs, body(tf, tf.keras.layers.Rescaling(1 / 255)(inputs), 1000))
    (tmp_path / "imagenet.txt").write_text("\n".join(imagenet()))
    options = (*save(net, tmp_path, "keras"), "--labels", tmp_path / "imagenet.txt")
    result = run("export", *options)
    assert result.exit_code == 0, result.output
    assert "the middle 87.5% of the shorter side" in result.output
    assert read_package(cache / "own").info.preprocessing == IMAGENET
    assert run("export", *options, "--force", "--resize", "squash").exit_code == 0
    assert read_package(cache / "own").info.preprocessing == WHOLE


@pytest.mark.parametrize(
    ("before", "is_found"),
    [
        (lambda tf: tf.keras.layers.Rescaling(1 / 127.5, -1), True),
        (
            lambda tf: tf.keras.layers.Normalization(mean=[120.0, 110, 100], variance=[9.0, 8, 7]),
            False,
        ),
        (
            lambda tf: tf.keras.layers.Normalization(mean=[120.0, 110, 100], variance=[3e3] * 3),
            True,
        ),
        (lambda tf: tf.keras.applications.vgg16.preprocess_input, True),
        (lambda tf: lambda x: (x - 0.5) / 0.25, False),
        (lambda tf: lambda x: (tf.keras.ops.clip(x, 0.0, 1.0) - 0.5) / 0.25, False),
        (lambda tf: lambda x: x, False),
    ],
)
def test_a_file_of_litert_is_looked_into(
    tf: Any, run: Run, cache: Path, tmp_path: Path, before: Callable[[Any], Build], is_found: bool
) -> None:
    """Behind padding, where the converter does not fold the scaling into the first layer."""
    padded = tf.keras.layers.ZeroPadding2D(1)
    net = model(tf, lambda x: padded(before(tf)(x)))
    file = tmp_path / "net.tflite"
    file.write_bytes(converter(tf, net).convert())
    result = run("add", file)
    if not is_found:
        assert result.exit_code == 1 and ASKED in result.output and not cache.exists()
        return
    assert result.exit_code == 0, result.output
    assert "because it scales them itself" in result.output
    check(cache, lambda image: net(image[None].astype(np.float32), training=False)[0])


def with_normalisation(network: bytes, mean: list[float], std: list[float]) -> bytes:
    """The same network, saying what its pixels were normalised by."""
    builder = flatbuffers.Builder()

    def vector(parts: list[Any], prepend: Callable[[Any], None]) -> int:
        builder.StartVector(4, len(parts), 4)
        for part in reversed(parts):
            prepend(part)
        return int(builder.EndVector())

    def table(fields: dict[int, int], kind: int = 0) -> int:
        builder.StartObject(8)
        for slot, offset in fields.items():
            builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
        builder.PrependUint8Slot(0, kind, 0)
        return int(builder.EndObject())

    numbers = [vector(values, builder.PrependFloat32) for values in (mean, std)]
    builder.StartObject(2)
    for slot, offset in enumerate(numbers):
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    buffer = table({1: int(builder.EndObject())}, kind=1)
    for slot in (4, 2, 3):  # of the image, the graph and the whole
        buffer = table({slot: vector([buffer], builder.PrependUOffsetTRelative)})
    builder.Finish(buffer)
    return with_metadata(network, bytes(builder.Output()))


def test_a_file_of_litert_may_say_its_normalisation(
    tf: Any, run: Run, cache: Path, tmp_path: Path
) -> None:
    net = model(tf, lambda x: x)
    plain = converter(tf, net).convert()
    file = tmp_path / "net.tflite"
    file.write_bytes(with_normalisation(plain, [10.0, 20.0, 30.0], [50.0, 60.0, 70.0]))
    result = run("add", file)
    assert result.exit_code == 0, result.output
    assert "(pixel - (10, 20, 30)) / (50, 60, 70), as its metadata says" in result.output
    check(cache, lambda image: net((image[None] - [10, 20, 30.0]) / [50, 60, 70.0])[0])
    assert "as you said" in run("add", file, "--force", "--mean", 0, "--std", 255).output


@pytest.mark.parametrize("scaled", [False, True])
def test_a_file_of_litert_that_takes_16_bits_tells_by_its_range(
    tf: Any, run: Run, cache: Path, tmp_path: Path, scaled: bool
) -> None:
    """Of pixels 0..255, or of what they were made before."""
    net = model(tf, tf.keras.layers.Rescaling(1 / 255 if scaled else 1.0))
    top = 255.0 if scaled else 1.0
    converting = converter(tf, net)
    converting.optimizations = [tf.lite.Optimize.DEFAULT]
    samples = [image[None] * np.float32(top / 255) for image in sample_images((SIDE, SIDE), 8)]
    converting.representative_dataset = lambda: ([sample] for sample in samples)
    converting.target_spec.supported_ops = [
        tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
    ]
    converting.inference_input_type = tf.int16
    file = tmp_path / "net.tflite"
    file.write_bytes(converting.convert())
    result = run("add", file)
    if not scaled:
        assert result.exit_code == 1 and ASKED in result.output and not cache.exists()
        result = run("add", file, "--mean", 0, "--std", 255)
    assert result.exit_code == 0, result.output
    check(cache, lambda image: net(image[None] * np.float32(top / 255), training=False)[0], 0.03)


IMAGENETS = [123.675, 116.28, 103.53]


@pytest.mark.filterwarnings("ignore:Statistics for quantized:UserWarning")
@pytest.mark.parametrize(
    ("takes", "mean", "std", "is_found"),
    [
        ("float32", [0.0], [255.0], False),
        ("float32", [127.5], [127.5], False),
        ("float32", CAFFE, [1.0], False),
        ("float32", [0.0], [1.0], True),
        ("int8", [0.0], [255.0], True),
        ("int8", [127.5], [127.5], True),
        ("uint8", [0.0], [1.0], True),
        ("uint8", CAFFE, [1.0], False),
        ("int8", IMAGENETS, [58.395, 57.12, 57.375], False),
        ("int8", [0.0], [510.0], False),
    ],
)
def test_a_file_of_litert_that_is_quantised_tells_by_its_range(
    tf: Any, run: Run, cache: Path, tmp_path: Path, takes: str, mean: list[float],
    std: list[float], is_found: bool,
) -> None:  # fmt: skip
    """Its values are pixels only if that range is one of those that pixels are scaled to."""
    net = model(tf, lambda x: x)

    def scaled(image: np.ndarray) -> Any:
        return ((image[None] - np.array(mean)) / np.array(std)).astype(np.float32)

    converting = converter(tf, net)
    converting.optimizations = [tf.lite.Optimize.DEFAULT]
    samples = [scaled(image) for image in sample_images((SIDE, SIDE), 24)]
    converting.representative_dataset = lambda: ([sample] for sample in samples)
    converting.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converting.inference_input_type = getattr(tf, takes)
    file = tmp_path / "net.tflite"
    file.write_bytes(converting.convert())
    result = run("add", file)
    if not is_found:
        assert result.exit_code == 1 and ASKED in result.output and not cache.exists()
        numbers = [",".join(map(str, values)) for values in (mean, std)]
        result = run("add", file, "--mean", numbers[0], "--std", numbers[1])
    assert result.exit_code == 0, result.output
    images = sample_images((SIDE, SIDE), 24)
    classifier = Classifier(read_package(cache / "own"), 1)
    same = [
        classifier.scores(image).argmax() == np.argmax(net(scaled(image), training=False)[0])
        for image in images
    ]
    assert sum(same) >= 22


@pytest.mark.shared
def test_the_metadata_of_a_real_file_is_read() -> None:
    file = TEST_DATA / "mobilenet-v2" / "mobilenet_v2_1.0_224_quant.tflite"
    assert normalisation(file) == ((127.5,), (127.5,))


@pytest.mark.parametrize("depth", [1, 3])
def test_a_file_of_litert_is_given_its_channels(
    tf: Any, run: Run, cache: Path, tmp_path: Path, depth: int
) -> None:
    """One channel is grey; three may come first."""
    shape = (SIDE, SIDE, 1) if depth == 1 else (3, SIDE, SIDE)
    net = model(tf, lambda x: x, (SIDE, SIDE, depth))
    arrange = (lambda x: x) if depth == 1 else lambda x: tf.transpose(x, [0, 2, 3, 1])
    spec = tf.TensorSpec([1, *shape], tf.float32)
    traced = tf.function(lambda x: net(arrange(x), training=False)).get_concrete_function(spec)
    file = tmp_path / "net.tflite"
    file.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([traced]).convert())
    result = run("add", file, "--mean", 0, "--std", 255)
    assert result.exit_code == 0, result.output
    how = read_package(cache / "own").info.preprocessing
    assert how.channels == ("grey" if depth == 1 else "rgb") and how.std == (255.0,)
    last = Tensor(0, "", (1, SIDE, SIDE, depth), np.dtype(np.float32), 0.0, 0)
    check(cache, lambda image: net(to_input(image, last, how)[None], training=False)[0])
