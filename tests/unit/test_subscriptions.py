"""What other services' events bring in: read, queued, answered once, a bad event too."""

import base64
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from benchmarks import triggers
from chalicelib.aws import notices
from chalicelib.aws.notices import MAX_TEXT, Notice, named
from chalicelib.aws.s3events import Put
from chalicelib.batch.inlet import EventMessage, Inlet
from chalicelib.batch.single import event_key
from chalicelib.errors import BadRequest, ServiceUnavailable, SourceInvalid
from chalicelib.requests import Instance
from chalicelib.subscriptions import HANDLERS, VARIABLES, Subscriptions, pattern
from tests.batchcloud import Cloud, bridged, s3_event, through_sns
from tests.conftest import ROOT
from tests.fakes import MemoryQueue
from tests.sampleimages import picture
from tools.deploying.asked import check
from tools.deploying.step import DeployError
from tools.deploying.target import Target


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


class Full(MemoryQueue):
    """A queue that does not answer once it has taken so many messages."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def send(self, messages: Any) -> None:
        if len(self.bodies) + len(messages) > self.room:
            raise ServiceUnavailable(detail="full")
        super().send(messages)


def take(cloud: Cloud, *notices: Notice) -> None:
    """Queue them as a function does, and let the worker have all."""
    Inlet(cloud.queue).take(notices)
    cloud.run()


def answer(cloud: Cloud, id: str) -> Any:
    return json.loads(cloud.store.objects["results", f"events/{id}.json"])


@pytest.mark.parametrize(("text", "image"), [
    ("http://h/1", Instance(url="http://h/1")),
    (" https://h/1\n", Instance(url="https://h/1")),
    ("s3://images/a b.png", Instance(s3_uri="s3://images/a b.png")),
    ('{"url": "http://h/1"}', Instance(url="http://h/1")),
    ('{"url": "http://h/1", "s3_uri": "", "more": [1]}', Instance(url="http://h/1")),
    ('{"id": "mine", "s3_uri": "s3://images/a"}', Instance("mine", s3_uri="s3://images/a")),
    ('{"detail-type": "Classify Image", "detail": {"url": "http://h/1"}}',
     Instance(url="http://h/1")),
    (through_sns("http://h/1"), Instance(url="http://h/1")),
    (through_sns('{"url": "http://h/1"}'), Instance(url="http://h/1")),
])  # fmt: skip
def test_a_text_names_an_image(text: str, image: Instance) -> None:
    assert named(text) == [image]


def test_a_text_names_what_was_put_into_a_bucket() -> None:
    for text in (s3_event("a+b.png"), through_sns(s3_event("a+b.png")), bridged("a b.png")):
        (put,) = named(text)
        assert isinstance(put, Put) and put.address == "s3://images/a b.png"
    assert named(bridged("a.png", "Object Deleted")) == []


@pytest.mark.parametrize("text", [
    "", "poison", "{", "[]", "null", "{}", '{"url": 5}', '{"url": ""}', "\ud800",
    '{"url": "http://h/1", "s3_uri": "s3://b/k"}', '{"id": "%s", "url": "u"}' % ("x" * 257),
    '{"detail": {}}', '{"Records": 5}', '{"Records": [{}]}', "file:///etc/passwd", "[" * 100_000,
    bridged("a.png").replace("2026-11-22T10:00:00Z", "0001-01-01T00:00:00"),
    '{"requestPayload": {"Records": [{"Sns": {"MessageId": "m", "Message": {"url": "u"}}}]}}',
    '{"requestPayload": {"Records": [{"Sns": {"MessageId": "m", "Message": null}}]}}',
])  # fmt: skip
def test_other_texts_are_refused_in_words(text: str) -> None:
    with pytest.raises(BadRequest, match=r"names no image\. Send a URL"):
        named(text)


DEEP = json.dumps({"detail": {"url": "http://h/1", "more": 0}}).replace(
    "0", "[" * 5000 + "]" * 5000
)


@pytest.mark.parametrize("text", [
    DEEP, '{"a":' * 1500 + "1" + "}" * 1500, '{"requestPayload":' * 700 + "{}" + "}" * 700,
    "s3://images/\ud800", '{"s3_uri": "s3://images/\ud800"}',
], ids=range(5))  # fmt: skip
def test_what_json_or_a_queue_cannot_hold_is_answered_once(cloud: Cloud, text: str) -> None:
    take(cloud, Notice("sns/1", text), Notice("sns/2", "poison"))
    assert answer(cloud, "sns/1")["error"] and answer(cloud, "sns/2")["error"]
    assert not cloud.queue.bodies


@pytest.mark.parametrize(
    "text", [DEEP, '{"requestPayload":' * 5000 + "{}" + "}" * 5000], ids=range(2)
)
def test_a_message_that_is_too_deep_is_refused_in_words(cloud: Cloud, text: str) -> None:
    with pytest.raises(BadRequest, match=r"names no image\. Send a URL"):
        cloud.deliver(text)


def test_an_event_that_lambda_gave_up_is_made_good_from_the_dead_letters() -> None:
    image = [Instance(url="http://h/1")]
    sns = {"Records": [{"Sns": {"MessageId": "m-1", "Message": "http://h/1"}}]}
    for event in (sns, {"detail-type": "Classify Image", "detail": {"url": "http://h/1"}}):
        assert named(json.dumps({"requestPayload": event, "responsePayload": {}})) == image
    lost = {"requestPayload": json.loads(bridged("a b.png"))}
    (put,) = named(json.dumps(lost))
    assert isinstance(put, Put) and put.address == "s3://images/a b.png"
    for payload in (
        {},
        {"Records": [{}]},
        {"Records": [5]},
        {"requestPayload": {}},
        sns | {"x": 1},
    ):
        with suppress(BadRequest):
            assert named(json.dumps({"requestPayload": payload})) == image


def test_every_event_is_named_by_what_aws_calls_it() -> None:
    record = {"Sns": {"MessageId": "m-1", "Message": "http://h/1", "Subject": None}}
    assert notices.of_sns({"Records": [record]}) == [Notice("sns/m-1", "http://h/1")]
    event = {"id": "e-1", "detail-type": "Classify Image", "detail": {"url": "http://h/1"}}
    (notice,) = notices.of_eventbridge(event)
    assert notice.id == "eventbridge/e-1" and named(notice.text) == [Instance(url="http://h/1")]


def kinesis_record(number: int, data: bytes) -> dict[str, Any]:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html."""
    kinesis = {"data": base64.b64encode(data).decode(), "sequenceNumber": str(number)}
    return {"eventID": f"shardId-000000000006:{number}", "kinesis": kinesis}


def test_records_of_a_stream_are_named_by_shard_and_sequence(cloud: Cloud) -> None:
    records = [kinesis_record(7, b"http://h/1"), kinesis_record(8, b"\xff\xfe")]
    good, bad = notices.of_kinesis({"Records": records})
    assert good == Notice("kinesis/shardId-000000000006:7", "http://h/1", "7")
    take(cloud, good, bad)
    assert answer(cloud, "kinesis/shardId-000000000006:7")["labels"]
    assert answer(cloud, "kinesis/shardId-000000000006:8")["error"]["code"] == "BadRequest"


def test_a_stream_goes_on_where_the_queue_took_no_more() -> None:
    queue = Full(room=20)
    records = [Notice(f"kinesis/{n}", "http://h/1", str(n)) for n in range(35)]
    answer = Inlet(queue).take_in_order(records)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "20"}]}
    assert len(queue.bodies) == 20
    assert Inlet(Full(room=0)).take_in_order(records)["batchItemFailures"] == [
        {"itemIdentifier": "0"}
    ]
    assert Inlet(Full(room=99)).take_in_order(records) == {"batchItemFailures": []}
    assert Inlet(Full(room=0)).take_in_order([]) == {"batchItemFailures": []}


def table_event(name: str = "INSERT", **new: Any) -> dict[str, Any]:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html."""
    change = {"Keys": {"id": {"S": "a"}}, "NewImage": {"id": {"S": "a"}, **new},
              "SequenceNumber": "111", "StreamViewType": "NEW_IMAGE"}  # fmt: skip
    arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/photos/stream/2026-03-01T00:00:00.000"
    record = {"eventID": "c4ca4238a0b923820dcc509a6f75849b", "eventName": name,
              "eventSourceARN": arn, "dynamodb": change}  # fmt: skip
    return {"Records": [record]}


ITEM = "dynamodb/c4ca4238a0b923820dcc509a6f75849b"
URL = {"S": "http://h/1"}


def test_a_new_item_gets_its_labels_once(cloud: Cloud) -> None:
    cloud.items.put("photos", "a", {"url": URL})
    for _ in range(2):
        take(cloud, *notices.of_dynamodb(table_event(url=URL), write=True))
    record, item = answer(cloud, ITEM), cloud.items.items["photos", "a"]
    assert record["id"] == "a" and len(cloud.answers.bodies) == 1
    (label, *_), model = item["labels"]["L"], item["model"]
    assert label == {"M": {"name": {"S": "red"}, "score": {"N": "1.000000"}}}
    assert model == {"S": "colour"} and item["url"] == URL


def test_an_item_that_cannot_be_classified_gets_the_error(cloud: Cloud) -> None:
    gone = {"S": "http://h/-1"}
    cloud.items.put("photos", "a", {"url": gone})
    take(cloud, *notices.of_dynamodb(table_event(url=gone), write=True))
    error = cloud.items.items["photos", "a"]["error"]["M"]
    assert error == {"code": {"S": "SourceRefused"}, "message": {"S": "The host says 404."}}


@pytest.mark.parametrize("now", [{}, {"url": {"S": "http://h/2"}}], ids=["gone", "another url"])
def test_an_item_that_was_changed_meanwhile_is_left_alone(cloud: Cloud, now: Any) -> None:
    if now:
        cloud.items.put("photos", "a", now)
    take(cloud, *notices.of_dynamodb(table_event(url=URL), write=True))
    assert answer(cloud, ITEM)["labels"]
    assert cloud.items.items.get(("photos", "a")) == ({"id": {"S": "a"}, **now} if now else None)


def test_items_are_written_to_only_where_that_is_asked_for(cloud: Cloud) -> None:
    cloud.items.put("photos", "a", {"url": URL})
    take(cloud, *notices.of_dynamodb(table_event(url=URL), write=False))
    assert answer(cloud, ITEM)["labels"] and "labels" not in cloud.items.items["photos", "a"]


def test_only_new_items_with_an_address_count() -> None:
    """What we write into an item is a change of it, so it never comes back to us."""
    for event in (
        table_event("MODIFY", url=URL, labels={"L": []}),
        table_event("REMOVE"),
        table_event(note={"S": "no address"}),
    ):
        assert notices.of_dynamodb(event, write=True) == []
    assert notices.of_dynamodb({"Records": []}, write=True) == []


@pytest.mark.parametrize("new", [
    {"url": {"N": "5"}}, {"url": {"S": ""}}, {"url": URL, "s3_uri": {"S": "s3://images/a"}},
    {"s3_uri": {"NULL": True}}, {"url": {"M": {}}},
], ids=str)  # fmt: skip
def test_an_item_with_a_wrong_address_is_answered_so(cloud: Cloud, new: Any) -> None:
    cloud.items.put("photos", "a", new)
    take(cloud, *notices.of_dynamodb(table_event(**new), write=True))
    assert answer(cloud, ITEM)["error"]["code"] == "BadRequest"
    assert cloud.items.items["photos", "a"]["error"]["M"]["code"] == {"S": "BadRequest"}


def test_a_table_that_does_not_answer_repeats_no_answer(cloud: Cloud) -> None:
    cloud.items.put("photos", "a", {"url": URL})
    write, failures = cloud.items.write, [ServiceUnavailable(detail="throttled")] * 2

    def throttled(*arguments: Any) -> bool:
        if failures:
            raise failures.pop()
        return write(*arguments)

    cloud.items.write = throttled  # type: ignore[method-assign]
    for _ in range(3):  # as the queue delivers it
        with suppress(ServiceUnavailable):
            take(cloud, *notices.of_dynamodb(table_event(url=URL), write=True))
    assert len(cloud.answers.bodies) == 1 and cloud.items.items["photos", "a"]["labels"]


@pytest.mark.parametrize("id", [{"N": "5"}, {"B": "AP8="}, {"S": "x" * 2048}], ids=str)
def test_an_item_whose_own_id_names_no_image_is_named_by_its_event(cloud: Cloud, id: Any) -> None:
    take(cloud, *notices.of_dynamodb(table_event(url=URL, id=id), write=False))
    assert answer(cloud, ITEM)["id"] == ITEM and answer(cloud, ITEM)["labels"]


def test_items_with_huge_addresses_fit_into_the_queue(cloud: Cloud) -> None:
    huge = {"S": "http://h/" + "x" * 300_000}
    (notice,) = notices.of_dynamodb(table_event(url=huge), write=True)
    Inlet(cloud.queue).take([notice] * 10)
    assert sum(len(body.encode()) for body in cloud.queue.bodies) < 2**20  # of one request of SQS
    cloud.run()
    assert "16,000 characters" in answer(cloud, ITEM)["error"]["message"]


NIGHTS = ("2026-03-01T00:00:00Z", "2026-03-01T00:00:07Z", "2026-03-02T00:00:00Z")


def test_a_manifest_of_every_night_is_a_batch_each_day(cloud: Cloud) -> None:
    cloud.store.objects["images", "list.txt"] = b"http://h/1\nhttp://h/-1\nhttp://h/2\n"
    for moment in NIGHTS:
        cloud.batches.begin_daily("s3://images/list.txt", moment)
        cloud.run()
    second, first = cloud.batches.recent()
    assert (first.created_at.day, second.created_at.day) == (1, 2)
    assert first.counts == second.counts and first.counts.failed == 1
    assert len(cloud.bus.events) == 2


def test_a_night_that_begins_twice_before_it_has_ended_is_one_batch(cloud: Cloud) -> None:
    cloud.store.objects["images", "list.txt"] = b"http://h/1\n"
    for moment in NIGHTS[:2]:
        cloud.batches.begin_daily("s3://images/list.txt", moment)
    cloud.run()
    (batch,) = cloud.batches.recent()
    assert batch.counts.done == 1


@pytest.mark.parametrize("manifest", ["s3://strange/list.txt", "s3://images/a.png", "list.txt"])
def test_a_night_needs_a_manifest_of_the_images_bucket(cloud: Cloud, manifest: str) -> None:
    with pytest.raises(SourceInvalid):
        cloud.batches.begin_daily(manifest, NIGHTS[0])


def test_a_bad_event_among_good_ones_is_answered_with_an_error(cloud: Cloud) -> None:
    texts = ["http://h/1", "poison", "http://h/-1", '{"id": "mine", "url": "http://h/2"}']
    take(cloud, *(Notice(f"sns/{n}", text) for n, text in enumerate(texts)))
    first, poison, gone, last = (answer(cloud, f"sns/{n}") for n in range(4))
    assert first["labels"][0]["name"] == "red" and first["id"] == "sns/0"
    assert poison["error"]["code"] == "BadRequest" and not poison["error"]["retryable"]
    assert gone["error"]["code"] == "SourceRefused" and gone["source"] == "http://h/-1"
    assert last["id"] == "mine" and last["labels"]
    assert [json.loads(body) for body in cloud.answers.bodies] == [first, poison, gone, last]


@pytest.mark.parametrize("wrap", [str, through_sns], ids=["s3", "sns"])
def test_an_event_about_our_own_answers_gets_none(cloud: Cloud, wrap: Any) -> None:
    """A topic may hear of every object of the results bucket: each answer would be another."""
    take(cloud, Notice("sns/1", "http://h/1"))
    objects = {*cloud.store.objects}
    text = wrap(s3_event("events/sns/1.json", bucket="results"))
    take(cloud, Notice("sns/2", text), Notice("sns/3", "http://h/2"))
    assert {*cloud.store.objects} - objects == {("results", "events/sns/3.json")}
    assert len(cloud.answers.bodies) == 2 and not cloud.queue.bodies


def test_an_event_that_comes_twice_is_answered_once(cloud: Cloud) -> None:
    for _ in range(2):
        take(cloud, Notice("sns/1", "http://h/1"), Notice("sns/2", "poison"))
    assert len(cloud.answers.bodies) == 2
    assert cloud.classifier.seen == 1


def test_an_answer_costs_what_is_published(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """`find` would list a key that is missing, at the price of a write."""
    asked: Counter[str] = Counter()

    def counted(name: str) -> Callable[..., Any]:
        ask = getattr(cloud.store, name)
        return lambda *rest, **named: (asked.update([name]), ask(*rest, **named))[1]

    for name in ("read", "find", "list", "put"):
        monkeypatch.setattr(cloud.store, name, counted(name))
    take(cloud, Notice("sns/1", "http://h/1"))
    assert asked == {"read": triggers.READS, "put": triggers.WRITES}


def test_a_worker_that_dies_before_the_answer_is_written_does_it_again(cloud: Cloud) -> None:
    take(cloud, Notice("sns/1", "http://h/1"))
    del cloud.store.objects["results", "events/sns/1.json"]  # its last step
    take(cloud, Notice("sns/1", "http://h/1"))
    assert answer(cloud, "sns/1")["labels"]
    first, again = map(json.loads, cloud.answers.bodies)
    assert first["id"] == again["id"] == "sns/1"  # by which a reader tells


def test_an_object_of_the_images_bucket_is_taken_as_an_upload(cloud: Cloud) -> None:
    cloud.store.objects["images", "a.png"] = picture("blue")
    cloud.store.objects["images", "list.txt"] = b"http://h/1\n"
    keys = ("a.png", "list.txt", "batches/b/a.png")
    events = [json.loads(bridged(key, sequencer="00AA")) for key in keys]
    for _ in range(2):
        take(cloud, *(notice for event in events for notice in notices.of_eventbridge(event)))
    assert [key for _, key in cloud.store.objects if key.startswith(("uploads/", "events/"))] == [
        "uploads/a.png.json"
    ]
    cloud.deliver(s3_event("list.txt"))  # as S3 tells of it directly
    (batch,) = cloud.batches.recent()
    assert batch.source == "s3://images/list.txt" and batch.counts.done == 1


def test_an_object_of_a_further_bucket_is_an_image(cloud: Cloud) -> None:
    """If that bucket may be read, else an error."""
    event = json.loads(bridged("a.png"))
    event["detail"]["bucket"]["name"] = "strange"
    take(cloud, *notices.of_eventbridge(event))
    record = answer(cloud, "eventbridge/x")
    assert record["source"] == "s3://strange/a.png" and record["error"]["code"] == "SourceInvalid"


def test_a_text_that_is_too_long_for_the_queue_is_refused(cloud: Cloud) -> None:
    take(cloud, Notice("sns/1", f"http://h/1?{'x' * MAX_TEXT}"))
    assert "16,000 characters" in answer(cloud, "sns/1")["error"]["message"]
    longest = ["\x01" * MAX_TEXT] * 10
    Inlet(cloud.queue).take([Notice("sns/1", text) for text in longest])
    assert sum(len(body.encode()) for body in cloud.queue.bodies) < 2**20  # of one request of SQS


def test_a_queue_that_is_away_makes_the_event_come_again() -> None:
    with pytest.raises(ServiceUnavailable):
        Inlet(Full(room=0)).take([Notice("sns/1", "http://h/1")])


@pytest.mark.parametrize("id", ["", "x", "sns/../../batches/b/batch", "sns/" + "x" * 900, "SNS/a"])
def test_an_id_that_aws_did_not_make_leads_nowhere_else(cloud: Cloud, id: str) -> None:
    assert event_key(id, 0).startswith("events/other/")
    cloud.queue.send([EventMessage(id, "http://h/1")])
    cloud.run()
    assert json.loads(cloud.store.objects["results", event_key(id, 0)])["labels"]


def test_what_a_stage_asks_for_is_kept_in_its_environment() -> None:
    asked = Subscriptions(sns="arn:aws:sns:eu-west-1:123456789012:photos", eventbridge="true")
    assert Subscriptions.from_environment(asked.variables()) == asked
    assert asked.handlers() == ["on_topic", "on_event"]
    stream = Subscriptions(kinesis="arn:aws:kinesis:eu-west-1:123456789012:stream/photos")
    assert stream.stream == "photos"
    assert Subscriptions.from_environment({}).handlers() == []
    assert Subscriptions().variables() == {}
    assert VARIABLES.keys() == HANDLERS.keys() | {"labels"}


def test_a_rule_takes_new_objects_of_our_buckets_and_what_is_sent_to_us() -> None:
    from moto.events.models import EventPattern

    rule = EventPattern.load(json.dumps(pattern(["images", "photos"])))
    detail = {"bucket": {"name": "photos"}, "object": {"key": "a.png"}}
    created: Any = {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}
    custom: Any = {
        "source": "shop",
        "detail-type": "Classify Image",
        "detail": {"url": "http://h/1"},
    }
    other = {"bucket": {"name": "logs"}, "object": {"key": "a"}}
    assert all(rule.matches_event(event) for event in (created, custom))
    for event in (
        created | {"detail": other},
        created | {"detail-type": "Object Deleted"},
        created | {"source": "shop"},
        custom | {"detail-type": "Batch Finished"},
    ):
        assert not rule.matches_event(event)


@pytest.mark.parametrize("asked", [[], ["sns"], [*VARIABLES]], ids=str)
def test_the_app_declares_the_handlers_that_are_asked_for(asked: list[str]) -> None:
    show = "import app; print(*app.app.handler_map)"
    variables = {VARIABLES[name]: "arn:aws:x:eu-west-1:123456789012:a/b" for name in asked}
    declared = subprocess.run(
        [sys.executable, "-c", show], cwd=ROOT, env=os.environ | variables | {"IMAGES_BUCKET": "i"},
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    wanted = {HANDLERS[name] for name in asked if name in HANDLERS}
    assert {*declared} & {*HANDLERS.values()} == wanted


TARGET = Target("dev", "123456789012", "eu-west-1")


@pytest.mark.parametrize("asked", [
    {"sns": "photos"},
    {"sns": "arn:aws:sns:eu-west-1:123456789012:photos.fifo"},
    {"sns": "arn:aws:sns:us-east-1:123456789012:photos"},
    {"sns": "arn:aws:sns:eu-west-1:999999999999:photos"},
    {"sns": "arn:aws:sqs:eu-west-1:123456789012:photos"},
    {"kinesis": "photos"},
    {"kinesis": "arn:aws:kinesis:us-east-1:123456789012:stream/photos"},
    {"kinesis": "arn:aws:kinesis:eu-west-1:123456789012:stream/photos/consumer/me:1"},
    {"dynamodb": "arn:aws:dynamodb:eu-west-1:123456789012:table/photos"},
    {"lex": "arn:aws:lex:eu-west-1:123456789012:bot/ABCDEFGHIJ"},
    {"nightly": "s3://photos/list.txt"},
    {"nightly": "s3://serverless-inception-dev-images-123456789012/photo.jpg"},
], ids=lambda asked: "".join(asked.values()))  # fmt: skip
def test_what_cannot_be_subscribed_to_is_refused_before_anything_is_made(
    asked: dict[str, str],
) -> None:
    ((name, value),) = asked.items()
    with pytest.raises(DeployError, match=rf"--{name} {re.escape(value)}: give .* in eu-west-1 of"):
        check(Subscriptions(**asked), TARGET)


def test_what_can_be_subscribed_to() -> None:
    check(
        Subscriptions(sns="arn:aws:sns:eu-west-1:123456789012:photos", eventbridge="true"), TARGET
    )
    check(Subscriptions(), TARGET)
    stream = "arn:aws:kinesis:eu-west-1:123456789012:stream/photos"
    manifest = f"s3://{TARGET.buckets[0]}/lists/every night.csv"
    check(Subscriptions(kinesis=stream, nightly=manifest), TARGET)
    table = "arn:aws:dynamodb:eu-west-1:123456789012:table/photos/stream/2026-03-01T00:00:00.000"
    bot = "arn:aws:lex:eu-west-1:123456789012:bot-alias/ABCDEFGHIJ/TSTALIASID"
    check(Subscriptions(dynamodb=table, labels="true", lex=bot), TARGET)
    with pytest.raises(DeployError, match="give --dynamodb too"):
        check(Subscriptions(labels="true"), TARGET)
