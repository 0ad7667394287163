"""Every way in on the local cloud: from an event of another service to its answer."""

import base64
import contextlib
import http.server
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
import urllib3

from chalicelib.batch.announcement import KIND
from chalicelib.subscriptions import CUSTOM, VARIABLES
from localcloud.environment import ACCOUNT
from localcloud.events import scheduled_event
from localcloud.starting import wait_for
from localcloud.subscribed import NAME
from tests.conftest import DOODLES
from tests.e2e.conftest import LocalCloud, running
from tests.loopback import answering
from tests.unit.test_lex import question

UMBRELLA, BANANA = "umbrella.jpg", "banana.jpg"
FURTHER = "photos-of-others"
TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:{NAME}"


class Host(http.server.ThreadingHTTPServer):
    """Serves pictures. The first time that one with `?hold` is asked for, it waits for `go_on`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), partial(_Pictures, directory=str(DOODLES)))
        self.asked, self.go_on = Counter[str](), threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Pictures(http.server.SimpleHTTPRequestHandler):
    server: Host

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.server.asked[self.path] += 1
        if "?hold" in self.path and self.server.asked[self.path] == 1:
            self.server.go_on.wait(60)
        with contextlib.suppress(OSError):  # who asked may be dead
            super().do_GET()


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with answering(Host()) as server:
        yield server
        server.go_on.set()


@dataclass
class Inbox:
    """A cloud with every trigger, and what has come out of its results queue so far."""

    cloud: LocalCloud
    received: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.s3, self.sqs = self.cloud.client("s3"), self.cloud.client("sqs")
        urls = self.sqs.list_queues()["QueueUrls"]
        self.queues = {url.rpartition("-")[2]: url for url in urls}

    def call(self, handler: str, event: Any) -> Any:
        """Deliver an event once more, as AWS sometimes does."""
        with contextlib.closing(self.cloud.client("lambda")) as client:
            name = f"serverless-inception-local-{handler}"
            answer = client.invoke(FunctionName=name, Payload=json.dumps(event))
            assert "FunctionError" not in answer
            return json.loads(answer["Payload"].read())

    def answer(self, id: str) -> dict[str, Any]:
        """The record of an event, once it is in the bucket."""

        def find() -> Any:
            with contextlib.suppress(self.s3.exceptions.NoSuchKey):
                key = f"events/{id}.json"
                return self.s3.get_object(Bucket=self.cloud.results, Key=key)["Body"].read()

        return dict(json.loads(wait_for(find)))

    def ids(self, source: str) -> list[str]:
        """Of the events of that service that were answered."""
        named = {"Bucket": self.cloud.results, "Prefix": f"events/{source}/"}
        keys = [entry["Key"] for entry in self.s3.list_objects_v2(**named).get("Contents", [])]
        return [key.removeprefix("events/").removesuffix(".json") for key in keys]

    def answers(self, id: str) -> int:
        """How often the results queue told that record, once nothing waits to be classified."""
        wait_for(self.is_idle)
        url = self.queues["results"]
        while messages := self.sqs.receive_message(QueueUrl=url).get("Messages"):
            for message in messages:
                self.received.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return sum(record["id"] == id for record in self.received)

    def is_idle(self) -> bool:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        url = self.queues["work"]
        answer = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)
        return not any(int(number) for number in answer["Attributes"].values())


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inbox]:
    log = tmp_path_factory.mktemp("triggers") / "log"
    # long enough for a container that starts on a busy machine: a message that came back meanwhile
    # would be answered twice
    options = (
        "--visibility-timeout",
        "12",
        "--schedule-seconds",
        "3",
        "--parameter",
        "WithResultsQueue=true",
    )
    with running(log, "doodle", *options, *TRIGGERS, IMAGE_BUCKETS=FURTHER) as cloud:
        inbox = Inbox(cloud)
        yield inbox
        inbox.s3.close()
        inbox.sqs.close()


Send = Callable[[Inbox, str], str]
"""Tells the service of a text, and returns the id of the event that comes of that."""
Again = Callable[[Inbox, str, str], Any]
"""Delivers the event of that id and text once more."""


def publish(inbox: Inbox, text: str) -> str:
    with contextlib.closing(inbox.cloud.client("sns")) as client:
        return f"sns/{client.publish(TopicArn=TOPIC, Message=text)['MessageId']}"


def publish_again(inbox: Inbox, id: str, text: str) -> None:
    sns = {"MessageId": id.removeprefix("sns/"), "Message": text, "Subject": None}
    inbox.call("on_topic", {"Records": [{"Sns": {**sns, "MessageAttributes": {}}}]})


def put_event(inbox: Inbox, text: str) -> str:
    entry = {"Source": "shop", "DetailType": CUSTOM, "Detail": json.dumps({"url": text})}
    with contextlib.closing(inbox.cloud.client("events")) as client:
        (put,) = client.put_events(Entries=[entry])["Entries"]
    return f"eventbridge/{put['EventId']}"


def put_event_again(inbox: Inbox, id: str, text: str) -> None:
    event = {"id": id.removeprefix("eventbridge/"), "detail-type": CUSTOM, "source": "shop",
             "version": "0", "account": ACCOUNT, "time": "2026-03-01T12:00:00Z", "resources": [],
             "region": "us-east-1", "detail": {"url": text}}  # fmt: skip
    inbox.call("on_event", event)


def put_record(inbox: Inbox, text: str) -> str:
    with contextlib.closing(inbox.cloud.client("kinesis")) as client:
        put = client.put_record(StreamName=NAME, Data=text.encode(), PartitionKey=text)
    return f"kinesis/{put['ShardId']}:{put['SequenceNumber']}"


def put_record_again(inbox: Inbox, id: str, text: str) -> None:
    data = base64.b64encode(text.encode()).decode()
    kinesis = {"data": data, "sequenceNumber": id.rpartition(":")[2]}
    record = {"eventID": id.removeprefix("kinesis/"), "kinesis": kinesis}
    assert inbox.call("on_stream", {"Records": [record]}) == {"batchItemFailures": []}


WAYS: dict[str, tuple[Send, Again]] = {
    "sns": (publish, publish_again),
    "eventbridge": (put_event, put_event_again),
    "kinesis": (put_record, put_record_again),
}
TRIGGERS = [word for name in VARIABLES for word in ("--trigger", name)]


def test_the_manifest_of_every_night_is_one_batch_a_day(inbox: Inbox, host: Host) -> None:
    """Although its schedule comes every few seconds here, and its worker is killed."""
    path, key = f"/{UMBRELLA}?hold-night", "nightly.txt"
    lines = [host.url + path, "poison", f"{host.url}/{BANANA}"]
    inbox.s3.put_object(Bucket=inbox.cloud.images, Key=key, Body="\n".join(lines).encode())
    wait_for(lambda: host.asked[path])
    assert inbox.cloud.kill("localcloud.bootstrap")

    def nightly() -> Any:
        """The put itself starts a batch too, as every manifest's does."""
        every = urllib3.request("GET", f"{inbox.cloud.url}/batches").json()["batches"]
        return [
            batch
            for batch in every
            if batch["source"].endswith(f"/{key}") and batch["created_at"].endswith("T00:00:00Z")
        ]

    wait_for(lambda: nightly() and nightly()[-1]["status"] == "finished")
    inbox.call("on_night", scheduled_event("on_night", "us-east-1"))
    wait_for(inbox.is_idle)
    nights = nightly()
    assert nights[-1]["counts"] == {"total": 3, "done": 3, "failed": 1}
    days = [night["created_at"] for night in nights]  # two of them about midnight
    assert len(days) == len(set(days))


@pytest.mark.parametrize("way", WAYS)
def test_a_poison_record_holds_up_no_other(inbox: Inbox, host: Host, way: str) -> None:
    send, _ = WAYS[way]
    texts = [f"{host.url}/{UMBRELLA}", "poison", f"{host.url}/{BANANA}"]
    ids = [send(inbox, text) for text in texts]
    first, poison, last = map(inbox.answer, ids)
    assert [first["labels"][0]["name"], last["labels"][0]["name"]] == ["umbrella", "banana"]
    assert first["source"] == texts[0] and first["model"] == "doodle"
    assert poison["error"]["code"] in ("BadRequest", "SourceInvalid")
    assert [inbox.answers(id) for id in ids] == [1, 1, 1]


@pytest.mark.parametrize("way", WAYS)
def test_an_event_that_comes_twice_is_answered_once(inbox: Inbox, host: Host, way: str) -> None:
    send, again = WAYS[way]
    text = f"{host.url}/{UMBRELLA}?twice-{way}"
    id = send(inbox, text)
    assert inbox.answer(id)["labels"]
    again(inbox, id, text)
    assert inbox.answers(id) == 1
    assert host.asked[f"/{UMBRELLA}?twice-{way}"] == 1


@pytest.mark.parametrize("way", WAYS)
def test_an_event_whose_worker_is_killed_is_answered(inbox: Inbox, host: Host, way: str) -> None:
    send, _ = WAYS[way]
    path = f"/{BANANA}?hold-{way}"
    id = send(inbox, host.url + path)
    wait_for(lambda: host.asked[path])
    assert inbox.cloud.kill("localcloud.bootstrap")
    assert inbox.answer(id)["labels"][0]["name"] == "banana"
    assert host.asked[path] == 2
    assert inbox.answers(id) == 1


def test_a_new_object_of_a_further_bucket_comes_through_eventbridge(inbox: Inbox) -> None:
    inbox.s3.create_bucket(Bucket=FURTHER)
    inbox.s3.put_bucket_notification_configuration(
        Bucket=FURTHER, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    for key, data in (("ü+1.jpg", (DOODLES / UMBRELLA).read_bytes()), ("bad.jpg", b"poison")):
        inbox.s3.put_object(Bucket=FURTHER, Key=key, Body=data)

    def find() -> Any:
        answers = map(inbox.answer, inbox.ids("eventbridge"))
        ours = {
            answer["source"]: answer for answer in answers if answer["source"].startswith("s3://")
        }
        return len(ours) == 2 and ours

    records = wait_for(find)
    assert records[f"s3://{FURTHER}/ü+1.jpg"]["labels"][0]["name"] == "umbrella"
    assert records[f"s3://{FURTHER}/bad.jpg"]["error"]["code"] == "ImageUnreadable"


def test_the_end_of_a_batch_is_told_on_the_bus(inbox: Inbox, host: Host) -> None:
    """As docs/triggers.md leads it to a queue; a worker that had a chunk is killed meanwhile."""
    url = inbox.sqs.create_queue(QueueName="ended")["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:ended"
    pattern = {"source": ["serverless-inception.local"], "detail-type": [KIND]}
    with contextlib.closing(inbox.cloud.client("events")) as client:
        client.put_rule(Name="ended", EventPattern=json.dumps(pattern))
        client.put_targets(Rule="ended", Targets=[{"Id": "1", "Arn": arn}])
    path = f"/{UMBRELLA}?hold-batch"
    images = [{"url": host.url + path}, {"url": "https://127.0.0.1:1/none"}]
    answer = urllib3.request("POST", f"{inbox.cloud.url}/batches", json={"instances": images})
    batch_id = answer.json()["batch_id"]
    wait_for(lambda: host.asked[path])
    assert inbox.cloud.kill("localcloud.bootstrap")

    def told() -> Any:
        messages = inbox.sqs.receive_message(QueueUrl=url).get("Messages", [])
        details = [json.loads(message["Body"])["detail"] for message in messages]
        return [detail for detail in details if detail["batch_id"] == batch_id]

    (detail,) = wait_for(told)
    assert detail["status"] == "finished"
    assert detail["counts"] == {"total": 2, "done": 2, "failed": 1}
    key = detail["results"].removeprefix(f"s3://{inbox.cloud.results}/")
    results = inbox.s3.get_object(Bucket=inbox.cloud.results, Key=key)["Body"].read()
    assert len(results.splitlines()) == 2


def test_new_items_of_a_table_get_their_labels(inbox: Inbox, host: Host) -> None:
    """A bad one gets an error, and a worker is killed. What is written back is no new item."""
    hold = f"/{BANANA}?hold-item"
    urls = [f"{host.url}/{UMBRELLA}?item", "poison", host.url + hold]
    with contextlib.closing(inbox.cloud.client("dynamodb")) as client:
        for number, url in enumerate(urls):
            client.put_item(TableName=NAME, Item={"id": {"S": f"i{number}"}, "url": {"S": url}})
        wait_for(lambda: host.asked[hold])
        # a worker that is lost between an answer and its record answers again
        wait_for(lambda: len(inbox.ids("dynamodb")) == 2)
        assert inbox.cloud.kill("localcloud.bootstrap")

        def item(number: int) -> Any:
            stored = client.get_item(TableName=NAME, Key={"id": {"S": f"i{number}"}})["Item"]
            return stored.keys() & {"labels", "error"} and stored

        first, poison, last = (wait_for(lambda n=n: item(n)) for n in range(3))  # type: ignore[misc]
    names = [stored["labels"]["L"][0]["M"]["name"]["S"] for stored in (first, last)]
    assert names == ["umbrella", "banana"]
    assert poison["error"]["M"]["code"]["S"] == "SourceInvalid" and "labels" not in poison
    assert [inbox.answers(f"i{number}") for number in range(3)] == [1, 1, 1]
    arn = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/{NAME}/stream/2026"
    (id,) = [id for id in inbox.ids("dynamodb") if inbox.answer(id)["id"] == "i0"]
    change = {"Keys": {"id": {"S": "i0"}}, "SequenceNumber": "1", "NewImage": {"url": first["url"]}}
    record = {"eventID": id.removeprefix("dynamodb/"), "eventName": "INSERT", "dynamodb": change}
    inbox.call("on_item", {"Records": [{**record, "eventSourceARN": arn}]})
    assert inbox.answers("i0") == 1 and host.asked[f"/{UMBRELLA}?item"] == 1


def test_lex_is_told_what_is_in_a_picture(inbox: Inbox, host: Host) -> None:
    event = question(f"{host.url}/{UMBRELLA}")
    answer = inbox.call("on_question", event)
    assert answer["sessionState"]["intent"]["state"] == "Fulfilled"
    assert "umbrella (" in answer["messages"][0]["content"]
    poison = inbox.call("on_question", question("poison"))
    assert poison["sessionState"]["intent"]["state"] == "Failed"
    assert inbox.call("on_question", event)["messages"] == answer["messages"]
