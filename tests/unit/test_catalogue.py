import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import ModelInvalid
from chalicelib.inference.packages import NAME
from tools import newpackage as packages
from tools.catalogue import BASE_URL, CATALOGUE, FetchError, fetch
from tools.fetching.download import blob_id
from tools.fetching.https import Patience


def test_the_catalogue_names_whole_files_of_one_commit() -> None:
    assert re.fullmatch(r"https://.*/raw/[0-9a-f]{40}", BASE_URL)
    assert list(CATALOGUE) == ["inception-v1", "inception-v2", "inception-v3", "inception-v4"]
    for name, entry in CATALOGUE.items():
        assert NAME.fullmatch(name)
        assert re.fullmatch(r"[0-9a-f]{40}", entry.blob)
        assert str(entry.size) in entry.file and entry.file.endswith("_quant.tflite")
        assert entry.background_class == 0 and entry.licence == "Apache-2.0"
        assert entry.title and entry.description and entry.source
    assert len({entry.blob for entry in CATALOGUE.values()}) == 4
    assert len({entry.labels_blob for entry in CATALOGUE.values()}) == 1


def test_a_host_without_an_answer_costs_less_than_10_seconds() -> None:
    assert Patience().opening < 10 and Patience().silence <= 5


@pytest.mark.parametrize(
    ("content", "blob"),
    [
        (b"", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"),
        (b"hello\n", "ce013625030ba8dba906f756967f9e9ca394464a"),
    ],
)
def test_a_blob_id_is_gits(tmp_path: Path, content: bytes, blob: str) -> None:
    (tmp_path / "f").write_bytes(content)
    assert blob_id(tmp_path / "f") == blob


@pytest.mark.parametrize(
    "url",
    ["http://mirror.example", "ftp://127.0.0.1/", "file:///etc", "mirror.example", "https:///x"],
)
def test_only_https_is_fetched_from(tmp_path: Path, url: str) -> None:
    with pytest.raises(FetchError, match="not an https address"):
        fetch("inception-v3", tmp_path, base_url=url)


def test_a_missing_background_label_is_told_apart_from_other_gaps() -> None:
    packages.check_labels(["a", "b"], 2)
    with pytest.raises(ModelInvalid, match="first line `background`"):
        packages.check_labels(["a", "b"], 3)
    with pytest.raises(ModelInvalid, match="take `background` out"):
        packages.check_labels(["background", *"abc"], 3)
    for labels in (["background", "a"], ["a"], ["a"] * 4, []):
        with pytest.raises(ModelInvalid, match=r"label for each class|one a line"):
            packages.check_labels(labels, 3)


@pytest.mark.parametrize("option", ["2", "-1", "first", "", "²"])
def test_a_background_class_that_is_none(option: str) -> None:
    with pytest.raises(ModelInvalid, match="--background-class"):
        packages.background_class(option, ["a", "b"], print)


@given(width=st.integers(2, 60), height=st.integers(2, 60))
def test_sample_images_are_of_the_size_and_always_the_same(width: int, height: int) -> None:
    images = packages.sample_images((width, height), 6)
    assert all(image.shape == (height, width, 3) and image.dtype == np.uint8 for image in images)
    again = packages.sample_images((width, height), 6)
    assert all(np.array_equal(a, b) for a, b in zip(images, again, strict=True))
    assert len({image.tobytes() for image in images}) == 6
