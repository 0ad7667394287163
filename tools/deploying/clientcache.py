"""A session of boto3 for the many steps of a deployment."""

from typing import Any

import boto3


class Session(boto3.session.Session):  # type: ignore[misc]
    """Has one client of each service: to make one takes longer than most calls of it."""

    def __init__(self, **where: Any) -> None:
        super().__init__(**where)
        self._clients: dict[str, Any] = {}

    def client(self, service_name: str) -> Any:
        """The client, made when it is first asked for."""
        if service_name not in self._clients:
            self._clients[service_name] = super().client(service_name)
        return self._clients[service_name]
