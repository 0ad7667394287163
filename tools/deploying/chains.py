"""Lets the worker send messages to its own queue, which Lambda would take for a loop."""

from collections.abc import Callable
from typing import Any

from tools.deploying.chalicerecord import Record
from tools.deploying.step import Tell
from tools.deploying.target import WORKER

ALLOW = "Allow"


class ChainsStep:
    """Lets the worker continue in any number of further messages.

    By default Lambda ends a chain of about 16 invocations that call each other through SQS
    (https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html).
    """

    title = "Chains of messages"

    def __init__(self, client: Any, record: Callable[[], Record]) -> None:
        self._client = client
        self._record = record

    def changes(self) -> list[str]:  # noqa: D102
        return [] if self._is_allowed() else [f"let {WORKER} go on in any number of messages"]

    def apply(self, tell: Tell) -> None:  # noqa: D102
        arn = self._record().functions()[WORKER]
        self._client.put_function_recursion_config(FunctionName=arn, RecursiveLoop=ALLOW)

    def _is_allowed(self) -> bool:
        arn = self._record().functions().get(WORKER)
        if arn is None:
            return False
        answer = self._client.get_function_recursion_config(FunctionName=arn)
        return bool(answer["RecursiveLoop"] == ALLOW)
