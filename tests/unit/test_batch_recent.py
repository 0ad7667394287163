"""The list of batches: what it says, and what it costs."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.aws.store import Listed
from chalicelib.batch.batches import BatchService
from chalicelib.batch.outlines import outline_of
from chalicelib.batch.recent import PREFIX, last_ends
from chalicelib.errors import SourceUnreachable
from chalicelib.requests import BatchRequest
from tests.batchcloud import Cloud, tick
from tests.fakes import MemoryStore


class Metered(MemoryStore):
    """Counts the requests that S3 would get."""

    def __init__(self) -> None:
        super().__init__()
        self.requests = Counter[str]()

    def read(self, bucket: str, key: str, max_bytes: int) -> bytes:
        self.requests["get"] += 1
        return super().read(bucket, key, max_bytes)

    def list(self, bucket: str, prefix: str, after: str = "") -> Iterator[Listed]:
        self.requests["list"] += 1
        return super().list(bucket, prefix, after)

    def folders(self, bucket: str, prefix: str, after: str = "") -> Iterator[str]:
        self.requests["list"] += 1
        return super().folders(bucket, prefix, after)


@pytest.fixture
def store() -> Metered:
    return Metered()


@pytest.fixture
def cloud(store: Metered) -> Cloud:
    return Cloud(store=store)


def check(batches: BatchService) -> list[str]:
    """Fails unless the list says of each batch what its view says; their statuses."""
    outlines = batches.recent()
    assert outlines == [outline_of(batches.view(outline.batch_id)) for outline in outlines]
    return [outline.status for outline in outlines]


def ends(cloud: Cloud) -> list[str]:
    """The marks that tell how rounds ended."""
    keys = [mark.key for mark in cloud.store.list("results", "recent/")]
    return [key for key in keys if key.count("/") > 1]


def test_three_listings_answer_for_all_batches_that_have_ended(
    cloud: Cloud, store: Metered
) -> None:
    for number in range(25):
        batch_id = cloud.start([number, -1])
        if number % 5 == 0:
            cloud.batches.cancel(batch_id)
    cloud.run()
    store.requests.clear()
    assert len(cloud.batches.recent()) == 20
    assert store.requests == {"list": 3}
    assert Counter(check(cloud.batches)) == {"finished": 16, "cancelled": 4}


def test_a_batch_that_runs_costs_no_more_for_the_others(cloud: Cloud, store: Metered) -> None:
    for number in range(20):
        cloud.start([number])
    cloud.run()
    batch_id = cloud.start(list(range(60)))
    cloud.deliver(cloud.queue.bodies.pop(0))
    cloud.deliver(cloud.queue.bodies.pop(0))
    store.requests.clear()
    assert cloud.batches.recent()[0].counts.done == 25
    both = store.requests.copy()
    store.requests.clear()
    cloud.batches.view(batch_id)
    assert both == store.requests + Counter(list=3)


def test_the_list_says_what_each_view_says_in_every_state(cloud: Cloud) -> None:
    batch_id = cloud.start([*range(30), -1, -2])
    assert check(cloud.batches) == ["queued"]
    while cloud.queue.bodies:
        cloud.deliver(cloud.queue.bodies.pop(0))
        assert check(cloud.batches) == ["running" if cloud.queue.bodies else "finished"]
    cloud.batches.retry(batch_id)
    assert check(cloud.batches) != ["finished"]
    cloud.deliver(cloud.queue.bodies.pop(0))
    cloud.batches.cancel(batch_id)
    assert check(cloud.batches) == ["cancelled"]
    cloud.run()
    assert check(cloud.batches) == ["cancelled"]
    cloud.batches.retry(batch_id)
    assert check(cloud.batches) == ["running"]
    cloud.run()
    assert check(cloud.batches) == ["finished"] and cloud.batches.recent()[0].counts.failed == 2


def test_a_batch_that_cannot_go_on_is_listed_as_failed(cloud: Cloud) -> None:
    cloud.start([1])
    (chunk,) = [key for _, key in cloud.store.objects if key.endswith("manifest.jsonl")]
    cloud.store.delete("results", chunk)
    for _ in range(10):
        cloud.queue.bodies.clear()
        tick(cloud)
    assert check(cloud.batches) == ["failed"] and len(ends(cloud)) == 1


def test_batches_of_before_are_listed_as_they_are(cloud: Cloud) -> None:
    for number in range(3):
        cloud.start([number, -1])
    cloud.run()
    before = cloud.batches.recent()
    for key in ends(cloud):
        cloud.store.delete("results", key)
    assert cloud.batches.recent() == before


def test_batches_that_were_deleted_after_their_end_are_not_listed(cloud: Cloud) -> None:
    first, second = cloud.start([1]), cloud.start([2])
    cloud.run()
    for bucket, key in list(cloud.store.objects):
        if key.startswith(f"batches/{first}/"):
            cloud.store.delete(bucket, key)
    assert [outline.batch_id for outline in cloud.batches.recent()] == [second]


@pytest.mark.parametrize(
    ("folder", "marks"), [("a b/ü%2F/#?+&=/..", 1), ("x" * 900, 1), ("ü" * 450, 0)]
)
def test_a_source_may_have_any_name_and_length(cloud: Cloud, folder: str, marks: int) -> None:
    """One that is too long for a key is looked up."""
    prefix = f"photos/{folder}/"
    cloud.store.objects["images", f"{prefix}a.png"] = b""
    cloud.batches.create(BatchRequest(prefix=f"s3://images/{prefix}"))
    cloud.run()
    assert len(ends(cloud)) == marks and check(cloud.batches) == ["finished"]
    assert cloud.batches.recent()[0].source == f"s3://images/{prefix}"


def test_a_function_that_dies_before_the_end_is_listed_leaves_it_to_the_schedule(
    cloud: Cloud,
) -> None:
    cloud.start([1])
    put = cloud.store.put

    def dies(bucket: str, key: str, *rest: Any, **options: Any) -> Any:
        if key.startswith("recent/"):
            raise SourceUnreachable("The bucket does not answer.")
        return put(bucket, key, *rest, **options)

    cloud.deliver(cloud.queue.bodies.pop(0))
    cloud.store.put = dies  # type: ignore[method-assign]
    with pytest.raises(SourceUnreachable):
        cloud.run()
    assert check(cloud.batches) == ["finished"] and not ends(cloud)
    cloud.store.put = put  # type: ignore[method-assign]
    tick(cloud)
    assert check(cloud.batches) == ["finished"] and len(ends(cloud)) == 1
    assert not list(cloud.store.list("results", "active/"))


@pytest.mark.parametrize("stopped_at", [1.0, 3.0])
def test_a_round_that_was_stopped_and_finished_has_finished(stopped_at: float) -> None:
    """The stop's results may be written before the finish, or after it by a late chunk."""
    ends = {"finished.9.9.0": 2.0, "cancelled.9.8.0": stopped_at}
    key = PREFIX + "00000000001-b1/0.{}.100.200/photos"
    (end,) = last_ends(Listed(key.format(end), at) for end, at in ends.items()).values()
    assert end and (end.status, end.counts.done) == ("finished", 9)
