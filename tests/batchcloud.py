"""Batches on a store and a queue in memory, whose messages a test delivers by hand."""

import itertools
import json
from typing import Any

import msgspec

from chalicelib.batch.ledger import Ledger
from chalicelib.bulk.records import Record
from chalicelib.errors import SourceRefused, SourceUnreachable
from chalicelib.requests import BatchRequest, Instance
from tests.fakes import ColourClassifier, MemoryBus, MemoryItems, MemoryQueue, MemoryStore
from tests.sampleimages import picture
from tests.wired import MemoryModels, wired


class Counting(ColourClassifier):
    """Counts what it classifies."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0

    def scores(self, *arguments: Any, **options: Any) -> Any:
        self.seen += 1
        return super().scores(*arguments, **options)


class Cloud:
    """The buckets, the queue and the functions."""

    def __init__(
        self, classifier: ColourClassifier | None = None, store: MemoryStore | None = None
    ) -> None:
        self.store = store or MemoryStore()
        self.queue, self.answers, self.bus = MemoryQueue(), MemoryQueue(), MemoryBus()
        self.items = MemoryItems()
        self.classifier: Any = classifier or Counting()
        self.flaky: dict[str, int] = {}
        self.time = itertools.count(1_800_000_000)
        self.models = MemoryModels(self.classifier)
        services = wired(
            self.models,
            store=self.store,
            queue=self.queue,
            answers=self.answers,
            bus=self.bus,
            items=self.items,
            fetch=self.fetch,
            clock=lambda: float(next(self.time)),
        )
        self.batches, self.events = services.batches, services.events

    def fetch(self, url: str) -> bytes:
        if self.flaky.get(url, 0) > 0:
            self.flaky[url] -= 1
            raise SourceUnreachable("The host does not answer.")
        number = int(url.rsplit("/", 1)[1])
        if number < 0:
            raise SourceRefused("The host says 404.")
        return unlike(number)

    def deliver(self, body: str) -> None:
        self.events.on_message(body, lambda: 900.0)

    def run(self) -> None:
        """Deliver until nothing waits."""
        while self.queue.bodies:
            self.deliver(self.queue.bodies.pop(0))

    def start(self, numbers: list[int], **options: Any) -> str:
        instances = [Instance(id=f"id{n}", url=f"http://h/{n}") for n in numbers]
        return str(self.batches.create(BatchRequest(instances=instances, **options)).batch_id)

    def results(self, batch_id: str) -> list[Record]:
        link = self.batches.view(batch_id).results.removeprefix("memory://results/")
        data = self.store.objects["results", link]
        return msgspec.json.Decoder(Record).decode_lines(data)

    def view(self, batch_id: str) -> tuple[str, tuple[int, int, int]]:
        view = self.batches.view(batch_id)
        counts = view.counts
        return view.status, (counts.total, counts.done, counts.failed)


def unlike(number: int) -> bytes:
    """A red picture unlike any other's bytes."""
    return picture("red", (40 + number % 50, 30 + number // 50))


def s3_event(key: str, bucket: str = "images", name: str = "ObjectCreated:Put", **more: str) -> str:
    put = {"key": key, "sequencer": "00AA"} | more
    s3 = {"bucket": {"name": bucket}, "object": put}
    record = {"eventTime": "2026-11-22T10:00:00.000Z", "eventName": name, "s3": s3}
    return json.dumps({"Records": [record]})


def through_sns(message: str) -> str:
    """https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html."""
    topic = "arn:aws:sns:us-east-1:123456789012:uploads"
    return json.dumps({"Type": "Notification", "MessageId": "x", "TopicArn": topic,
                       "Message": message, "Timestamp": "2026-11-22T10:00:00.000Z"})  # fmt: skip


def bridged(key: str, kind: str = "Object Created", **of_object: str) -> str:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html."""
    detail = {"version": "0", "bucket": {"name": "images"}, "object": {"key": key} | of_object}
    return json.dumps({"version": "0", "id": "x", "detail-type": kind, "source": "aws.s3",
                       "account": "123456789012", "time": "2026-11-22T10:00:00Z",
                       "region": "us-east-1", "resources": ["arn:aws:s3:::images"],
                       "detail": detail})  # fmt: skip


def tick(cloud: Cloud) -> None:
    cloud.events.on_tick(lambda: 60.0)


def cut(cloud: Cloud, count: int = 60) -> Ledger:
    """A batch whose chunks wait."""
    batch_id = cloud.start(list(range(count)))
    cloud.deliver(cloud.queue.bodies.pop())  # its own, behind those of other batches
    return Ledger(cloud.store, "results", batch_id)
