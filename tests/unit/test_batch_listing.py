"""A batch of a prefix: listed in parts, by as many messages as it takes."""

import json
from collections.abc import Iterator
from datetime import UTC
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.utils import parse_timestamp

from chalicelib.aws.s3 import S3Store
from chalicelib.aws.session import read_time, session
from chalicelib.aws.store import Listed
from chalicelib.batch.fanout import fan_out
from chalicelib.batch.ledger import Ledger
from chalicelib.batch.listing import KEYS
from chalicelib.errors import ServiceUnavailable
from chalicelib.requests import BatchRequest
from tests.batchcloud import Cloud, tick
from tests.fakes import MemoryStore

HOUR = 3600.0


class Watched(MemoryStore):
    """Tells what was listed, and is away from a page on where it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.listed: list[str] = []
        self.away_after = ""

    def list(self, bucket: str, prefix: str, after: str = "") -> Iterator[Listed]:
        for entry in super().list(bucket, prefix, after):
            if bucket == "images":
                if entry.key == self.away_after:
                    raise ServiceUnavailable("The store does not answer.")
                self.listed.append(entry.key)
            yield entry


@pytest.fixture
def store() -> Watched:
    return Watched()


@pytest.fixture
def cloud(store: Watched) -> Cloud:
    return Cloud(store=store)


def begun(cloud: Cloud, count: int) -> Ledger:
    """A batch of a prefix with so many objects, whose first message waits."""
    for number in range(count):
        cloud.store.objects["images", f"photos/{number:06d}.png"] = b""
    view = cloud.batches.create(BatchRequest(prefix="s3://images/photos/"))
    return Ledger(cloud.store, "results", view.batch_id)


def fanned_out(cloud: Cloud, ledger: Ledger, *left: float) -> bool:
    """Deliver the message that waits; left: the seconds that there are at each look."""
    assert [json.loads(body)["type"] for body in cloud.queue.bodies] == ["fan_out"]
    cloud.queue.bodies.clear()
    times = iter(left)
    return fan_out(ledger, ledger.batch(), cloud.queue, lambda: next(times, 900.0))


def ids(ledger: Ledger) -> list[str]:
    chunks = range(1, ledger.fan_out(0).chunks + 1)
    return [entry.id for chunk in chunks for entry in ledger.chunk(0, chunk)]


def test_a_listing_that_takes_longer_than_a_message_goes_on_in_the_next(
    cloud: Cloud, store: Watched
) -> None:
    ledger = begun(cloud, 2 * KEYS + 5)
    assert not fanned_out(cloud, ledger, 120.0, 120.0, 5.0)
    assert len(store.listed) == KEYS and not ledger.fan_out(0).chunks
    del cloud.store.objects["images", "photos/000001.png"]
    cloud.store.objects["images", "photos/000001-late.png"] = b""  # behind what is listed
    cloud.store.objects["images", "photos/last.png"] = b""
    assert fanned_out(cloud, ledger)
    names = [f"{number:06d}.png" for number in range(2 * KEYS + 5)]
    assert ids(ledger) == [*names, "last.png"]
    assert len(store.listed) == 2 * KEYS + 6, "each key is listed once"


def test_a_listing_that_breaks_off_goes_on_from_its_last_part(cloud: Cloud, store: Watched) -> None:
    ledger = begun(cloud, KEYS + 5)
    store.away_after = f"photos/{KEYS + 2:06d}.png"
    with pytest.raises(ServiceUnavailable):
        fan_out(ledger, ledger.batch(), cloud.queue, lambda: 900.0)
    store.away_after = ""
    del store.listed[:]
    assert fanned_out(cloud, ledger)
    assert len(ids(ledger)) == KEYS + 5 and len(store.listed) == 5


def test_a_listing_ends_where_there_are_too_many(cloud: Cloud, store: Watched) -> None:
    ledger = begun(cloud, 3 * KEYS)
    with pytest.raises(Exception, match="at most 10 images"):
        fan_out(ledger, ledger.batch(), cloud.queue, lambda: 900.0, most=10)
    assert len(store.listed) == KEYS


def test_a_listing_that_goes_on_is_not_lost(cloud: Cloud) -> None:
    """Beside other batches, which keep the queue busy, its last checkpoint shows that it lives."""
    ledger = begun(cloud, KEYS + 5)
    cloud.queue.busy = True
    cloud.store.late += 0.9 * HOUR
    assert not fanned_out(cloud, ledger, 120.0, 120.0, 5.0)
    cloud.store.late += 0.9 * HOUR  # later than it has patience for since the start
    tick(cloud)
    assert len(cloud.queue.bodies) == 1
    cloud.store.late += 0.2 * HOUR
    tick(cloud)
    assert len(cloud.queue.bodies) == 2


PAGE = b"""<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a</Key>
<LastModified>2026-11-23T10:00:00.250Z</LastModified></Contents></ListBucketResult>"""


class Body:
    def stream(self, **_: Any) -> Iterator[bytes]:
        return iter([PAGE])


def test_clients_read_the_times_of_a_listing_without_dateutil() -> None:
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    client = session().client("s3", region_name="eu-west-1", **keys)
    client.meta.events.register(
        "before-send.s3", lambda request, **_: AWSResponse(request.url, 200, {}, Body())
    )
    (entry,) = client.list_objects_v2(Bucket="b")["Contents"]
    assert entry["LastModified"].tzinfo is UTC
    assert list(S3Store(lambda: client).list("b", "")) == [Listed("a", 1795428000.25)]


@pytest.mark.parametrize(
    "value",
    ["2026-11-23T10:00:00.250Z", "2026-11-23T10:00:00+01:00", "Mon, 23 Nov 2026 10:00:00 GMT",
     1795428000.25, "1795428000"],
)  # fmt: skip
def test_a_time_is_the_one_that_botocore_reads(value: Any) -> None:
    assert read_time(value) == parse_timestamp(value)
