"""The secret that callers of a stage that is not public must send."""

import secrets
from typing import Any

from tools.deploying.step import Tell

BYTES = 32


class TokenStep:
    """Makes the secret, once; it is never shown here."""

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
        """Whether there is one."""
        try:
            self._client.get_parameter(Name=self._name)
        except self._client.exceptions.ParameterNotFound:
            return False
        return True

    def read(self) -> str:
        """The secret itself. Raises ParameterNotFound."""
        answer = self._client.get_parameter(Name=self._name, WithDecryption=True)
        return str(answer["Parameter"]["Value"])

    def delete(self) -> None:
        """Forget it."""
        self._client.delete_parameter(Name=self._name)
