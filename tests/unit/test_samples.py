"""The pictures that a package brings with it: read, verified, from folders and from the bucket."""

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from chalicelib.errors import ModelInvalid, ModelNotFound, NotFound
from chalicelib.files import sha256_of
from chalicelib.inference.finder import Models
from chalicelib.inference.packages import INFO, read_package
from chalicelib.inference.samples import (
    MAX_SAMPLE_BYTES,
    MAX_SAMPLES,
    MAX_SAMPLES_BYTES,
    address,
)
from chalicelib.inference.showcase import listed, picture
from tests.conftest import DOODLES, ROOT
from tests.fakes import MemoryStore
from tools.bundling.build import package_files
from tools.deploying.layer import content_digest
from tools.newpackage import install
from tools.photosamples import Picture, attached

BUNDLED = ROOT / "vendor" / "models"


def amended(folder: Path, samples: list[dict[str, Any]]) -> Path:
    """The package of a folder, whose model.json lists these samples."""
    info = json.loads((folder / INFO).read_text()) | {"samples": samples}
    (folder / INFO).write_text(json.dumps(info))
    return folder


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A copy of doodle with one sample, to be damaged."""
    folder = tmp_path / "doodle"
    shutil.copytree(BUNDLED / "doodle", folder)
    return amended(folder, [sample(b"picture", folder)])


def sample(data: bytes, folder: Path, file: str = "one.png") -> dict[str, Any]:
    (folder / "samples" / file).write_bytes(data)
    return {"file": file, "label": "star", "sha256": sha256_of(data)}


def test_bundled_models_bring_drawings_that_are_named_and_licensed() -> None:
    models = Models([BUNDLED], "", MemoryStore())
    for name in ("doodle", "doodle-small"):
        samples = listed(models, name).samples
        assert {entry.label for entry in samples} <= set(models.labels(name))
        assert [entry.url for entry in samples] == [
            f"models/{name}/samples/{entry.label}.jpg" for entry in samples
        ]
        for entry in samples:
            start, _, data = entry.data.partition(",")
            assert start == "data:image/jpeg;base64"
            assert base64.b64decode(data) == (DOODLES / f"{entry.label}.jpg").read_bytes()
            assert entry.licence == "Apache-2.0" and entry.source
    assert picture(models, "doodle", "umbrella.jpg")[1] == "image/jpeg"


def test_samples_of_a_model_in_the_bucket_come_from_there_without_its_network(
    tmp_path: Path,
) -> None:
    files = [path for path in (BUNDLED / "doodle").rglob("*") if path.is_file()]
    store = MemoryStore({
        ("b", f"doodle/{path.relative_to(BUNDLED / 'doodle')}"): path.read_bytes()
        for path in files if path.suffix != ".tflite"
    })  # fmt: skip
    models = Models([tmp_path / "cache"], "b", store)
    assert listed(models, "doodle").samples[0].label == "umbrella"
    data, _ = picture(models, "doodle", "banana.jpg")
    assert data == (DOODLES / "banana.jpg").read_bytes()
    assert not (tmp_path / "cache").exists()

    del store.objects["b", "doodle/samples/banana.jpg"]
    with pytest.raises(ModelInvalid, match=r"banana\.jpg of model doodle is missing"):
        listed(models, "doodle")


def test_a_model_is_loaded_from_the_bucket_without_its_samples(tmp_path: Path) -> None:
    package = read_package(BUNDLED / "doodle")
    store = MemoryStore({
        ("b", f"doodle/{file}"): (package.folder / file).read_bytes()
        for file in package.files if not file.startswith("samples/")
    })  # fmt: skip
    fetched = Models([tmp_path / "cache"], "b", store).find("doodle")
    assert fetched.info == package.info and not (fetched.folder / "samples").exists()


@pytest.mark.parametrize("damage", ["changed", "missing", "too large"])
def test_a_damaged_sample_is_never_sent(own: Path, damage: str) -> None:
    if damage == "changed":
        (own / "samples" / "one.png").write_bytes(b"<script>")
    elif damage == "missing":
        (own / "samples" / "one.png").unlink()
    else:
        amended(own, [sample(bytes(MAX_SAMPLE_BYTES + 1), own)])
    models = Models([own.parent], "", MemoryStore())
    for ask in (lambda: listed(models, "doodle"), lambda: picture(models, "doodle", "one.png")):
        with pytest.raises(ModelInvalid, match="missing or damaged; fetch or add"):
            ask()


def test_samples_that_are_too_large_together_are_not_sent(own: Path) -> None:
    count = MAX_SAMPLES_BYTES // MAX_SAMPLE_BYTES + 1
    assert count <= MAX_SAMPLES
    data = bytes(MAX_SAMPLE_BYTES)
    amended(own, [sample(data, own, f"{number}.png") for number in range(count)])
    with pytest.raises(ModelInvalid, match="too large"):
        listed(Models([own.parent], "", MemoryStore()), "doodle")


@pytest.mark.parametrize(
    "file", ["../labels.txt", "/etc/passwd", "one.svg", "One.png", ".png", "one.png\n", "a/b.png"]
)
def test_only_a_picture_of_the_folder_can_be_a_sample(own: Path, file: str) -> None:
    amended(own, [{"file": file, "label": "star", "sha256": "0" * 64}])
    with pytest.raises(ModelInvalid, match="unusable"):
        listed(Models([own.parent], "", MemoryStore()), "doodle")


def test_what_is_not_a_sample_is_not_found(own: Path) -> None:
    models = Models([own.parent], "", MemoryStore())
    for file in ("none.png", "../model.json", "labels.txt", ""):
        with pytest.raises(NotFound, match="no sample"):
            picture(models, "doodle", file)
    with pytest.raises(ModelNotFound):
        picture(models, "none", "one.png")
    with pytest.raises(ModelNotFound):
        listed(models, "../doodle")


def test_the_address_changes_with_the_pictures_alone(own: Path) -> None:
    def now() -> str | None:
        return address("doodle", read_package(own).info.samples)

    before = now()
    assert before and before.startswith("models/doodle/samples?of=")
    assert now() == before
    amended(own, [sample(b"another", own)])
    assert now() != before
    amended(own, [])
    assert now() is None


def test_samples_are_installed_and_deployed_with_the_package(own: Path, tmp_path: Path) -> None:
    package = read_package(own)
    installed = install(package, tmp_path / "cache")
    assert (installed.folder / "samples" / "one.png").read_bytes() == b"picture"
    assert "samples/one.png" in package_files(package) and package_files(package)[-1] == INFO
    digest = content_digest(package)
    (own / "samples" / "one.png").write_bytes(b"another")
    assert content_digest(package) != digest


def test_the_old_samples_stay_until_the_new_ones_are_named(own: Path) -> None:
    """Whatever ends the writing, such as a full disk."""
    data = (DOODLES / "banana.jpg").read_bytes()
    package = attached(read_package(own), [Picture("b", data, "banana", "", "")])
    before = listed(Models([own.parent], "", MemoryStore()), "doodle")
    (own / "samples" / "banana-2.webp").mkdir()  # so that it cannot be written
    with pytest.raises(IsADirectoryError):
        attached(package, [Picture("b", data, "banana", "MIT", "")])
    assert listed(Models([own.parent], "", MemoryStore()), "doodle") == before
    (own / "samples" / "banana-2.webp").rmdir()
    attached(package, [Picture("b", data, "banana", "MIT", "")])
    assert [path.name for path in (own / "samples").iterdir()] == ["banana-2.webp"]
    assert listed(Models([own.parent], "", MemoryStore()), "doodle") != before
