"""Networks that also give their last feature map: what is found, what changes, what stays."""

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from chalicelib.errors import FeaturesMissing, ModelInvalid
from chalicelib.files import sha256
from chalicelib.images.decode import decode
from chalicelib.images.preprocessing import IMAGENET, WHOLE
from chalicelib.inference.classifier import Classifier
from chalicelib.inference.head import read_head
from chalicelib.inference.litert import LiteRT
from chalicelib.inference.packages import HEAD, MODEL, ModelInfo, ModelPackage, read_package
from chalicelib.inference.tensors import dequantised, to_input, to_probabilities
from chalicelib.settings import ROOT
from tests.conftest import TEST_DATA
from tests.functional.mirror import mirror
from tests.functional.test_model_tool import identify
from tests.samplepackages import by_colour, with_files
from tests.tflites import SIDE, network, opposed, plain
from tools.catalogue import CatalogueEntry, fetch, installed
from tools.featuremaps import NoFeatureMap, expose, original
from tools.model import cli
from tools.newpackage import sample_images

DOODLE = ROOT / "vendor" / "models" / "doodle"
MOBILENET = TEST_DATA / "mobilenet-v2" / "mobilenet_v2_1.0_224_quant.tflite"
SIGNED = np.array([[1, -1, 0, 2], [0, 3, -2, -1]]) / 64
INFO = ModelInfo(name="net", version="1", sha256="0" * 64)


def exposed(folder: Path, data: bytes) -> ModelPackage:
    """A package of that network, which gives its features."""
    package = ModelPackage(folder, INFO)
    folder.mkdir(exist_ok=True)
    package.model_path.write_bytes(data)
    package = ModelPackage(folder, expose(package))
    package.verify()
    return package


def copied(folder: Path) -> ModelPackage:
    return read_package(Path(shutil.copytree(DOODLE, folder / "doodle")))


@pytest.mark.parametrize("ending", [[], ["SOFTMAX"], ["LOGISTIC"], ["RESHAPE", "SOFTMAX"]])
def test_a_network_gives_what_its_scores_are_made_of(tmp_path: Path, ending: list[str]) -> None:
    package = exposed(tmp_path, network(*ending, weights=SIGNED))
    engine = LiteRT(package.model_path, 1)
    engine.run(plain(10, 20, 90)[np.newaxis])
    np.testing.assert_allclose(engine.pooled(), [[10, 20, 90]])
    np.testing.assert_array_equal(engine.map(), plain(10, 20, 90)[np.newaxis].astype(np.float32))
    head = read_head(package)
    np.testing.assert_allclose(head.weights, SIGNED[:, :3].T)
    np.testing.assert_allclose(head.bias, SIGNED[:, 3])
    assert head.weights.dtype == head.bias.dtype == np.float32


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (network("RELU", weights=SIGNED), "scores come from RELU"),
        (network(weights=SIGNED, fused=1), "scores come from FULLY_CONNECTED with RELU"),
        (network("MUL", weights=SIGNED), "scores come from MUL"),
        (by_colour(SIDE), "scores come from MEAN"),
        (b"not a network at all", "cannot be read"),
        (b"", "cannot be read"),
        (bytes(1000), "several graphs"),
        (network(weights=SIGNED)[:400], "cannot be read"),
    ],
    ids=["relu", "fused", "scaled", "no layer", "text", "nothing", "zeros", "cut off"],
)
def test_a_network_of_another_end_is_left_alone(tmp_path: Path, data: bytes, why: str) -> None:
    (tmp_path / MODEL).write_bytes(data)
    with pytest.raises(NoFeatureMap, match=why):
        expose(ModelPackage(tmp_path, INFO))
    assert (tmp_path / MODEL).read_bytes() == data
    assert not (tmp_path / HEAD).exists()


def test_files_behind_a_network_stay_readable(tmp_path: Path) -> None:
    data = with_files(network(weights=opposed(3)), {"labels.txt": b"red\ngreen\nblue\n"})
    package = exposed(tmp_path / "net", data)
    assert original(package) == data
    (tmp_path / "again.tflite").write_bytes(package.model_path.read_bytes())
    result = CliRunner().invoke(
        cli, ["add", "again", str(tmp_path / "again.tflite")], env={"MODEL_DIR": str(tmp_path)}
    )
    assert result.exit_code == 0, result.output
    assert read_package(tmp_path / "again").labels() == ("red", "green", "blue")


def check_same(before: LiteRT, after: LiteRT, pictures: list[np.ndarray]) -> None:
    for pixels in pictures:
        image = to_input(pixels, before.input, WHOLE)[np.newaxis]
        np.testing.assert_array_equal(before.run(image), after.run(image))


def test_the_bundled_network_answers_as_its_original_does(tmp_path: Path) -> None:
    package = read_package(DOODLE)
    (tmp_path / MODEL).write_bytes(original(package))
    before, after = LiteRT(tmp_path / MODEL, 1), LiteRT(package.model_path, 1)
    check_same(before, after, sample_images(before.input.size, 24))
    assert after.kernels == before.kernels
    assert after.map().shape == (1, 4, 4, 176) and after.pooled().shape == (1, 176)


@pytest.mark.shared
def test_a_real_network_answers_as_its_original_does(tmp_path: Path) -> None:
    package = exposed(tmp_path, MOBILENET.read_bytes())
    assert original(package) == MOBILENET.read_bytes()
    before, after = LiteRT(MOBILENET, 1), LiteRT(package.model_path, 1)
    files = sorted((TEST_DATA / "imagenet-sample").glob("*.JPEG"))[:40]
    assert files
    photographs = [decode(file.read_bytes(), (224, 224), IMAGENET).pixels for file in files]
    check_same(before, after, [*photographs, *sample_images((224, 224), 10)])
    assert after.map().shape == (1, 7, 7, 1280)
    np.testing.assert_allclose(after.map().mean(axis=(1, 2)), after.pooled(), atol=0.012)

    head, image = read_head(package), photographs[0][np.newaxis]
    scores = dequantised(after.run(image), after.output)
    expected = to_probabilities(after.pooled() @ head.weights + head.bias, False)
    assert expected.argmax() == scores.argmax()
    np.testing.assert_allclose(expected, scores, atol=0.05)


def test_a_changed_original_is_noticed(tmp_path: Path) -> None:
    package = copied(tmp_path)
    data = bytearray(package.model_path.read_bytes())
    data[2000] ^= 1
    package.model_path.write_bytes(data)
    with pytest.raises(ModelInvalid, match="not its original"):
        original(package)


@pytest.mark.parametrize("damaged", [b"", b"PK\x03\x04", b"not a layer"])
def test_a_damaged_layer_is_refused(tmp_path: Path, damaged: bytes) -> None:
    package = copied(tmp_path)
    (package.folder / HEAD).write_bytes(damaged)
    with pytest.raises(ModelInvalid, match="sha256"):
        read_head(package)


@pytest.mark.parametrize(
    "arrays",
    [
        {"weights": np.zeros((3, 2), np.float32)},
        {"weights": np.zeros((3, 2), np.float32), "bias": np.zeros(3, np.float32)},
        {"weights": np.zeros((3, 2)), "bias": np.zeros(2)},
        {"weights": np.array([[print]]), "bias": np.zeros(1, np.float32)},
    ],
    ids=["no bias", "another size", "doubles", "pickled"],
)
def test_a_layer_of_another_form_is_refused(tmp_path: Path, arrays: dict[str, Any]) -> None:
    np.savez(tmp_path / HEAD, **arrays)
    info = msgspec.structs.replace(INFO, head_sha256=sha256(tmp_path / HEAD))
    with pytest.raises(ModelInvalid, match="float32 weights"):
        read_head(ModelPackage(tmp_path, info))


def test_a_network_that_gives_scores_alone_says_so(tmp_path: Path) -> None:
    (tmp_path / MODEL).write_bytes(network(weights=SIGNED))
    engine = LiteRT(tmp_path / MODEL, 1)
    engine.run(plain(1, 2, 3)[np.newaxis])
    for ask in (engine.map, engine.pooled):
        with pytest.raises(FeaturesMissing, match="gives no features"):
            ask()


def test_features_come_with_the_scores_that_they_make() -> None:
    classifier = Classifier(read_package(DOODLE), 1)
    for pixels in sample_images(classifier.input_size, 3):
        scores, features = classifier.featured(pixels)
        np.testing.assert_array_equal(scores, classifier.scores(pixels))
        assert features.pooled.dtype == features.map.dtype == np.float32
        np.testing.assert_allclose(features.map.mean(axis=(1, 2)), features.pooled, atol=0.02)


def test_a_fetched_network_gives_its_features_and_keeps_its_digest(tmp_path: Path) -> None:
    data, labels = network("SOFTMAX", weights=opposed(3)), b"red\ngreen\nblue\n"
    blob = identify(tmp_path, data)
    entry = CatalogueEntry(
        file="net.tflite", blob=blob, title="Net", description="", size=SIDE, classes=3,
        labels_file="names.txt", labels_blob=identify(tmp_path, labels), background_class=None,
    )  # fmt: skip
    cache = tmp_path / "cache"
    with mirror({"net.tflite": data, "names.txt": labels}) as server:
        package = fetch("net", cache, base_url=server.url, catalogue={"net": entry})
    assert identify(tmp_path, original(package)) == blob
    assert json.loads((cache / "net" / "model.json").read_text())["exposed"]["map"] == 1
    assert installed("net", cache) == package
    (package.folder / HEAD).unlink()
    assert installed("net", cache) is None
