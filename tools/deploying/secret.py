"""The token that callers of a private stage must send."""

import secrets
from typing import Any

from chalicelib.tokens import digest
from tools.deploying.step import DeployError, Tell

BYTES = 32
LEAST_CHARACTERS = 32
"""Of a token that somebody stored: 128 bits in hexadecimal. Its digest must not give it away."""


class TokenStep:
    """Makes the token once, and never shows it."""

    title = "Token of callers (SSM Parameter Store)"

    def __init__(self, ssm: Any, name: str) -> None:
        self._client = ssm
        self._name = name

    def changes(self) -> list[str]:  # noqa: D102
        return [] if self.exists() else [f"make a secret as {self._name}"]

    def apply(self, tell: Tell) -> None:  # noqa: D102
        self._put(secrets.token_urlsafe(BYTES))

    def replace(self) -> str:
        """Store a new token; returns its digest."""
        token = secrets.token_urlsafe(BYTES)
        self._put(token, Overwrite=True)
        return digest(token)

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

    def digest(self) -> str:
        """The SHA-256 that the functions know it by; empty if there is none yet.

        Raises DeployError if the token is too short.
        """
        if not self.exists():
            return ""
        token = self.read()
        if len(token.strip()) < LEAST_CHARACTERS:
            raise DeployError(
                f"The token in {self._name} has under {LEAST_CHARACTERS} characters, so it could "
                "be guessed. Delete the parameter, then deploy again to create a new token."
            )
        return digest(token)

    def delete(self) -> None:
        """Delete it."""
        self._client.delete_parameter(Name=self._name)

    def _put(self, token: str, **options: bool) -> None:
        self._client.put_parameter(
            Name=self._name,
            Description="What callers of serverless-inception send as Authorization: Bearer",
            Value=token,
            Type="SecureString",
            **options,
        )
