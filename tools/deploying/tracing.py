"""Stops tracing, because Chalice can only start it."""

from collections.abc import Callable
from typing import Any

from tools.deploying.chalicerecord import Record
from tools.deploying.step import Tell
from tools.deploying.waiting import POLL_SECONDS, settle


class TracingStep:
    """Stops tracing of functions. traced: whether they stay traced.

    poll_seconds: between two looks at a function that is still changing.
    """

    title = "Tracing of the functions"

    def __init__(
        self,
        client: Any,
        record: Callable[[], Record],
        traced: bool,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._client = client
        self._record = record
        self._traced = traced
        self._poll = poll_seconds

    def changes(self) -> list[str]:  # noqa: D102
        return [f"trace {handler} no more" for handler in self._still_traced()]

    def apply(self, tell: Tell) -> None:  # noqa: D102
        for handler, arn in self._still_traced().items():
            what = f"The function of {handler}"
            settle(self._client, "FunctionSettled", what, self._poll, FunctionName=arn)
            self._client.update_function_configuration(
                FunctionName=arn, TracingConfig={"Mode": "PassThrough"}
            )

    def _still_traced(self) -> dict[str, str]:
        """ARNs of the functions that are traced but should not be, by handler."""
        if self._traced:
            return {}
        return {
            handler: arn
            for handler, arn in self._record().functions().items()
            if self._mode(arn) == "Active"
        }

    def _mode(self, arn: str) -> str:
        answer = self._client.get_function_configuration(FunctionName=arn)
        return str(answer.get("TracingConfig", {}).get("Mode", ""))
