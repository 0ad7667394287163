"""Explanations and embeddings of real networks, by each engine."""

import base64
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from chalicelib.errors import ModelInvalid
from chalicelib.images.decode import Image, decode
from chalicelib.images.preprocessing import IMAGENET, WHOLE
from chalicelib.inference import onnx
from chalicelib.inference.classifier import Classifier, above_mean
from chalicelib.inference.engines import chosen
from chalicelib.inference.explaining import class_activations, with_heat_maps
from chalicelib.inference.finder import Models
from chalicelib.inference.head import Head, read_head, save
from chalicelib.inference.heat import HOT, heat_map
from chalicelib.inference.occlusion import occlusion_maps
from chalicelib.inference.packages import MODEL, read_package
from chalicelib.inference.taught import rooted
from chalicelib.inference.tensors import top
from chalicelib.settings import EngineName
from tests.conftest import TEST_DATA
from tests.fakes import MemoryStore
from tests.functional.test_feature_maps import DOODLE, MOBILENET, copied
from tests.samplepackages import taught_on
from tools.model import cli

UMBRELLA = (DOODLE / "samples" / "umbrella.jpg").read_bytes()
INSTALLED = pytest.mark.skipif(not onnx.installed(), reason="ONNX Runtime is not installed")
ENGINES = ["litert", pytest.param("onnxruntime", marks=INSTALLED)]
THINGS = {
    "bird.png": ("chickadee", [(38, 78, 490, 300)]),
    "cat_720p.jpg": ("Egyptian cat", [(140, 80, 910, 720)]),
    # from the collar down, and the cap
    "grace_hopper.png": ("military uniform", [(10, 312, 510, 600), (150, 30, 375, 150)]),
    "hot_dog.jpg": ("hotdog", [(90, 82, 485, 232)]),
    "parrot.jpg": ("macaw", [(105, 100, 460, 900)]),
}
"""What the photographs show, and boxes drawn by hand around it: left, upper, right and lower."""


@pytest.mark.parametrize("engine", ENGINES)
def test_explaining_changes_no_score(engine: EngineName) -> None:
    classifier = Classifier(read_package(DOODLE), 1, load=chosen(None, engine).load)
    image = decode(UMBRELLA, classifier.input_size)
    scores, features = classifier.featured(image.pixels)
    np.testing.assert_array_equal(scores, classifier.scores(image.pixels))
    labels = classifier.rank(scores, 5)
    explained = with_heat_maps(classifier, image, WHOLE, scores, features, labels)
    assert [(label.name, label.score) for label in explained] == [
        (label.name, label.score) for label in labels
    ]
    assert explained[0].name == "umbrella" and explained[0].heat_map.method == "activation"
    pooled = np.array(features.embedding("list"), np.float32)
    np.testing.assert_array_equal(pooled, features.pooled[0])
    raw = base64.b64decode(str(features.embedding(True)))
    np.testing.assert_array_equal(np.frombuffer(raw, "<f4"), features.pooled[0])


@pytest.mark.parametrize("refuses", [False, True])
def test_a_taught_model_is_explained_by_its_own_labels(tmp_path: Path, refuses: bool) -> None:
    labels = ("my cat", "tea", "none of these")
    taught_on(read_package(DOODLE), tmp_path / "pets", labels, refuses=refuses)
    package = Models([DOODLE.parent, tmp_path], "", MemoryStore()).find("pets")
    classifier, head = Classifier(package, 1), read_head(package)
    image = decode(UMBRELLA, classifier.input_size)
    _, features = classifier.featured(image.pixels)
    maps = class_activations(classifier, features, [0, 1, 2])
    logits = rooted(features.pooled) @ above_mean(head.weights)
    shown = slice(0, 2) if refuses else slice(0, 3)
    np.testing.assert_allclose(
        maps.mean(axis=(1, 2))[shown], logits[0, shown], rtol=0.05, atol=0.05
    )
    assert maps[2].any() != refuses, "no place shows none of the labels"


@INSTALLED
def test_a_damaged_second_network_is_never_loaded(tmp_path: Path) -> None:
    package = copied(tmp_path)
    package.model_path.write_bytes(package.model_path.read_bytes()[:-4])
    classifier = Classifier(package, 1, load=chosen(None, "onnxruntime").load)
    pixels = decode(UMBRELLA, classifier.input_size).pixels
    classifier.scores(pixels)
    with pytest.raises(ModelInvalid, match=f"{MODEL} does not match"):
        classifier.featured(pixels)


def test_a_layer_of_another_network_is_refused(tmp_path: Path) -> None:
    package = copied(tmp_path)
    save(package.folder, Head(np.ones((176, 35), np.float32), np.ones(35, np.float32)))
    with pytest.raises(ModelInvalid, match=r"head.npz does not match"):
        _ = Classifier(package, 1).features


def laid_over(image: Image, classifier: Classifier, grid: np.ndarray) -> np.ndarray:
    """The heat map of a grid, over the whole picture."""
    picture = image.width, image.height
    view = classifier.info.preprocessing.view(picture, classifier.input_size)
    heat = heat_map(grid, picture, view, "activation")
    values = np.frombuffer(base64.b64decode(heat.values), np.uint8)
    return values.reshape(heat.height, heat.width)


def hottest(heat: np.ndarray, image: Image) -> tuple[float, float]:
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    return (column + 0.5) * image.width / heat.shape[1], (row + 0.5) * image.height / heat.shape[0]


@pytest.fixture(scope="module")
def mobilenet(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    cache, labels = tmp_path_factory.mktemp("models"), str(TEST_DATA / "imagenet_labels.txt")
    arguments = ["add", "net", str(MOBILENET), "--labels", labels]
    result = CliRunner().invoke(cli, arguments, env={"MODEL_DIR": str(cache)})
    assert "Features: 1280" in result.output
    return Classifier(read_package(cache / "net"), 1)


@pytest.mark.shared
@pytest.mark.parametrize("name", THINGS)
def test_the_hottest_place_is_inside_the_thing(
    name: str, mobilenet: Classifier, photos: Path
) -> None:
    assert mobilenet.info.preprocessing == IMAGENET
    label, boxes = THINGS[name]
    image = decode((photos / name).read_bytes(), mobilenet.input_size, IMAGENET)
    scores, features = mobilenet.featured(image.pixels)
    (place,) = (i for i in top(scores, 5, 0) if label in mobilenet.labels[i])
    grids = (
        class_activations(mobilenet, features, [place])[0],
        occlusion_maps(mobilenet.scores, image.pixels, scores, [place])[0],
    )
    activation, occlusion = (laid_over(image, mobilenet, grid) for grid in grids)
    for heat in (activation, occlusion):
        x, y = hottest(heat, image)
        assert any(
            left <= x <= right and upper <= y <= lower for left, upper, right, lower in boxes
        )
    hot, other = activation >= HOT, occlusion >= HOT
    share = (hot & other).sum() / min(hot.sum(), other.sum())
    assert share >= 0.5, f"they agree on {share:.0%} of the smaller region"
