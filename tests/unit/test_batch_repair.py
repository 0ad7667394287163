"""What the schedule does for batches whose messages are lost, whose workers die, or that fail."""

import json
from typing import Any

import msgspec
import pytest

from chalicelib.batch.fanout import ChunkMessage, fan_out
from chalicelib.batch.ledger import Ledger
from chalicelib.batch.losses import IMAGE_LOST, REPAIRS, begin
from chalicelib.bulk.chunks import MAX_IMAGES
from chalicelib.errors import BadRequest, ServiceUnavailable
from chalicelib.requests import BatchRequest
from tests.batchcloud import Cloud, cut, tick

HOUR = 3600.0
KILLER = 7


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


def messages(cloud: Cloud) -> list[dict[str, Any]]:
    return [json.loads(body) for body in cloud.queue.bodies]


def failed(cloud: Cloud, ledger: Ledger) -> dict[str, str]:
    """Codes of the images that are errors, by id."""
    return {
        record.id: record.error.code for record in cloud.results(ledger.batch_id) if record.error
    }


def deliver_but(cloud: Cloud, killer: int) -> int:
    """Deliver what waits; a worker that takes up the killer dies five times, and its message is a
    dead letter. How many of those there are."""
    dead = 0
    while cloud.queue.bodies:
        body = cloud.queue.bodies.pop(0)
        message = json.loads(body)
        ledger = Ledger(cloud.store, "results", message["batch_id"])
        number = message.get("chunk") or message.get("of")
        entries = ledger.chunk(message["round"], number) if number else []
        if "place" in message:
            entries = [entries[message["place"]]]
        if f"id{killer}" in [entry.id for entry in entries]:
            begin(ledger, message["round"], number, message.get("tries", 0), message.get("place"))
            dead += 1
        else:
            cloud.deliver(body)
    return dead


def test_a_lost_chunk_is_mended_while_others_keep_the_queue_busy(cloud: Cloud) -> None:
    ledger = cut(cloud)
    cloud.queue.busy = True
    del cloud.queue.bodies[1]
    cloud.run()
    tick(cloud)
    assert cloud.queue.bodies == [], "it may yet be on its way"
    cloud.store.late += 1.1 * HOUR
    tick(cloud)
    assert [message["chunk"] for message in messages(cloud)] == [2]
    cloud.run()
    assert cloud.view(ledger.batch_id) == ("finished", (60, 60, 0))


def test_what_waits_behind_others_is_never_given_up(cloud: Cloud) -> None:
    """Days of backlog: copies of the messages are sent, fewer and fewer, and none is an error."""
    ledger = cut(cloud)
    cloud.queue.busy, sent = True, []
    for _ in range(100):
        cloud.store.late += HOUR
        before = len(cloud.queue.bodies)
        tick(cloud)
        sent.append(len(cloud.queue.bodies) - before)
    assert sum(1 for count in sent if count) <= 15
    assert not list(ledger.tallies(0))
    cloud.run()
    assert cloud.view(ledger.batch_id) == ("finished", (60, 60, 0))


def test_a_view_counts_what_is_done_before_its_fan_out_is_written_down(cloud: Cloud) -> None:
    batch_id, put, seen = cloud.start(list(range(60))), cloud.store.put, []

    def overtaken(bucket: str, key: str, *rest: Any, **options: Any) -> str | None:
        if key.endswith("fanout.json"):
            cloud.run()
            seen.append(cloud.view(batch_id))
        return put(bucket, key, *rest, **options)

    cloud.store.put = overtaken  # type: ignore[method-assign]
    cloud.deliver(cloud.queue.bodies.pop())
    assert seen[0] == ("running", (60, 60, 0))
    cloud.store.put = put  # type: ignore[method-assign]
    cloud.run()
    assert cloud.view(batch_id) == ("finished", (60, 60, 0))


def test_a_repair_that_does_not_come_to_its_end_goes_on_from_there(cloud: Cloud) -> None:
    """Of a million images alone more are to be sent than there is time for at once."""
    ledger = cut(cloud, 25 * 30)
    cloud.queue.bodies.clear()
    tick(cloud)
    cloud.queue.bodies.clear()
    send = cloud.queue.send

    def full(messages: Any) -> None:
        if len(cloud.queue.bodies) >= 500:
            raise ServiceUnavailable("The queue does not answer.")
        send(messages)

    cloud.queue.send = full  # type: ignore[method-assign]
    with pytest.raises(ServiceUnavailable):
        tick(cloud)
    sent = len(cloud.queue.bodies)
    cloud.queue.send = send  # type: ignore[method-assign]
    cloud.queue.busy = True
    tick(cloud)
    again = [(m["of"], m["place"]) if "of" in m else m["chunk"] for m in messages(cloud)]
    assert sent >= 500 and len(set(again)) == len(again), "none is sent a second time"
    cloud.queue.busy = False
    cloud.run()
    tick(cloud)
    cloud.run()
    assert cloud.view(ledger.batch_id)[0] == "finished"


def test_a_lost_fan_out_is_mended_while_others_keep_the_queue_busy(cloud: Cloud) -> None:
    batch_id = cloud.start([1, 2])
    cloud.queue.bodies.clear()
    cloud.queue.busy = True
    tick(cloud)
    assert cloud.queue.bodies == []
    cloud.store.late += 1.1 * HOUR
    tick(cloud)
    cloud.run()
    assert cloud.view(batch_id) == ("finished", (2, 2, 0))


@pytest.mark.parametrize("busy", [False, True])
def test_of_a_chunk_that_kills_its_workers_only_the_killer_is_lost(
    cloud: Cloud, busy: bool
) -> None:
    ledger = cut(cloud)
    cloud.queue.busy = busy
    deaths, ticks = deliver_but(cloud, KILLER), 0
    while cloud.view(ledger.batch_id)[0] == "running":
        cloud.store.late += 9 * HOUR
        tick(cloud)
        deaths += deliver_but(cloud, KILLER)
        ticks += 1
    assert cloud.view(ledger.batch_id) == ("finished", (60, 60, 1))
    assert failed(cloud, ledger) == {"id7": IMAGE_LOST.code}
    assert deaths == REPAIRS + 1 and ticks == REPAIRS + 1


def test_images_alone_that_wait_behind_others_are_not_given_up_for_one_that_was_begun(
    cloud: Cloud,
) -> None:
    ledger = cut(cloud, 3)
    cloud.queue.busy = True
    for _ in range(REPAIRS):
        cloud.queue.bodies.clear()
        cloud.store.late += 30 * HOUR
        tick(cloud)
    cloud.deliver(cloud.queue.bodies.pop(0))
    for _ in range(3):
        cloud.store.late += 30 * HOUR
        tick(cloud)
    assert cloud.view(ledger.batch_id)[0] == "running"
    cloud.run()
    assert cloud.view(ledger.batch_id) == ("finished", (3, 3, 0))


def test_a_retry_does_not_put_the_killer_among_others_again(cloud: Cloud) -> None:
    cloud.flaky = {f"http://h/{n}": 3 for n in range(60) if n != KILLER}
    ledger = cut(cloud)
    deliver_but(cloud, KILLER)
    for _ in range(REPAIRS + 1):
        tick(cloud)
        deliver_but(cloud, KILLER)
    assert failed(cloud, ledger)["id7"] == IMAGE_LOST.code and len(failed(cloud, ledger)) > 25
    cloud.batches.retry(ledger.batch_id)
    cloud.deliver(cloud.queue.bodies.pop(0))
    chunks = [ledger.chunk(1, number) for number in range(1, ledger.fan_out(1).chunks + 1)]
    assert ["id7"] in [[entry.id for entry in chunk] for chunk in chunks]
    cloud.run()
    assert cloud.view(ledger.batch_id) == ("finished", (60, 60, 0))


def test_a_worker_that_dies_after_the_last_image_alone_is_made_up_for(cloud: Cloud) -> None:
    ledger = cut(cloud, 3)
    for _ in range(2):
        cloud.queue.bodies.clear()
        tick(cloud)
    put = cloud.store.put

    def dies(bucket: str, key: str, *rest: Any, **options: Any) -> str | None:
        if "/parts/" in key:
            raise ServiceUnavailable("The bucket does not answer.")
        return put(bucket, key, *rest, **options)

    cloud.store.put = dies  # type: ignore[method-assign]
    first, second, last = cloud.queue.bodies
    cloud.queue.bodies.clear()
    cloud.deliver(first)
    cloud.deliver(second)
    with pytest.raises(ServiceUnavailable):
        cloud.deliver(last)
    cloud.store.put = put  # type: ignore[method-assign]
    tick(cloud)
    cloud.run()
    assert cloud.view(ledger.batch_id) == ("finished", (3, 3, 0))


def test_a_fan_out_that_always_fails_ends_with_its_reason(cloud: Cloud) -> None:
    cloud.store.objects["images", "m.txt"] = b"http://h/1\n"
    view = cloud.batches.create(BatchRequest(manifest="s3://images/m.txt"))
    other = cut(cloud, 2) if cloud.queue.bodies.pop() else None
    assert other is not None
    cloud.queue.bodies.clear()
    stream = cloud.store.stream

    def away(bucket: str, key: str) -> Any:
        raise ServiceUnavailable(f"s3://{bucket}/{key} could not be read.")

    cloud.store.stream = away  # type: ignore[method-assign]
    fan_outs = 0
    for _ in range(REPAIRS + 1):
        tick(cloud)
        for body in list(cloud.queue.bodies):
            cloud.queue.bodies.remove(body)
            if json.loads(body)["type"] == "fan_out":
                fan_outs += 1
                with pytest.raises(ServiceUnavailable):
                    cloud.deliver(body)
            else:
                cloud.deliver(body)
    assert fan_outs == REPAIRS
    assert cloud.view(other.batch_id) == ("finished", (2, 2, 0)), "it was not waited for"
    ended = cloud.batches.view(view.batch_id)
    assert ended.status == "failed"
    assert "(ServiceUnavailable)" in ended.error.message
    assert "s3:" not in ended.error.message, "our buckets are not named to callers"
    tick(cloud)
    assert cloud.queue.bodies == [] and not list(cloud.store.list("results", "active/"))
    cloud.store.stream = stream  # type: ignore[method-assign]
    cloud.batches.retry(view.batch_id)
    cloud.run()
    assert cloud.view(view.batch_id) == ("finished", (1, 1, 0))


@pytest.mark.parametrize("name", ["batch.json", "rounds/0/fanout.json", "cancelled"])
def test_the_trouble_of_one_batch_holds_up_no_other(cloud: Cloud, name: str) -> None:
    troubled, others = cut(cloud, 2), [cut(cloud, 2) for _ in range(5)]
    cloud.queue.bodies.clear()
    cloud.store.objects["results", troubled.key(name)] = b"no JSON"
    with pytest.raises(msgspec.DecodeError):
        tick(cloud)
    cloud.run()
    for ledger in others:
        assert cloud.view(ledger.batch_id) == ("finished", (2, 2, 0))


def test_a_batch_of_over_a_million_images_is_refused_before_any_is_stored(cloud: Cloud) -> None:
    cloud.store.objects["images", "m.txt"] = b"s3://a/b\n" * (MAX_IMAGES + 1)
    view = cloud.batches.create(BatchRequest(manifest="s3://images/m.txt"))
    cloud.run()
    ended = cloud.batches.view(view.batch_id)
    assert ended.status == "failed" and ended.error.code == "BadRequest"
    assert "at most 1,000,000 images" in ended.error.message
    assert not [key for _, key in cloud.store.objects if "/chunks/" in key]


@pytest.mark.parametrize(("most", "fits"), [(4, False), (5, True)])
@pytest.mark.parametrize("source", ["m.jsonl", "photos/"])
def test_the_limit_is_of_images(cloud: Cloud, source: str, most: int, fits: bool) -> None:
    cloud.store.objects["images", "m.jsonl"] = b'{"url": "http://h/1"}\n\n# more:\n' * 5
    for number in range(5):
        cloud.store.objects["images", f"photos/{number}.png"] = b""
    request = {"prefix" if source.endswith("/") else "manifest": f"s3://images/{source}"}
    view = cloud.batches.create(BatchRequest(**request))  # type: ignore[arg-type]
    ledger = Ledger(cloud.store, "results", view.batch_id)
    cloud.queue.bodies.clear()
    if fits:
        assert fan_out(ledger, ledger.batch(), cloud.queue, lambda: 900.0, most)
    else:
        with pytest.raises(BadRequest, match="split it into"):
            fan_out(ledger, ledger.batch(), cloud.queue, lambda: 900.0, most)
    assert bool(cloud.queue.bodies) is fits is bool(ledger.chunk(0, 1))


def test_messages_that_were_never_lost_say_nothing_of_it() -> None:
    body = json.loads(msgspec.json.encode(ChunkMessage("b", 0, 1)))
    assert body == {"type": "chunk", "batch_id": "b", "round": 0, "chunk": 1}
