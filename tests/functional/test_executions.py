"""One contract for executions: the fake of the unit tests, and Step Functions on the local AWS."""

import json
import time
import uuid
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto.core.config import default_user_config

from chalicelib.aws.stepfunctions import Executions, StepFunctions
from chalicelib.errors import Conflict, NotFound, ServiceUnavailable
from tests.fakes import MemoryExecutions

MACHINE = {
    "StartAt": "Look",
    "States": {
        "Look": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.bad", "BooleanEquals": True, "Next": "Fail"}],
            "Default": "Done",
        },
        "Fail": {"Type": "Fail", "Error": "Bad", "Cause": "It was asked for."},
        "Done": {"Type": "Succeed"},
    },
}
GOOD, BAD = '{"bad":false}', '{"bad":true}'


@pytest.fixture(params=["memory", "step functions"])
def executions(request: pytest.FixtureRequest) -> Executions:
    if request.param == "memory":
        return MemoryExecutions(
            lambda input: ("Bad", "It was asked for.") if input == BAD else None
        )
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    request.addfinalizer(lambda: default_user_config.pop("stepfunctions"))
    client = boto3.client("stepfunctions", **request.getfixturevalue("aws"))
    request.addfinalizer(client.close)
    machine = client.create_state_machine(
        name=f"machine-{uuid.uuid4().hex}",
        definition=json.dumps(MACHINE),
        roleArn="arn:aws:iam::123456789012:role/any",
    )
    return StepFunctions(lambda: client, machine["stateMachineArn"])


def ended(executions: Executions, name: str) -> Any:
    deadline = time.monotonic() + 30
    while (run := executions.describe(name)).status == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return run


def test_a_run_succeeds(executions: Executions) -> None:
    started = executions.start("one", GOOD)
    assert started.name == "one" and started.arn.endswith(":one")
    run = ended(executions, "one")
    assert run.status == "SUCCEEDED" and run.input == GOOD
    assert json.loads(run.output) == {"bad": False}
    assert run.stopped >= run.started and run.error is None


def test_a_run_fails(executions: Executions) -> None:
    executions.start("one", BAD)
    run = ended(executions, "one")
    assert (run.status, run.error, run.cause) == ("FAILED", "Bad", "It was asked for.")
    assert run.output is None


def test_the_same_name_and_input_is_one_run_also_after_its_end(executions: Executions) -> None:
    first = executions.start("one", GOOD)
    ended(executions, "one")
    again = executions.start("one", GOOD)
    assert (again.arn, again.started) == (first.arn, first.started)
    assert len(executions.recent(20)) == 1


def test_the_same_name_and_another_input_is_a_conflict(executions: Executions) -> None:
    executions.start("one", GOOD)
    with pytest.raises(Conflict, match="another name"):
        executions.start("one", BAD)


def test_the_newest_come_first(executions: Executions) -> None:
    for name in ("one", "two", "three"):
        executions.start(name, GOOD)
        ended(executions, name)
    assert [run.name for run in executions.recent(2)] == ["three", "two"]


def test_the_history_tells_of_states(executions: Executions) -> None:
    executions.start("one", GOOD)
    ended(executions, "one")
    events = executions.history("one")
    assert [event.number for event in events] == sorted({event.number for event in events})
    assert [event.state for event in events if event.kind.endswith("Entered")] == ["Look", "Done"]
    assert events[0].kind == "ExecutionStarted" and events[-1].kind == "ExecutionSucceeded"


def test_a_run_that_is_not_there(executions: Executions) -> None:
    for ask in (executions.describe, executions.history):
        with pytest.raises(NotFound, match="GET /workflows"):
            ask("none")


def test_a_service_that_does_not_answer(aws: dict[str, Any], free_port: int) -> None:
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=1)
    settings = aws | {"endpoint_url": f"http://127.0.0.1:{free_port}", "config": config}
    machine = "arn:aws:states:eu-west-1:123456789012:stateMachine:none"
    with pytest.raises(ServiceUnavailable):
        StepFunctions(lambda: boto3.client("stepfunctions", **settings), machine).recent(1)
