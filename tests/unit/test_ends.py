"""What the event bus is told when a batch or a run ends: each end, at least once."""

from typing import Any

import pytest

from chalicelib.bulk.recorder import TRIES
from chalicelib.errors import ServiceUnavailable
from tests.batchcloud import Cloud, s3_event, tick
from tests.fakes import MemoryBus
from tests.unit.test_workflow import COLOURS, instances
from tests.unit.test_workflow import Cloud as Workflows


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


def ends(cloud: Cloud) -> list[Any]:
    assert {kind for kind, _ in cloud.bus.events} <= {"Batch Finished"}
    return [detail for _, detail in cloud.bus.events]


def test_a_batch_that_ends_is_told_with_its_counts_and_links(cloud: Cloud) -> None:
    batch_id = cloud.start([1, -1, 2])
    cloud.run()
    (end,) = ends(cloud)
    assert end.pop("created_at") == "2027-01-15T08:00:00Z"
    assert end.pop("finished_at").endswith("Z")
    assert end == {
        "id": f"batches/{batch_id}/results.jsonl",
        "batch_id": batch_id,
        "round": 0,
        "status": "finished",
        "source": "3 instances",
        "counts": {"total": 3, "done": 3, "failed": 1},
        "errors": {"SourceRefused": 1},
        "results": f"s3://results/batches/{batch_id}/results.jsonl",
        "summary": f"s3://results/batches/{batch_id}/summary.json",
    }
    for link in ("results", "summary"):
        assert ("results", end[link].removeprefix("s3://results/")) in cloud.store.objects


def test_a_retry_has_an_end_of_its_own(cloud: Cloud) -> None:
    batch_id = cloud.start([1, 2])
    cloud.flaky["http://h/2"] = TRIES
    cloud.run()
    cloud.batches.retry(batch_id)
    cloud.run()
    first, second = ends(cloud)
    assert (first["round"], second["round"]) == (0, 1)
    assert first["id"] != second["id"] == f"batches/{batch_id}/rounds/1/results.jsonl"
    assert (first["counts"]["failed"], second["counts"]["failed"]) == (1, 0)


def test_a_batch_that_was_cancelled_is_told_with_what_is_done(cloud: Cloud) -> None:
    batch_id = cloud.start(list(range(60)))
    cloud.deliver(cloud.queue.bodies.pop(0))
    cloud.deliver(cloud.queue.bodies.pop(0))
    cloud.batches.cancel(batch_id)
    cloud.run()
    *_, end = ends(cloud)
    assert end["status"] == "cancelled" and end["counts"]["done"] == 25
    assert end["summary"].endswith("/stopped.json")


def test_a_batch_that_failed_is_told_so(cloud: Cloud) -> None:
    cloud.store.objects["images", "a.csv"] = b"name,age\nx,1\n"
    cloud.deliver(s3_event("a.csv"))
    cloud.run()
    (end,) = ends(cloud)
    assert end["status"] == "failed" and end["source"] == "s3://images/a.csv"


def test_a_bus_that_is_away_is_told_later(cloud: Cloud) -> None:
    batch_id = cloud.start([1])
    cloud.bus.away = 2
    cloud.deliver(cloud.queue.bodies.pop(0))
    (chunk,) = cloud.queue.bodies
    with pytest.raises(ServiceUnavailable):
        cloud.deliver(chunk)
    assert not cloud.bus.events and ("results", f"active/{batch_id}") in cloud.store.objects
    with pytest.raises(ServiceUnavailable):
        tick(cloud)
    tick(cloud)
    (end,) = ends(cloud)
    assert end["batch_id"] == batch_id
    assert ("results", f"active/{batch_id}") not in cloud.store.objects


def test_a_worker_that_dies_after_it_told_tells_the_same_again(cloud: Cloud) -> None:
    cloud.start([1])
    cloud.deliver(cloud.queue.bodies.pop(0))
    (chunk,), delete = cloud.queue.bodies, cloud.store.delete

    def dies(bucket: str, key: str) -> None:
        cloud.store.delete = delete  # type: ignore[method-assign]
        raise KeyboardInterrupt

    cloud.store.delete = dies  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        cloud.deliver(chunk)
    cloud.deliver(chunk)
    first, second = ends(cloud)
    assert first == second


def test_without_a_bus_a_batch_ends_all_the_same(cloud: Cloud) -> None:
    cloud.events._bus = None
    batch_id = cloud.start([1])
    cloud.run()
    assert cloud.view(batch_id)[0] == "finished" and not cloud.bus.events


def test_a_run_that_ends_is_told_with_its_verdict_and_report() -> None:
    cloud, bus = Workflows(), MemoryBus()
    cloud.tasks._bus = bus
    bus.away = 1
    with pytest.raises(ServiceUnavailable):
        cloud.run({"instances": instances(*COLOURS)})
    output = cloud.tasks.report("run", "kept")
    ((kind, end),) = bus.events
    assert kind == "Workflow Finished" and end["id"] == "workflows/run"
    same = ("name", "outcome", "verdict", "images", "errors", "report")
    assert {key: end[key] for key in same} == {key: output[key] for key in same}
