"""Packages that were taught: a head of their own on the features of another package."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from zipfile import ZipFile

import numpy as np
import pytest
from click.testing import CliRunner

from chalicelib.errors import ModelInvalid, ModelNotFound
from chalicelib.inference import engines
from chalicelib.inference.classifier import Classifier
from chalicelib.inference.finder import Models
from chalicelib.inference.head import read_head
from chalicelib.inference.packages import HEAD, MODEL, ModelPackage, read_package
from chalicelib.inference.pool import Classifiers
from chalicelib.inference.taught import picture_weights, rooted
from chalicelib.inference.tensors import to_probabilities
from chalicelib.settings import ROOT
from tests.fakes import MemoryStore
from tests.samplepackages import taught_on
from tools.bundling.build import model_layer, package_files, with_bases
from tools.deploying.layer import model_content
from tools.model import cli
from tools.newpackage import sample_images

BUNDLED = ROOT / "vendor" / "models"
DOODLE = read_package(BUNDLED / "doodle")
LABELS = ("my cat", "la tortuga 🐢", "tea")
BUCKET = "models"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Two packages that were taught on doodle."""
    taught_on(DOODLE, tmp_path / "pets", LABELS)
    taught_on(DOODLE, tmp_path / "toys", LABELS[:2], seed=1)
    return tmp_path


def models(cache: Path, store: MemoryStore | None = None) -> Models:
    return Models([BUNDLED, cache], BUCKET if store else "", store or MemoryStore())


def uploaded(*packages: ModelPackage) -> MemoryStore:
    store = MemoryStore()
    for package in packages:
        for file in package.files:
            key, data = f"{package.info.name}/{file}", (package.folder / file).read_bytes()
            store.put(BUCKET, key, data, "")
    return store


def test_scores_are_made_of_the_features_of_the_base(cache: Path) -> None:
    package = models(cache).find("pets")
    taught, base = Classifier(package, 1), Classifier(DOODLE, 1)
    assert taught.labels == LABELS and taught.input_size == base.input_size
    head = read_head(package)
    for pixels in sample_images(taught.input_size, 4):
        scores, features = taught.featured(pixels)
        pooled = base.featured(pixels)[1].pooled
        np.testing.assert_array_equal(features.pooled, pooled)
        logits = rooted(pooled) @ head.weights + head.bias
        np.testing.assert_allclose(scores, to_probabilities(logits, False)[0], rtol=1e-5)
        np.testing.assert_array_equal(scores, taught.scores(pixels))
        assert taught.rank(scores, 1)[0].name == LABELS[int(scores.argmax())]


def test_a_pictures_own_weights_add_its_features_up_to_its_logits(cache: Path) -> None:
    package = models(cache).find("pets")
    head, classifier = read_head(package), Classifier(package, 1)
    pooled = classifier.featured(sample_images(classifier.input_size, 3)[2])[1].pooled
    pooled[0, :5] = 0
    pooled[0, 5:9] *= -1
    np.testing.assert_allclose(
        pooled @ picture_weights(head, pooled), rooted(pooled) @ head.weights, atol=1e-4
    )


def test_what_is_unlike_all_that_was_taught_is_none_of_these(tmp_path: Path) -> None:
    labels = (*LABELS, "none of these")
    taught_on(DOODLE, tmp_path / "choosy", labels, refuses=True)
    package = models(tmp_path).find("choosy")
    classifier, head = Classifier(package, 1), read_head(package)
    assert head.familiar is not None
    for pixels in sample_images(classifier.input_size, 8):
        scores, features = classifier.featured(pixels)
        assert scores.sum() == pytest.approx(1)
        likeness = float((rooted(features.pooled) @ head.familiar.references.T)[0, 0])
        assert scores[-1] == pytest.approx(1 / (1 + np.exp((likeness - 0.5) / 0.01)), abs=1e-3)
        assert (classifier.rank(scores, 1)[0].name == labels[-1]) == (
            scores[-1] > scores[:-1].max()
        )


def test_models_of_a_base_share_its_network_and_let_it_go(cache: Path) -> None:
    loaded: list[str] = []

    class Pool(Classifiers):
        def _classifier(self, package: ModelPackage, threads: int, copies: int) -> Classifier:
            loaded.append(package.info.name)
            return super()._classifier(package, threads, copies)

    pool = Pool(models(cache), 2, "doodle", "", copies=2)
    together = Barrier(2)

    def get(name: str) -> Classifier:
        together.wait(timeout=60)
        return pool.get(name)

    with ThreadPoolExecutor(2) as threads:
        pets, toys = threads.map(get, ["pets", "toys"])
    assert pets.networks is toys.networks and sorted(loaded) == ["pets", "toys"]
    assert pool.get("doodle").networks is pets.networks
    pixels = sample_images(pets.input_size, 1)[0]
    alone = Classifier(models(cache).find("toys"), 1)
    np.testing.assert_array_equal(toys.scores(pixels), alone.scores(pixels))

    pool.get("doodle-small")
    pool.get("doodle")
    networks = pets.networks
    del pets, toys
    assert pool.get("pets").networks is networks  # as doodle, in memory, still has it
    assert pool.get("doodle-small").networks is not networks


def test_a_layer_that_was_replaced_is_read_anew(cache: Path) -> None:
    for labels in (LABELS, (*LABELS, "a further kind"), LABELS[:2]):
        shutil.rmtree(cache / "pets")
        taught_on(DOODLE, cache / "pets", labels)
        head = read_head(models(cache).find("pets"))
        with np.load(cache / "pets" / HEAD) as arrays:
            np.testing.assert_array_equal(head.weights, arrays["weights"])
            np.testing.assert_array_equal(head.bias, arrays["bias"])


def test_without_its_base_it_is_refused(tmp_path: Path) -> None:
    base = read_package(Path(shutil.copytree(DOODLE.folder, tmp_path / "here" / "doodle")))
    taught_on(base, tmp_path / "pets", LABELS)
    with pytest.raises(ModelInvalid, match="taught on doodle, which is not here"):
        Models([tmp_path], "", MemoryStore()).find("pets")
    assert Models([tmp_path], "", MemoryStore()).list() == []


def test_another_base_of_that_name_is_refused(cache: Path) -> None:
    folder = shutil.copytree(BUNDLED / "doodle-small", cache / "first" / "doodle")
    info = json.loads((folder / "model.json").read_text()) | {"name": "doodle"}
    (folder / "model.json").write_text(json.dumps(info))
    with pytest.raises(ModelInvalid, match="taught on another doodle than the one here"):
        Models([cache / "first", cache], "", MemoryStore()).find("pets")


def test_what_was_taught_is_no_base(cache: Path) -> None:
    info = json.loads((cache / "toys" / "model.json").read_text()) | {"base": "pets"}
    (cache / "toys" / "model.json").write_text(json.dumps(info))
    with pytest.raises(ModelInvalid, match="another pets"):
        models(cache).find("toys")


@pytest.mark.parametrize("damaged", ["pets", "doodle"])
def test_damage_to_either_part_is_noticed(cache: Path, damaged: str) -> None:
    shutil.copytree(DOODLE.folder, cache / "doodle")
    file = cache / damaged / (HEAD if damaged == "pets" else MODEL)
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    reads = models(cache)._reads
    assert reads is None
    with pytest.raises(ModelInvalid, match=f"{damaged} is damaged"):
        Models(
            [cache], "", MemoryStore(), lambda info: engines.chosen(info, "onnxruntime").file(info)
        ).find("pets")


def test_it_comes_from_the_bucket_with_its_base(cache: Path, tmp_path: Path) -> None:
    pets, empty = read_package(cache / "pets"), tmp_path / "empty"
    package = Models([empty], BUCKET, uploaded(pets, DOODLE)).find("pets")
    assert package.model_path == empty / "doodle" / MODEL
    assert Classifier(package, 1).labels == LABELS
    assert package.is_current()
    with pytest.raises(ModelInvalid, match="taught on doodle, which is not here"):
        Models([tmp_path / "other"], BUCKET, uploaded(pets)).find("pets")
    with pytest.raises(ModelNotFound):
        Models([tmp_path / "third"], BUCKET, uploaded(DOODLE)).find("pets")


def test_a_replaced_base_makes_it_outdated(cache: Path) -> None:
    base = read_package(Path(shutil.copytree(DOODLE.folder, cache / "doodle")))
    package = Models([cache], "", MemoryStore()).find("pets")
    assert package.base == base and package.is_current()
    info = json.loads((base.folder / "model.json").read_text()) | {"version": "2"}
    (base.folder / "model.json").write_text(json.dumps(info))
    assert not package.is_current()


def test_a_layer_has_the_base_too(cache: Path, tmp_path: Path) -> None:
    pets, toys = (models(cache).find(name) for name in ("pets", "toys"))
    with ZipFile(model_layer(pets, tmp_path / "layer.zip")) as layer:
        layer.extractall(tmp_path / "opt")
    in_opt = Models([tmp_path / "opt" / "models"], "", MemoryStore()).find("pets")
    assert Classifier(in_opt, 1).labels == LABELS
    assert model_content(pets).digest != model_content(toys).digest
    assert HEAD in package_files(pets) and MODEL not in package_files(pets)
    assert [part.info.name for part in with_bases([pets, toys])] == ["doodle", "pets", "toys"]
    changed = ModelPackage(pets.folder, pets.info, read_package(BUNDLED / "doodle-small"))
    assert model_content(changed).digest != model_content(pets).digest


def test_it_is_listed_and_can_be_set(cache: Path) -> None:
    environment = {"MODEL_DIR": str(cache)}
    result = CliRunner().invoke(cli, ["list"], env=environment)
    row = next(line for line in result.output.splitlines() if " pets " in line)
    assert "64x64" in row and "LiteRT" in row and " 3 " in row
    result = CliRunner().invoke(cli, ["set", "pets", "--crop", "0.9"], env=environment)
    assert result.exit_code == 0, result.output
    assert models(cache).find("pets").info.preprocessing.crop == 0.9
    result = CliRunner().invoke(cli, ["set", "pets", "--scores", "logits"], env=environment)
    assert result.exit_code != 0 and "was taught to give probabilities" in result.output
