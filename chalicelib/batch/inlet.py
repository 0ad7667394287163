"""Put what events name into the work queue, where a worker classifies it."""

from collections.abc import Sequence

import msgspec

from chalicelib.aws.notices import MAX_TEXT, Notice
from chalicelib.aws.sqs import Queue


class EventMessage(msgspec.Struct, frozen=True, tag="event"):
    """A message: classify what an event's text names; see `Notice`."""

    id: str
    text: str


class Inlet:
    """The way into the work queue for events of other services.

    A record that names no image goes in too: the worker answers it with an error. So a bad record
    holds up no other, and no record is read twice because of it.
    """

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    def take(self, notices: Sequence[Notice]) -> None:
        """Queues the notices in order. Raises ServiceUnavailable if that is not possible."""
        self._queue.send([_message(notice) for notice in notices])


def _message(notice: Notice) -> EventMessage:
    text = notice.text if len(notice.text) <= MAX_TEXT else ""  # which names no image
    return EventMessage(notice.id, text)
