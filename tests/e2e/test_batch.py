"""Batch on the real processes: buckets, queue, functions and app of the local cloud."""

import contextlib
import http.server
import json
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import urllib3

from localcloud.starting import wait_for
from tests.conftest import DOODLES
from tests.e2e.conftest import LocalCloud, file_server, running
from tests.loopback import answering

SAMPLES = {p.stem: p.read_bytes() for p in sorted(DOODLES.glob("*.jpg"))}
NAMES = list(SAMPLES)


class Batches:
    """The API's batches, and the buckets and queues behind them."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        self.s3, self.sqs = cloud.client("s3"), cloud.client("sqs")

    def ask(self, method: str, path: str, **options: Any) -> Any:
        answer = urllib3.request(method, self.cloud.url + path, **options)
        assert answer.status < 300, answer.data
        return answer.json()

    def start(self, **request: Any) -> str:
        return str(self.ask("POST", "/batches", json=request)["batch_id"])

    def put(self, key: str, data: bytes) -> str:
        self.s3.put_object(Bucket=self.cloud.images, Key=key, Body=data)
        return f"s3://{self.cloud.images}/{key}"

    def finished(self, batch_id: str) -> dict[str, Any]:
        def view() -> Any:
            view = self.ask("GET", f"/batches/{batch_id}")
            return view["status"] == "finished" and view

        return dict(wait_for(view))

    def results(self, batch_id: str) -> list[dict[str, Any]]:
        lines = urllib3.request("GET", self.finished(batch_id)["results"]).data.splitlines()
        return [json.loads(line) for line in lines]

    def of_source(self, source: str) -> str:
        """The id of the one batch of that source."""

        def view() -> Any:
            recent = self.ask("GET", "/batches")["batches"]
            return [batch["batch_id"] for batch in recent if batch["source"] == source]

        (batch_id,) = wait_for(view)
        return str(batch_id)

    def queue(self, kind: str) -> str:
        (url,) = [u for u in self.sqs.list_queues()["QueueUrls"] if u.endswith(kind)]
        return str(url)

    def close(self) -> None:
        self.s3.close()
        self.sqs.close()


@pytest.fixture(scope="module")
def batches(cloud: LocalCloud) -> Iterator[Batches]:
    batches = Batches(cloud)
    yield batches
    batches.close()


class Host(http.server.ThreadingHTTPServer):
    """Serves a picture; under /held it does so only after `go_on`, and notes that it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Picture)
        self.asked, self.go_on = threading.Event(), threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Picture(http.server.BaseHTTPRequestHandler):
    server: Host

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.path == "/held":
            self.server.asked.set()
            self.server.go_on.wait()
        with contextlib.suppress(OSError):  # who asked may be dead
            self.send_response(200)
            self.end_headers()
            self.wfile.write(SAMPLES["umbrella"])


@pytest.fixture
def host() -> Iterator[Host]:
    with answering(Host()) as host:
        yield host
        host.go_on.set()


@pytest.fixture(scope="module")
def files() -> Iterator[str]:
    with file_server(DOODLES) as url:
        yield url


def best(records: list[dict[str, Any]]) -> list[str]:
    return [r["labels"][0]["name"] if "labels" in r else r["error"]["code"] for r in records]


def test_images_put_into_the_bucket_are_answered_beside_them(batches: Batches) -> None:
    keys = {f"folder {n}/ü+{name}.jpg": name for n in range(3) for name in NAMES}
    for key, name in keys.items():
        batches.put(key, SAMPLES[name])

    def answers() -> Any:
        listed = batches.s3.list_objects_v2(Bucket=batches.cloud.results, Prefix="uploads/folder ")
        written = [entry["Key"] for entry in listed.get("Contents", [])]
        return len(written) == len(keys) and written

    for key in wait_for(answers):
        body = batches.s3.get_object(Bucket=batches.cloud.results, Key=key)["Body"].read()
        expected = keys[key.removeprefix("uploads/").removesuffix(".json")]
        assert best([json.loads(body)]) == [expected]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("list.txt", "{url}\n"),
        ("list.csv", "{id},{url}\n"),
        ("list.jsonl", '{{"recordId": "{id}", "source-ref": "{url}"}}\n'),
    ],
)
def test_a_manifest_put_into_the_bucket_becomes_a_batch(
    batches: Batches, files: str, name: str, line: str
) -> None:
    rows = [line.format(id=f"n{n}", url=f"{files}/{NAMES[n % 6]}.jpg") for n in range(60)]
    rows.insert(30, '{"broken\n' if name.endswith("jsonl") else f"{files}/none,{files}/none.jpg\n")
    header = "id,url\n" if name.endswith("csv") else ""
    source = batches.put(f"manifests/{name}", (header + "".join(rows)).encode())
    batch_id = batches.of_source(source)
    records = batches.results(batch_id)
    assert len(records) == 61
    assert "error" in records.pop(30)
    assert best(records) == [NAMES[n % 6] for n in range(60)]
    assert batches.finished(batch_id)["counts"] == {"total": 61, "done": 61, "failed": 1}


def test_instances_in_the_request(batches: Batches, files: str) -> None:
    instances = [{"id": f"é{n}", "url": f"{files}/{NAMES[n % 6]}.jpg"} for n in range(30)]
    records = batches.results(batches.start(instances=instances, max_labels=1))
    assert [record["id"] for record in records] == [f"é{n}" for n in range(30)]
    assert best(records) == [NAMES[n % 6] for n in range(30)]
    assert all(len(record["labels"]) == 1 and record["model"] == "doodle" for record in records)


def test_a_prefix_and_a_retry_of_what_failed(batches: Batches) -> None:
    for name, data in SAMPLES.items():
        batches.put(f"batches/prefix/{name}.jpg", data)
    batches.put("batches/prefix/zero.jpg", b"")
    batch_id = batches.start(prefix=f"s3://{batches.cloud.images}/batches/prefix/")
    assert best(batches.results(batch_id)) == [*NAMES, "ImageUnreadable"]
    batches.put("batches/prefix/zero.jpg", SAMPLES["umbrella"])
    batches.ask("POST", f"/batches/{batch_id}/retry")
    assert best(batches.results(batch_id)) == [*NAMES, "umbrella"]
    assert batches.finished(batch_id)["counts"] == {"total": 7, "done": 7, "failed": 0}


def test_a_cancelled_batch_keeps_what_is_done_and_goes_on(batches: Batches, host: Host) -> None:
    instances = [{"url": f"{host.url}/{n}"} for n in range(300)]
    instances[-1] = {"url": f"{host.url}/held"}  # or it may have finished before it is cancelled
    batch_id = batches.start(instances=instances)
    assert batches.ask("POST", f"/batches/{batch_id}/cancel")["status"] == "cancelled"
    host.go_on.set()
    work = batches.queue("-work")
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def idle() -> bool:
        attributes = batches.sqs.get_queue_attributes(QueueUrl=work, AttributeNames=names)
        return all(int(number) == 0 for number in attributes["Attributes"].values())

    wait_for(idle)
    view = batches.ask("GET", f"/batches/{batch_id}")
    done = view["counts"]["done"]
    assert view["status"] == "cancelled" and done < 300
    lines = urllib3.request("GET", view["results"]).data.splitlines()
    assert len(lines) == done
    batches.ask("POST", f"/batches/{batch_id}/retry")
    assert batches.finished(batch_id)["counts"] == {"total": 300, "done": 300, "failed": 0}


def test_a_bare_url_is_answered_on_the_results_queue(batches: Batches, files: str) -> None:
    url = f"{files}/umbrella.jpg?bare"
    batches.sqs.send_message(QueueUrl=batches.queue("-work"), MessageBody=url)
    answers = batches.queue("-results")

    def answer() -> Any:
        received = batches.sqs.receive_message(QueueUrl=answers, MaxNumberOfMessages=10)
        bodies = [json.loads(message["Body"]) for message in received.get("Messages", [])]
        return [body for body in bodies if body["source"] == url]

    assert best(wait_for(answer)) == ["umbrella"]


def test_the_same_event_twice_is_one_batch(batches: Batches, files: str) -> None:
    key = "batches/twice.txt"
    source = batches.put(key, f"{files}/umbrella.jpg\n".encode())
    renamed = batches.put("twice.txt", f"{files}/umbrella.jpg\n".encode())
    first = batches.of_source(renamed)
    batches.finished(first)
    event = {
        # of now: only the newest batches are listed
        "eventTime": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}.000Z",
        "s3": {
            "bucket": {"name": batches.cloud.images},
            "object": {"key": "twice.txt", "sequencer": "00AA"},
        },
    }
    client = batches.cloud.client("lambda")
    for _ in range(2):
        client.invoke(
            FunctionName="serverless-inception-local-on_upload",
            Payload=json.dumps({"Records": [event]}),
        )
    client.close()
    recent = batches.ask("GET", "/batches")["batches"]
    assert Counter(batch["source"] for batch in recent)[renamed] == 2
    assert source not in {batch["source"] for batch in recent}


@contextlib.contextmanager
def impatient(log: Path) -> Iterator[Batches]:
    """A cloud of its own, whose failed messages come again after a few seconds."""
    # no shorter: no function may take longer, and on a busy machine one takes seconds to begin
    options = ("--visibility-timeout", "10", "--schedule-seconds", "1")
    with running(log, "doodle", *options) as cloud:
        batches = Batches(cloud)
        yield batches
        batches.close()


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Batches]:
    """One in which processes and messages may die."""
    with impatient(tmp_path_factory.mktemp("own") / "log") as batches:
        batches.sqs.send_message(QueueUrl=batches.queue("-work"), MessageBody="poison")
        yield batches  # other tests run until that is given up


def test_killed_in_the_middle_every_image_is_there_once(own: Batches, host: Host) -> None:
    """Its last picture, which ends it, is held until then."""
    instances = []
    for n in range(200):
        source = own.put(f"batches/kill/{n:03d}.jpg", SAMPLES[NAMES[n % 6]] + str(n).encode())
        instances.append({"id": f"{n:03d}", "s3_uri": source})
    instances.append({"id": "held", "url": f"{host.url}/held"})
    batch_id = own.start(instances=instances)
    assert host.asked.wait(90)
    assert own.cloud.kill("localcloud.awslambda")
    host.go_on.set()
    records = own.results(batch_id)
    assert [record["id"] for record in records] == [f"{n:03d}" for n in range(200)] + ["held"]
    assert best(records) == [NAMES[n % 6] for n in range(200)] + ["umbrella"]


def test_results_that_cannot_be_written_for_a_while_are_written_in_the_end(tmp_path: Path) -> None:
    with impatient(tmp_path / "log") as own:
        results = own.cloud.results
        own.s3.delete_bucket(Bucket=results)
        own.put("patient.jpg", SAMPLES["umbrella"])
        refused = f"s3://{results}/uploads/patient.jpg.json: An error occurred (NoSuchBucket)"
        wait_for(lambda: own.cloud.log.read_text().count(refused) >= 2)
        own.s3.create_bucket(Bucket=results)

        def answer() -> Any:
            listed = own.s3.list_objects_v2(Bucket=results, Prefix="uploads/")
            return [entry["Key"] for entry in listed.get("Contents", [])]

        assert wait_for(answer) == ["uploads/patient.jpg.json"]


def test_a_poison_message_ends_in_the_dead_letter_queue_and_the_rest_goes_on(
    own: Batches, files: str
) -> None:
    dead = own.queue("-dead-letters")
    records = own.results(own.start(instances=[{"url": f"{files}/umbrella.jpg"}]))
    assert best(records) == ["umbrella"]

    def buried() -> Any:
        return own.sqs.receive_message(QueueUrl=dead).get("Messages")

    (message,) = wait_for(buried)
    assert message["Body"] == "poison"


def test_the_schedule_works_without_a_line_in_the_log(batches: Batches) -> None:
    def votes() -> int:
        return sum(arm["votes"] for arm in batches.ask("GET", "/experiment")["arms"])

    before = votes()
    jpeg = {"Content-Type": "image/jpeg"}
    answer = batches.ask("POST", "/predict", body=SAMPLES["umbrella"], headers=jpeg)
    vote = {"inference_id": answer["inference_id"], "correct": True}
    batches.ask("POST", "/feedback", json=vote)
    wait_for(lambda: votes() > before)  # which the schedule has counted
    log = batches.cloud.log.read_text().splitlines()
    assert [line for line in log if "on_tick" in line and '"INFO"' in line] == []
