"""The event bus: the port, and EventBridge behind it."""

from collections.abc import Callable
from functools import cache
from typing import Any, Protocol

import msgspec

from chalicelib.aws.failures import told, translated
from chalicelib.errors import ServiceUnavailable


class Bus(Protocol):
    """Tells whoever listens what has happened."""

    def put(self, kind: str, detail: object) -> None:
        """Puts an event on the bus. Raises ServiceUnavailable if that is not possible.

        kind: its `detail-type`. detail: becomes JSON.
        """


class EventBridge:
    """The default bus of EventBridge.

    make_client: returns a boto3 client of EventBridge; called at the first use. source: of the
    events.
    """

    def __init__(self, make_client: Callable[[], Any], source: str) -> None:
        self._client, self._source = cache(make_client), source

    def put(self, kind: str, detail: object) -> None:
        """See Bus."""
        text = msgspec.json.encode(detail).decode()
        entry = {"Source": self._source, "DetailType": kind, "Detail": text}
        with translated("the event bus"):
            answer = self._client().put_events(Entries=[entry])
            entries = told(answer, "Entries") if told(answer, "FailedEntryCount") else ()
        for refused in entries:
            raise ServiceUnavailable(detail=f"the event bus: {refused.get('ErrorMessage')}")
