"""TensorFlow -> package: what a network gives is told from it, or asked for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from chalicelib.inference.classifier import Classifier
from chalicelib.inference.engines import ONNXRUNTIME
from chalicelib.inference.packages import read_package
from tests.functional.test_export import only_x86_64
from tools.exporting import inside
from tools.exporting.trained import is_multi_label
from tools.inspecting.ending import Ending
from tools.model import cli
from tools.newpackage import sample_images

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning"),  # of Keras, about NumPy 2
]
SIDE = 16
Run = Callable[..., Result]


@pytest.fixture
def run(cache: Path, tmp_path: Path) -> Run:
    """`tools.model export` of a network of Keras, with labels."""

    def invoke(net: Any, labels: str, *options: Any, kept: str = "net.keras") -> Result:
        net.save(tmp_path / kept)
        (tmp_path / "labels.txt").write_text(labels.replace(" ", "\n"))
        command = ["export", "own", "--keras-file", str(tmp_path / kept), "--force"]
        command += ["--labels", str(tmp_path / "labels.txt"), *map(str, options)]
        result = CliRunner().invoke(cli, command, env={"MODEL_DIR": str(cache), "THREADS": "1"})
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        return result

    return invoke


def network(tf: Any, units: int, activation: str | None, loss: Any = None) -> Any:
    """Random weights, and answers that differ from image to image."""
    layers = tf.keras.layers
    wide = tf.keras.initializers.RandomNormal(stddev=4.0, seed=5)
    inputs = tf.keras.Input((SIDE, SIDE, 3))
    x = layers.Rescaling(1 / 127.5, -1)(inputs)
    x = layers.Conv2D(6, 3, strides=2, activation="relu", kernel_initializer=wide)(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.LayerNormalization()(x)
    net = tf.keras.Model(inputs, layers.Dense(units, activation, kernel_initializer=wide)(x))
    if loss is not None:
        net.compile(loss=loss)
    return net


def sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


def softmax(logits: np.ndarray) -> np.ndarray:
    powers: np.ndarray = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def rows(net: Any, images: list[np.ndarray]) -> np.ndarray:
    return np.asarray(net(np.stack(images).astype(np.float32), training=False))


def test_one_unit_and_labels_judged_one_by_one_are_exported_as_such(
    tf: Any, run: Run, cache: Path
) -> None:
    images = sample_images((SIDE, SIDE), 8)
    crossentropy = tf.keras.losses.BinaryCrossentropy(from_logits=True)
    cases: list[tuple[int, str | None, Any, str, tuple[str, ...], bool, str]] = [
        (1, None, None, "cat dog", (), False, "'dog', and 'cat' gets the rest"),
        (1, "sigmoid", None, "dog", (), False, "'dog', and 'not dog' gets the rest"),
        (4, "sigmoid", None, "a b c d", (), True, "several may be right; as it ends in sigmoids"),
        (4, None, None, "a b c d", ("--multi-label",), True, "several may be right"),
        (
            4,
            None,
            crossentropy,
            "a b c d",
            (),
            True,
            "and by the loss that it was trained with",
        ),
        (4, None, "sparse_categorical_crossentropy", "a b c d", (), False, "and by the loss"),
    ]
    for units, activation, loss, labels, options, several, said in cases:
        net = network(tf, units, activation, loss)
        result = run(net, labels, "--float", *options)
        assert result.exit_code == 0 and said in result.output, (labels, result.output)
        own = Classifier(read_package(cache / "own"), 1)
        assert (own.info.scores, own.info.multi_label) == ("probabilities", several)
        expected = rows(net, images)
        if activation is None:
            expected = sigmoid(expected) if several or units == 1 else softmax(expected)
        if units == 1:
            expected = np.hstack([1 - expected, expected])
        assert np.ptp(expected, axis=0).max() > 0.2
        scores = np.stack([own.scores(image) for image in images])
        assert np.abs(scores - expected).max() < 1e-3, labels
    refused = run(network(tf, 4, "sigmoid"), "a b c d", "--scores", "logits")
    assert refused.exit_code == 1 and "leave --scores out" in refused.output


@only_x86_64
def test_a_sigmoid_at_the_end_stays_float_for_onnx_runtime(
    tf: Any, run: Run, cache: Path, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    images = sample_images((SIDE, SIDE), 16)
    for number, image in enumerate(images):
        (photos / f"{number}.png").write_bytes(tf.io.encode_png(image).numpy())
    net = network(tf, 4, "sigmoid")
    result = run(net, "a b c d", "--onnxruntime", "--pictures", photos, "--tolerance", 1)
    assert result.exit_code == 0, result.output
    own = Classifier(read_package(cache / "own"), 1, load=ONNXRUNTIME.load)
    scores = np.stack([own.scores(image) for image in images])
    assert np.abs(scores - rows(net, images)).mean() < 0.1
    steps = scores[None] / scores.max() * np.arange(200, 257)[:, None, None]  # if it were rounded
    assert np.abs(steps - np.rint(steps)).max(axis=(1, 2)).min() > 0.1


def test_how_a_network_ends_is_read_from_its_graph(tf: Any) -> None:
    nn, shape = tf.nn, (1, 4)
    weights = tf.Variable(tf.ones([4, 3]))
    cases: list[tuple[Callable[[Any], Any], str]] = [
        (lambda x: nn.softmax(x @ weights), "softmax"),
        (lambda x: tf.reshape(tf.identity(nn.sigmoid(x @ weights)), [3]), "sigmoid"),
        (lambda x: tf.function(lambda y: nn.softmax(y))(x @ weights), "softmax"),
        (lambda x: nn.bias_add(x @ weights, tf.ones(3)), "linear"),
        (lambda x: 0.5 * (x @ weights) + 1.0, "linear"),
        (lambda x: nn.log_softmax(x @ weights), "linear"),
        (lambda x: (nn.softmax(x @ weights) + nn.softmax(x @ -weights)) / 2, "changed"),
        (lambda x: nn.sigmoid(x @ weights) * 2 - 1, "changed"),
        (lambda x: -(x @ weights), "changed"),
        (lambda x: nn.relu(x @ weights), "other"),
        (lambda x: x, "other"),
    ]
    for number, (call, kind) in enumerate(cases):
        assert inside.ending(tf, call, shape).kind == kind, number
    assert inside.ending(tf, cases[7][0], shape) == Ending("changed", "Sub")


def test_the_loss_of_a_file_tells_whether_labels_are_judged_one_by_one(
    tf: Any, tmp_path: Path
) -> None:
    losses = tf.keras.losses
    for loss, gives in [
        ("binary_crossentropy", True),
        (losses.BinaryFocalCrossentropy(), True),
        (losses.binary_crossentropy, True),
        ("sparse_categorical_crossentropy", False),
        (losses.CategoricalCrossentropy(from_logits=True), False),
        ("mse", None),
        (None, None),
    ]:
        net = network(tf, 2, None, loss)
        for kept in ("net.keras", "net.h5"):
            net.save(tmp_path / kept)
            assert is_multi_label(tmp_path / kept) is gives, (loss, kept)
