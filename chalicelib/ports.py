"""The ports of the service: AWS and the internet, or what a test gives instead."""

import time
from collections.abc import Callable
from functools import cached_property, partial
from typing import TYPE_CHECKING, TypedDict, Unpack

from chalicelib.aws import clients
from chalicelib.aws.s3 import S3Store
from chalicelib.aws.store import ObjectStore
from chalicelib.settings import Settings

if TYPE_CHECKING:
    from chalicelib.aws.dynamodb import Items
    from chalicelib.aws.eventbridge import Bus
    from chalicelib.aws.sqs import Queue
    from chalicelib.aws.stepfunctions import Executions


class Overrides(TypedDict, total=False):
    """The ports that a test or a benchmark gives.

    store: the buckets. queue: the work queue. answers: the queue that bare URLs are answered on.
    bus: is told how batches and runs end. items: of tables. executions: the runs of the state
    machine. fetch: gets the image at a URL. clock: seconds since the epoch. sleep: waits for so
    many seconds before another try.
    """

    store: ObjectStore
    queue: "Queue"
    answers: "Queue"
    bus: "Bus"
    items: "Items"
    executions: "Executions"
    fetch: Callable[[str], bytes]
    clock: Callable[[], float]
    sleep: Callable[[float], None]


class Ports:
    """The ports of a service; see `Overrides` for each.

    A port that is not overridden is an adapter, imported and made when it is first asked for.
    """

    def __init__(self, settings: Settings, **overrides: Unpack[Overrides]) -> None:
        self._settings = settings
        self.clock: Callable[[], float] = time.time
        self.sleep: Callable[[float], None] = time.sleep
        self.store = overrides.get("store") or S3Store(clients.s3)
        vars(self).update(overrides)  # a port that is overridden is not made

        if "store" in overrides:
            self.quick_store = overrides["store"]

    @cached_property
    def quick_store(self) -> ObjectStore:
        """The same buckets, with short timeouts, for data that an answer can do without.

        On Lambda two reads of an experiment are in the way of a cold start's first answer.
        """
        if self._settings.on_lambda:
            from chalicelib.aws import quickreads

            if quickreads.is_enough():
                return quickreads.QuickStore(clients.quick_s3)
        return S3Store(clients.quick_s3)

    def fetch(self, url: str) -> bytes:
        """The image at a URL."""
        return self._fetcher(url)

    @cached_property
    def _fetcher(self) -> Callable[[str], bytes]:
        from chalicelib.sources.fetch import Fetcher

        return Fetcher(allow_loopback=self._settings.allow_loopback)

    @cached_property
    def queue(self) -> "Queue":
        """The work queue."""
        return _queue(self._settings.work_queue)

    @cached_property
    def answers(self) -> "Queue | None":
        """The queue for answers to bare URLs; None if none is set."""
        return _queue(self._settings.results_queue) if self._settings.results_queue else None

    @cached_property
    def bus(self) -> "Bus | None":
        """Publishes the ends of batches and runs; None if nothing is published."""
        from chalicelib.aws.eventbridge import EventBridge

        source = self._settings.event_source
        return EventBridge(partial(clients.client, "events"), source) if source else None

    @cached_property
    def items(self) -> "Items":
        """DynamoDB items, into which labels may be written."""
        from chalicelib.aws.dynamodb import DynamoDB

        return DynamoDB(partial(clients.client, "dynamodb"))

    @cached_property
    def executions(self) -> "Executions":
        """The runs of the state machine."""
        from chalicelib.aws.stepfunctions import StepFunctions

        return StepFunctions(partial(clients.client, "stepfunctions"), self._settings.workflow)


def _queue(url: str) -> "Queue":
    from chalicelib.aws.sqs import SqsQueue

    return SqsQueue(partial(clients.client, "sqs"), url)
