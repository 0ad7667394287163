"""Put what events name into the work queue, where a worker classifies it."""

from collections.abc import Sequence

import msgspec

from chalicelib.aws.dynamodb import Item
from chalicelib.aws.notices import MAX_TEXT, Notice
from chalicelib.aws.sqs import MAX_ENTRIES, Queue
from chalicelib.errors import ServiceUnavailable


class EventMessage(msgspec.Struct, frozen=True, tag="event"):
    """A message: classify what an event's text names; see `Notice`."""

    id: str
    text: str
    item: Item | None = None


class Inlet:
    """The way into the work queue for events of other services.

    A record that names no image goes in too: the worker answers it with an error. So a bad record
    holds up no other, and no record is read twice because of it.
    """

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    def take(self, notices: Sequence[Notice]) -> None:
        """Queues the notices. Raises ServiceUnavailable if that is not possible."""
        self._queue.send([_message(notice) for notice in notices])

    def take_in_order(self, notices: Sequence[Notice]) -> dict[str, list[dict[str, str]]]:
        """Queues the notices of a stream in order. Returns where Lambda must begin again, if so
        (https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html).
        """
        for start in range(0, len(notices), MAX_ENTRIES):
            group = notices[start : start + MAX_ENTRIES]
            try:
                self.take(group)
            except ServiceUnavailable:
                return {"batchItemFailures": [{"itemIdentifier": group[0].sequence}]}
        return {"batchItemFailures": []}


def _message(notice: Notice) -> EventMessage:
    text = notice.text if len(notice.text) <= MAX_TEXT else ""  # which names no image
    return EventMessage(notice.id, text.encode(errors="replace").decode(), notice.item)
