"""Batch on an object store and a queue in memory: the messages are delivered here, by hand."""

import itertools
import json
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest

from chalicelib.aws.s3events import Put
from chalicelib.batch.ledger import Ledger
from chalicelib.bulk.chunks import (
    CHUNK_BYTES,
    LARGE_CHUNK,
    SMALL_CHUNK,
    SMALL_RUN,
    chunked,
    growing,
    held,
)
from chalicelib.bulk.lines import MAX_LINE
from chalicelib.bulk.manifests import Entry
from chalicelib.bulk.records import Record
from chalicelib.errors import (
    AccessRefused,
    BadRequest,
    Conflict,
    ModelInvalid,
    ModelNotFound,
    NotFound,
    ServiceUnavailable,
    SourceInvalid,
)
from chalicelib.requests import BatchRequest, Instance, UploadRequest
from chalicelib.sources.read import MAX_KEY_BYTES
from tests.batchcloud import Cloud, bridged, s3_event, through_sns, tick
from tests.fakes import ColourClassifier, etag_of
from tests.sampleimages import picture
from tests.unit.test_predict import CUT


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


def test_every_image_is_in_the_results_once_and_in_order(cloud: Cloud) -> None:
    numbers = [*range(60), -1, *range(60, 90)]
    batch_id = cloud.start(numbers, max_labels=1)
    assert cloud.view(batch_id) == ("queued", (0, 0, 0))
    cloud.run()
    assert cloud.view(batch_id) == ("finished", (91, 91, 1))
    results = cloud.results(batch_id)
    assert [record.id for record in results] == [f"id{n}" for n in numbers]
    assert [record.id for record in results if record.error] == ["id-1"]
    good = results[0]
    assert good.labels and good.labels[0].name == "red" and len(good.labels) == 1
    assert good.model == "colour" and good.source == "http://h/0"
    summary = json.loads(cloud.store.objects["results", f"batches/{batch_id}/summary.json"])
    assert summary["labels"] == {"red": 90} and summary["errors"] == {"SourceRefused": 1}
    assert not list(cloud.store.list("results", "active/"))


def test_each_label_that_is_found_counts_where_several_may_be_right() -> None:
    class Scaled(ColourClassifier):
        def __init__(self, factors: list[float]) -> None:
            super().__init__(multi_label=True)
            self.factors = np.array(factors)

        def scores(self, *arguments: Any, **options: Any) -> Any:
            return super().scores(*arguments, **options)[1] * self.factors

    for factors, labels in [
        ([0, 0.9, 0.5, 0.4], {"red": 3, "green": 3}),
        ([0, 0.4, 0.49, 0.1], {"(none)": 3}),
    ]:
        cloud = Cloud(Scaled(factors))
        batch_id = cloud.start([1, 2, 3])
        cloud.run()
        assert cloud.view(batch_id) == ("finished", (3, 3, 0))
        assert cloud.batches.view(batch_id).labels == labels
        assert all(record.multi_label for record in cloud.results(batch_id))


def test_progress_is_exact_at_any_moment(cloud: Cloud) -> None:
    batch_id = cloud.start(list(range(60)))
    cloud.deliver(cloud.queue.bodies.pop(0))
    assert cloud.view(batch_id) == ("running", (60, 0, 0))
    cloud.deliver(cloud.queue.bodies.pop())
    assert cloud.view(batch_id) == ("running", (60, 10, 0))
    cloud.deliver(cloud.queue.bodies.pop())
    assert cloud.view(batch_id) == ("running", (60, 35, 0))


def test_any_message_twice_and_in_any_order_changes_nothing(cloud: Cloud) -> None:
    batch_id = cloud.start([*range(70), -1])
    fan_out = cloud.queue.bodies.pop(0)
    cloud.deliver(fan_out)
    chunks = list(cloud.queue.bodies)
    cloud.deliver(fan_out)
    for body in [*reversed(chunks), *chunks, fan_out]:
        cloud.deliver(body)
    before = dict(cloud.store.objects)
    seen = cloud.classifier.seen
    cloud.queue.bodies = [fan_out, *chunks]
    cloud.run()
    changed = {k for k in before.keys() | cloud.store.objects.keys()
               if before.get(k) != cloud.store.objects.get(k)}  # fmt: skip
    assert {key.rsplit("/", 1)[1] for _, key in changed} <= {"summary.json"}
    assert cloud.classifier.seen == seen == 70
    assert len(cloud.results(batch_id)) == 71


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("m.txt", "".join(f"http://h/{n}\n" for n in range(30))),
        ("m.csv", "id,url\n" + "".join(f"id{n},http://h/{n}\n" for n in range(30))),
        ("m.jsonl", "".join(f'{{"url": "http://h/{n}"}}\n' for n in range(30))),
    ],
)
def test_a_manifest_in_the_bucket_starts_a_batch_once(cloud: Cloud, name: str, text: str) -> None:
    cloud.store.objects["images", f"folder/{name}"] = text.encode()
    cloud.events.on_put(Put("images", f"folder/{name}", "0055AED6", 1.8e9))
    cloud.run()
    cloud.events.on_put(Put("images", f"folder/{name}", "0055AED6", 1.8e9))
    cloud.run()
    (batch,) = cloud.batches.recent()
    assert cloud.view(batch.batch_id) == ("finished", (30, 30, 0))
    assert batch.source == f"s3://images/folder/{name}"


def test_a_bad_line_is_an_error_record(cloud: Cloud) -> None:
    cloud.store.objects["images", "m.jsonl"] = b'{"url": "http://h/1"}\n{\n{"url": "http://h/2"}\n'
    view = cloud.batches.create(BatchRequest(manifest="s3://images/m.jsonl"))
    cloud.run()
    first, bad, last = cloud.results(view.batch_id)
    assert first.error is None and last.error is None
    assert bad.error and "Line 2" in bad.error.message and bad.id == "2"


def test_an_event_of_the_far_future_does_not_spoil_the_listing(cloud: Cloud) -> None:
    cloud.store.objects["images", "m.txt"] = b"http://h/1\n"
    cloud.events.on_put(Put("images", "m.txt", "0055AED6", 2.5e11))  # the year 9892
    cloud.run()
    (view,) = cloud.batches.recent()
    assert view.status == "finished"


def test_a_manifest_replaced_while_it_runs_is_not_seen(cloud: Cloud) -> None:
    cloud.store.objects["images", "m.txt"] = b"http://h/1\nhttp://h/2\n"
    view = cloud.batches.create(BatchRequest(manifest="s3://images/m.txt"))
    cloud.store.objects["images", "m.txt"] = b"http://h/3\n"
    cloud.run()
    assert [r.source for r in cloud.results(view.batch_id)] == ["http://h/1", "http://h/2"]


def test_a_prefix_is_its_images(cloud: Cloud) -> None:
    for name in ("a.png", "b/c.png", "list.txt", "folder/"):
        cloud.store.objects["images", f"photos/{name}"] = picture("blue")
    cloud.store.objects["images", "other.png"] = picture("red")
    view = cloud.batches.create(BatchRequest(prefix="s3://images/photos/"))
    cloud.run()
    results = cloud.results(view.batch_id)
    assert [record.id for record in results] == ["a.png", "b/c.png"]
    assert results[0].source == "s3://images/photos/a.png"
    assert results[0].labels and results[0].labels[0].name == "blue"


def test_of_two_fan_outs_that_list_a_prefix_at_once_one_is_heard(cloud: Cloud) -> None:
    names = [f"{n:02d}.png" for n in range(60)]
    for name in names:
        cloud.store.objects["images", f"photos/{name}"] = picture("blue")
    view = cloud.batches.create(BatchRequest(prefix="s3://images/photos/"))
    fan_out, put = cloud.queue.bodies.pop(0), cloud.store.put

    def overtaken(*request: Any, **options: Any) -> str | None:
        cloud.store.put = put  # type: ignore[method-assign]
        cloud.store.objects["images", "photos/00-more.png"] = picture("red")
        cloud.deliver(fan_out)
        cloud.deliver(cloud.queue.bodies.pop(0))
        return put(*request, **options)

    cloud.store.put = overtaken  # type: ignore[method-assign]
    cloud.deliver(fan_out)
    cloud.run()
    ids = [record.id for record in cloud.results(view.batch_id)]
    assert ids == ["00-more.png", *names]


@pytest.mark.parametrize("way", ["instances", "m.txt", "m.csv", "m.jsonl"])
def test_no_two_images_of_a_batch_have_the_same_id(cloud: Cloud, way: str) -> None:
    """Ids that are numbers, beside lines that have none or cannot be read."""
    if way == "instances":
        instances = [Instance(url="http://h/1"), Instance(id="0", url="http://h/2")]
        request = BatchRequest(instances=[*instances, Instance(id="3", url="http://h/3")])
    else:
        cloud.store.objects["images", way] = {
            "m.txt": b"http://h/1\n\xff\nhttp://h/3",
            "m.csv": b"id,url\n1,http://h/1\n\xff\n3,http://h/3\n,http://h/4\n5,",
            "m.jsonl": b'{\n{"id": 1, "url": "http://h/1"}\n{"url": "http://h/2"}\n{"id": 3}',
        }[way]
        request = BatchRequest(manifest=f"s3://images/{way}")
    batch_id = cloud.batches.create(request).batch_id
    cloud.run()
    ids = [record.id for record in cloud.results(batch_id)]
    assert len(ids) >= 3 and len(ids) == len(set(ids))


def test_nothing_to_do_is_done_at_once(cloud: Cloud) -> None:
    view = cloud.batches.create(BatchRequest(prefix="s3://images/empty/"))
    cloud.run()
    assert cloud.view(view.batch_id) == ("finished", (0, 0, 0))
    assert cloud.results(view.batch_id) == []


def test_an_image_that_lacks_its_last_bytes_says_so(cloud: Cloud) -> None:
    cloud.store.objects["images", "p/a.jpg"] = CUT
    cloud.store.objects["images", "p/b.jpg"] = CUT + b"\xff\xd9"
    view = cloud.batches.create(BatchRequest(prefix="s3://images/p/"))
    cloud.run()
    assert [record.truncated for record in cloud.results(str(view.batch_id))] == [True, False]


def test_the_same_bytes_are_classified_once(cloud: Cloud) -> None:
    batch_id = cloud.start([1, 2, 1, 1, 2] * 12)
    cloud.run()
    assert cloud.view(batch_id) == ("finished", (60, 60, 0))
    assert cloud.classifier.seen == 2


def test_an_error_that_may_pass_is_tried_again(cloud: Cloud) -> None:
    cloud.flaky = {"http://h/1": 2, "http://h/2": 3}
    batch_id = cloud.start([1, 2])
    cloud.run()
    first, second = cloud.results(batch_id)
    assert first.error is None
    assert second.error and second.error.code == "SourceUnreachable" and second.error.retryable


def test_a_model_that_is_out_of_reach_is_no_images_error(cloud: Cloud) -> None:
    batch_id = cloud.start([1, 2])
    cloud.queue.bodies.append("http://h/3")
    find, models = cloud.models.find, cloud.models

    def away(name: str) -> Any:
        raise ServiceUnavailable("The models bucket does not answer.")

    models.find = away  # type: ignore[method-assign]
    cloud.deliver(cloud.queue.bodies.pop(0))
    for body in cloud.queue.bodies:
        with pytest.raises(ServiceUnavailable):
            cloud.deliver(body)
    assert cloud.view(batch_id) == ("running", (2, 0, 0)) and not cloud.answers.bodies
    models.find = find  # type: ignore[method-assign]
    cloud.run()
    assert cloud.view(batch_id) == ("finished", (2, 2, 0)) and len(cloud.answers.bodies) == 1


def test_a_model_that_cannot_be_loaded_is_each_images_error_at_once(cloud: Cloud) -> None:
    """Nothing is fetched for it, and nothing is tried again."""

    def invalid(name: str) -> Any:
        raise ModelInvalid("model.tflite of mine needs FlexErf.")

    batch_id = cloud.start([-n for n in range(1, 61)])  # which the host refuses
    cloud.queue.bodies.append("http://h/-3")
    cloud.models.find = invalid  # type: ignore[method-assign]
    cloud.run()
    assert cloud.view(batch_id) == ("finished", (60, 60, 60))
    records = cloud.results(batch_id)
    assert {record.error and record.error.message for record in records} == {
        "model.tflite of mine needs FlexErf."
    }
    assert "FlexErf" in cloud.answers.bodies[0]


def test_what_does_not_fit_into_the_time_goes_back_to_the_queue(cloud: Cloud) -> None:
    batch_id = cloud.start(list(range(20)))
    cloud.deliver(cloud.queue.bodies.pop(0))
    left = iter([900.0] + [30.0] * 12 + [1.0] * 1000)
    cloud.events.on_message(cloud.queue.bodies.pop(0), lambda: next(left))
    assert cloud.view(batch_id) == ("running", (20, 0, 0))
    assert cloud.classifier.seen == 12 and len(cloud.queue.bodies) == 1
    cloud.run()
    assert cloud.view(batch_id) == ("finished", (20, 20, 0))
    assert cloud.classifier.seen == 20


def test_a_short_function_has_half_of_its_time(cloud: Cloud) -> None:
    batch_id = cloud.start([1, 2])
    while cloud.queue.bodies:
        cloud.events.on_message(cloud.queue.bodies.pop(0), lambda: 5.0)
    assert cloud.view(batch_id) == ("finished", (2, 2, 0))


def test_a_fan_out_that_runs_out_of_time_goes_on(cloud: Cloud) -> None:
    batch_id = cloud.start(list(range(150 * SMALL_CHUNK)))
    left = iter([900.0, 1.0])
    cloud.events.on_message(cloud.queue.bodies.pop(0), lambda: next(left))
    (again,) = [body for body in cloud.queue.bodies if "fan_out" in body]
    assert len(cloud.queue.bodies) == 101
    cloud.queue.bodies.clear()
    cloud.deliver(again)
    assert len(cloud.queue.bodies) == 50
    assert cloud.batches.view(batch_id).counts.total == 150 * SMALL_CHUNK


def test_a_fan_out_that_dies_resumes(cloud: Cloud) -> None:
    batch_id = cloud.start(list(range(120 * SMALL_CHUNK)))
    fan_out = cloud.queue.bodies.pop(0)
    send, sent = cloud.queue.send, itertools.count()

    def dies(messages: Any) -> None:
        if next(sent) == 1:
            raise ServiceUnavailable("The queue does not answer.")
        send(messages)

    cloud.queue.send = dies  # type: ignore[method-assign]
    with pytest.raises(ServiceUnavailable):
        cloud.deliver(fan_out)
    assert cloud.view(batch_id) == ("running", (2500, 0, 0))
    cloud.deliver(fan_out)
    cloud.run()
    results = cloud.results(batch_id)
    assert [record.id for record in results] == [f"id{n}" for n in range(120 * SMALL_CHUNK)]


def test_cancel_stops_what_is_not_begun(cloud: Cloud) -> None:
    batch_id = cloud.start(list(range(60)))
    cloud.deliver(cloud.queue.bodies.pop(0))
    cloud.deliver(cloud.queue.bodies.pop(0))
    assert cloud.batches.cancel(batch_id).status == "cancelled"
    cloud.run()
    assert cloud.view(batch_id) == ("cancelled", (60, 25, 0))
    assert cloud.classifier.seen == 25


def test_retry_runs_what_failed_and_merges(cloud: Cloud) -> None:
    cloud.flaky = {f"http://h/{n}": 3 for n in (3, 30, 59)}
    batch_id = cloud.start([*range(60), -1])
    cloud.run()
    assert cloud.view(batch_id) == ("finished", (61, 61, 4))
    seen = cloud.classifier.seen
    cloud.batches.retry(batch_id)
    with pytest.raises(Conflict):
        cloud.batches.retry(batch_id)
    cloud.deliver(cloud.queue.bodies.pop(0))
    assert cloud.view(batch_id) == ("running", (61, 57, 0))
    cloud.run()
    assert cloud.view(batch_id) == ("finished", (61, 61, 1))
    assert cloud.classifier.seen == seen + 3
    results = cloud.results(batch_id)
    assert [record.id for record in results] == [f"id{n}" for n in [*range(60), -1]]
    assert [record.id for record in results if record.error] == ["id-1"]
    cloud.batches.retry(batch_id)
    cloud.run()
    assert cloud.view(batch_id) == ("finished", (61, 61, 1))


def test_a_large_batch_has_larger_chunks_and_a_retry_finds_its_failures(cloud: Cloud) -> None:
    count = SMALL_RUN + 2 * LARGE_CHUNK + 7
    failing = (0, 26, SMALL_RUN - 1, SMALL_RUN, SMALL_RUN + LARGE_CHUNK + 1, count - 1)
    cloud.flaky = {f"http://h/{n}": 3 for n in failing}
    batch_id = cloud.start(list(range(count)))
    cloud.deliver(cloud.queue.bodies.pop(0))
    assert len(cloud.queue.bodies) == SMALL_RUN // SMALL_CHUNK + 3
    cloud.run()
    assert cloud.view(batch_id) == ("finished", (count, count, len(failing)))
    seen = cloud.classifier.seen
    cloud.batches.retry(batch_id)
    cloud.run()
    assert cloud.classifier.seen - seen == len(failing)
    assert cloud.view(batch_id) == ("finished", (count, count, 0))
    assert [record.id for record in cloud.results(batch_id)] == [f"id{n}" for n in range(count)]


def test_large_images_inline_make_smaller_chunks_and_groups() -> None:
    image = "A" * MAX_LINE
    entries = [Entry(number, str(number), Instance(b64=image)) for number in range(160)]
    chunks = list(chunked(entries, lambda before: LARGE_CHUNK))
    assert [len(chunk) for chunk in chunks] == [25, 25, 25, 25, 25, 25, 10]
    assert list(itertools.chain(*chunks)) == entries
    assert [len(group) for group in held(chunks, 100)] == [2, 2, 2, 1]
    (alone,) = chunked([Entry(0, "1", Instance(b64="A" * (CHUNK_BYTES + 1)))], growing)
    assert len(alone) == 1


def test_chunks_grow_after_the_small_run() -> None:
    assert [growing(SMALL_RUN - 1), growing(SMALL_RUN)] == [SMALL_CHUNK, LARGE_CHUNK]


def test_whoever_is_late_with_a_round_does_not_undo_the_retry(cloud: Cloud) -> None:
    cloud.flaky = {"http://h/1": 3}
    batch_id = cloud.start([1, 2])
    cloud.deliver(cloud.queue.bodies.pop(0))
    again, put = cloud.queue.bodies[0], cloud.store.put
    cloud.run()

    def overtaken(bucket: str, key: str, *rest: Any, **options: Any) -> str | None:
        if key.endswith("summary.json"):
            cloud.store.put = put  # type: ignore[method-assign]
            cloud.batches.retry(batch_id)
            cloud.run()
        return put(bucket, key, *rest, **options)

    cloud.store.put = overtaken  # type: ignore[method-assign]
    cloud.deliver(again)
    assert cloud.view(batch_id) == ("finished", (2, 2, 0))
    assert [record.error for record in cloud.results(batch_id)] == [None, None]


def test_a_retry_that_dies_before_it_is_queued_is_seen_to_by_the_schedule(cloud: Cloud) -> None:
    cloud.flaky = {"http://h/1": 3}
    batch_id = cloud.start([1, 2])
    cloud.run()
    put = cloud.store.put

    def dies(bucket: str, key: str, *rest: Any, **options: Any) -> bool:
        put(bucket, key, *rest, **options)
        if key.endswith("batch.json"):
            raise ServiceUnavailable("The answer of the bucket is lost.")
        return True

    cloud.store.put = dies  # type: ignore[method-assign]
    with pytest.raises(ServiceUnavailable):
        cloud.batches.retry(batch_id)
    cloud.store.put = put  # type: ignore[method-assign]
    tick(cloud)
    cloud.run()
    assert cloud.view(batch_id) == ("finished", (2, 2, 0))
    assert not list(cloud.store.list("results", "active/"))


def test_two_calls_to_retry_at_once_are_one(cloud: Cloud) -> None:
    cloud.flaky = {"http://h/1": 3}
    batch_id = cloud.start([1, 2])
    cloud.run()
    read = cloud.store.read

    def overtaken(bucket: str, key: str, limit: int) -> bytes:
        data = read(bucket, key, limit)
        if key.endswith("summary.json"):
            cloud.store.read = read  # type: ignore[method-assign]
            cloud.batches.retry(batch_id)
        return data

    cloud.store.read = overtaken  # type: ignore[method-assign]
    cloud.batches.retry(batch_id)
    cloud.run()
    assert cloud.view(batch_id) == ("finished", (2, 2, 0))
    assert not [key for _, key in cloud.store.objects if "/rounds/2/" in key]


NO_MANIFESTS = [
    (b"name,size\na,1\n", "m.csv names no image. Line 1 of the manifest: the header of a CSV"),
    (b"url,id\n", "m.csv names no image. It is empty."),
]
no_manifest = pytest.mark.parametrize(("data", "said"), NO_MANIFESTS, ids=["headless", "empty"])


@no_manifest
def test_a_file_that_is_no_manifest_is_refused_before_a_batch_begins(
    cloud: Cloud, data: bytes, said: str
) -> None:
    cloud.store.objects["images", "m.csv"] = data
    with pytest.raises(BadRequest, match=said):
        cloud.batches.create(BatchRequest(manifest="s3://images/m.csv"))
    assert not cloud.queue.bodies and not cloud.batches.recent()


@no_manifest
def test_such_a_file_in_the_bucket_is_a_batch_that_fails_at_once_and_for_good(
    cloud: Cloud, data: bytes, said: str
) -> None:
    cloud.store.objects["images", "m.csv"] = data
    cloud.events.on_put(Put("images", "m.csv", "v1", 1_800_000_000.0))
    cloud.run()
    (outline,) = cloud.batches.recent()
    view = cloud.batches.view(outline.batch_id)
    assert view.status == "failed" and view.error and view.error.message.startswith(said)
    with pytest.raises(Conflict, match=rf"start another.*{said}"):
        cloud.batches.retry(outline.batch_id)


def test_a_retry_leaves_out_lines_that_can_never_succeed(cloud: Cloud) -> None:
    lines = b"url,id\nhttp://h/1,a\n,b\ndata:none,c\nhttp://h/-1,d\ns3://other/x,e\n"
    cloud.store.objects["images", "m.csv"] = lines
    cloud.flaky = {"http://h/1": 3}
    batch_id = cloud.batches.create(BatchRequest(manifest="s3://images/m.csv")).batch_id
    cloud.run()
    assert cloud.view(batch_id) == ("finished", (5, 5, 5))
    assert cloud.batches.view(batch_id).retryable == 3, "a, d and, once it is allowed, e"
    cloud.batches.retry(batch_id)
    cloud.run()
    assert cloud.view(batch_id) == ("finished", (5, 5, 4))
    again = Ledger(cloud.store, "results", batch_id).chunk(1, 1)
    assert [entry.id for entry in again] == ["a", "d", "e"]


def test_a_batch_of_which_only_such_lines_failed_cannot_be_retried(cloud: Cloud) -> None:
    cloud.store.objects["images", "m.txt"] = b"http://h/1\ndata:none\n"
    batch_id = cloud.batches.create(BatchRequest(manifest="s3://images/m.txt")).batch_id
    cloud.run()
    with pytest.raises(Conflict, match="name no image; correct them"):
        cloud.batches.retry(batch_id)


def test_nothing_to_retry(cloud: Cloud) -> None:
    batch_id = cloud.start([1])
    cloud.run()
    with pytest.raises(Conflict, match="Nothing failed"):
        cloud.batches.retry(batch_id)
    with pytest.raises(Conflict, match="finished"):
        cloud.batches.cancel(batch_id)


def test_the_schedule_queues_what_went_missing(cloud: Cloud) -> None:
    batch_id = cloud.start(list(range(60)))
    cloud.queue.bodies.clear()
    tick(cloud)
    cloud.deliver(cloud.queue.bodies.pop(0))
    del cloud.queue.bodies[1]
    tick(cloud)
    assert len(cloud.queue.bodies) == 2, "while messages wait, none is taken for lost"
    cloud.run()
    assert cloud.view(batch_id)[0] == "running"
    tick(cloud)
    cloud.run()
    assert cloud.view(batch_id) == ("finished", (60, 60, 0))


def test_the_schedule_finishes_what_no_worker_did(cloud: Cloud) -> None:
    batch_id = cloud.start(list(range(60)))
    cloud.run()
    del cloud.store.objects["results", f"batches/{batch_id}/summary.json"]
    cloud.store.objects["results", f"active/{batch_id}"] = b""
    tick(cloud)
    tick(cloud)
    assert cloud.view(batch_id) == ("finished", (60, 60, 0))


def test_a_queue_that_is_away_gives_up_no_chunk(cloud: Cloud) -> None:
    batch_id = cloud.start(list(range(60)))
    cloud.deliver(cloud.queue.bodies.pop(0))
    cloud.queue.bodies.clear()
    send = cloud.queue.send

    def away(messages: Any) -> None:
        raise ServiceUnavailable("The queue does not answer.")

    cloud.queue.send = away  # type: ignore[method-assign]
    for _ in range(5):
        with pytest.raises(ServiceUnavailable):
            tick(cloud)
    cloud.queue.send = send  # type: ignore[method-assign]
    tick(cloud)
    cloud.run()
    assert cloud.view(batch_id) == ("finished", (60, 60, 0))


def test_the_schedule_lets_a_cancelled_batch_rest(cloud: Cloud) -> None:
    batch_id = cloud.start(list(range(60)))
    cloud.batches.cancel(batch_id)
    cloud.queue.bodies.clear()
    cloud.store.objects["results", f"active/{batch_id}"] = b""  # as a cancel that died leaves it
    tick(cloud)
    assert cloud.queue.bodies == [] and not list(cloud.store.list("results", "active/"))
    assert cloud.view(batch_id)[0] == "cancelled"


def test_an_image_in_the_bucket_is_answered_beside_it(cloud: Cloud) -> None:
    cloud.store.objects["images", "a b/ü.png"] = picture("green")
    cloud.events.on_put(Put("images", "a b/ü.png", "1", 0))
    cloud.run()
    answer = json.loads(cloud.store.objects["results", "uploads/a b/ü.png.json"])
    assert answer["labels"][0]["name"] == "green"
    assert answer["source"] == "s3://images/a b/ü.png"


def test_what_waits_for_a_batch_is_left_to_it(cloud: Cloud) -> None:
    cloud.events.on_put(Put("images", "batches/mine/a.png", "1", 0))
    cloud.events.on_put(Put("images", "batches/mine/manifest.jsonl", "1", 0))
    cloud.events.on_put(Put("images", "folder/", "1", 0))
    assert cloud.queue.bodies == []


def test_a_bare_url_is_answered_on_the_results_queue(cloud: Cloud) -> None:
    for body in ("http://h/1", " http://h/-1\n"):
        cloud.deliver(body)
    good, bad = map(json.loads, cloud.answers.bodies)
    assert good["source"] == "http://h/1" and good["labels"][0]["name"] == "red"
    assert bad["source"] == "http://h/-1" and bad["error"]["code"] == "SourceRefused"


def test_an_s3_event_on_the_queue_that_comes_twice_is_one_batch(cloud: Cloud) -> None:
    cloud.store.objects["images", "m.txt"] = b"http://h/1\n"
    for _ in range(2):
        cloud.deliver(s3_event("m.txt"))
    cloud.run()
    (batch,) = cloud.batches.recent()
    assert cloud.view(batch.batch_id) == ("finished", (1, 1, 0))


@pytest.mark.parametrize("from_s3", [False, True], ids=["by a message", "by S3"])
def test_puts_without_a_sequencer_are_told_by_their_time(cloud: Cloud, from_s3: bool) -> None:
    """Two of the same second, and one of them comes twice."""
    cloud.store.objects["images", "m.txt"] = b"http://h/1\n"
    for ms in ("000", "250", "250"):
        event = s3_event("m.txt", sequencer="").replace("10:00:00.000", f"10:00:00.{ms}")
        if from_s3:
            cloud.events.on_s3_event(json.loads(event))
        else:
            cloud.deliver(event)
    assert len(cloud.batches.recent()) == 2


def test_each_put_of_an_event_of_s3_is_taken(cloud: Cloud) -> None:
    first, other = (json.loads(s3_event(key))["Records"] for key in ("a+b%2Bc.png", "d.png"))
    cloud.events.on_s3_event({"Records": first + other})
    cloud.run()
    uploads = [entry.key for entry in cloud.store.list("results", "uploads/")]
    assert uploads == ["uploads/a b+c.png.json", "uploads/d.png.json"]


def test_a_manifest_that_is_replaced_before_its_event_is_run_once(cloud: Cloud) -> None:
    """By the event of the new one; that of the old one comes late, and again."""
    old, new = b"http://h/1\n", b"http://h/2\nhttp://h/3\n"
    first, second = (etag_of(data).strip('"') for data in (old, new))
    cloud.store.objects["images", "m.txt"] = new
    for _ in range(2):
        cloud.deliver(s3_event("m.txt", sequencer="00AA", eTag=first))
        cloud.deliver(s3_event("m.txt", sequencer="00AB", eTag=second))
    cloud.events.on_put(Put("images", "m.txt", "00AA", 1795341600.0, first))
    cloud.run()
    (batch,) = cloud.batches.recent()
    assert cloud.view(batch.batch_id) == ("finished", (2, 2, 0))


def test_an_event_that_comes_again_needs_its_manifest_no_more(cloud: Cloud) -> None:
    old = b"http://h/1\n"
    cloud.store.objects["images", "m.txt"] = old
    event = s3_event("m.txt", eTag=etag_of(old).strip('"'))
    cloud.deliver(event)
    cloud.store.objects["images", "m.txt"] = b"http://h/2\n"
    cloud.deliver(event)
    cloud.run()
    (batch,) = cloud.batches.recent()
    (record,) = cloud.results(batch.batch_id)
    assert record.source == "http://h/1"


def test_a_start_that_dies_is_made_whole_by_the_event_that_comes_again(cloud: Cloud) -> None:
    cloud.store.objects["images", "m.txt"] = b"http://h/1\n"
    put = cloud.store.put

    def dies(bucket: str, key: str, *rest: Any, **options: Any) -> Any:
        if key.startswith("recent/"):
            raise ServiceUnavailable("The bucket does not answer.")
        return put(bucket, key, *rest, **options)

    cloud.store.put = dies  # type: ignore[method-assign]
    with pytest.raises(ServiceUnavailable):
        cloud.deliver(s3_event("m.txt"))
    cloud.store.put = put  # type: ignore[method-assign]
    cloud.deliver(s3_event("m.txt"))
    assert len(list(cloud.store.list("results", "active/"))) == 1
    cloud.run()
    assert [batch.status for batch in cloud.batches.recent()] == ["finished"]


def test_an_s3_event_on_the_queue_has_a_quoted_key(cloud: Cloud) -> None:
    cloud.store.objects["images", "a b+c.png"] = picture("blue")
    cloud.deliver(s3_event("a+b%2Bc.png"))
    cloud.run()
    assert ("results", "uploads/a b+c.png.json") in cloud.store.objects


@pytest.mark.parametrize("key", ["m.txt", "a.png"])
def test_an_s3_event_may_name_the_images_bucket_alone(cloud: Cloud, key: str) -> None:
    cloud.store.objects["results", "m.txt"] = b"http://h/1\n"
    with pytest.raises(BadRequest, match="another bucket"):
        cloud.deliver(s3_event(key, "results"))
    assert not cloud.queue.bodies and not cloud.batches.recent()


def test_what_s3_sends_to_try_the_queue_is_passed_over(cloud: Cloud) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html."""
    test = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-11-22T10:00:00.000Z",
            "Bucket": "images", "RequestId": "x", "HostId": "y"}  # fmt: skip
    cloud.deliver(json.dumps(test))
    assert not cloud.queue.bodies and not cloud.store.objects


def test_events_of_s3_come_through_sns_and_eventbridge(cloud: Cloud) -> None:
    """Each of them on one image; EventBridge does not quote its key."""
    cloud.store.objects["images", "a b+c.png"] = picture("blue")
    answer = "results", "uploads/a b+c.png.json"
    put = {"etag": "b1946ac92492d2347c6235b4d2611184", "sequencer": "00617F08299329D189"}
    for message in (
        through_sns(s3_event("a+b%2Bc.png")),
        bridged("a b+c.png", **put),
        through_sns(bridged("a b+c.png", **put)),
    ):
        cloud.deliver(message)
        cloud.run()
        assert cloud.store.objects.pop(answer)


def test_other_events_of_s3_are_passed_over_however_they_come(cloud: Cloud) -> None:
    test = json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "images"})
    for message in (
        through_sns(test),
        through_sns(s3_event("a.png", name="ObjectRemoved:Delete")),
        bridged("a.png", "Object Deleted", sequencer="00617F08299329D189"),
        bridged("a.png", "Object Tags Added", etag="b1946ac92492d2347c6235b4d2611184"),
    ):
        cloud.deliver(message)
        assert not cloud.queue.bodies and not cloud.store.objects


def test_an_event_through_sns_may_name_the_images_bucket_alone(cloud: Cloud) -> None:
    with pytest.raises(BadRequest, match="another bucket than images"):
        cloud.deliver(through_sns(s3_event("m.txt", "results")))


def test_an_event_that_failed_is_made_good_from_the_dead_letters(cloud: Cloud) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html."""
    cloud.store.objects["images", "a b+c.png"] = picture("blue")
    failure = {
        "version": "1.0",
        "requestContext": {"condition": "RetriesExhausted", "approximateInvokeCount": 3},
        "requestPayload": json.loads(s3_event("a+b%2Bc.png")),
        "responsePayload": {"errorType": "ServiceUnavailable", "errorMessage": "S3 is away."},
    }
    cloud.deliver(json.dumps(failure))
    cloud.run()
    assert ("results", "uploads/a b+c.png.json") in cloud.store.objects


def test_a_deletion_leaves_the_answer_of_an_image(cloud: Cloud) -> None:
    cloud.deliver(s3_event("a.png", name="ObjectRemoved:Delete"))
    assert not cloud.queue.bodies


@pytest.mark.parametrize("key", ["é" * 499 + ".png", "é" * 503 + "12.png", "k" * 1020 + ".png"])
def test_an_upload_of_any_key_has_an_answer(cloud: Cloud, key: str) -> None:
    """1,002, 1,012 and 1,024 bytes; the answer's key adds 13."""
    cloud.store.objects["images", key] = picture("blue")
    cloud.events.on_put(Put("images", key, "1", 0))
    cloud.run()
    ((bucket, name),) = [place for place in cloud.store.objects if place[0] == "results"]
    assert name.startswith("uploads/") and len(name.encode()) <= MAX_KEY_BYTES
    assert (name == f"uploads/{key}.json") == (len(key.encode()) <= 1011)
    record = msgspec.json.decode(cloud.store.objects[bucket, name], type=Record)
    assert (record.id, record.source, record.error) == (key, f"s3://images/{key}", None)


def test_a_prefix_may_end_like_a_manifest_and_have_long_keys(cloud: Cloud) -> None:
    names = ["a" * 900 + ".png", "b" * 300 + ".png", "c.png"]
    for name in names:
        cloud.store.objects["images", f"x.csv/{name}"] = picture("blue")
    view = cloud.batches.create(BatchRequest(prefix="s3://images/x.csv/"))
    cloud.run()
    results = cloud.results(view.batch_id)
    assert [(record.id, record.error) for record in results] == [(name, None) for name in names]


@pytest.mark.parametrize(
    "body",
    ["", "hello", "{}", "[]", '{"Event": "s3:Other"}', '{"type": "chunk"}', '{"Records": [1]}'],
)
def test_a_message_that_nobody_understands_is_left_to_the_dead_letter_queue(
    cloud: Cloud, body: str
) -> None:
    with pytest.raises(BadRequest):
        cloud.deliver(body)


def test_a_fault_of_the_platform_makes_the_message_come_again(cloud: Cloud) -> None:
    batch_id = cloud.start([1, 2])
    cloud.deliver(cloud.queue.bodies.pop(0))
    body, put = cloud.queue.bodies.pop(0), cloud.store.put

    def fails(bucket: str, key: str, *rest: Any, **options: Any) -> Any:
        if "/parts/" in key:
            raise ServiceUnavailable("The bucket does not answer.")
        return put(bucket, key, *rest, **options)

    cloud.store.put = fails  # type: ignore[method-assign]
    with pytest.raises(ServiceUnavailable):
        cloud.deliver(body)
    cloud.store.put = put  # type: ignore[method-assign]
    cloud.deliver(body)
    assert cloud.view(batch_id) == ("finished", (2, 2, 0))


def test_two_workers_on_one_chunk_agree(cloud: Cloud) -> None:
    """The slower one's part is not written, and it counts the faster one's."""
    batch_id = cloud.start([1, 2])
    cloud.deliver(cloud.queue.bodies.pop(0))
    body, put = cloud.queue.bodies.pop(0), cloud.store.put
    faster = msgspec.json.Encoder().encode_lines([Record("id1", "a", []), Record("id2", "b", [])])

    def overtaken(bucket: str, key: str, data: bytes, *rest: Any, **options: Any) -> Any:
        if "/parts/" in key:
            cloud.store.objects[bucket, key] = faster
        return put(bucket, key, data, *rest, **options)

    cloud.store.put = overtaken  # type: ignore[method-assign]
    cloud.deliver(body)
    assert [record.source for record in cloud.results(batch_id)] == ["a", "b"]


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (BatchRequest(), BadRequest),
        (BatchRequest(manifest="s3://images/m.txt", prefix="s3://images/a/"), BadRequest),
        (BatchRequest(manifest="s3://other/m.txt"), SourceInvalid),
        (BatchRequest(manifest="http://h/m.txt"), SourceInvalid),
        (BatchRequest(manifest="s3://images/m.doc"), SourceInvalid),
        (BatchRequest(prefix="s3://results/batches/"), SourceInvalid),
        (BatchRequest(manifest="s3://images/none.txt"), NotFound),
        (BatchRequest(instances=[Instance(url="http://h/1")], model="none"), ModelNotFound),
        (BatchRequest(instances=[Instance(url="http://h/1"), Instance(id="a")]), BadRequest),
    ],
)
def test_a_batch_that_cannot_be(
    cloud: Cloud, request_: BatchRequest, error: type[Exception]
) -> None:
    with pytest.raises(error):
        cloud.batches.create(request_)
    assert cloud.queue.bodies == []


@pytest.mark.parametrize("batch_id", ["none", "..", "../x", "a/b", "", "x" * 1100])
def test_a_batch_that_is_not(cloud: Cloud, batch_id: str) -> None:
    """S3 says of no key that is too long, or climbs, that there is no such object."""
    find = cloud.store.find

    def strict(bucket: str, key: str, limit: int) -> Any:
        if len(key) > 1024 or ".." in key:
            raise ServiceUnavailable("400 Bad Request")
        return find(bucket, key, limit)

    cloud.store.find = strict  # type: ignore[method-assign]
    actions: list[Callable[[str], Any]] = [
        cloud.batches.view, cloud.batches.cancel, cloud.batches.retry,
    ]  # fmt: skip
    for action in actions:
        with pytest.raises(NotFound):
            action(batch_id)


def test_the_newest_batches_come_first(cloud: Cloud) -> None:
    started = [cloud.start([1]) for _ in range(25)]
    assert [b.batch_id for b in cloud.batches.recent()] == list(reversed(started))[:20]


def test_batches_that_were_deleted_are_not_listed(cloud: Cloud) -> None:
    started = [cloud.start([1]) for _ in range(25)]
    for batch_id in (started[3], started[-1]):
        for bucket, key in list(cloud.store.objects):
            if key.startswith(f"batches/{batch_id}/"):
                cloud.store.delete(bucket, key)
    listed = [batch.batch_id for batch in cloud.batches.recent()]
    assert listed == [id for id in reversed(started) if id not in (started[3], started[-1])][:20]


def test_a_manifest_that_may_not_be_read_is_not_called_missing(cloud: Cloud) -> None:
    cloud.store.objects["images", "m.txt"] = b"http://h/1"

    def refuses(bucket: str, key: str, *rest: Any) -> bytes:
        raise AccessRefused(detail=f"s3://{bucket}/{key}: Access Denied")

    cloud.store.copy = refuses  # type: ignore[method-assign, assignment]
    with pytest.raises(AccessRefused):
        cloud.batches.create(BatchRequest(manifest="s3://images/m.txt"))


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("a.jpg", "a.jpg"),
        ("../../x.png", "x.png"),
        ("c:\\d\\e.png", "e.png"),
        ("..", "image"),
        ("${filename}", "filename"),
        ("a${filename}", "afilename"),
    ],
)
def test_an_upload_stays_in_its_folder(cloud: Cloud, filename: str, name: str) -> None:
    form = cloud.batches.upload(UploadRequest(filename=filename, batch="mine"))
    assert form.s3_uri == f"s3://images/batches/mine/{name}"
    alone = cloud.batches.upload(UploadRequest(filename=filename))
    assert alone.s3_uri.startswith("s3://images/uploads/")
