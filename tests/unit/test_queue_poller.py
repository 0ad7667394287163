"""Calls for the messages of a queue, as the local cloud makes them."""

from typing import Any

from localcloud.containers import Waiting
from localcloud.registry import Function
from localcloud.runtimeapi import Outcome
from localcloud.triggers import Poller

MESSAGE = {
    "MessageId": "m-1",
    "ReceiptHandle": "r-1",
    "Body": '{"a": 1}',
    "Attributes": {"ApproximateReceiveCount": "1"},
}


class Queue:
    """boto3's client, with one message; what became of it."""

    def __init__(self) -> None:
        self.messages = [MESSAGE]
        self.told: list[Any] = []

    def receive_message(self, **_: Any) -> Any:
        taken, self.messages = self.messages, []
        return {"Messages": taken}

    def change_message_visibility_batch(self, QueueUrl: str, Entries: list[Any]) -> None:  # noqa: N803
        self.told += [(entry["ReceiptHandle"], entry["VisibilityTimeout"]) for entry in Entries]

    def delete_message_batch(self, QueueUrl: str, Entries: list[Any]) -> None:  # noqa: N803
        self.told += [(entry["ReceiptHandle"], "deleted") for entry in Entries]


class SlowContainers:
    """One place, whose container is heard of twice while it starts."""

    def wait_for_room(self, seconds: float) -> bool:
        return True

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        pass

    def run(self, function: Function, event: Any, request_id: str, waiting: Waiting) -> Outcome:
        waiting()
        waiting()
        return Outcome(event)


def test_a_message_stays_hidden_while_its_container_starts() -> None:
    queue = Queue()
    function = Function("app-local-echo", "echo", 20, 1769, None)
    poller = Poller(
        queue, "url", "arn:aws:sqs:us-east-1:1:q", 5, function, SlowContainers(),  # type: ignore[arg-type]
        asynchronous=True,
    )  # fmt: skip
    poller.process(queue.receive_message()["Messages"])
    assert queue.told == [("r-1", 5), ("r-1", 5), ("r-1", "deleted")]
