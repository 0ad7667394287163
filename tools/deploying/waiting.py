"""Waiters that boto3 lacks, or that must also work after an interrupted run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import WaiterError
from botocore.waiter import WaiterModel, create_waiter_with_client

from tools.deploying.step import DeployError, Tell

POLL_SECONDS = 2
ATTEMPTS = 600
"""Twenty minutes: a state machine or a log group takes seconds, a slow CloudFormation minutes."""
A_MINUTE = 30
IN_REVIEW = "REVIEW_IN_PROGRESS"
"""A stack that is only a change set: it waits for us, so we do not wait for it."""
STATUS = "Stacks[0].StackStatus"
MODEL = WaiterModel({"version": 2, "waiters": {
    "StackSettled": {
        "operation": "DescribeStacks", "delay": POLL_SECONDS, "maxAttempts": ATTEMPTS,
        "acceptors": [
            {"matcher": "path", "expected": True, "state": "success",
             "argument": f"{STATUS} == '{IN_REVIEW}' || !ends_with({STATUS}, '_IN_PROGRESS')"},
            # it does not exist, or no more
            {"matcher": "error", "expected": "ValidationError", "state": "success"},
        ],
    },
    # https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
    "FunctionSettled": {
        "operation": "GetFunctionConfiguration", "delay": POLL_SECONDS, "maxAttempts": ATTEMPTS,
        "acceptors": [
            {"matcher": "path", "expected": True, "state": "success",
             "argument": "State != 'Pending' && LastUpdateStatus != 'InProgress'"},
        ],
    },
    # a role that was just allowed to send is believed a few seconds later
    "EventsKept": {
        "operation": "PutFunctionEventInvokeConfig", "delay": POLL_SECONDS, "maxAttempts": A_MINUTE,
        "acceptors": [
            {"matcher": "status", "expected": 200, "state": "success"},
            {"matcher": "error", "expected": "InvalidParameterValueException", "state": "retry"},
        ],
    },
    # the same for a mapping (hashicorp/terraform-provider-aws#22973)
    "RecordsKept": {
        "operation": "UpdateEventSourceMapping", "delay": POLL_SECONDS, "maxAttempts": A_MINUTE,
        "acceptors": [
            {"matcher": "status", "expected": status, "state": "success"} for status in (200, 202)
        ] + [
            {"matcher": "error", "expected": code, "state": "retry"}
            for code in ("InvalidParameterValueException", "ResourceInUseException")
        ],
    },
    # https://docs.aws.amazon.com/lambda/latest/api/API_GetEventSourceMapping.html
    "MappingSettled": {
        "operation": "GetEventSourceMapping", "delay": POLL_SECONDS, "maxAttempts": ATTEMPTS,
        "acceptors": [
            {"matcher": "path", "argument": "State", "expected": state, "state": "success"}
            for state in ("Enabled", "Disabled")
        ],
    },
}})  # fmt: skip


def settle(
    client: Any,
    waiter: str,
    what: str,
    poll: float = POLL_SECONDS,
    attempts: int = ATTEMPTS,
    **named: Any,
) -> None:
    """Wait until a resource has settled. Raises DeployError after the last attempt.

    what: the resource in words. named: arguments of the waiter's operation.
    """
    config = {"Delay": poll, "MaxAttempts": attempts}
    try:
        create_waiter_with_client(waiter, MODEL, client).wait(WaiterConfig=config, **named)
    except WaiterError as error:
        raise DeployError(
            f"{what} has not settled ({error}). Run the same command again to wait longer."
        ) from error


@contextmanager
def statuses(
    client: Any, tell: Tell, line: Callable[[str], str], resting: bool = True
) -> Iterator[None]:
    """Tell each new status of a stack that any call of DescribeStacks sees.

    resting: also tell a settled status before the first change.
    """
    told: list[str] = []

    def see(parsed: dict[str, Any], **_: Any) -> None:
        for stack in parsed.get("Stacks", []):
            status = stack["StackStatus"]
            is_news = resting or told or status.endswith("_IN_PROGRESS")
            if is_news and status not in told[-1:]:
                told.append(status)
                tell(line(told[-1]))

    event = "after-call.cloudformation.DescribeStacks"
    client.meta.events.register(event, see)
    try:
        yield
    finally:
        client.meta.events.unregister(event, see)
