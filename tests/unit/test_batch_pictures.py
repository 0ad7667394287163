"""Links to the pictures of a batch: to these, and to nothing else."""

from typing import Any

import pytest

from chalicelib.answers.batchviews import Picture
from chalicelib.errors import BadRequest, Conflict, NotFound
from chalicelib.parsing import places
from chalicelib.requests import MAX_PICTURES, BatchRequest, Instance
from tests.batchcloud import Cloud, unlike

KEYS = ["a/One.PNG", "a/b c.jpg", "no ending", "x.tiff", "old.gif.bak"]


@pytest.fixture
def cloud() -> Cloud:
    cloud = Cloud()
    for number, key in enumerate(KEYS):
        cloud.store.objects["images", key] = unlike(number)
    return cloud


def started(cloud: Cloud, *sources: str) -> str:
    instances = [
        Instance(url=source) if source.startswith("http") else Instance(s3_uri=source)
        for source in sources
    ]
    return str(cloud.batches.create(BatchRequest(instances=instances)).batch_id)


def ended(cloud: Cloud, *sources: str) -> str:
    batch_id = started(cloud, *sources)
    cloud.run()
    return batch_id


def shown(cloud: Cloud, batch_id: str, *at: int) -> list[Picture]:
    return cloud.batches.pictures(batch_id, set(at)).pictures


def test_pictures_of_the_bucket_are_answered_as_images(cloud: Cloud) -> None:
    batch_id = ended(cloud, *(f"s3://images/{key}" for key in KEYS))
    answer = cloud.batches.pictures(batch_id, range(len(KEYS)))
    assert answer.expires_in <= 600
    assert [(picture.at, picture.source) for picture in answer.pictures] == [
        (at, f"s3://images/{key}") for at, key in enumerate(KEYS) if key != "x.tiff"
    ]
    assert [picture.url for picture in answer.pictures] == [
        "memory://images/a/One.PNG?image/png",
        "memory://images/a/b c.jpg?image/jpeg",
        "memory://images/no ending?image/jpeg",
        "memory://images/old.gif.bak?image/jpeg",
    ]


def test_only_the_places_that_are_asked_for(cloud: Cloud) -> None:
    batch_id = ended(cloud, *["s3://images/no ending", "s3://images/a/One.PNG"] * 30)
    assert [picture.at for picture in shown(cloud, batch_id, 59, 3, 60, 999_999)] == [3, 59]


def test_what_is_no_picture_of_the_bucket_has_no_link(cloud: Cloud) -> None:
    """A manifest may name any key, also of a bucket that the API itself may read."""
    cloud.store.objects["images", "secret.txt"] = b"not a picture"
    cloud.store.objects["results", "experiment.key"] = b"the key that signs"
    sources = [
        "s3://results/experiment.key", "s3://images/secret.txt", "s3://images/none.jpg",
        "s3://images-of-others/a.jpg", "http://h/1", "http://h/-1",
    ]  # fmt: skip
    batch_id = ended(cloud, *sources)
    assert cloud.view(batch_id) == ("finished", (6, 6, 5))
    assert shown(cloud, batch_id, *range(6)) == []


def test_pictures_of_a_retry_and_of_a_batch_that_was_stopped(cloud: Cloud) -> None:
    batch_id = ended(cloud, "s3://images/later.jpg", "s3://images/a/One.PNG")
    assert [picture.at for picture in shown(cloud, batch_id, 0, 1)] == [1]
    cloud.store.objects["images", "later.jpg"] = unlike(9)
    cloud.batches.retry(batch_id)
    assert [picture.at for picture in shown(cloud, batch_id, 0, 1)] == [1], "of the last round"
    cloud.run()
    assert [picture.at for picture in shown(cloud, batch_id, 0, 1)] == [0, 1]

    stopped = started(cloud, *["s3://images/a/One.PNG"] * 30)
    cloud.deliver(cloud.queue.bodies.pop(0))
    cloud.deliver(cloud.queue.bodies.pop(0))
    cloud.batches.cancel(stopped)
    cloud.run()
    assert cloud.view(stopped)[0] == "cancelled"
    assert [picture.at for picture in shown(cloud, stopped, 0, 24, 25)] == [0, 24]


def test_a_batch_without_results_has_no_pictures_yet(cloud: Cloud) -> None:
    with pytest.raises(Conflict, match="no results yet"):
        shown(cloud, started(cloud, "s3://images/a/One.PNG"), 0)
    for name in ("none", "../../experiment"):
        with pytest.raises(NotFound):
            shown(cloud, name, 0)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"at": ["0"]}, {0}),
        ({"at": ["7,0", "7"]}, {0, 7}),
        ({"at": [str(n) for n in range(MAX_PICTURES)]}, set(range(MAX_PICTURES))),
    ],
)
def test_places(query: Any, expected: set[int]) -> None:
    assert places(query) == expected


@pytest.mark.parametrize(
    "query",
    [
        {}, {"at": []}, {"at": [""]}, {"at": ["-1"]}, {"at": ["1,"]}, {"at": ["1 "]}, {"at": ["٣"]},
        {"at": ["1000000"]}, {"at": ["0"] * (MAX_PICTURES + 1)}, {"at": ["0"], "from": ["1"]},
    ],
)  # fmt: skip
def test_places_that_are_none(query: Any) -> None:
    with pytest.raises(BadRequest, match="such as at=0,7"):
        places(query)
