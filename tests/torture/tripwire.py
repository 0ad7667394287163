"""Which addresses this process really connects to, and whom it asks for names.

Python tells an audit hook of every `socket.connect` and `socket.getaddrinfo` before it is done
(https://docs.python.org/3/library/audit_events.html), and a hook may refuse it by raising.
"""

import sys
from ipaddress import ip_address
from types import TracebackType
from typing import Any, Self


class Tripwire:
    """Notes what is connected to while it is held; nothing beyond loopback is let through."""

    _held: "list[Tripwire]" = []  # noqa: RUF012 - a hook is there for good, so there is one for all
    _is_hooked = False

    def __init__(self) -> None:
        self.connected: list[tuple[str, int]] = []
        self.looked_up: list[str] = []

    def __enter__(self) -> Self:
        if not Tripwire._is_hooked:
            sys.addaudithook(_hook)
            Tripwire._is_hooked = True
        Tripwire._held.append(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        Tripwire._held.remove(self)

    def note(self, event: str, details: Any) -> None:
        """Called before what the event is of."""
        if event == "socket.connect":
            host, port, *_ = details[1]
            self.connected.append((host, port))
            if not ip_address(host).is_loopback:
                raise ConnectionRefusedError("held back by the test")
        elif _is_name(details[0]):
            self.looked_up.append(details[0])
            raise OSError("held back by the test")


def _is_name(host: str | bytes | None) -> bool:
    try:
        ip_address(host.decode() if isinstance(host, bytes) else host or "::")
    except ValueError:
        return True
    return False


def _hook(event: str, details: Any) -> None:
    if event in ("socket.connect", "socket.getaddrinfo"):
        for wire in list(Tripwire._held):
            wire.note(event, details)
