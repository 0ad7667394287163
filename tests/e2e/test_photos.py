"""Real photographs through the real app, by every way in."""

import base64
import csv
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import urllib3

from chalicelib.requests import MAX_INSTANCES
from tests.conftest import TEST_DATA
from tests.e2e.conftest import file_server

pytestmark = pytest.mark.shared

RIGHT = {
    "cat_720p.jpg": {"Egyptian cat", "tabby, tabby cat", "tiger cat"},
    "parrot.jpg": {"macaw"},
    "hot_dog.jpg": {"hotdog, hot dog, red hot"},
    "bird.png": {"chickadee"},
    "grace_hopper.png": {"military uniform", "mortarboard"},
}
"""Of the last, ImageNet's crop leaves the cap and little of the uniform."""
LEAST = dict.fromkeys(RIGHT, 0.5) | {"grace_hopper.png": 0.25}

Post = Callable[..., urllib3.BaseHTTPResponse]


@pytest.fixture(scope="module")
def post(photo_server: str) -> Iterator[Post]:
    with urllib3.PoolManager() as pool:
        yield lambda **options: pool.request("POST", f"{photo_server}/predict", **options)


@pytest.fixture(scope="module")
def photo_urls() -> Iterator[str]:
    with file_server(TEST_DATA / "photos") as url:
        yield url


def by_url(post: Post, photo: Path, urls: str) -> urllib3.BaseHTTPResponse:
    return post(json={"url": f"{urls}/{photo.name}"})


def by_bytes(post: Post, photo: Path, urls: str) -> urllib3.BaseHTTPResponse:
    kind = "image/png" if photo.suffix == ".png" else "image/jpeg"
    return post(body=photo.read_bytes(), headers={"Content-Type": kind})


def by_form(post: Post, photo: Path, urls: str) -> urllib3.BaseHTTPResponse:
    return post(fields={"image": (photo.name, photo.read_bytes())})


def by_base64(post: Post, photo: Path, urls: str) -> urllib3.BaseHTTPResponse:
    return post(json={"b64": base64.b64encode(photo.read_bytes()).decode()})


@pytest.mark.parametrize("way", [by_url, by_bytes, by_form, by_base64])
@pytest.mark.parametrize("name", RIGHT)
def test_a_photograph_is_what_it_is(
    post: Post,
    photo_urls: str,
    name: str,
    way: Callable[[Post, Path, str], urllib3.BaseHTTPResponse],
) -> None:
    answer = way(post, TEST_DATA / "photos" / name, photo_urls)
    assert answer.status == 200, answer.data
    body = json.loads(answer.data)
    assert body["model"]["name"] == "mobilenet-v2"
    (prediction,) = body["predictions"]
    assert prediction["labels"][0]["name"] in RIGHT[name]
    assert LEAST[name] < prediction["labels"][0]["score"] <= 1


def test_all_of_them_at_once_with_one_that_is_not_there(post: Post, photo_urls: str) -> None:
    instances = [{"id": name, "url": f"{photo_urls}/{name}"} for name in [*RIGHT, "none.jpg"]]
    answer = post(json={"instances": instances})
    assert answer.status == 200
    *answered, lost = json.loads(answer.data)["predictions"]
    assert {p["id"]: p["labels"][0]["name"] in RIGHT[p["id"]] for p in answered} == dict.fromkeys(
        RIGHT, True
    )
    assert lost["id"] == "none.jpg"
    assert lost["error"]["code"] == "SourceRefused"
    assert "404" in lost["error"]["message"]


SAMPLE = TEST_DATA / "imagenet-sample"
FEWEST_RIGHT = 0.86
"""Of 200 photographs; the whole picture squashed has 79% of them right, the middle 89.5%."""


def best(post: Post, photos: Sequence[Path]) -> list[str]:
    """The best label of each, by as few requests as there can be."""
    names = []
    for start in range(0, len(photos), MAX_INSTANCES):
        several = [
            {"b64": base64.b64encode(photo.read_bytes()).decode()}
            for photo in photos[start : start + MAX_INSTANCES]
        ]
        answer = post(json={"instances": several, "max_labels": 1})
        assert answer.status == 200, answer.data
        names += [
            prediction["labels"][0]["name"] for prediction in json.loads(answer.data)["predictions"]
        ]
    return names


def test_photographs_of_imagenet_are_right_with_no_option_given(post: Post) -> None:
    """The model was added as it is: its labels are ImageNet's, so it gets ImageNet's crop."""
    rows = list(csv.DictReader((SAMPLE / "labels.csv").read_text().splitlines()))
    names = (TEST_DATA / "imagenet_labels.txt").read_text().splitlines()
    expected = [names[int(row["class"]) + 1] for row in rows]  # its class 0 is the background
    best_labels = best(post, [SAMPLE / row["file"] for row in rows])
    right = sum(a == b for a, b in zip(best_labels, expected, strict=True))
    assert len(rows) == 200 and right / len(rows) >= FEWEST_RIGHT
