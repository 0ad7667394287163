"""Parameter Store, where a stage's token is kept."""

from collections.abc import Callable
from typing import Any


class TokenUnreadable(Exception):
    """The secret cannot be had, so nobody may call; `str()` is for the log and names no secret."""


class Parameter:
    """A parameter of AWS Systems Manager's Parameter Store, decrypted.

    make_client: returns a boto3 client of SSM; called at the first use.
    """

    def __init__(self, make_client: Callable[[], Any], name: str) -> None:
        self._make_client, self._name = make_client, name
        self._client: Any = None

    def read(self) -> str:
        """Its value. Raises TokenUnreadable."""
        from botocore.exceptions import BotoCoreError, ClientError

        if not self._name:
            raise TokenUnreadable(
                "Nobody may call: set TOKEN_PARAMETER to the name of the parameter that holds the "
                "token, or PUBLIC=true to let everybody call."
            )
        try:
            if self._client is None:
                self._client = self._make_client()
            answer = self._client.get_parameter(Name=self._name, WithDecryption=True)
        except (BotoCoreError, ClientError, OSError) as error:
            raise TokenUnreadable(
                f"Nobody may call: the parameter {self._name} cannot be read ({error})."
            ) from error
        return str(answer["Parameter"]["Value"])
