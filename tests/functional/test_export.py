"""TensorFlow -> package: every source, on networks small enough to build here."""

import json
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from chalicelib.errors import ModelInvalid
from chalicelib.images.preprocessing import WHOLE
from chalicelib.inference.classifier import Classifier
from chalicelib.inference.engines import ONNXRUNTIME
from chalicelib.inference.litert import inspect
from chalicelib.inference.packages import read_package
from tools.exporting import ortexport
from tools.model import cli
from tools.newpackage import sample_images

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning"),  # of Keras, about NumPy 2
]
only_x86_64 = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="ONNX Runtime is for x86_64"
)
SIDE, CLASSES = 32, 5
SIGNED = ("--mean", 127.5, "--std", 127.5)
Run = Callable[..., Result]


@pytest.fixture(scope="session")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("labels") / "labels.txt"
    path.write_text("cat\ndog\nfish\nbird\ncow\n")
    return path


@pytest.fixture
def run(cache: Path) -> Run:
    def invoke(*arguments: Any) -> Result:
        result = CliRunner().invoke(
            cli, ["export", *map(str, arguments)], env={"MODEL_DIR": str(cache), "THREADS": "1"}
        )
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        return result

    return invoke


def inception_module(tf: Any, x: Any) -> Any:
    conv = tf.keras.layers.Conv2D
    branches = [
        conv(8, 1, activation="relu")(x),
        conv(8, 3, padding="same", activation="relu")(x),
        conv(8, (3, 1), padding="same")(conv(8, (1, 3), padding="same")(x)),
        tf.keras.layers.AveragePooling2D(3, strides=1, padding="same")(x),
    ]
    return tf.keras.layers.Concatenate()(branches)


def network(tf: Any, activation: str | None = "softmax", rescaling: bool = False) -> Any:
    """Random weights, large enough that the classes differ from image to image."""
    tf.keras.utils.set_random_seed(7)
    inputs = tf.keras.Input((SIDE, SIDE, 3))
    x = tf.keras.layers.Rescaling(1 / 255)(inputs) if rescaling else inputs
    x = inception_module(tf, tf.keras.layers.Conv2D(8, 3, strides=2, activation="relu")(x))
    x = tf.keras.layers.GlobalAveragePooling2D()(x)
    wide = tf.keras.initializers.RandomNormal(stddev=2.0)
    return tf.keras.Model(
        inputs, tf.keras.layers.Dense(CLASSES, activation=activation, kernel_initializer=wide)(x)
    )


def classifier(cache: Path, name: str) -> Classifier:
    package = read_package(cache / name)
    package.verify()
    return Classifier(package, 1)


def softmax(logits: Any) -> Any:
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()


def test_a_keras_application_brings_its_preprocessing(
    tf: Any, run: Run, cache: Path, labels: Path
) -> None:
    result = run(
        "tiny", "--keras", "MobileNet", "--weights", "none", "--size", SIDE, "--labels", labels
    )
    assert result.exit_code == 0, result.output
    assert "24 images" in result.output and "correlation" in result.output
    tiny = classifier(cache, "tiny")
    assert tiny.input_size == (SIDE, SIDE) and len(tiny.labels) == CLASSES
    assert tiny.info.preprocessing == WHOLE and tiny.info.source == "keras.applications.MobileNet"
    assert inspect(cache / "tiny" / "model.tflite")[0].dtype == np.uint8


def test_keras_weights_from_a_file_are_the_ones_exported(
    tf: Any, run: Run, cache: Path, labels: Path, tmp_path: Path
) -> None:
    """VGG takes BGR less a mean; the order of the channels has to survive as well."""
    build = tf.keras.applications.VGG16
    tf.keras.utils.set_random_seed(7)
    net = build(weights=None, input_shape=(SIDE, SIDE, 3), classes=CLASSES)
    images = sample_images((SIDE, SIDE), 6)
    pixels = np.stack(images)[..., ::-1] - np.array([103.939, 116.779, 123.68])
    logits = np.log(net(pixels, training=False).numpy())
    strength = 2 / logits.std(axis=0).mean()  # of the head, so that its answer is the image's
    kernel, _ = net.layers[-1].get_weights()
    net.layers[-1].set_weights([kernel * strength, -strength * logits.mean(axis=0)])
    expected = net(pixels, training=False).numpy()
    assert np.ptp(expected, axis=0).max() > 0.1
    weights = tmp_path / "net.weights.h5"
    net.save_weights(weights)
    result = run(
        "tiny", "--keras", "VGG16", "--weights", weights, "--size", SIDE, "--labels", labels,
        "--float",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    tiny = classifier(cache, "tiny")
    for image, wanted in zip(images, expected, strict=True):
        assert np.abs(tiny.scores(image) - wanted).max() < 0.01


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("activation", ["softmax", None])
def test_a_keras_file(
    tf: Any, run: Run, cache: Path, labels: Path, tmp_path: Path, suffix: str, activation: str
) -> None:
    """Logits become probabilities inside the package."""
    net = network(tf, activation)
    file = tmp_path / f"net{suffix}"
    net.save(file)
    result = run(
        "own", "--keras-file", file, "--labels", labels, "--mean", 0, "--std", 255, "--float"
    )
    assert result.exit_code == 0, result.output
    own = classifier(cache, "own")
    for image in sample_images((SIDE, SIDE), 6):
        raw = net(image[None] / 255.0, training=False).numpy()[0]
        expected = raw if activation else softmax(raw)
        assert np.abs(own.scores(image) - expected).max() < 1e-3
    assert own.info.scores == "probabilities"


def test_a_network_that_scales_itself_gets_plain_pixels(
    tf: Any, run: Run, cache: Path, labels: Path, tmp_path: Path
) -> None:
    net = network(tf, rescaling=True)
    net.save(tmp_path / "net.keras")
    result = run("own", "--keras-file", tmp_path / "net.keras", "--labels", labels)
    assert result.exit_code == 0, result.output
    assert "127.5" not in result.output
    image = sample_images((SIDE, SIDE), 3)[2]
    expected = net(image[None].astype(np.float32), training=False).numpy()[0]
    assert np.abs(classifier(cache, "own").scores(image) - expected).max() < 0.05


def test_a_saved_model_with_8_bit_weights(
    tf: Any, run: Run, cache: Path, labels: Path, tmp_path: Path
) -> None:
    net = network(tf)
    net.export(str(tmp_path / "saved"), verbose=False)
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "note.txt").write_text("not an image")
    png = tf.io.encode_png(sample_images((60, 40), 3)[2]).numpy()
    (tmp_path / "images" / "a.png").write_bytes(png)
    result = run(
        "own", "--saved-model", tmp_path / "saved", "--labels", labels,
        "--images", tmp_path / "images", "--title", "Mine", "--licence", "MIT", *SIGNED,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "25 images" in result.output and "127.5" in result.output
    described = json.loads((cache / "own" / "model.json").read_text())
    assert (described["title"], described["licence"]) == ("Mine", "MIT")
    assert described["background_class"] is None
    missing = run(
        "other", "--saved-model", tmp_path / "saved", "--labels", labels, "--signature", "x"
    )
    assert missing.exit_code == 1 and "serving_default" in missing.output


@pytest.fixture(scope="session")
def photos(tf: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sample images, some in a folder below, beside what is none."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "more").mkdir()
    (folder / "more" / "note.txt").write_text("not an image")
    for number, image in enumerate(sample_images((48, 40), 20)):
        path = folder / ("more" if number % 2 else "") / f"{number}.png"
        path.write_bytes(tf.io.encode_png(image).numpy())
    return folder


@only_x86_64
def test_onnx_runtime_gets_the_same_network(
    tf: Any, run: Run, cache: Path, labels: Path, tmp_path: Path, photos: Path
) -> None:
    """In 8 bits, scaling and softmax inside; both files are installed, with their digests."""
    net = network(tf, activation=None)
    net.save(tmp_path / "net.keras")
    plain = ("own", "--keras-file", tmp_path / "net.keras", "--labels", labels, *SIGNED)
    options = (*plain, "--onnxruntime", "--pictures", photos)
    refused = run(*options, "--tolerance", 0.0001)
    assert refused.exit_code == 1 and "--tolerance" in refused.output and not cache.exists()
    result = run(*options)
    assert result.exit_code == 0, result.output
    assert "more/note.txt" in result.output and "44 images" in result.output
    assert "ONNX Runtime: the best class" in result.output
    package = read_package(cache / "own")
    package.verify()
    assert package.files == ("model.json", "labels.txt", "model.tflite", "model.ort", "head.npz")
    assert {path.name for path in package.folder.iterdir()} == set(package.files)
    own = Classifier(package, 1, load=ONNXRUNTIME.load)
    assert own.kernels == "onnxruntime" and own.input_size == (SIDE, SIDE)
    images = sample_images((SIDE, SIDE), 12)
    expected = [softmax(net(i[None] / 127.5 - 1.0, training=False).numpy()[0]) for i in images]
    assert np.ptp(expected, axis=0).max() > 0.3
    for image, wanted in zip(images, expected, strict=True):
        assert np.abs(own.scores(image) - wanted).max() < 0.1
    listed = CliRunner().invoke(cli, ["list"], env={"MODEL_DIR": str(cache)})
    assert "LiteRT, ONNX Runtime" in listed.output
    assert run(*plain, "--force").exit_code == 0
    assert read_package(cache / "own").info.ort_sha256 is None
    assert not (cache / "own" / "model.ort").exists()


@only_x86_64
def test_too_few_samples_for_onnx_runtime(
    tf: Any, run: Run, cache: Path, labels: Path, tmp_path: Path, photos: Path
) -> None:
    network(tf).save(tmp_path / "net.keras")
    result = run(
        "own", "--keras-file", tmp_path / "net.keras", "--labels", labels,
        "--onnxruntime", "--pictures", photos / "more", *SIGNED,
    )  # fmt: skip
    assert result.exit_code == 1 and "10 images" in result.output and "16" in result.output
    assert "note.txt" in result.output and not cache.exists()


def test_what_exports_for_onnx_runtime_must_be_there() -> None:
    ortexport.check_machine("x86_64")
    with pytest.raises(ModelInvalid, match=r"x86_64.*aarch64"):
        ortexport.check_machine("aarch64")
    ortexport.check_packages(find=lambda name: name)
    with pytest.raises(ModelInvalid, match=r"tf2onnx and sympy .*make tensorflow"):
        ortexport.check_packages(find=lambda name: None if name in ("tf2onnx", "sympy") else name)


def graph_of_2015(tf: Any) -> Any:
    """The shape, names and operations of the published Inception graph, small."""
    rng = np.random.default_rng(3)

    def weights(*shape: int, scale: float = 0.4) -> Any:
        return tf.constant(rng.normal(0, scale, shape).astype(np.float32))

    raw = tf.raw_ops
    with tf.Graph().as_default() as graph:
        contents = tf.compat.v1.constant(b"", name="DecodeJpeg/contents")
        image = raw.DecodeJpeg(contents=contents, channels=3, name="DecodeJpeg")
        image = raw.Cast(x=image, DstT=tf.float32, name="Cast")
        image = raw.ExpandDims(input=image, axis=0, name="ExpandDims")
        image = raw.ResizeBilinear(images=image, size=[SIDE, SIDE], name="ResizeBilinear")
        image = raw.Sub(x=image, y=128.0, name="Sub")
        image = raw.Mul(x=image, y=1 / 128, name="Mul")
        x = raw.Conv2D(input=image, filter=weights(3, 3, 3, 8), strides=[1, 2, 2, 1],
                       padding="VALID", name="conv/Conv2D")  # fmt: skip
        # Stands where the old normalisation will be: operations of 2015 cannot be built any more.
        x = raw.Identity(input=x, name="conv/batchnorm")
        x = raw.Relu(features=x, name="conv")
        towers = [
            raw.Conv2D(input=x, filter=weights(n, n, 8, 8), strides=[1, 1, 1, 1], padding="SAME")
            for n in (1, 3)
        ]
        x = raw.Concat(concat_dim=3, values=towers, name="mixed/join")
        x = raw.AvgPool(value=x, ksize=[1, 15, 15, 1], strides=[1, 1, 1, 1], padding="VALID",
                        name="pool_3")  # fmt: skip
        x = raw.Reshape(tensor=x, shape=[1, 16], name="pool_3/_reshape")
        x = raw.MatMul(a=x, b=weights(16, CLASSES, scale=1.0), name="softmax/logits/MatMul")
        raw.Softmax(logits=x, name="softmax")
    definition = graph.as_graph_def()
    definition.versions.producer = 8
    _normalise_as_in_2015(tf, definition, rng)
    return definition


def _normalise_as_in_2015(tf: Any, definition: Any, rng: np.random.Generator) -> None:
    node = next(node for node in definition.node if node.name == "conv/batchnorm")
    node.op = "BatchNormWithGlobalNormalization"
    for name, value in {
        "mean": rng.normal(0, 0.2, 8),
        "variance": rng.uniform(0.3, 2.0, 8),
        "beta": rng.normal(0, 0.2, 8),
        "gamma": np.full(8, 9.0),  # which scale_after_normalization false leaves out
    }.items():
        constant = definition.node.add(name=f"conv/batchnorm/{name}", op="Const")
        constant.attr["dtype"].type = 1
        proto = tf.make_tensor_proto(value.astype(np.float32))
        constant.attr["value"].tensor.CopyFrom(proto)
        node.input.append(constant.name)
    node.attr["variance_epsilon"].f = 0.001
    node.attr["scale_after_normalization"].b = False
    check = definition.node.add(name="conv/CheckNumerics", op="CheckNumerics")
    check.input.append("conv/batchnorm")
    check.attr["T"].type = 1
    check.attr["message"].s = b"NaN"
    relu = next(node for node in definition.node if node.name == "conv")
    del relu.input[:]
    relu.input.extend(["conv/batchnorm", "^conv/CheckNumerics"])


def test_the_frozen_graph_of_2015(
    tf: Any, run: Run, cache: Path, labels: Path, tmp_path: Path
) -> None:
    definition = graph_of_2015(tf)
    file = tmp_path / "classify_image_graph_def.pb"
    file.write_bytes(definition.SerializeToString())
    result = run("inception", "--frozen-graph", file, "--labels", labels, "--float")
    assert result.exit_code == 0, result.output
    inception = classifier(cache, "inception")
    images = sample_images((SIDE, SIDE), 6)
    encoded = [tf.io.encode_png(image).numpy() for image in images]
    with tf.Graph().as_default() as graph, tf.compat.v1.Session(graph=graph) as session:
        tf.graph_util.import_graph_def(definition, name="")
        for image, png in zip(images, encoded, strict=True):
            (expected,) = session.run("softmax:0", {"DecodeJpeg/contents:0": png})
            assert np.abs(inception.scores(image) - expected).max() < 1e-3
    tops = {int(inception.scores(image).argmax()) for image in sample_images((SIDE, SIDE), 24)}
    assert len(tops) > 1


def test_a_frozen_graph_fed_in_the_middle_and_a_wrong_name(
    tf: Any, run: Run, cache: Path, labels: Path, tmp_path: Path
) -> None:
    file = tmp_path / "graph.pb"
    file.write_bytes(graph_of_2015(tf).SerializeToString())
    scaled = ("--input", "Mul:0", "--mean", 128, "--std", 128)
    result = run("inception", "--frozen-graph", file, "--labels", labels, *scaled)
    assert result.exit_code == 0, result.output
    wrong = run("other", "--frozen-graph", file, "--labels", labels, "--output", "nothing:0")
    assert wrong.exit_code == 1 and "--output" in wrong.output and "softmax" in wrong.output
    file.write_bytes(b"no graph at all")
    broken = run("other", "--frozen-graph", file, "--labels", labels)
    assert broken.exit_code == 1 and "GraphDef" in broken.output


def test_a_scaling_that_the_graph_does_not_have_comes_to_light(
    tf: Any, run: Run, cache: Path, labels: Path, tmp_path: Path
) -> None:
    """The whole graph answers for itself, so pixels scaled twice cannot agree with it."""
    file = tmp_path / "graph.pb"
    file.write_bytes(graph_of_2015(tf).SerializeToString())
    result = run(
        "inception", "--frozen-graph", file, "--labels", labels, "--mean", 127.5, "--std", 127.5
    )
    assert result.exit_code == 1
    assert "differ" in result.output and "nothing was installed" in result.output
    assert not (cache / "inception").exists()


def test_a_difference_over_the_tolerance_installs_nothing(
    tf: Any, run: Run, cache: Path, labels: Path, tmp_path: Path
) -> None:
    network(tf).save(tmp_path / "net.keras")
    arguments = ("own", "--keras-file", tmp_path / "net.keras", "--labels", labels, *SIGNED)
    refused = run(*arguments, "--tolerance", 0)
    assert refused.exit_code == 1 and "--tolerance" in refused.output
    assert not (cache / "own").exists()
    assert run(*arguments).exit_code == 0


def test_a_float_network_of_logits_is_added_as_such(
    tf: Any, cache: Path, labels: Path, tmp_path: Path
) -> None:
    """Bring your own: the scaling is asked for, and what was seen of the scores is said."""
    net = network(tf, activation=None)
    traced = tf.function(lambda x: net(x)).get_concrete_function(
        tf.TensorSpec([1, SIDE, SIDE, 3], tf.float32)
    )
    file = tmp_path / "net.tflite"
    file.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([traced]).convert())
    arguments = ["add", "own", str(file), "--labels", str(labels)]
    asked = CliRunner().invoke(cli, arguments, env={"MODEL_DIR": str(cache)})
    assert asked.exit_code == 1 and "--mean and --std" in asked.output and not cache.exists()
    arguments += map(str, SIGNED)
    result = CliRunner().invoke(cli, arguments, env={"MODEL_DIR": str(cache)})
    assert result.exit_code == 0, result.output
    assert "(pixel - 127.5) / 127.5, as you said" in result.output and "logits" in result.output
    own = classifier(cache, "own")
    for image in sample_images((SIDE, SIDE), 4):
        expected = softmax(net(image[None] / 127.5 - 1.0, training=False).numpy()[0])
        assert np.abs(own.scores(image) - expected).max() < 1e-3


def test_labels_must_be_as_many_as_the_classes(
    tf: Any, run: Run, cache: Path, tmp_path: Path
) -> None:
    network(tf).save(tmp_path / "net.keras")
    short = tmp_path / "short.txt"
    short.write_text("cat\ndog\nfish\nbird\n")
    result = run("own", "--keras-file", tmp_path / "net.keras", "--labels", short, *SIGNED)
    assert result.exit_code == 1
    assert "5 classes" in result.output and "background" in result.output
    assert not cache.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--keras", "InceptionV9"], "InceptionV3"),
        (["--keras", "MobileNet", "--weights", "gone.h5"], "gone.h5"),
        (["--keras", "MobileNet", "--mean", "0", "--std", "1"], "--mean"),
        (["--keras", "InceptionV3", "--weights", "none", "--size", "20"], "at least 75"),
        ([], "exactly one"),
        (["--saved-model", "."], "--labels"),
        (["--keras", "MobileNet", "--onnxruntime"], "--pictures"),
        (["--keras", "MobileNet", "--onnxruntime", "--pictures", ".", "--float"], "--float"),
    ],
)
def test_what_cannot_be_exported_is_one_clear_line(
    tf: Any, run: Run, arguments: list[str], said: str
) -> None:
    result = run("own", *arguments)
    assert result.exit_code == 1
    assert said in result.output and "Traceback" not in result.output
    assert len([line for line in result.output.splitlines() if line.startswith("Error")]) == 1
