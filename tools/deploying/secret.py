"""The token that callers of a private stage must send."""

import secrets
from typing import Any

from tools.deploying.step import Tell

BYTES = 32


class TokenStep:
    """Makes the token once, and never shows it."""

    title = "Token of callers (SSM Parameter Store)"

    def __init__(self, ssm: Any, name: str) -> None:
        self._client = ssm
        self._name = name

    def changes(self) -> list[str]:  # noqa: D102
        return [] if self.exists() else [f"make a secret as {self._name}"]

    def apply(self, tell: Tell) -> None:  # noqa: D102
        self._client.put_parameter(
            Name=self._name,
            Description="What callers of serverless-inception send as Authorization: Bearer",
            Value=secrets.token_urlsafe(BYTES),
            Type="SecureString",
        )

    def exists(self) -> bool:
        """Whether it exists."""
        try:
            self._client.get_parameter(Name=self._name)
        except self._client.exceptions.ParameterNotFound:
            return False
        return True

    def read(self) -> str:
        """The token. Raises ParameterNotFound."""
        answer = self._client.get_parameter(Name=self._name, WithDecryption=True)
        return str(answer["Parameter"]["Value"])

    def delete(self) -> None:
        """Delete it."""
        self._client.delete_parameter(Name=self._name)
