"""Read Parameter Store, which keeps a stage's token."""

from collections.abc import Callable
from functools import cache
from typing import Any

from chalicelib.aws.failures import translated
from chalicelib.errors import NotConfigured


class Parameter:
    """A parameter in AWS Systems Manager's Parameter Store.

    make_client: returns a boto3 client of SSM; called at the first use.
    """

    def __init__(self, make_client: Callable[[], Any], name: str) -> None:
        self._client, self._name = cache(make_client), name

    def read(self) -> str:
        """Returns the decrypted value.

        Raises NotConfigured if the parameter has no name, ServiceUnavailable if Parameter Store
        does not answer or lacks it, and AccessRefused if it refuses.
        """
        if not self._name:
            raise NotConfigured(
                "Set TOKEN_PARAMETER to the name of the parameter that holds the "
                "token, or PUBLIC=true to let everybody call."
            )
        with translated(f"the parameter {self._name}"):
            answer = self._client().get_parameter(Name=self._name, WithDecryption=True)
        return str(answer["Parameter"]["Value"])
