"""TensorFlow -> package: files of other versions and of other tools."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from chalicelib.errors import ModelInvalid
from chalicelib.images.preprocessing import Preprocessing
from chalicelib.inference.classifier import Classifier
from chalicelib.inference.packages import read_package
from tests.conftest import TEST_DATA
from tests.functional.test_deciding import MIDDLE
from tools.exporting import frozen_graph, keras_files, raw, saved_models, tfjs
from tools.model import cli
from tools.newpackage import sample_images

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning"),  # of Keras, about NumPy 2
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file:UserWarning"),
]
SIDE, LABELS = 24, ("red", "green", "blue")
SIGNED = ("--mean", 127.5, "--std", 127.5)
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def keras_2(tf: Any) -> Any:
    return pytest.importorskip("tf_keras", reason="tf_keras is not installed: make tensorflow")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """`tools.model export own`, with labels of three classes."""
    (tmp_path / "labels.txt").write_text("\n".join(LABELS))

    def invoke(*arguments: Any, labels: bool = True) -> Result:
        command = ["export", "own", *map(str, arguments)]
        command += ["--labels", str(tmp_path / "labels.txt")] * labels
        env = {"MODEL_DIR": str(tmp_path / "cache"), "THREADS": "1"}
        result = CliRunner().invoke(cli, command, env=env)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        return result

    return invoke


def network(keras: Any, *before: Any, lambdas: bool = False) -> Any:
    """Of both Kerases, as they are used: a base, and a head in a model of its own."""
    keras.utils.set_random_seed(7)
    layers = keras.layers
    wide = keras.initializers.RandomNormal(stddev=1.0, seed=5)
    inputs = keras.Input((SIDE, SIDE, 3), name="image")
    x = inputs
    for layer in before:
        x = layer(x)
    x = layers.Conv2D(6, 3, strides=2, kernel_initializer=wide, name="Conv1")(x)
    x = layers.DepthwiseConv2D(3, name="wise")(x)  # whose Keras 2 says what Keras 3 does not know
    x = layers.BatchNormalization(name="bn_Conv1")(x)
    x = layers.ReLU(6.0)(x)
    base = keras.Model(inputs, layers.GlobalAveragePooling2D()(x), name="base")
    head = keras.Sequential(
        [
            layers.Dense(8, activation="relu", kernel_initializer=wide, input_shape=(6,))
            if keras.__name__ == "tf_keras"
            else layers.Dense(8, activation="relu", kernel_initializer=wide),
            layers.Dense(3, activation="softmax", kernel_initializer=wide),
        ],
        name="head",
    )
    return keras.Sequential([base, head])


@pytest.fixture(scope="module")
def old(keras_2: Any) -> Any:
    """A network of Keras 2."""
    return network(keras_2)


IMAGES = np.stack(sample_images((SIDE, SIDE), 6)).astype(np.float32)


def says(model: Any) -> np.ndarray:
    """Its answers to images of -1..1."""
    return np.asarray(model(IMAGES / 127.5 - 1, training=False))


def served(tmp_path: Path) -> np.ndarray:
    """What the package says of the same images."""
    own = Classifier(read_package(tmp_path / "cache" / "own"), 1)
    return np.stack([own.scores(image.astype(np.uint8)) for image in IMAGES])


def test_a_file_of_keras_2_is_exported(run: Run, old: Any, tmp_path: Path) -> None:
    """As Teachable Machine and TensorFlow to 2.15 write them."""
    old.save(tmp_path / "net.h5")
    result = run("--keras-file", tmp_path / "net.h5", "--float", *SIGNED)
    assert result.exit_code == 0, result.output
    assert np.ptp(says(old), axis=0).max() > 0.1
    np.testing.assert_allclose(served(tmp_path), says(old), atol=1e-3)
    old.save(tmp_path / "net.keras")
    loaded = keras_files.load(None, tmp_path / "net.keras")
    np.testing.assert_allclose(says(loaded), says(old), atol=1e-6)


def refusal(tf: Any, path: Path) -> str:
    with pytest.raises(ModelInvalid) as refused:
        keras_files.load(tf, path)
    return str(refused.value)


def test_what_has_code_of_its_own_is_refused_with_what_to_do(
    tf: Any, keras_2: Any, tmp_path: Path
) -> None:
    for keras, save in ((keras_2, "tf.saved_model.save"), (tf.keras, "model.export")):

        class Own(keras.layers.Layer):  # type: ignore[misc,name-defined]
            def call(self, x: Any) -> Any:
                return x * 2

        for layer, said in (
            (keras.layers.Lambda(lambda x: x / 2), "has a Lambda layer, which is code"),
            (Own(), "has layers of its own, Own, whose code is not in it"),
        ):
            net = keras.Sequential([keras.Input((8, 8, 3)), layer])
            for name in ("net.keras", "net.h5"):
                net.save(tmp_path / name)
                message = refusal(tf, tmp_path / name)
                assert said in message and save in message and "--saved-model net" in message


def test_what_is_no_whole_model_is_refused(tf: Any, old: Any, tmp_path: Path) -> None:
    old.save_weights(tmp_path / "net.weights.h5")
    assert "has only weights" in refusal(tf, tmp_path / "net.weights.h5")
    (tmp_path / "net.h5").write_bytes(b"\x89HDF\r\n\x1a\nnothing")
    assert "is not a file of Keras" in refusal(tf, tmp_path / "net.h5")


def test_mixed_precision_is_computed_in_32_bits(
    tf: Any, keras_2: Any, run: Run, tmp_path: Path
) -> None:
    for keras in (keras_2, tf.keras):
        keras.mixed_precision.set_global_policy("mixed_float16")
        try:
            net = network(keras)
        finally:
            keras.mixed_precision.set_global_policy("float32")
        assert net.compute_dtype == "float16"
        said: list[str] = []
        whole = keras_files.in_32_bits(net, said.append)
        assert said and says(whole).dtype == np.float32
        np.testing.assert_allclose(says(whole), says(net), atol=0.05)
        assert keras_files.in_32_bits(whole, said.append) is whole
    net.save(tmp_path / "net.keras")
    result = run("--keras-file", tmp_path / "net.keras", "--float", *SIGNED)
    assert result.exit_code == 0 and "Precision: 32 bits" in result.output, result.output
    np.testing.assert_allclose(served(tmp_path), says(net), atol=0.05)
    net.export(str(tmp_path / "saved"), verbose=False)
    refused = run("--saved-model", tmp_path / "saved", "--force", *SIGNED)
    assert refused.exit_code == 1 and "16 bits" in refused.output
    assert "--keras-file" in refused.output


def in_brief(config: Any) -> Any:
    """A configuration as it was written before classes had modules."""
    if isinstance(config, dict):
        later = {"module", "registered_name", "build_config"}
        return {key: in_brief(value) for key, value in config.items() if key not in later}
    return [in_brief(value) for value in config] if isinstance(config, list) else config


def write_tfjs(model: Any, folder: Path, way: str = "", script: bool = False) -> Path:
    """A layers model of TensorFlow.js: model.json and its weights, in shards of a few bytes.

    way: how weights are quantised; "" for not at all. script: as TensorFlow.js itself writes it,
    else as its converter does.
    """
    entries, data = [], b""
    for weight in sorted(model.weights, key=lambda variable: variable.name):
        values = weight.numpy()
        entry = {"name": weight.name.removesuffix(":0"), "shape": list(values.shape),
                 "dtype": "float32"}  # fmt: skip
        if way == "float16":
            values, entry["quantization"] = values.astype("<f2"), {"dtype": way}
        elif way:
            least, most = float(values.min()), np.iinfo(way).max
            scale = float(np.ptp(values)) / most or 1.0
            entry["quantization"] = {"dtype": way, "min": least, "scale": scale}
            values = np.rint((values - least) / scale).astype(way)
        entries.append(entry)
        data += values.tobytes()
    shards = [data[start : start + 200] for start in range(0, len(data), 200)]
    for number, shard in enumerate(shards):
        (folder / f"shard{number}.bin").write_bytes(shard)
    config = in_brief(json.loads(model.to_json()))
    topology = (
        config | {"keras_version": "tfjs-layers 1.3.1", "backend": "tensor_flow.js"}
        if script
        else {"keras_version": "2.12.0", "backend": "tensorflow", "model_config": config}
    )
    paths = [f"shard{number}.bin" for number in range(len(shards))]
    about = {"format": "layers-model", "modelTopology": topology,
             "weightsManifest": [{"paths": paths, "weights": entries}]}  # fmt: skip
    (folder / "model.json").write_text(json.dumps(about))
    return folder / "model.json"


def test_tensorflow_js_is_read_with_weights_of_every_kind(old: Any, tmp_path: Path) -> None:
    for way, within in (("", 1e-6), ("uint16", 1e-3), ("float16", 0.01), ("uint8", 0.1)):
        file = write_tfjs(old, tmp_path, way, script=way == "float16")
        np.testing.assert_allclose(says(tfjs.load(file)), says(old), atol=within)


def test_teachable_machine_says_what_its_networks_are_given(
    run: Run, old: Any, tmp_path: Path
) -> None:
    file = write_tfjs(old, tmp_path, script=True)
    asked = run("--tfjs", file)
    assert asked.exit_code == 1 and "--mean and --std" in asked.output
    assert "--tfjs needs --labels" in run("--tfjs", file, labels=False).output
    about = {"packageName": "@teachablemachine/image", "labels": ["One", "Two", "3"]}
    (tmp_path / "metadata.json").write_text(json.dumps(about))
    result = run("--tfjs", file, "--float", labels=False)
    assert result.exit_code == 0, result.output
    assert "as Teachable Machine scales them" in result.output
    package = read_package(tmp_path / "cache" / "own")
    assert package.labels() == ("One", "Two", "3")
    assert package.info.preprocessing == Preprocessing("crop", 1.0)
    np.testing.assert_allclose(served(tmp_path), says(old), atol=1e-3)


def test_tensorflow_js_that_is_not_whole_is_refused(old: Any, tmp_path: Path) -> None:
    file = write_tfjs(old, tmp_path)
    about = json.loads(file.read_text())
    group = about["weightsManifest"][0]

    def refused(said: str, **changes: Any) -> None:
        file.write_text(json.dumps(about | changes))
        with pytest.raises(ModelInvalid, match=said):
            tfjs.load(file)

    refused("graph model", format="graph-model")
    refused("has no weight", weightsManifest=[{"paths": [], "weights": []}])
    refused("shard99.bin is missing", weightsManifest=[group | {"paths": ["shard99.bin"]}])
    refused("end within", weightsManifest=[group | {"paths": group["paths"][:-1]}])
    refused("bytes where", weightsManifest=[group | {"weights": group["weights"][:-1]}])
    odd = [entry | {"dtype": "string"} for entry in group["weights"]]
    refused("of type string", weightsManifest=[group | {"weights": odd}])
    flat = [entry | {"shape": [int(np.prod(entry["shape"]))]} for entry in group["weights"]]
    refused("of shape", weightsManifest=[group | {"weights": flat}])
    unknown = json.loads(json.dumps(about["modelTopology"]).replace("DepthwiseConv2D", "Odd"))
    refused("Odd", modelTopology=unknown)
    file.write_text("[]")
    with pytest.raises(ModelInvalid, match="is not a model of TensorFlow"):
        tfjs.load(file)


@pytest.mark.shared
def test_a_real_inception_of_tensorflow_js(keras_2: Any) -> None:
    """Content moderation: ordinary photographs are neutral, and the labels come in this order."""
    from PIL import Image

    folder = TEST_DATA / "inception-v3"
    labels = (folder / "labels.txt").read_text().split()
    model = tfjs.load(folder / "model.json")
    photos = [TEST_DATA / "photos" / name for name in ("cat_720p.jpg", "parrot.jpg")]
    pixels = [
        np.asarray(Image.open(p).convert("RGB").resize((299, 299)), np.float32) / 255
        for p in photos
    ]
    scores = np.asarray(model(np.stack(pixels), training=False))
    assert [labels[index] for index in scores.argmax(axis=1)] == ["Neutral", "Neutral"]
    assert scores.max(axis=1).min() > 0.8


class Saved:
    """A SavedModel with the signatures named."""

    def __init__(self, tf: Any, net: Any, folder: Path) -> None:
        self.tf, self.module, self.folder = tf, tf.Module(), folder
        self.module.net, self.signatures = net, {}

    def add(self, name: str, shape: list[Any], dtype: Any, answer: Callable[[Any], Any]) -> None:
        function = self.tf.function(answer, input_signature=[self.tf.TensorSpec(shape, dtype)])
        setattr(self.module, f"f_{name}", function)
        self.signatures[name] = function

    def save(self) -> None:
        self.tf.saved_model.save(self.module, str(self.folder), signatures=self.signatures)


def test_the_signature_that_classifies_is_found_or_asked_for(
    tf: Any, old: Any, tmp_path: Path
) -> None:
    saved = Saved(tf, old, tmp_path / "saved")
    image = [None, SIDE, SIDE, 3]
    scores = lambda x: {"scores": old(x, training=False)}  # noqa: E731
    both = lambda x: {"scores": old(x, training=False), "size": tf.shape(x)}  # noqa: E731
    saved.add("serving_default", [None], tf.string, lambda x: {"length": tf.strings.length(x)})
    saved.add("classify", image, tf.float32, scores)

    def load(signature: str | None = None, output: str | None = None) -> tuple[Any, list[str]]:
        said: list[str] = []
        source = saved_models.saved_model(tf, saved.folder, signature, output, None, said.append)
        return source, said

    saved.save()
    source, (line,) = load()
    assert line == "Signature: classify; --signature takes another: serving_default."
    np.testing.assert_allclose(
        [source.answer((image / 127.5 - 1)[None]) for image in IMAGES], says(old), atol=1e-5
    )
    with pytest.raises(ModelInvalid, match="serving_default takes string"):
        load("serving_default")
    saved.add("both", image, tf.float32, both)
    saved.save()
    for named, said in (
        (
            (),
            r"several signatures; .*: both \(float32 .*scores, size\), classify \(",
        ),
        (("nothing",), "no signature 'nothing'; --signature takes both, classify, serving_default"),
        (("both",), r"has 2 outputs; --output takes scores \(float32 .*\), size \(int32"),
        (("both", "other"), "has no output 'other'"),
    ):
        with pytest.raises(ModelInvalid, match=said):
            load(*named)
    source, said_now = load("both", "scores")
    assert source.classes == 3 and not said_now
    saved.signatures = {}
    saved.save()
    with pytest.raises(ModelInvalid, match=r"has no signature\. Save it with a signature"):
        load()


def test_of_several_graphs_the_one_for_serving_is_taken(tf: Any, tmp_path: Path) -> None:
    """As TensorFlow 1 saved them."""
    v1 = tf.compat.v1
    builder = v1.saved_model.Builder(str(tmp_path / "saved"))
    with tf.Graph().as_default(), v1.Session() as session:
        image = v1.placeholder(tf.float32, [None, 4, 4, 3])
        weights = v1.get_variable("weights", initializer=np.eye(3, dtype=np.float32) * 2)
        scores = tf.matmul(tf.reduce_mean(image, [1, 2]), weights)
        session.run(v1.global_variables_initializer())
        signature = v1.saved_model.predict_signature_def({"image": image}, {"scores": scores})
        named = {"serving_default": signature}
        builder.add_meta_graph_and_variables(session, ["serve"], signature_def_map=named)
        builder.add_meta_graph(["train"])
    builder.save()
    source = saved_models.saved_model(tf, tmp_path / "saved", None, None, None, print)
    np.testing.assert_allclose(source.answer(np.ones((1, 4, 4, 3), np.float32)), [2, 2, 2])


def test_tensors_are_named_with_or_without_their_number(tf: Any, tmp_path: Path) -> None:
    with tf.Graph().as_default() as graph:
        image = tf.compat.v1.placeholder(tf.float32, [None, 4, 4, 3], name="image")
        tf.reduce_mean(image, [1, 2], name="scores")
    (tmp_path / "net.pb").write_bytes(graph.as_graph_def().SerializeToString())
    for names in (("image", "scores"), ("image:0", "scores:0")):
        frozen = frozen_graph.FrozenGraph(tf, tmp_path / "net.pb", *names)
        np.testing.assert_allclose(frozen.reference(np.ones((4, 4, 3))), [[1, 1, 1]])


def test_operations_that_litert_does_not_have_are_named(
    tf: Any, run: Run, old: Any, tmp_path: Path
) -> None:
    saved = Saved(tf, old, tmp_path / "saved")
    odd = lambda x: {"s": tf.math.erfinv(old(x, training=False) / 2)}  # noqa: E731
    saved.add("serving_default", [None, SIDE, SIDE, 3], tf.float32, odd)
    saved.save()
    result = run("--saved-model", saved.folder, "--scores", "logits", *SIGNED)
    assert result.exit_code == 1 and "LiteRT does not have Erfinv" in result.output
    assert "export it again" in result.output


def test_the_users_own_pictures_are_loaded_by_tensorflow_too(
    tf: Any, run: Run, old: Any, tmp_path: Path
) -> None:
    old.save(tmp_path / "net.keras")
    folder = tmp_path / "photos"
    folder.mkdir()
    upright = sample_images((60, 40), 10)
    for number, image in enumerate(upright):
        (folder / f"{number}.png").write_bytes(tf.io.encode_png(image).numpy())
    options = ("--keras-file", tmp_path / "net.keras", *SIGNED, "--images", folder, "--force")
    result = run(*options)
    assert result.exit_code == 0, result.output
    assert "as TensorFlow decodes and resizes them: the best class is the same on" in result.output


def test_pictures_are_loaded_as_tensorflow_does(tf: Any) -> None:
    image = sample_images((40, 20), 2)[1]
    data = tf.io.encode_png(image).numpy()
    whole = raw.opened(tf, data, (10, 10), Preprocessing())
    np.testing.assert_allclose(whole, tf.image.resize(image[None], (10, 10)))
    middle = raw.opened(tf, data, (10, 10), Preprocessing("crop", 1.0))
    np.testing.assert_allclose(middle, tf.image.resize(image[None, :, 10:30], (10, 10)))
    barred = np.asarray(
        raw.opened(tf, data, (10, 10), Preprocessing("letterbox", colour=(1, 2, 3)))
    )
    np.testing.assert_allclose(barred[:, 2:7], tf.image.resize(image[None], (5, 10)))
    assert (barred[0, [0, 9]] == [1, 2, 3]).all()


class Answers:
    """A package that finds whatever class it is said to."""

    input_size, info = (8, 8), SimpleNamespace(preprocessing=Preprocessing())

    def output(self, pixels: Any) -> np.ndarray:
        return np.array([0.9, 0.1], np.float32)


def test_where_most_get_another_answer_nothing_is_installed(tf: Any, tmp_path: Path) -> None:
    for number in range(8):
        data = tf.io.encode_png(sample_images((8, 8), 1)[0]).numpy()
        (tmp_path / f"{number}.png").write_bytes(data)
    (tmp_path / "9.txt").write_text("no picture")
    files = sorted(tmp_path.iterdir())

    def pictures(wrong: int) -> raw.OwnPictures:
        answers = iter([[0, 1]] * wrong + [[1, 0]] * 8)
        return raw.compare(files, Answers(), lambda data, how: np.array(next(answers)))  # type: ignore[arg-type]

    few = pictures(3)
    few.check()
    assert "same on 5 of 8, not on 0.png, 1.png, 2.png." in str(few)
    with pytest.raises(ModelInvalid, match="On 5 of your 8 pictures"):
        pictures(5).check()
    unread = raw.compare(files, Answers(), lambda data, how: [][0])  # type: ignore[arg-type]
    assert (unread.pictures, unread.skipped) == (0, 8)


def test_labelled_pictures_tell_how_pixels_are_scaled(tf: Any, run: Run, tmp_path: Path) -> None:
    """The same network and pictures as those of `test_deciding`, of red of 0 to 1 in thirds."""
    layers = tf.keras.layers
    net = tf.keras.Sequential([
        tf.keras.Input((SIDE, SIDE, 3)), layers.GlobalAveragePooling2D(),
        layers.Dense(3, activation="softmax"),
    ])  # fmt: skip
    net.set_weights([MIDDLE[:, :3].T, MIDDLE[:, 3]])
    net.save(tmp_path / "net.keras")
    for number, label in enumerate(LABELS):
        (tmp_path / "samples" / label).mkdir(parents=True)
        for step in range(12):
            red = np.full((SIDE, SIDE, 3), (number * 85 + 10 + 5 * step, 40, 90), np.uint8)
            file = tmp_path / "samples" / label / f"{step}.png"
            file.write_bytes(tf.io.encode_png(red).numpy())
    source = ("--keras-file", tmp_path / "net.keras", "--pictures", tmp_path / "samples")
    result = run(*source)
    assert result.exit_code == 0, result.output
    assert "Pixels: (pixel - 0) / 255, as labelled pictures tell." in result.output
    assert "(pixel - 0) / 255 is right on 36 of 36." in result.output
    assert "the best class is the same on 36 of 36." in result.output
    said = run(*source, "--mean", 127.5, "--std", 127.5, "--force")
    assert said.exit_code == 0 and "Look again: of labelled pictures" in said.output
    few = tmp_path / "few" / LABELS[0]
    few.mkdir(parents=True)
    (few / "0.png").write_bytes((tmp_path / "samples" / LABELS[0] / "0.png").read_bytes())
    shown = run(*source, "--samples", few.parent, "--force")
    assert shown.exit_code == 0, shown.output
    assert "Samples: 1 picture, as a small copy, goes with the package." in shown.output
    unit = tf.keras.Sequential([
        tf.keras.Input((SIDE, SIDE, 3)), layers.GlobalAveragePooling2D(),
        layers.Dense(1, activation="sigmoid"),
    ])  # fmt: skip
    unit.set_weights([np.array([[60.0], [0], [0]]), np.array([-20.0])])
    unit.save(tmp_path / "net.keras")
    (tmp_path / "two.txt").write_text("\n".join(LABELS[:2]))
    two = run(*source, "--labels", tmp_path / "two.txt", "--force", labels=False)
    assert two.exit_code == 0, two.output
    assert "(pixel - 0) / 255 is right on 24 of 24." in two.output
