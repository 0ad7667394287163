"""A boto3 session that many steps share."""

from typing import Any

import boto3


class Session(boto3.session.Session):  # type: ignore[misc]
    """Keeps one client a service, because making one is slower than most calls."""

    def __init__(self, **where: Any) -> None:
        super().__init__(**where)
        self._clients: dict[str, Any] = {}

    def client(self, service_name: str) -> Any:
        """The service's client, made at the first call."""
        if service_name not in self._clients:
            self._clients[service_name] = super().client(service_name)
        return self._clients[service_name]
