"""workflow.asl.json, run by a real interpreter, with tasks that do as each test says."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest

from localcloud.starting import wait_for
from tests.conftest import ROOT
from tests.e2e.conftest import LocalCloud, running

WORKFLOWAPP = ROOT / "tests" / "data" / "workflowapp"
TEMPLATE = ROOT / "infrastructure.yaml"
CHUNKS = 400
"""The most of a workflow whose chunks run in its own execution."""
HISTORY_LIMIT = 25_000
"""Events (https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html)."""
ENDED = {"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"}


@dataclass(frozen=True)
class Execution:
    """One that has ended."""

    sfn: Any
    s3: Any
    bucket: str
    described: dict[str, Any]

    @property
    def status(self) -> str:
        return str(self.described["status"])

    @property
    def output(self) -> Any:
        return json.loads(self.described["output"])

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        pages = self.sfn.get_paginator("get_execution_history").paginate(
            executionArn=self.described["executionArn"]
        )
        return [event for page in pages for event in page["events"]]

    @property
    def entered(self) -> Counter[str]:
        """How often each state was."""
        details = [event.get("stateEnteredEventDetails") for event in self.events]
        return Counter(str(detail["name"]) for detail in details if detail)

    @property
    def failures(self) -> list[str]:
        details = [event.get("taskFailedEventDetails") for event in self.events]
        return [str(detail["error"]) for detail in details if detail]

    def calls(self, what: str) -> list[Any]:
        """The events that a task was called with."""
        prefix = f"workflows/{self.described['name']}/calls/{what}/"
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        bodies = [self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read() for key in keys]
        return [json.loads(body) for body in bodies]


class StateMachine:
    """The one of the stack."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.sfn, self.s3 = cloud.client("stepfunctions"), cloud.client("s3")
        self.bucket = cloud.results
        (machine,) = self.sfn.list_state_machines()["stateMachines"]
        self.arn = str(machine["stateMachineArn"])

    def start(self, name: str, request: Any) -> str:
        """The execution's ARN."""
        started = self.sfn.start_execution(
            stateMachineArn=self.arn, name=name, input=json.dumps(request)
        )
        return str(started["executionArn"])

    def wait(self, arn: str) -> Execution:
        def ended() -> dict[str, Any]:
            described: dict[str, Any] = self.sfn.describe_execution(executionArn=arn)
            return described if described["status"] in ENDED else {}

        return Execution(self.sfn, self.s3, self.bucket, wait_for(ended))

    def run(self, name: str, request: Any) -> Execution:
        return self.wait(self.start(name, request))


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StateMachine]:
    log = tmp_path_factory.mktemp("machine") / "log"
    options = ["--project", str(WORKFLOWAPP), "--template", str(TEMPLATE), "--concurrency", "2"]
    with running(log, "doodle", *options) as cloud:
        made = StateMachine(cloud)
        yield made
        made.sfn.close()
        made.s3.close()


def test_two_models_that_agree_change_nothing(machine: StateMachine) -> None:
    request = {"chunks": 2, "promote": True}
    execution = machine.run("agree", request)
    assert (execution.status, execution.output) == (
        "SUCCEEDED", {"name": "agree", "outcome": "kept"},
    )  # fmt: skip
    assert execution.calls("prepare") == [{"name": "agree", "request": request}]
    for arm in ("champion", "challenger"):
        for chunk in (1, 2):
            expected = {"name": "agree", "chunk": chunk, "arm": arm}
            assert execution.calls(f"classify {arm} {chunk}") == [expected]
    assert execution.calls("judge") == [{"name": "agree"}]
    assert execution.calls("report") == [{"name": "agree", "outcome": "kept"}]
    assert execution.entered["Keep"] == execution.entered["Done"] == 1
    assert execution.failures == []


def test_a_better_challenger_is_promoted(machine: StateMachine) -> None:
    request = {"chunks": 1, "promote": True, "judgement": {"better": True}}
    execution = machine.run("promote", request)
    assert execution.output["outcome"] == "promoted"
    assert execution.calls("promote") == [{"name": "promote"}]


def test_but_only_where_that_was_asked_for(machine: StateMachine) -> None:
    execution = machine.run("better", {"chunks": 1, "judgement": {"better": True}})
    assert execution.output["outcome"] == "kept" and execution.entered["Promote"] == 0


@pytest.mark.parametrize(("rate", "outcome"), [(0.2, "promoted"), (0.21, "degraded")])
def test_too_many_errors_spoil_it(machine: StateMachine, rate: float, outcome: str) -> None:
    judgement = {"error_rate": rate, "better": True}
    request = {"chunks": 1, "promote": True, "max_error_rate": 0.2, "judgement": judgement}
    assert machine.run(f"errors-{outcome}", request).output["outcome"] == outcome


def test_without_a_challenger_the_champion_classifies_alone(machine: StateMachine) -> None:
    execution = machine.run("alone", {"chunks": 3, "compare": False})
    assert execution.output["outcome"] == "kept"
    assert (execution.entered["Champion"], execution.entered["Challenger"]) == (3, 0)


def test_no_images_are_no_failure(machine: StateMachine) -> None:
    assert machine.run("none", {"chunks": 0}).output["outcome"] == "kept"


def test_a_bad_request_is_refused_at_once(machine: StateMachine) -> None:
    execution = machine.run("bad", {"url": "x"})
    assert execution.status == "FAILED"
    assert execution.described["error"] == "BadRequest"
    assert execution.described["cause"] == "Say how many chunks."
    assert len(execution.calls("prepare")) == 1


def test_what_passes_is_tried_again(machine: StateMachine) -> None:
    trouble = {
        "prepare": {"error": "ServiceUnavailable", "times": 1},
        "classify challenger 2": {"error": "TimeoutError", "times": 2},
        "report": {"error": "Sandbox.Timedout", "times": 1},
    }
    execution = machine.run("passing", {"chunks": 3, "trouble": trouble})
    assert execution.output["outcome"] == "kept"
    assert Counter(execution.failures) == {
        "ServiceUnavailable": 1, "TimeoutError": 2, "Sandbox.Timedout": 1,
    }  # fmt: skip
    assert len(execution.calls("classify challenger 2")) == 3
    assert execution.entered["Challenger lost"] == 0


def test_what_does_not_pass_is_recorded_and_the_rest_goes_on(machine: StateMachine) -> None:
    trouble = {"classify champion 2": {"error": "ModelInvalid", "times": 9}}
    execution = machine.run("lost", {"chunks": 3, "trouble": trouble})
    assert execution.output["outcome"] == "kept"
    assert execution.failures == ["ModelInvalid"]
    (call,) = execution.calls("record_loss champion 2")
    cause = json.loads(call.pop("cause"))
    assert (cause["errorType"], cause["errorMessage"]) == ("ModelInvalid", "told to fail")
    assert call == {"name": "lost", "chunk": 2, "arm": "champion", "error": "ModelInvalid"}
    assert (execution.entered["Champion lost"], execution.entered["Challenger lost"]) == (1, 0)


@pytest.mark.parametrize("step", ["prepare", "record_loss challenger 1", "judge", "report"])
def test_what_no_record_can_stand_for_fails_with_advice(machine: StateMachine, step: str) -> None:
    trouble = {
        "classify challenger 1": {"error": "ModelInvalid", "times": 9},
        step: {"error": "PermissionError", "times": 9},
    }
    execution = machine.run("fail-" + step.partition(" ")[0], {"chunks": 1, "trouble": trouble})
    assert (execution.status, execution.described["error"]) == ("FAILED", "WorkflowFailed")
    cause = execution.described["cause"]
    assert "start the workflow again" in cause
    assert "PermissionError" in cause and "told to fail" in cause
    assert execution.entered["Fail"] == 1
    assert len(execution.calls(step)) == 1


def test_many_chunks_run_as_executions_of_their_own(machine: StateMachine) -> None:
    trouble = {
        "classify challenger 3": {"error": "TimeoutError", "times": 1},
        "classify champion 4": {"error": "ModelInvalid", "times": 9},
    }
    execution = machine.run("many", {"chunks": 45, "size": "large", "trouble": trouble})
    assert execution.output["outcome"] == "kept"
    for chunk in (1, 45):
        assert len(execution.calls(f"classify champion {chunk}")) == 1
    assert len(execution.calls("classify challenger 3")) == 2
    assert len(execution.calls("record_loss champion 4")) == 1
    assert execution.entered["Classify many"] == 1
    assert execution.entered["Champion (many)"] == 0  # its history is not the parent's


def test_items_that_are_not_there_fail_with_advice(machine: StateMachine) -> None:
    request = {"chunks": 1, "size": "large", "items": "workflows/none.json"}
    execution = machine.run("no-items", request)
    assert execution.status == "FAILED"
    assert "start the workflow again" in execution.described["cause"]


def test_a_history_comes_in_pages_and_from_either_end(machine: StateMachine) -> None:
    execution = machine.run("pages", {"chunks": 1})
    arn = execution.described["executionArn"]
    paginator = machine.sfn.get_paginator("get_execution_history")
    for backwards in (False, True):
        pages = list(
            paginator.paginate(
                executionArn=arn, reverseOrder=backwards, PaginationConfig={"PageSize": 10}
            )
        )
        assert {len(page["events"]) for page in pages[:-1]} == {10}
        ids = [event["id"] for page in pages for event in page["events"]]
        expected = [event["id"] for event in execution.events]
        assert ids == (expected[::-1] if backwards else expected)


def test_a_name_is_an_idempotency_key(machine: StateMachine) -> None:
    request = {"chunks": 1, "hold": "go"}
    with ThreadPoolExecutor(8) as threads:
        arns = list(threads.map(lambda _: machine.start("key", request), range(8)))
    assert len(set(arns)) == 1
    machine.s3.put_object(Bucket=machine.bucket, Key="go")
    execution = machine.wait(arns[0])
    assert len(execution.calls("prepare")) == 1
    for again in (request, {"chunks": 2}):
        with pytest.raises(machine.sfn.exceptions.ExecutionAlreadyExists):
            machine.start("key", again)


def test_an_execution_needs_no_name(machine: StateMachine) -> None:
    arns = {
        machine.sfn.start_execution(stateMachineArn=machine.arn, input='{"chunks": 0}')[
            "executionArn"
        ]
        for _ in range(2)
    }
    assert len(arns) == 2
    assert {machine.wait(arn).status for arn in arns} == {"SUCCEEDED"}


def test_an_execution_can_be_stopped(machine: StateMachine) -> None:
    arn = machine.start("stop", {"chunks": 400})
    wait_for(
        lambda: machine.sfn.get_execution_history(executionArn=arn, maxResults=30)["events"][20:]
    )
    machine.sfn.stop_execution(executionArn=arn)
    execution = machine.wait(arn)
    assert execution.status == "ABORTED"
    assert execution.entered["Champion"] < 400


def test_the_most_chunks_leave_half_of_the_history_to_retries(machine: StateMachine) -> None:
    execution = machine.run("tenth", {"chunks": CHUNKS // 10})
    assert (execution.status, execution.failures) == ("SUCCEEDED", [])
    assert execution.entered["Champion"] == execution.entered["Challenger"] == CHUNKS // 10
    assert len(execution.events) * 10 < HISTORY_LIMIT / 2


def test_to_wait_for_a_free_function_takes_no_time_of_a_task(machine: StateMachine) -> None:
    """Two run at once, so that the last pair of eight waits as long as the others take."""
    name = "arn:aws:lambda:us-east-1:123456789012:function:serverless-inception-local-slow"
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": name, "Payload": {"seconds": 1.5}},
        "TimeoutSeconds": 4,
        "End": True,
    }
    many = {"Type": "Map", "ItemProcessor": {"StartAt": "Task", "States": {"Task": task}}}
    made = machine.sfn.create_state_machine(
        name="waiting",
        definition=json.dumps({"StartAt": "Many", "States": {"Many": {**many, "End": True}}}),
        roleArn="arn:aws:iam::123456789012:role/any",
    )
    started = machine.sfn.start_execution(
        stateMachineArn=made["stateMachineArn"], input=json.dumps(list(range(8)))
    )
    execution = machine.wait(started["executionArn"])
    assert (execution.status, execution.failures) == ("SUCCEEDED", [])


def test_aws_shows_the_definition(machine: StateMachine) -> None:
    described = machine.sfn.describe_state_machine(stateMachineArn=machine.arn)
    assert described["name"] == "serverless-inception-local-workflow"
    assert not re.search(r"\$\{", described["definition"])
