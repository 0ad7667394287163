"""The front without API Gateway: the function URL, which Chalice cannot make.

AWS checks no caller there, so the function asks for the token.
"""

import json
from collections.abc import Callable
from typing import Any

from tools.deploying.chalicerecord import Record
from tools.deploying.step import Tell
from tools.deploying.target import API_HANDLER

OPEN = "NONE"
PERMISSIONS: dict[str, dict[str, Any]] = {
    "FunctionUrl": {"Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": OPEN},
    "FunctionUrlInvoke": {"Action": "lambda:InvokeFunction", "InvokedViaFunctionUrl": True},
}
"""Permissions by statement id. Since October 2025 Lambda needs both
(https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html). The second one's condition stops
everybody from invoking the function without the token."""
CONDITIONS = {
    "FunctionUrl": {"StringEquals": {"lambda:FunctionUrlAuthType": OPEN}},
    "FunctionUrlInvoke": {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}},
}
"""The conditions that Lambda makes of these permissions."""


class FunctionUrlStep:
    """Opens the URL, or deletes it if it is no longer wanted.

    limit: the function's reserved concurrency, which is its only throttle; None if it has none.
    """

    title = "Function URL (a front without API Gateway)"

    def __init__(
        self,
        client: Any,
        record: Callable[[], Record],
        wanted: bool,
        limit: Callable[[], int | None],
    ) -> None:
        self._client = client
        self._record = record
        self._wanted = wanted
        self._limit = limit

    def changes(self) -> list[str]:  # noqa: D102
        config = self._config()
        if not self._wanted:
            return [f"delete the Function URL {self.url()}"] if config else []
        opened = [] if config else [f"open a Function URL, {self._throttle()}"]
        if config and config["AuthType"] != OPEN:
            opened = [f"let the function ask for the token, not AWS for {config['AuthType']}"]
        return opened + [
            f"let everybody do {PERMISSIONS[name]['Action']} through it" for name in self._missing()
        ]

    def apply(self, tell: Tell) -> None:  # noqa: D102
        if not self._wanted:
            self.delete(tell)
            return
        arn, config = self._arn(), self._config()
        if config is None:
            self._client.create_function_url_config(FunctionName=arn, AuthType=OPEN)
        elif config["AuthType"] != OPEN:
            self._client.update_function_url_config(FunctionName=arn, AuthType=OPEN)
        for name in self._missing():
            if name in self._statements():
                self._client.remove_permission(FunctionName=arn, StatementId=name)
            self._client.add_permission(
                FunctionName=arn, StatementId=name, Principal="*", **PERMISSIONS[name]
            )

    def url(self) -> str:
        """The URL with a slash at its end; empty if there is none."""
        config = self._config()
        return config["FunctionUrl"].rstrip("/") + "/" if config else ""

    def delete(self, tell: Tell) -> None:
        """Delete the URL and its permissions."""
        arn = self._arn()
        for name in self._statements().keys() & PERMISSIONS.keys():
            self._client.remove_permission(FunctionName=arn, StatementId=name)
        self._client.delete_function_url_config(FunctionName=arn)

    def _throttle(self) -> str:
        limit = self._limit()
        if limit is None:
            return "which nothing throttles: --reserve 20 would let 20 calls in at once"
        return f"which lets {limit} calls in at once (reserved concurrency)"

    def _missing(self) -> list[str]:
        """The permissions that are missing or differ."""
        statements = self._statements()
        return [
            name
            for name, condition in CONDITIONS.items()
            if statements.get(name, {}).get("Condition") != condition
        ]

    def _statements(self) -> dict[str, dict[str, Any]]:
        """The statements of the function's policy, by id."""
        arn = self._arn()
        if arn is None:
            return {}
        try:
            policy = self._client.get_policy(FunctionName=arn)["Policy"]
        except self._client.exceptions.ResourceNotFoundException:
            return {}
        return {statement["Sid"]: statement for statement in json.loads(policy)["Statement"]}

    def _config(self) -> dict[str, Any] | None:
        arn = self._arn()
        if arn is None:
            return None
        try:
            config: dict[str, Any] = self._client.get_function_url_config(FunctionName=arn)
        except self._client.exceptions.ResourceNotFoundException:
            return None
        return config

    def _arn(self) -> str | None:
        return self._record().functions().get(API_HANDLER)
