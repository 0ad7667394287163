"""How the local cloud calls a function for a stream's records, and gives up the bad ones alone."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from localcloud.registry import Function
from localcloud.runtimeapi import Outcome
from localcloud.streams import TRIES, Stream, StreamPoller

FUNCTION = Function("app-local-on_stream", "on_stream", 60, 512, None)
ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/photos"


class Numbers(Stream):
    """A stream whose records are numbers."""

    def event(self, shard: str, records: Any) -> Any:
        return [record["SequenceNumber"] for record in records]


class Caller:
    """`Containers` that only count. answer: of the function, for the numbers that it gets."""

    def __init__(self, answer: Callable[[list[str]], Outcome]) -> None:
        self.answer, self.seen, self.events = answer, Counter[str](), list[list[str]]()

    def acquire(self) -> None:
        pass

    def release(self) -> None:
        pass

    def run(self, function: Function, event: list[str], request_id: str) -> Outcome:
        self.seen.update(event)
        self.events.append(event)
        return self.answer(event)


class Failures:
    """The queue of failures."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def send_message(self, **message: str) -> None:
        self.told.append(json.loads(message["MessageBody"]))


def deliver(count: int, answer: Callable[[list[str]], Outcome]) -> tuple[Caller, list[Any]]:
    """Returns what was called, and what was told of records that were given up."""
    caller, failures = Caller(answer), Failures()
    records = [{"SequenceNumber": str(number)} for number in range(count)]
    containers: Any = caller
    poller = StreamPoller(Numbers(None, ARN), failures, FUNCTION, containers, "queue")
    poller._deliver("shard-0", records, 1)
    return caller, failures.told


def done(taken: list[str]) -> Outcome:
    return Outcome({"batchItemFailures": []}, failed=False)


def test_records_that_are_taken_are_not_sent_again() -> None:
    caller, told = deliver(5, done)
    assert caller.events == [["0", "1", "2", "3", "4"]] and told == []


@pytest.mark.parametrize("payload", [None, {}, {"batchItemFailures": []}])
def test_an_answer_without_failures_means_that_all_are_taken(payload: Any) -> None:
    caller, told = deliver(2, lambda _: Outcome(payload, failed=False))
    assert len(caller.events) == 1 and told == []


def test_a_stream_goes_on_from_the_first_record_that_was_not_taken() -> None:
    answers = iter([Outcome({"batchItemFailures": [{"itemIdentifier": "2"}]}, failed=False)])
    caller, told = deliver(4, lambda taken: next(answers, done(taken)))
    assert caller.events == [["0", "1", "2", "3"], ["2", "3"]] and told == []


def test_a_batch_that_breaks_the_function_is_halved_and_what_is_left_is_told() -> None:
    def breaks(taken: list[str]) -> Outcome:
        return (
            Outcome({"errorType": "E", "errorMessage": "m"}, failed=True)
            if "3" in taken
            else done(taken)
        )

    caller, (told,) = deliver(4, breaks)
    assert caller.events == [["0", "1", "2", "3"], ["0", "1"], ["2", "3"], ["2"], ["3"]]
    assert told["batchInfo"] == {
        "shardId": "shard-0", "startSequenceNumber": "3", "endSequenceNumber": "3",
        "batchSize": 1, "streamArn": ARN,
    }  # fmt: skip
    assert max(caller.seen.values()) == TRIES
