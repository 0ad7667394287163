"""Events and votes under faults: each event has one answer, each vote counts once."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import msgspec
import pytest

from chalicelib.aws import notices
from chalicelib.aws.documents import Documents
from chalicelib.aws.notices import Notice
from chalicelib.bulk.records import Record
from chalicelib.errors import InceptionError
from chalicelib.experiment.votes import Tally, Vote, Votes
from tests.torture.conftest import Outcome
from tests.torture.faults import BatchCloud, Killed, Steps, Watched, deny, fail, kill

FAULTS: dict[str, Callable[[], None]] = {
    "killed": kill,
    "refused, before the effect or after,": fail,
    "denied (403)": deny,
}
IDS = [*(f"http://h/id{number}" for number in range(22)), "http://h/bad", "poison"]
"""What events say: more than two requests to the queue, a broken image, and no image."""


def of_sns() -> list[Notice]:
    texts = [{"Sns": {"MessageId": str(n), "Message": text}} for n, text in enumerate(IDS)]
    return notices.of_sns({"Records": texts})


def of_table() -> list[Notice]:
    """New items, which get their answers."""
    records = [
        {
            "eventName": "INSERT",
            "eventID": str(number),
            "eventSourceARN": "arn:aws:dynamodb:us-east-1:123456789012:table/pictures/stream/x",
            "dynamodb": {
                "Keys": {"id": {"S": str(number)}},
                "NewImage": {"id": {"S": str(number)}, "url": {"S": text}},
                "SequenceNumber": str(number),
            },
        }
        for number, text in enumerate(IDS)
    ]
    return notices.of_dynamodb({"Records": records}, write=True)


Said = Callable[[], list[Notice]]


SOURCES: dict[Said, str] = {
    of_sns: "SNS", of_table: "a table, whose items get their answers",
}  # fmt: skip


def take(cloud: BatchCloud, said: list[Notice], steps: Steps) -> None:
    """A function receives the events; what it did not take comes again, as Lambda does it."""
    left, process = said, cloud.process(steps)
    while left:
        try:
            if left[0].sequence:
                failures = process.services.inlet.take_in_order(left)["batchItemFailures"]
                places = [notice.sequence for notice in left]
                again = [places.index(failure["itemIdentifier"]) for failure in failures]
                left = left[again[0] :] if again else []
            else:
                process.services.inlet.take(left)
                left = []
        except (InceptionError, Killed):
            process = cloud.process()
        process = process if not process.steps.fired else cloud.process()


def run(said: Said, steps: Steps) -> BatchCloud:
    """Events are taken and answered, with a fault somewhere."""
    cloud, events = BatchCloud(), said()
    cloud.broken.add("poison")
    for number, text in enumerate(IDS):
        cloud.items.put("pictures", str(number), {"url": {"S": text}})
    take(cloud, events, steps)
    process = cloud.process(steps)
    while cloud.queue.bodies:
        with suppress(Killed):
            cloud.deliver(process, cloud.queue.bodies.pop(0))
        process = process if not process.steps.fired else cloud.process()
    return cloud


def check(cloud: BatchCloud, said: Said) -> None:
    """Every event has its answer in the bucket, on the queue, and in the item that asked."""
    assert not cloud.dead
    queued = {json.loads(body)["id"] for body in cloud.answers.bodies}
    for number, (notice, text) in enumerate(zip(said(), IDS, strict=True)):
        data = cloud.store.objects["results", f"events/{notice.id}.json"]
        record = msgspec.json.decode(data, type=Record)
        assert (record.error is None) == ("/id" in text), record
        assert record.id in queued
        if notice.item:
            item = cloud.items.items["pictures", str(number)]
            assert ("labels" in item) != ("error" in item) and ("labels" in item) == ("/id" in text)


@pytest.mark.parametrize("said", SOURCES)
@pytest.mark.parametrize("what", FAULTS, ids=["killed", "refused", "denied"])
def test_events_with_a_fault_at_any_moment(said: Said, what: str, outcome: Outcome) -> None:
    whole = Steps()
    check(run(said, whole), said)
    moments = range(len(whole.names))
    tried = 0
    for at in moments:
        if what.startswith("denied") and not whole.names[at].startswith("before"):
            continue
        if FAULTS[what] is not kill and "fetch" in whole.names[at]:
            continue  # of the image itself, whose error is its answer
        tried += 1
        check(run(said, Steps(at, FAULTS[what])), said)
    outcome(
        f"events of {SOURCES[said]}: {what} at any moment",
        "the event or its message comes again; each has one answer in the bucket",
        f"{tried} points, {tried * len(IDS):,} events, 0 lost",
    )


def votes() -> Iterator[Vote]:
    """Of two days; one caller says first that an answer was wrong, then that it was right."""
    for number in range(6):
        day = 86_400 * (20_000 + number % 2)
        yield Vote("i", f"{number:016x}", "doodle", "cat", number != 3, True, day, float(day))
    yield Vote("i", f"{3:016x}", "doodle", "cat", True, True, 86_400 * 20_001, 0.0)


@pytest.mark.parametrize("what", FAULTS, ids=["killed", "refused", "denied"])
def test_votes_with_a_fault_at_any_moment(what: str, outcome: Outcome) -> None:
    def counted(steps: Steps) -> Any:
        cloud = BatchCloud()
        store: Any = Watched(cloud.store, steps)
        polls = Votes(Documents(store, "results"))
        for number, vote in enumerate(votes()):
            for method, argument in (("cast", vote), ("fold", now + number)):
                try:
                    getattr(polls, method)(argument)
                except (InceptionError, Killed):  # the caller asks again, and the schedule comes
                    polls = Votes(Documents(cloud.store, "results"))
                    getattr(polls, method)(argument)
        polls = Votes(Documents(cloud.store, "results"))
        polls.fold(now + 7200.0)
        report = polls.report()
        assert report is not None
        return report.totals()

    now, whole = 86_400 * 20_001 + 3600.0, Steps()
    assert counted(whole) == {"doodle": Tally(6, 6)}
    for at in range(len(whole.names)):
        assert counted(Steps(at, FAULTS[what])) == {"doodle": Tally(6, 6)}, whole.names[at]
    outcome(
        f"votes: {what} at any moment of a vote or of the count",
        "the caller asks again, the schedule comes again; each answer counts once, as said last",
        f"{len(whole.names)} points",
    )
