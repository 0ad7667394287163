"""Respects what an operator stopped or limited by hand."""

from collections.abc import Callable
from typing import Any

from tools.deploying.chalicerecord import Record
from tools.deploying.step import DeployError, Tell
from tools.deploying.target import Target

Declared = Callable[[str], int | None]
"""A handler's `reserved_concurrency` in .chalice/config.json; None if it has none."""


class StopsStep:
    """Restarts what was stopped: functions with a reserved concurrency of 0, and disabled rules.

    Chalice would silently restart them, so a stage with something stopped is not deployed.
    resume: deploy it, and restart everything.
    """

    title = "What was stopped by hand"

    def __init__(
        self,
        session: Any,
        record: Callable[[], Record],
        target: Target,
        declared: Declared,
        resume: bool,
    ) -> None:
        self._lambda = session.client("lambda")
        self._events = session.client("events")
        self._record = record
        self._target = target
        self._declared = declared
        self._resume = resume

    def check(self) -> None:
        """Raise DeployError if something is stopped, unless it shall resume."""
        stopped = self._names()
        if stopped and not self._resume:
            raise DeployError(
                f"Stopped by hand: {', '.join(stopped)}. A deployment would start it again, so "
                "nothing was done. Give --resume to deploy and start it."
            )

    def changes(self) -> list[str]:  # noqa: D102
        if self._resume:
            return [f"start {name} again" for name in self._names()]
        return [f"stop here unless --resume is given: {name} was stopped" for name in self._names()]

    def apply(self, tell: Tell) -> None:  # noqa: D102
        for handler in self._stopped():
            named = {"FunctionName": self._target.function(handler)}
            declared = self._declared(handler)
            if declared is None:
                self._lambda.delete_function_concurrency(**named)
            else:
                self._lambda.put_function_concurrency(
                    **named, ReservedConcurrentExecutions=declared
                )
        for name in self._rules():
            self._events.enable_rule(Name=name)

    def limits(self) -> dict[str, int]:
        """Reserved concurrencies above 0 that were set by hand, by handler."""
        return {
            handler: limit
            for handler, limit in self._reserved().items()
            if limit and self._declared(handler) is None
        }

    def _names(self) -> list[str]:
        return [*map(self._target.function, self._stopped()), *self._rules()]

    def _stopped(self) -> list[str]:
        reserved = self._reserved()
        return [
            name for name, limit in reserved.items() if limit == 0 and self._declared(name) != 0
        ]

    def _rules(self) -> list[str]:
        rules = self._record().rules().values()
        return [rule["Name"] for rule in rules if rule.get("State") == "DISABLED"]

    def _reserved(self) -> dict[str, int]:
        """The functions' reserved concurrencies, by handler."""
        limits = {}
        for handler, arn in self._record().functions().items():
            answer = self._lambda.get_function_concurrency(FunctionName=arn)
            if (limit := answer.get("ReservedConcurrentExecutions")) is not None:
                limits[handler] = int(limit)
        return limits
