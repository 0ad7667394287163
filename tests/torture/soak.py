"""A soak of batches on the real processes of the local cloud; see `test_soak`."""

import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import urllib3
from botocore.exceptions import BotoCoreError, ClientError

from localcloud.starting import wait_for
from tests.balance import check_finished, check_stopped, reader
from tests.e2e.conftest import LocalCloud
from tests.e2e.test_batch import NAMES, SAMPLES
from tests.processes import FAULTS

IMAGES, AT_ONCE = 300, 3
"""Of a batch; batches that run at the same time."""

STEP_SECONDS, KILL_STEPS, END_SECONDS = 1.0, 20, 900
"""Between two looks; looks between two kills, because what ends too often is not started again; and
how long what runs at the end of the soak may take to end, under the same faults of S3."""

PREFIX = "photos/"


@dataclass
class Soak:
    """Callers, a second scheduler, and all that goes wrong, step by step.

    host: the base URL of the samples. running: batches that have not been seen to end.
    """

    cloud: LocalCloud
    host: str
    seconds: float
    chance: random.Random = field(default_factory=lambda: random.Random(17))
    counts: Counter[str] = field(default_factory=Counter)
    running: set[str] = field(default_factory=set)
    ended: dict[str, str] = field(default_factory=dict)
    singles: set[str] = field(default_factory=set)
    answered: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.http = urllib3.PoolManager(retries=False, timeout=60)
        self.s3, self.sqs, self.functions = map(self.cloud.client, ("s3", "sqs", "lambda"))

    def run(self) -> None:
        """Live through it, until every batch has ended, and check what each says."""
        self.prepare()
        begin, killed_aws = time.monotonic(), False
        for step in self.steps(begin):
            if not killed_aws and time.monotonic() - begin > self.seconds / 2:
                killed_aws = True
                self.kill_aws()
            with suppress(BotoCoreError, ClientError, urllib3.exceptions.HTTPError):
                self.live(step)
        wait_for(self.has_ended, END_SECONDS)
        self.check()

    def steps(self, begin: float) -> Iterator[int]:
        """The numbers of the steps, one a second or so, for as long as it goes on."""
        step = 0
        while time.monotonic() - begin < self.seconds:
            yield step
            step += 1
            time.sleep(STEP_SECONDS)

    def prepare(self) -> None:
        """The photographs that batches name, and the queues."""
        for number in range(IMAGES):
            data = SAMPLES[NAMES[number % len(NAMES)]] + str(number).encode()
            key = f"batches/{PREFIX}{number:03d}.jpg"
            self.s3.put_object(Bucket=self.cloud.images, Key=key, Body=data)
        names = {url.rsplit("-", 1)[1]: url for url in self.sqs.list_queues()["QueueUrls"]}
        self.work, self.answers, self.dead = names["work"], names["results"], names["letters"]

    def live(self, step: int) -> None:
        """One step of it."""
        self.look()
        if len(self.running) < AT_ONCE:
            self.start()
        if step % 2 == 0:
            self.send_single()
        self.lose_or_double()
        if step % 5 == 0:
            self.tick()
        if step % KILL_STEPS == KILL_STEPS - 1:
            self.kill()
        if step % 30 == 29 and self.running:
            self.cancel(self.chance.choice(sorted(self.running)))

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """The API's answer; None where it has none for now."""
        answer = self.http.request(method, self.cloud.url + path, **options)
        assert answer.status < 300 or answer.status in (404, 409, 503), answer.data
        return answer.json() if answer.status < 300 else None

    def start(self) -> None:
        """A batch of the photographs by their folder, or one of half of them and as many URLs."""
        request: dict[str, Any] = {"prefix": f"s3://{self.cloud.images}/batches/{PREFIX}"}
        if self.chance.random() < 0.5:
            urls = [
                {"url": f"{self.host}/{NAMES[n % len(NAMES)]}.jpg?{n}"} for n in range(IMAGES // 2)
            ]
            uris = [
                {"s3_uri": f"s3://{self.cloud.images}/batches/{PREFIX}{n:03d}.jpg"}
                for n in range(IMAGES // 2)
            ]
            request = {
                "instances": [address for pair in zip(urls, uris, strict=True) for address in pair]
            }
        view = self.ask("POST", "/batches", json=request)
        if view is not None:
            self.running.add(view["batch_id"])
            self.counts["batches"] += 1

    def look(self) -> None:
        """See which batches have ended; one that was cancelled goes on."""
        for batch_id in sorted(self.running):
            view = self.ask("GET", f"/batches/{batch_id}")
            if view is None or view["status"] in ("queued", "running"):
                continue
            if view["status"] == "cancelled":
                if "results" in view:
                    self.ask("POST", f"/batches/{batch_id}/retry")
                    self.counts["resumed"] += 1
                continue
            self.running.remove(batch_id)
            self.ended[batch_id] = view["status"]

    def has_ended(self) -> bool:
        """Whether all that was begun is over, as far as a look tells."""
        with suppress(BotoCoreError, ClientError, urllib3.exceptions.HTTPError):
            self.look()
            self.hear()
        return not self.running and self.singles <= self.answered

    def cancel(self, batch_id: str) -> None:
        """Stop a batch."""
        if self.ask("POST", f"/batches/{batch_id}/cancel") is not None:
            self.counts["cancelled"] += 1

    def send_single(self) -> None:
        """A bare URL on the work queue, beside the batches."""
        url = f"{self.host}/{self.chance.choice(NAMES)}.jpg?single{len(self.singles)}"
        self.sqs.send_message(QueueUrl=self.work, MessageBody=url)
        self.singles.add(url)
        self.hear()

    def hear(self) -> None:
        """Read what bare URLs were answered, and which are dead letters: those are kept."""
        for queue in (self.answers, self.dead):
            received = self.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
            for message in received.get("Messages", []):
                body = message["Body"]
                if queue == self.answers:
                    self.answered.add(json.loads(body)["source"])
                elif body in self.singles:
                    self.counts["dead letters"] += body not in self.answered
                    self.answered.add(body)
                self.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])

    def lose_or_double(self) -> None:
        """Take a message of a batch off the queue: it is lost, or comes twice.

        A message of another kind is put back as a new one: five receipts make a dead letter.
        """
        received = self.sqs.receive_message(QueueUrl=self.work)
        for message in received.get("Messages", []):
            body, copies = message["Body"], 1
            if "batch_id" in body:
                copies = 0 if self.chance.random() < 0.3 else 2
                self.counts["doubled" if copies else "lost"] += 1
            for _ in range(copies):
                self.sqs.send_message(QueueUrl=self.work, MessageBody=body)
            handle = message["ReceiptHandle"]
            self.sqs.delete_message(QueueUrl=self.work, ReceiptHandle=handle)

    def tick(self) -> None:
        """The second scheduler."""
        name = "serverless-inception-local-on_tick"
        event = {"version": "0", "id": "soak", "detail-type": "Scheduled Event"}
        event |= {"source": "aws.events", "account": "123456789012", "region": "us-east-1"}
        event |= {"time": "2026-01-01T00:00:00Z", "resources": [], "detail": {}}  # type: ignore[dict-item]
        self.functions.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event))
        self.counts["ticks"] += 1

    def kill(self) -> None:
        """End workers in the midst of their work, or all of the functions."""
        module = self.chance.choice(["localcloud.bootstrap", "localcloud.awslambda"])
        self.counts["kills"] += bool(self.cloud.kill(module))

    def kill_aws(self) -> None:
        """End AWS, which on a laptop holds everything in memory: what runs is lost with it."""
        self.finish_checks()
        self.counts["lost with AWS"] += len(self.running)
        assert self.cloud.kill("tests.torture.faultyaws") == 1
        self.counts["AWS kills"] += 1
        self.running.clear()
        self.singles.clear()
        wait_for(self.is_there)

    def is_there(self) -> bool:
        """Whether AWS was started again, with its stack in it."""
        with suppress(BotoCoreError, ClientError, KeyError):
            self.prepare()
            return True
        return False

    def finish_checks(self) -> None:
        """Check the batches that have ended, and note what they came to."""
        for batch_id, status in self.ended.items():
            self.counts[status] += 1
            for key in self.summaries(batch_id):
                checked = check_stopped if key.endswith("stopped.json") else check_finished
                self.counts["images"] += checked(self.read, key)
        self.ended.clear()

    def check(self) -> None:
        """Fails unless each batch that says it has finished balances."""
        self.finish_checks()
        faults = self.http.request("GET", self.cloud.aws + FAULTS).json()
        self.counts.update(faults)
        assert self.counts["finished"]

    def summaries(self, batch_id: str) -> list[str]:
        """The keys of all that a batch says of its ends."""
        listed = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.cloud.results, Prefix=f"batches/{batch_id}/"
        )
        keys = [entry["Key"] for page in listed for entry in page.get("Contents", [])]
        return [key for key in keys if key.endswith(("/summary.json", "/stopped.json"))]

    def read(self, key: str) -> bytes:
        """An object of the results. Raises KeyError where there is none."""
        return reader(self.s3, self.cloud.results)(key)
