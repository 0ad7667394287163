"""Makes moto's SQS safe for several clients at once, and fit for thousands of messages.

moto uses no lock: two clients may get the same message, and a message that is sent while another is
deleted may be lost.
"""

import threading
import time
from collections import defaultdict
from typing import Any

from moto.core.utils import unix_time_millis
from moto.sqs.models import Message, Queue, SQSBackend, sqs_backends

REAPPEAR_SECONDS = 0.2
"""How often a waiting client looks for messages whose visibility timeout has passed."""


class LongQueue(Queue):
    """A queue that reads the clock once for all its messages."""

    @property
    def messages(self) -> list[Message]:  # noqa: D102
        now = unix_time_millis()
        return [
            message
            for message in self._messages
            if message.visible_at < now and message.delayed_until <= now
        ]

    @property
    def approximate_number_of_messages_delayed(self) -> int:  # noqa: D102
        now = unix_time_millis()
        return sum(message.delayed_until > now for message in self._messages)

    @property
    def approximate_number_of_messages_not_visible(self) -> int:  # noqa: D102
        now = unix_time_millis()
        return sum(message.visible_at >= now for message in self._messages)


class Queues(SQSBackend):
    """Does one operation at a time; a client that waits for a message does not block others."""

    __module__ = SQSBackend.__module__  # where moto looks for the service's addresses

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self._lock = threading.RLock()
        self._changed: defaultdict[str, threading.Condition] = defaultdict(
            lambda: threading.Condition(self._lock)
        )

    def create_queue(self, *args: Any, **kwargs: Any) -> Queue:  # noqa: D102
        queue = super().create_queue(*args, **kwargs)
        # moto has no other place to choose a queue's class
        queue.__class__ = LongQueue  # type: ignore[type-abstract]
        return queue

    def send_message(self, queue_name: str, *args: Any, **kwargs: Any) -> Message:  # noqa: D102
        with self._lock:
            message = super().send_message(queue_name, *args, **kwargs)
            self._changed[queue_name].notify()
            return message

    def delete_message(self, *args: Any, **kwargs: Any) -> None:  # noqa: D102
        with self._lock:
            super().delete_message(*args, **kwargs)

    def change_message_visibility(self, *args: Any, **kwargs: Any) -> None:  # noqa: D102
        with self._lock:
            super().change_message_visibility(*args, **kwargs)

    def purge_queue(self, *args: Any, **kwargs: Any) -> None:  # noqa: D102
        with self._lock:
            super().purge_queue(*args, **kwargs)

    def receive_message(  # noqa: D102
        self,
        queue_name: str,
        count: int,
        wait_seconds_timeout: int,
        visibility_timeout: int,
        message_attribute_names: list[str] | None = None,
    ) -> list[Message]:
        deadline = time.monotonic() + wait_seconds_timeout
        with self._lock:
            while True:
                messages = super().receive_message(
                    queue_name, count, 0, visibility_timeout, message_attribute_names
                )
                left = deadline - time.monotonic()
                if messages or left <= 0:
                    return messages
                self._changed[queue_name].wait(min(left, REAPPEAR_SECONDS))


def install() -> None:
    """Makes moto's SQS use these; call it before the first request."""
    sqs_backends.backend = Queues
