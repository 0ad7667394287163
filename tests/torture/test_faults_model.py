"""Batches whose model is damaged, missing, out of reach, or replaced while it is loaded."""

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from chalicelib.files import sha256, staged
from chalicelib.inference.classifier import Classifier
from chalicelib.inference.finder import Models
from chalicelib.inference.packages import ModelPackage
from tests.conftest import ROOT
from tests.torture.conftest import Outcome
from tests.torture.faults import BatchCloud, Killed, Steps, deny, fail, kill

PACKAGE = ROOT / "vendor" / "models" / "doodle"
FILES = ("model.json", "labels.txt", "model.tflite", "model.ort", "head.npz")

Damage = Callable[[Path], object]

DAMAGES: dict[str, Damage] = {
    "cut off": lambda folder: cut(folder / "model.tflite"),
    "a changed byte": lambda folder: change(folder / "model.tflite"),
    "no network": lambda folder: (folder / "model.tflite").unlink(),
    "no labels": lambda folder: (folder / "labels.txt").unlink(),
    "a label too few": lambda folder: (folder / "labels.txt").write_text("cat\n"),
    "half a model.json": lambda folder: (folder / "model.json").write_text('{"name": "doo'),
    "nothing at all": shutil.rmtree,
}


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def change(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cloud_with(folders: list[Path], bucket: bool, load: Any = None) -> BatchCloud:
    """A cloud whose containers look for the model there."""
    cloud = BatchCloud()
    cloud.broken.clear()
    for file in FILES if bucket else ():
        data = (PACKAGE / file).read_bytes()
        cloud.store.put("models", f"doodle/{file}", data, "")

    cloud.models_in = lambda store: Models(folders, "models" if bucket else "", store)
    cloud.load, cloud.environment = load, {"MODEL": "doodle", "THREADS": "1"}
    return cloud


def test_a_damaged_model_answers_nothing_and_loses_nothing(
    tmp_path: Path, outcome: Outcome
) -> None:
    for damage in DAMAGES.values():
        folder = tmp_path / "models"
        shutil.copytree(PACKAGE, folder / "doodle")
        damage(folder / "doodle")
        cloud = cloud_with([folder, tmp_path / "cache"], bucket=False)
        batch_id = cloud.start(bad=False)
        cloud.settle()
        assert len(cloud.balance(batch_id)) == 30
        codes = {record.error.code for record in cloud.records(batch_id) if record.error}
        assert codes == {"ModelInvalid"}
        shutil.rmtree(folder)
        shutil.copytree(PACKAGE, folder / "doodle")
        cloud.process().batches.retry(batch_id)
        cloud.settle()
        assert cloud.balance(batch_id) == []
        shutil.rmtree(folder)
    outcome(
        "batch: the model is damaged or missing, " + ", ".join(DAMAGES),
        "each image has the error ModelInvalid, and a retry mends it once the model is whole",
        f"{len(DAMAGES)} kinds, 0 images lost, none labelled by a damaged model",
    )


def test_a_damaged_copy_in_a_container_is_fetched_again(tmp_path: Path, outcome: Outcome) -> None:
    kinds = [name for name in DAMAGES if "label" not in name]  # the digest is the network's
    for name in kinds:
        cache = tmp_path / name
        shutil.copytree(PACKAGE, cache / "doodle")
        DAMAGES[name](cache / "doodle")
        cloud = cloud_with([cache], bucket=True)
        batch_id = cloud.start(bad=False)
        cloud.settle()
        assert cloud.balance(batch_id) == []
    outcome(
        "batch: a container's copy of the model is damaged",
        "it is removed and fetched again; no image becomes an error",
        f"{len(kinds)} kinds",
    )


FAULTS = {kill: "is killed", fail: "fails", deny: "is refused"}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_model_that_cannot_be_fetched_now(
    fault: Callable[[], None], tmp_path: Path, outcome: Outcome
) -> None:
    """It dies, fails or is refused at each of its moments; the message comes again."""
    counted = Steps()
    cloud = cloud_with([tmp_path / "first"], bucket=True)
    cloud.start(bad=False)
    cloud.drain(cloud.process(counted))
    places = [n for n, name in enumerate(counted.names) if " doodle/" in name]
    assert len(places) == 2 * len(FILES), "each file is asked for once"
    for place in places:
        cache = tmp_path / str(place)
        cloud = cloud_with([cache], bucket=True)
        batch_id = cloud.start(bad=False)
        with suppress(Killed):
            cloud.drain(cloud.process(Steps(place, fault)))
        cloud.settle()
        assert cloud.balance(batch_id) == []
        assert [path.name for path in cache.iterdir() if path.name == "doodle"] == ["doodle"]
    outcome(
        f"batch: fetching the model from its bucket {FAULTS[fault]} at any moment",
        "nothing half-fetched is loaded; the message comes again, and no image is an error",
        f"{len(places)} points",
    )


class Versions:
    """Packages of one name: alike but for their version, and for the order of their labels."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.number = folder, 0
        self.labels = (PACKAGE / "labels.txt").read_text().splitlines()
        self.replace()

    def replace(self) -> None:
        """Put the next version in the place of this one, as the tools do."""
        self.number += 1
        with staged(self.folder / "doodle") as folder:
            for file in FILES:
                shutil.copy(PACKAGE / file, folder / file)
            info = json.loads((folder / "model.json").read_text())
            info |= {"version": str(self.number), "sha256": sha256(folder / "model.tflite")}
            (folder / "model.json").write_text(json.dumps(info))
            (folder / "labels.txt").write_text("\n".join(self.of(str(self.number))))

    def of(self, version: str) -> list[str]:
        """The labels of that version."""
        turn = int(version) % len(self.labels)
        return self.labels[turn:] + self.labels[:turn]


@pytest.mark.parametrize("when", ["before", "during", "after"])
def test_a_model_replaced_while_it_is_loaded(when: str, tmp_path: Path, outcome: Outcome) -> None:
    """A network never gets the labels of another version, and what is mapped stays whole."""
    versions, loads = Versions(tmp_path), 0

    def load(package: ModelPackage, threads: int, copies: int) -> Classifier:
        nonlocal loads
        loads += 1
        if when == "before" and loads == 1:
            versions.replace()
        if when == "during" and loads == 1:
            package = Replaced(package.folder, package.info, versions=versions)
        made = Classifier(package, threads, copies)
        if when == "after" and loads == 1:
            versions.replace()
        return made

    cloud = cloud_with([tmp_path], bucket=False, load=load)
    process = cloud.process()
    batch_id = cloud.start(bad=False)
    cloud.drain(process)
    made = cloud.process().services.classifiers.get()
    assert made.info.version == "2" and list(made.labels) == versions.of("2")
    assert loads == 3, "once for nothing, once anew, and once for the look just now"
    versions.replace()
    assert cloud.balance(batch_id) == []
    again = cloud.start(bad=False)
    cloud.drain(process)
    assert cloud.balance(again) == []
    outcome(
        f"batch: the model is replaced {when} loading it, and again while it is in use",
        "it is loaded again; a network never gets another version's labels",
        "60 images, 0 errors",
    )


class Replaced(ModelPackage, frozen=True, kw_only=True):
    """Is replaced between its labels and its network."""

    versions: Versions

    def labels(self) -> tuple[str, ...]:
        labels = super().labels()
        self.versions.replace()
        return labels
