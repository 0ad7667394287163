import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from chalicelib.errors import AccessRefused, ModelInvalid, ModelNotFound
from chalicelib.files import staged
from chalicelib.images.preprocessing import IMAGENET, WHOLE, Preprocessing
from chalicelib.inference.finder import Models
from chalicelib.inference.packages import read_package
from tests.fakes import MemoryStore
from tests.unit.test_labels import imagenet

NETWORK = b"not really a network"


def files(name: str, network: bytes = NETWORK, **info: Any) -> dict[str, bytes]:
    digest = hashlib.sha256(NETWORK).hexdigest()
    described = {"name": name, "version": "1", "sha256": digest} | info
    return {
        "model.tflite": network,
        "labels.txt": b"cat\ndog\n",
        "model.json": json.dumps(described).encode(),
    }


def both(name: str, ort: bytes = NETWORK) -> dict[str, bytes]:
    """The same, for ONNX Runtime too."""
    return files(name, ort_sha256=hashlib.sha256(NETWORK).hexdigest()) | {"model.ort": ort}


def put(folder: Path, content: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    for name, data in content.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture
def bundled(tmp_path: Path) -> Path:
    return tmp_path / "vendor"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_the_first_folder_wins(bundled: Path, cache: Path) -> None:
    put(bundled / "m", files("m", version="bundled"))
    put(cache / "m", files("m", version="cached"))
    package = Models([bundled, cache], "", MemoryStore()).find("m")
    assert package.info.version == "bundled"
    assert package.labels() == ("cat", "dog")


def test_a_damaged_package_is_removed_from_the_cache_and_never_loaded(
    bundled: Path, cache: Path
) -> None:
    put(cache / "m", files("m", network=b"damaged"))
    models = Models([bundled, cache], "", MemoryStore())
    with pytest.raises(ModelInvalid, match="sha256"):
        models.find("m")
    assert not (cache / "m").exists()
    with pytest.raises(ModelNotFound):
        models.find("m")


def test_a_damaged_copy_is_replaced_from_the_bucket_at_once(cache: Path) -> None:
    content = files("m").items()
    store = MemoryStore({("b", f"m/{name}"): data for name, data in content})
    damages = {"network": files("m", network=b"damaged"), "json": files("m") | {"model.json": b"{"}}
    for kind, damaged in damages.items():
        put(cache / kind / "m", damaged)
        assert Models([cache / kind], "b", store).find("m").info.version == "1"
        put(cache / f"{kind} alone" / "m", damaged)
        with pytest.raises(ModelInvalid):  # not “there is no model”
            Models([cache / f"{kind} alone"], "b", MemoryStore()).find("m")


def test_a_damaged_bundled_package_is_refused_and_left(bundled: Path, cache: Path) -> None:
    put(bundled / "m", files("m", network=b"damaged"))
    with pytest.raises(ModelInvalid, match="sha256"):
        Models([bundled, cache], "", MemoryStore()).find("m")
    assert (bundled / "m").exists()


@pytest.mark.parametrize(
    "name", ["", "..", "../m", "m/../m", "/etc", ".hidden", "M", "a" * 65, "m\n", "m\x00", "é"]
)
def test_a_name_never_leaves_the_folders(bundled: Path, cache: Path, name: str) -> None:
    put(bundled / "m", files("m"))
    with pytest.raises(ModelNotFound):
        Models([bundled, cache], "", MemoryStore()).find(name)


def test_a_package_comes_from_the_bucket_into_the_cache(bundled: Path, cache: Path) -> None:
    store = MemoryStore({("b", f"m/{name}"): data for name, data in files("m").items()})
    models = Models([bundled, cache], "b", store)
    assert models.find("m").model_path.read_bytes() == NETWORK
    store.objects.clear()
    assert models.find("m").info.name == "m"


def test_a_damaged_object_never_reaches_the_cache(bundled: Path, cache: Path) -> None:
    content = files("m", network=b"damaged")
    store = MemoryStore({("b", f"m/{name}"): data for name, data in content.items()})
    with pytest.raises(ModelInvalid):
        Models([bundled, cache], "b", store).find("m")
    assert list(cache.iterdir()) == []


def test_a_package_that_is_nowhere(bundled: Path, cache: Path) -> None:
    with pytest.raises(ModelNotFound, match="bucket"):
        Models([bundled, cache], "b", MemoryStore()).find("m")


@pytest.mark.parametrize("file", ["model.json", "labels.txt", "model.tflite"])
def test_a_bucket_that_refuses_says_nothing_of_what_there_is(cache: Path, file: str) -> None:
    """Another try may find it open; a caller hears no bucket's name."""

    class Refusing(MemoryStore):
        def read(self, bucket: str, key: str, max_bytes: int) -> bytes:
            if key == f"m/{file}":
                raise AccessRefused(detail=f"s3://{bucket}/{key}: Access Denied")
            return super().read(bucket, key, max_bytes)

    store = Refusing({("secret", f"m/{name}"): data for name, data in files("m").items()})
    with pytest.raises(AccessRefused, match="'m' cannot be fetched") as told:
        Models([cache], "secret", store).find("m")
    assert "secret" not in str(told.value) and "s3://secret" in told.value.detail
    assert list(cache.iterdir()) == []


def test_the_list_leaves_out_what_cannot_be_read(bundled: Path, cache: Path) -> None:
    put(bundled / "b", files("b"))
    put(cache / "a", files("a"))
    put(cache / "b", files("b", version="hidden by the bundled one"))
    put(cache / "broken", files("broken") | {"model.json": b"{"})
    listed = Models([bundled, cache], "", MemoryStore()).list()
    assert [(package.info.name, package.info.version) for package in listed] == [
        ("a", "1"),
        ("b", "1"),
    ]


@pytest.mark.parametrize(
    "description",
    [b"", b"[]", b'{"name": "m"}', b'{"name": "m", "version": "1", "sha256": "short"}', b"\xff"],
)
def test_an_unusable_description_is_told_so(tmp_path: Path, description: bytes) -> None:
    folder = put(tmp_path / "m", files("m") | {"model.json": description})
    with pytest.raises(ModelInvalid, match=r"model\.json"):
        read_package(folder)


def test_another_models_description_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelInvalid, match="'other'"):
        read_package(put(tmp_path / "m", files("other")))


def test_a_staged_folder_is_seen_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "cache" / "m"
    with pytest.raises(RuntimeError), staged(target) as folder:
        (folder / "half").write_bytes(b"")
        raise RuntimeError
    assert list(target.parent.iterdir()) == []
    for content in (b"first", b"second"):
        with staged(target) as folder:
            (folder / "whole").write_bytes(content)
            assert not target.exists() or (target / "whole").read_bytes() == b"first"
        assert (target / "whole").read_bytes() == content
    assert [path.name for path in target.parent.iterdir()] == ["m"]


def test_a_package_knows_when_another_has_taken_its_place(tmp_path: Path) -> None:
    package = read_package(put(tmp_path / "m", files("m")))
    assert package.is_current()
    (tmp_path / "m" / "model.json").write_bytes(files("m", version="2")["model.json"])
    assert not package.is_current()
    (tmp_path / "m" / "model.json").unlink()
    assert not package.is_current()


def test_a_package_may_have_a_network_for_onnxruntime(tmp_path: Path) -> None:
    first = read_package(put(tmp_path / "one", files("one")))
    assert first.files == ("model.json", "labels.txt", "model.tflite")
    two = read_package(put(tmp_path / "two", both("two")))
    assert two.files == (*first.files, "model.ort")
    for package in (first, two):
        package.verify()


@pytest.mark.parametrize("damage", [b"damaged", None])
@pytest.mark.parametrize("file", ["model.tflite", "model.ort"])
def test_what_is_read_is_what_is_verified(
    bundled: Path, cache: Path, file: str, damage: bytes | None
) -> None:
    """A cold start does not wait for the digest of a file that is not loaded."""
    for parent in (bundled, cache):
        folder = put(parent / "m", both("m"))
        (folder / file).write_bytes(damage) if damage else (folder / file).unlink()
    other = {"model.tflite": "model.ort", "model.ort": "model.tflite"}[file]
    assert Models([bundled], "", MemoryStore(), lambda _: other).find("m").info.ort_sha256
    for reads in (None, lambda _: file):
        with pytest.raises(ModelInvalid, match=f"{file} does not match its sha256"):
            Models([bundled, cache], "", MemoryStore(), reads).find("m")
    with pytest.raises(ModelInvalid):
        Models([cache], "", MemoryStore(), lambda _: file).find("m")
    assert not (cache / "m").exists()


def test_both_networks_come_from_the_bucket(cache: Path) -> None:
    store = MemoryStore({("b", f"m/{name}"): data for name, data in both("m").items()})
    package = Models([cache], "b", store).find("m")
    assert {path.name for path in package.folder.iterdir()} == set(both("m"))
    package.verify()


def test_a_damaged_object_for_onnxruntime_never_reaches_the_cache(cache: Path) -> None:
    content = both("m", ort=b"damaged")
    store = MemoryStore({("b", f"m/{name}"): data for name, data in content.items()})
    with pytest.raises(ModelInvalid, match=r"model\.ort"):
        Models([cache], "b", store, lambda _: "model.ort").find("m")
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("file", ["model.ort", "model.tflite", "labels.txt"])
def test_a_package_that_lacks_a_file_in_the_bucket_never_loads(cache: Path, file: str) -> None:
    """Another try would not find it either, so that no batch waits for it."""
    content = both("m")
    del content[file]
    store = MemoryStore({("b", f"m/{name}"): data for name, data in content.items()})
    with pytest.raises(ModelInvalid, match=f"no {file} in the models bucket; upload"):
        Models([cache], "b", store).find("m")
    assert list(cache.iterdir()) == []


def test_what_is_here_is_known_without_a_look_at_its_networks(bundled: Path, cache: Path) -> None:
    put(cache / "m", files("m", network=b"damaged"))
    put(bundled / "broken", files("broken") | {"model.json": b"{"})
    models = Models([bundled, cache], "b", MemoryStore())
    package = models.here("m")
    assert package is not None and package.version == "1"
    assert models.here("broken") is None and models.here("none") is None


def test_a_sealed_package_is_not_verified_again(bundled: Path, cache: Path) -> None:
    for folder in (bundled / "m", cache / "n"):
        put(folder, files(folder.name, network=b"other than deployed"))
    models = Models(
        [bundled, cache], "", MemoryStore(), is_sealed=lambda folder: folder.parent == bundled
    )
    assert models.find("m").info.name == "m"
    with pytest.raises(ModelInvalid, match="sha256"):
        models.find("n")


@pytest.mark.parametrize(
    ("described", "labels", "expected"),
    [
        ({}, ["cat", "dog"], WHOLE),
        ({"input_scaling": None}, imagenet(), IMAGENET),
        ({"input_scaling": {"mean": 1, "std": 2}}, ["cat"], Preprocessing(mean=(1.0,), std=(2.0,))),
        ({"preprocessing": {}}, imagenet(background=True), WHOLE),
        ({"preprocessing": {"resize": "crop", "crop": 0.5}}, ["cat"], Preprocessing("crop", 0.5)),
    ],
)
def test_a_package_says_what_is_done_to_pictures_or_gets_what_is_usual(
    tmp_path: Path, described: dict[str, Any], labels: list[str], expected: Preprocessing
) -> None:
    """Those of before, which say `input_scaling`, too."""
    content = files("m", **described) | {"labels.txt": "\n".join(labels).encode()}
    package = read_package(put(tmp_path / "m", content))
    assert package.info.preprocessing == expected and package.is_current()


def test_what_makes_no_sense_is_told_with_its_place(tmp_path: Path) -> None:
    folder = put(tmp_path / "m", files("m", preprocessing={"mean": [1, 2], "std": [1]}))
    with pytest.raises(ModelInvalid, match="give one number for mean and std, or 3"):
        read_package(folder)


def without_network(name: str, **changes: bytes | None) -> MemoryStore:
    """A bucket that has all of a package but its network."""
    content = files(name) | {"model.tflite": None}
    content |= {file.replace("_", "."): data for file, data in changes.items()}
    return MemoryStore({("b", f"m/{file}"): data for file, data in content.items() if data})


def test_that_a_model_is_there_and_its_labels_take_no_network(bundled: Path, cache: Path) -> None:
    put(bundled / "n", files("n", network=b"damaged"))
    models = Models([bundled, cache], "b", without_network("m"))
    for name in ("m", "n"):
        models.check(name)
        assert models.labels(name) == ("cat", "dog")
    assert not cache.exists()


def test_a_check_tells_what_is_missing_from_what_is_broken(bundled: Path, cache: Path) -> None:
    put(bundled / "n", {"model.json": b"{"})
    for models in (Models([bundled], "", MemoryStore()), Models([cache], "b", MemoryStore())):
        for ask in (models.check, models.labels):
            for name in ("m", "../m"):
                with pytest.raises(ModelNotFound):
                    ask(name)
    with pytest.raises(ModelInvalid, match=r"unusable model\.json"):
        Models([bundled, cache], "b", MemoryStore()).check("n")
    with pytest.raises(ModelInvalid, match=r"unusable model\.json"):
        Models([cache], "b", without_network("m", model_json=b"{")).check("m")
    for labels in (None, b"\xff"):
        with pytest.raises(ModelInvalid, match=r"no readable labels\.txt"):
            Models([cache], "b", without_network("m", labels_txt=labels)).labels("m")


def test_a_check_looks_into_the_bucket_past_a_broken_copy_of_the_cache(cache: Path) -> None:
    put(cache / "m", {"model.json": b"{"})
    Models([cache], "b", without_network("m")).check("m")
    with pytest.raises(ModelInvalid):
        Models([cache], "", MemoryStore()).check("m")


class Interrupted(type(Path())):  # type: ignore[misc]
    """A folder whose owner presses Ctrl-C just as it was moved away."""

    def replace(self, target: Path) -> None:  # type: ignore[override]
        super().replace(target)
        raise KeyboardInterrupt


def test_a_package_outlives_a_replacement_that_is_interrupted(tmp_path: Path) -> None:
    target = tmp_path / "pets"
    target.mkdir()
    (target / "model.json").write_text("of before")
    with pytest.raises(KeyboardInterrupt), staged(Interrupted(target)) as folder:
        (folder / "model.json").write_text("new")
    assert (target / "model.json").read_text() == "of before"
    assert [*tmp_path.iterdir()] == [target]
