"""Cancelling a batch and going on with it: what is done is there, and nothing is done twice."""

from itertools import product
from typing import Any

import msgspec
import pytest

from chalicelib.batch import halt
from chalicelib.batch.finish import write_results
from chalicelib.batch.ledger import Ledger
from chalicelib.batch.losses import REPAIRS, begin
from chalicelib.bulk.chunks import SMALL_CHUNK
from chalicelib.bulk.records import Record
from chalicelib.errors import Conflict, ServiceUnavailable
from tests.balance import check_stopped
from tests.batchcloud import Cloud, tick


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


def half_done(cloud: Cloud) -> Ledger:
    """A batch of three chunks of which the first is done."""
    batch_id = cloud.start(list(range(60)))
    cloud.deliver(cloud.queue.bodies.pop(0))
    cloud.deliver(cloud.queue.bodies.pop(0))
    return Ledger(cloud.store, "results", batch_id)


def ids(cloud: Cloud, ledger: Ledger) -> list[str]:
    return [record.id for record in cloud.results(ledger.batch_id)]


ALL = [f"id{n}" for n in range(60)]


def test_a_cancelled_batch_has_the_results_of_what_is_done(cloud: Cloud) -> None:
    ledger = half_done(cloud)
    view = cloud.batches.cancel(ledger.batch_id)
    assert view.status == "cancelled" and view.results is None
    cloud.run()
    assert cloud.view(ledger.batch_id) == ("cancelled", (60, 25, 0))
    assert ids(cloud, ledger) == ALL[:25]
    view = cloud.batches.view(ledger.batch_id)
    assert view.labels == {"red": 25} and view.summary.endswith("/stopped.json")
    assert not list(cloud.store.list("results", "active/"))


def test_the_schedule_writes_them_where_the_message_is_lost(cloud: Cloud) -> None:
    ledger = half_done(cloud)
    cloud.batches.cancel(ledger.batch_id)
    cloud.queue.bodies.clear()
    tick(cloud)
    assert ids(cloud, ledger) == ALL[:25] and cloud.queue.bodies == []


def test_a_cancelled_batch_goes_on_where_it_was(cloud: Cloud) -> None:
    ledger = half_done(cloud)
    cloud.batches.cancel(ledger.batch_id)
    cloud.run()
    assert cloud.batches.retry(ledger.batch_id).status == "running"
    cloud.run()
    assert cloud.view(ledger.batch_id) == ("finished", (60, 60, 0))
    assert ids(cloud, ledger) == ALL and cloud.classifier.seen == 60
    assert not list(cloud.store.list("results", "active/"))


def test_one_that_was_cancelled_before_it_was_cut_goes_on_too(cloud: Cloud) -> None:
    batch_id = cloud.start(list(range(60)))
    cloud.batches.cancel(batch_id)
    cloud.run()
    assert cloud.view(batch_id) == ("cancelled", (0, 0, 0))
    cloud.batches.retry(batch_id)
    cloud.run()
    assert cloud.view(batch_id) == ("finished", (60, 60, 0))


def test_a_stop_before_the_first_checkpoint_tells_of_what_was_cut_and_done(cloud: Cloud) -> None:
    """The fan-out died once its chunks were queued; the rule of balance holds for it too."""
    ledger, put = Ledger(cloud.store, "results", cloud.start(list(range(60)))), cloud.store.put

    def away(bucket: str, key: str, *rest: Any, **options: Any) -> str | None:
        if key.endswith("fanout.json"):
            raise ServiceUnavailable("The bucket does not answer.")
        return put(bucket, key, *rest, **options)

    cloud.store.put = away  # type: ignore[method-assign]
    with pytest.raises(ServiceUnavailable):
        cloud.deliver(cloud.queue.bodies.pop(0))
    cloud.deliver(cloud.queue.bodies.pop(0))
    cloud.batches.cancel(ledger.batch_id)
    cloud.run()
    assert ids(cloud, ledger) == ALL[:25]
    objects, key = cloud.store.objects, ledger.key("stopped.json")
    objects["results", ledger.key(halt.results_name([1]))] *= 2
    with pytest.raises(AssertionError, match="doubled"):
        check_stopped(lambda key: objects["results", key], key)


def test_a_cancelled_retry_links_to_what_the_last_round_ended_with(cloud: Cloud) -> None:
    cloud.flaky = {"http://h/1": 3, "http://h/2": 3}
    batch_id = cloud.start([0, 1, 2])
    cloud.run()
    cloud.batches.retry(batch_id)
    cloud.deliver(cloud.queue.bodies.pop(0))
    view = cloud.batches.cancel(batch_id)
    assert view.status == "cancelled"
    assert view.results.endswith(f"batches/{batch_id}/results.jsonl")
    assert view.errors == {"SourceUnreachable": 2} and view.finished_at is None
    assert cloud.view(batch_id) == ("cancelled", (3, 3, 2)), "the figures of what it links to"
    cloud.run()
    view = cloud.batches.view(batch_id)
    assert view.results.endswith(f"rounds/1/{halt.results_name([])}") and view.finished_at
    assert cloud.view(batch_id) == ("cancelled", (3, 3, 2))
    assert [record.error is None for record in cloud.results(batch_id)] == [True, False, False]
    cloud.batches.retry(batch_id)
    cloud.run()
    assert cloud.view(batch_id) == ("finished", (3, 3, 0))


def test_a_second_cancel_tells_of_what_was_done_until_then(cloud: Cloud) -> None:
    ledger = half_done(cloud)
    cloud.batches.cancel(ledger.batch_id)
    cloud.run()
    cloud.batches.retry(ledger.batch_id)
    cloud.deliver(cloud.queue.bodies.pop(0))
    cloud.deliver(cloud.queue.bodies.pop(0))
    assert cloud.batches.cancel(ledger.batch_id).results is None
    cloud.run()
    assert ids(cloud, ledger) == ALL[:50]


def cancelled_in_work(cloud: Cloud, ledger: Ledger) -> None:
    """Cancels the batch while a worker has the next chunk; its results are written meanwhile."""
    body, load = cloud.queue.bodies.pop(0), cloud.flaky.get

    class Cancelling(dict[str, int]):
        def get(self, *about: Any) -> Any:
            if cloud.batches.view(ledger.batch_id).status != "cancelled":
                cloud.batches.cancel(ledger.batch_id)
                cloud.run()
            return load(*about)

    cloud.flaky = Cancelling()
    cloud.deliver(body)
    cloud.flaky = {}


def test_a_chunk_that_was_in_work_at_the_stop_is_in_its_results(cloud: Cloud) -> None:
    ledger = Ledger(cloud.store, "results", cloud.start(list(range(60))))
    cloud.deliver(cloud.queue.bodies.pop(0))
    cancelled_in_work(cloud, ledger)
    assert cloud.view(ledger.batch_id) == ("cancelled", (60, 25, 0))
    assert ids(cloud, ledger) == ALL[:25]
    assert cloud.batches.recent()[0].counts.done == 25
    assert not list(cloud.store.list("results", "active/"))
    cloud.batches.retry(ledger.batch_id)
    cloud.run()
    assert cloud.view(ledger.batch_id) == ("finished", (60, 60, 0))
    assert ids(cloud, ledger) == ALL and cloud.classifier.seen == 60


def test_the_schedule_writes_late_chunks_of_a_large_batch(cloud: Cloud) -> None:
    many = list(range(SMALL_CHUNK * halt.REWRITTEN_AT_ONCE + 1))
    ledger = Ledger(cloud.store, "results", cloud.start(many))
    for _ in range(2):
        cloud.deliver(cloud.queue.bodies.pop(0))
    cancelled_in_work(cloud, ledger)
    assert ids(cloud, ledger) == ALL[:25]
    tick(cloud)
    assert ids(cloud, ledger) == ALL[:50]


def test_a_stop_that_comes_late_does_not_undo_what_went_on(cloud: Cloud) -> None:
    """Whoever writes the results of a cancelled batch is held up until it has been resumed."""
    ledger = half_done(cloud)
    cloud.batches.cancel(ledger.batch_id)
    body, write = cloud.queue.bodies.pop(), cloud.store.write
    cloud.queue.bodies.clear()

    def overtaken(bucket: str, key: str, blocks: Any) -> None:
        cloud.store.write = write  # type: ignore[method-assign]
        cloud.batches.retry(ledger.batch_id)
        write(bucket, key, blocks)

    cloud.store.write = overtaken  # type: ignore[method-assign]
    cloud.deliver(body)
    cloud.deliver(cloud.queue.bodies.pop())
    cloud.queue.bodies.clear()  # from here on the schedule must know of it
    tick(cloud)
    cloud.run()
    assert cloud.view(ledger.batch_id) == ("finished", (60, 60, 0))


def test_two_that_stop_a_batch_write_the_same(cloud: Cloud) -> None:
    """A worker ends its chunk between them; what the first of them wrote is not told again."""
    ledger = half_done(cloud)
    cloud.batches.cancel(ledger.batch_id)
    put = cloud.store.put

    def late(bucket: str, key: str, *rest: Any, **options: Any) -> str | None:
        if key.endswith("stopped.json"):
            cloud.store.put = put  # type: ignore[method-assign]
            entries = ledger.chunk(0, 2)
            ledger.complete(0, 2, [Record(entry.id, entry.source, []) for entry in entries])
            tick(cloud)
        return put(bucket, key, *rest, **options)

    cloud.store.put = late  # type: ignore[method-assign]
    tick(cloud)
    assert cloud.view(ledger.batch_id) == ("cancelled", (60, 50, 0))
    assert ids(cloud, ledger) == ALL[:50]


def test_a_stop_tells_of_no_more_done_than_there_is(cloud: Cloud) -> None:
    """What is done of a fan-out that has not written down how far it came."""
    ledger = half_done(cloud)
    summary = write_results(
        ledger, ledger.batch(), halt.results_name([1]), ledger.part(0, 1), total=0
    )
    assert (summary.counts.total, summary.counts.done) == (25, 25)


def test_what_was_nearly_given_up_is_tried_anew_by_a_resume(cloud: Cloud) -> None:
    """Only what is lost since then counts, though the messages wait behind others for a while."""
    ledger = Ledger(cloud.store, "results", cloud.start(list(range(60))))
    cloud.deliver(cloud.queue.bodies.pop())
    cloud.queue.busy = True
    for number in range(1, REPAIRS + 1):
        cloud.queue.bodies.clear()
        cloud.store.late += 30 * 3600.0
        tick(cloud)
        for chunk, place in product((1, 2, 3), (None, *range(25))):
            begin(ledger, 0, chunk, number, place)
    cloud.queue.bodies.clear()
    cloud.batches.cancel(ledger.batch_id)
    cloud.run()
    cloud.store.late += 30 * 3600.0
    cloud.batches.retry(ledger.batch_id)
    tick(cloud)
    cloud.deliver(cloud.queue.bodies.pop(0))
    tick(cloud)
    cloud.run()
    assert cloud.view(ledger.batch_id) == ("finished", (60, 60, 0))


def test_the_schedule_looks_after_what_it_saw_stopped_as_it_was_resumed(cloud: Cloud) -> None:
    ledger = half_done(cloud)
    cloud.batches.cancel(ledger.batch_id)
    cloud.run()
    delete = cloud.store.delete

    def overtaken(bucket: str, key: str) -> None:
        cloud.store.delete = delete  # type: ignore[method-assign]
        tick(cloud)
        delete(bucket, key)

    cloud.store.delete = overtaken  # type: ignore[method-assign]
    cloud.batches.retry(ledger.batch_id)
    cloud.queue.bodies.clear()
    tick(cloud)
    cloud.run()
    assert cloud.view(ledger.batch_id) == ("finished", (60, 60, 0))


def test_what_cannot_be_cancelled(cloud: Cloud) -> None:
    batch_id = cloud.start([1])
    cloud.run()
    with pytest.raises(Conflict, match="finished"):
        cloud.batches.cancel(batch_id)
    ledger = Ledger(cloud.store, "results", cloud.start([1, 2]))
    cloud.deliver(cloud.queue.bodies.pop(0))
    other = msgspec.json.Encoder().encode_lines([Record("other", "", [])])
    cloud.store.objects["results", ledger.round_key(0, "parts/000001.jsonl")] = other
    cloud.run()
    assert cloud.batches.view(ledger.batch_id).status == "failed"
    with pytest.raises(Conflict, match="failed"):
        cloud.batches.cancel(ledger.batch_id)


def test_cancelling_twice_is_cancelling_once(cloud: Cloud) -> None:
    ledger = half_done(cloud)
    for _ in range(2):
        cloud.batches.cancel(ledger.batch_id)
        cloud.run()
    assert ids(cloud, ledger) == ALL[:25]
