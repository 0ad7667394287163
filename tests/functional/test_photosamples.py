"""The catalogue's own photographs as samples, as far as they are on this machine."""

from pathlib import Path

import pytest

from chalicelib.images.decode import decode
from chalicelib.images.preprocessing import IMAGENET
from chalicelib.inference.labels import names
from chalicelib.inference.litert import LiteRT
from chalicelib.inference.packages import parse_labels
from tests.conftest import TEST_DATA
from tools.catalogue import PHOTOGRAPHS
from tools.fetching.download import blob_id
from tools.photosamples import WANTED, small

pytestmark = pytest.mark.shared

HERE = [photo for photo in PHOTOGRAPHS if (TEST_DATA / "photos" / photo.file).exists()]
CATS = {"tabby", "egyptian cat", "tiger cat"}


def test_the_catalogue_means_these_very_files() -> None:
    assert [photo.file for photo in HERE] == ["cat_720p.jpg", "parrot.jpg", "hot_dog.jpg"]
    for photo in HERE:
        assert blob_id(TEST_DATA / "photos" / photo.file) == photo.blob


def test_every_label_is_a_class() -> None:
    known = {
        name
        for label in parse_labels((TEST_DATA / "imagenet_labels.txt").read_bytes())
        for name in names(label)
    }
    assert {photo.label for photo in PHOTOGRAPHS} <= known


def test_a_small_copy_is_recognised_as_the_photograph_is() -> None:
    network = LiteRT(TEST_DATA / "mobilenet-v2" / "mobilenet_v2_1.0_224_quant.tflite", 1)
    labels = parse_labels((TEST_DATA / "imagenet_labels.txt").read_bytes())
    for photo in HERE:
        original = (TEST_DATA / "photos" / photo.file).read_bytes()
        copy = small(original)
        print(f"{photo.file}: {len(original)} bytes become {len(copy)}")
        assert len(copy) <= WANTED
        for data in (original, copy):
            pixels = decode(data, (224, 224), IMAGENET).pixels
            best = set(names(labels[int(network.run(pixels[None]).argmax())]))
            assert best & (CATS if photo.label == "tabby" else {photo.label}), photo.file


def test_a_copy_of_a_copy_stays_as_it_is(tmp_path: Path) -> None:
    """Whoever adds samples that were samples before loses little."""
    photo = (TEST_DATA / "photos" / HERE[0].file).read_bytes()
    first = small(photo)
    assert decode(small(first), (8, 8)).width == decode(first, (8, 8)).width == 608
