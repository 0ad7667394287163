"""The executions of one state machine: the port, and Step Functions behind it."""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cache
from typing import Any, Protocol

import msgspec

from chalicelib.aws.failures import code_of, told, translated
from chalicelib.errors import Conflict, NotFound

FIRST, LAST = 100, 1000
"""Events read from each end of a history. Of the chunks between, the bucket tells more."""


class Execution(msgspec.Struct, frozen=True):
    """One run of the state machine, in Step Functions' own words.

    status: RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED. input, output: JSON.
    """

    name: str
    arn: str
    status: str
    started: datetime
    stopped: datetime | None = None
    input: str = ""
    output: str | None = None
    error: str | None = None
    cause: str | None = None


class Event(msgspec.Struct, frozen=True):
    """An event of a history. state: the state that was entered or left, or empty."""

    number: int
    kind: str
    state: str = ""
    error: str = ""
    cause: str = ""


class Executions(Protocol):
    """Runs of the state machine, by name.

    Every method raises ServiceUnavailable if Step Functions does not answer, and AccessRefused if
    it refuses.
    """

    def start(self, name: str, input: str) -> Execution:
        """Starts a run, or finds the run that this name and input started before.

        Raises Conflict if that name was started with other input.
        """

    def describe(self, name: str) -> Execution:
        """Returns how far a run is. Raises NotFound."""

    def recent(self, count: int) -> list[Execution]:
        """Lists the latest runs, newest first, without input and output."""

    def history(self, name: str) -> list[Event]:
        """Returns the first and the last events of a run, oldest first. Raises NotFound."""


class StepFunctions:
    """The executions of the state machine of that ARN.

    make_client: returns a boto3 client of Step Functions; called at the first use.
    """

    def __init__(self, make_client: Callable[[], Any], machine: str) -> None:
        self._client, self._machine = cache(make_client), machine

    def start(self, name: str, input: str) -> Execution:
        """See Executions."""
        # https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
        try:
            parameters = {"stateMachineArn": self._machine, "name": name, "input": input}
            self._call("start_execution", "executionArn", **parameters)
        except _AlreadyExistsError:
            if self.describe(name).input != input:
                raise Conflict(
                    f"The name {name} belongs to a run with other input; give this run another "
                    "name."
                ) from None
        return self.describe(name)

    def describe(self, name: str) -> Execution:
        """See Executions."""
        return _execution(self._call("describe_execution", "status", executionArn=self._arn(name)))

    def recent(self, count: int) -> list[Execution]:
        """See Executions."""
        parameters = {"stateMachineArn": self._machine, "maxResults": count}
        answer = self._call("list_executions", "executions", **parameters)
        return [_execution(execution) for execution in answer["executions"]]

    def history(self, name: str) -> list[Event]:
        """See Executions."""
        arn = self._arn(name)
        ends = [
            self._call(
                "get_execution_history", "events",
                executionArn=arn, maxResults=count, reverseOrder=back,
            )
            for count, back in ((FIRST, False), (LAST, True))
        ]  # fmt: skip
        events = {event["id"]: _event(event) for end in ends for event in end["events"]}
        return [events[number] for number in sorted(events)]

    def _arn(self, name: str) -> str:
        return f"{self._machine.replace(':stateMachine:', ':execution:')}:{name}"

    def _call(self, method: str, field: str, **parameters: Any) -> Any:
        """Returns an answer that has this field."""
        from botocore.exceptions import ClientError

        with translated(f"the state machine {self._machine}"):
            try:
                answer = getattr(self._client(), method)(**parameters)
                told(answer, field)
                return answer
            except ClientError as error:
                code = code_of(error)
                if code == "ExecutionAlreadyExists":
                    raise _AlreadyExistsError from error
                is_no_name = code == "ValidationException" and "executionArn" in parameters
                if is_no_name or code in ("ExecutionDoesNotExist", "InvalidArn"):
                    raise NotFound(
                        "There is no workflow run of that name; GET /workflows lists them."
                    ) from error
                raise


class _AlreadyExistsError(Exception):
    pass


def _execution(answer: dict[str, Any]) -> Execution:
    return Execution(
        name=answer["name"],
        arn=answer["executionArn"],
        status=answer["status"],
        started=answer["startDate"],
        stopped=answer.get("stopDate"),
        input=answer.get("input", ""),
        output=answer.get("output"),
        error=answer.get("error"),
        cause=answer.get("cause"),
    )


def _event(event: dict[str, Any]) -> Event:
    """Reads an event of any kind; its details are in a field named after the kind."""
    details = _first(value for key, value in event.items() if key.endswith("EventDetails"))
    return Event(
        number=event["id"],
        kind=event["type"],
        state=details.get("name", "") if "State" in event["type"] else "",
        error=details.get("error", ""),
        cause=details.get("cause", ""),
    )


def _first(details: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return next(iter(details), {})
