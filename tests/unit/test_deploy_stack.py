"""The stack of a deployment, on a CloudFormation that says what it is told to."""

import re
from functools import partial
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from stage.template import assembled, with_bucket_names
from tests.conftest import ROOT
from tools.deploying.stack import MAX_TEMPLATE_BYTES, StackStep
from tools.deploying.step import DeployError

NOTHING: list[str] = []
GONE = {"Error": {"Code": "ValidationError", "Message": "Stack with id s does not exist"}}
QUEUE = {
    "Action": "Modify", "ResourceType": "AWS::SQS::Queue", "LogicalResourceId": "WorkQueue",
    "PhysicalResourceId": "https://sqs/work",
}  # fmt: skip


def say_nothing(_: str) -> None:
    pass


def described(status: str, stage: str) -> dict[str, Any]:
    if not status:
        return GONE
    return {"Stacks": [{
        "StackName": "s", "StackStatus": status,
        "Parameters": [{"ParameterKey": "Stage", "ParameterValue": "dev"}],
        "Tags": [{"Key": "stage", "Value": stage}],
    }]}  # fmt: skip


class Cloud:
    """CloudFormation as far as one stack goes.

    statuses: the stack's, each seen once and the last one for ever; empty where there is none.
    after: the statuses that follow a call that changes something. answers: to other calls.
    writes: the calls that change something. stage: whose the stack is, by its tag.
    """

    def __init__(self, template: str, *statuses: str) -> None:
        self.statuses = list(statuses)
        self.after: dict[str, list[str]] = {}
        self.answers: dict[str, Any] = {"GetTemplate": {"TemplateBody": "old"}}
        self.writes: list[str] = []
        self.stage = "dev"
        client = boto3.client(
            "cloudformation", region_name="eu-west-1",
            aws_access_key_id="a", aws_secret_access_key="b",
        )  # fmt: skip
        client.meta.events.register("before-call", self._call)
        self.step = StackStep(
            "Stack", client, "s", template, {"Stage": "dev"}, {"stage": "dev"}, poll_seconds=0
        )

    def proposes(self, status: str, reason: str = "", *changes: dict[str, Any]) -> None:
        self.answers["DescribeChangeSet"] = {
            "Status": status, "StatusReason": reason,
            "Changes": [{"ResourceChange": change} for change in changes],
        }  # fmt: skip

    def _call(self, model: Any, **_: Any) -> tuple[Any, dict[str, Any]]:
        answer = self._answer(model.name)
        return SimpleNamespace(status_code=400 if "Error" in answer else 200), answer

    def _answer(self, operation: str) -> dict[str, Any]:
        if operation == "DescribeStacks":
            seen = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
            return described(seen, self.stage)
        if not operation.startswith(("Describe", "Get", "List")):
            self.writes.append(operation)
        self.statuses = list(self.after.get(operation, self.statuses))
        answer = self.answers.get(operation, {})
        return answer.pop(0) if isinstance(answer, list) else answer


def test_a_stack_that_is_not_there_is_created() -> None:
    cloud = Cloud("new", "")
    assert cloud.step.changes() == ["create the stack s"]
    cloud.proposes("CREATE_COMPLETE")
    cloud.after["ExecuteChangeSet"] = [
        "CREATE_IN_PROGRESS",
        "CREATE_IN_PROGRESS",
        "CREATE_COMPLETE",
    ]
    told: list[str] = []
    cloud.step.apply(told.append)
    assert told == ["stack s: CREATE_IN_PROGRESS", "stack s: CREATE_COMPLETE"]
    assert cloud.writes == ["CreateChangeSet", "ExecuteChangeSet"]


def test_a_stack_that_is_as_it_shall_be_is_asked_for_no_change_set() -> None:
    cloud = Cloud("old", "UPDATE_COMPLETE")
    assert cloud.step.changes() == NOTHING
    assert cloud.writes == NOTHING


def test_a_plan_of_a_change_names_what_is_replaced_and_leaves_no_change_set_behind() -> None:
    cloud = Cloud("new", "CREATE_COMPLETE")
    cloud.proposes(
        "CREATE_COMPLETE",
        "",
        QUEUE,
        {**QUEUE, "Replacement": "True"},
        {**QUEUE, "Action": "Remove"},
    )
    assert cloud.step.changes() == [
        "change AWS::SQS::Queue WorkQueue https://sqs/work",
        "replace AWS::SQS::Queue WorkQueue https://sqs/work",
        "delete AWS::SQS::Queue WorkQueue https://sqs/work",
    ]
    assert cloud.writes == ["CreateChangeSet", "DeleteChangeSet"]


def test_a_template_that_differs_in_comments_alone_is_no_change() -> None:
    cloud = Cloud("new", "CREATE_COMPLETE")
    cloud.proposes("FAILED", "The submitted information didn't contain changes.")
    assert cloud.step.changes() == NOTHING
    assert cloud.writes == ["CreateChangeSet", "DeleteChangeSet"]


def test_a_refused_template_ends_it_with_the_reason() -> None:
    cloud = Cloud("new", "CREATE_COMPLETE")
    cloud.proposes("FAILED", "Unresolved resource dependencies [X]")
    with pytest.raises(DeployError, match=r"refuses the template: Unresolved .* \[X\]"):
        cloud.step.changes()


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "DELETE_FAILED", "REVIEW_IN_PROGRESS"])
def test_a_stack_that_never_was_or_is_half_gone_is_removed_and_made_anew(status: str) -> None:
    cloud = Cloud("new", status)
    assert cloud.step.exists()
    assert cloud.step.changes() == [f"delete the stack s, which is {status}", "create it anew"]
    cloud.proposes("CREATE_COMPLETE")
    cloud.after["DeleteStack"] = ["DELETE_IN_PROGRESS", ""]
    cloud.after["ExecuteChangeSet"] = ["CREATE_COMPLETE"]
    cloud.step.apply(say_nothing)
    assert cloud.writes == ["DeleteStack", "CreateChangeSet", "ExecuteChangeSet"]


@pytest.mark.parametrize(
    ("begun", "ended"),
    [
        ("CREATE_IN_PROGRESS", "CREATE_COMPLETE"),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE"),
        ("DELETE_IN_PROGRESS", ""),
    ],
)
def test_what_a_killed_run_began_is_waited_for(begun: str, ended: str) -> None:
    cloud = Cloud("new", begun)
    assert cloud.step.changes() == [
        f"wait for the stack s, which is {begun}, then look at it again"
    ]
    cloud.statuses = [begun, begun, ended]
    cloud.proposes("CREATE_COMPLETE")
    done = "UPDATE_COMPLETE" if ended else "CREATE_COMPLETE"
    cloud.after["ExecuteChangeSet"] = [done]
    told: list[str] = []
    cloud.step.apply(told.append)
    assert told == [f"stack s: {status}" for status in (begun, ended) if status] + [
        f"stack s: {done}"
    ]
    assert cloud.writes == ["CreateChangeSet", "ExecuteChangeSet"]


def test_a_change_set_that_a_killed_run_left_is_made_anew() -> None:
    cloud = Cloud("new", "CREATE_COMPLETE")
    cloud.proposes("CREATE_COMPLETE", "", QUEUE)
    exists = {"Error": {"Code": "AlreadyExistsException", "Message": "ChangeSet deploy exists"}}
    cloud.answers["CreateChangeSet"] = [exists, {}]
    assert cloud.step.changes() == ["change AWS::SQS::Queue WorkQueue https://sqs/work"]
    assert cloud.writes == [
        "CreateChangeSet", "DeleteChangeSet", "CreateChangeSet", "DeleteChangeSet",
    ]  # fmt: skip


def test_a_stack_is_taken_down_once_it_has_settled() -> None:
    cloud = Cloud("old", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE")
    cloud.after["DeleteStack"] = ["DELETE_IN_PROGRESS", ""]
    told: list[str] = []
    cloud.step.delete(told.append)
    assert told == [
        "stack s: UPDATE_IN_PROGRESS", "stack s: UPDATE_COMPLETE", "stack s: DELETE_IN_PROGRESS",
    ]  # fmt: skip
    assert cloud.writes == ["DeleteStack"]


def test_a_stack_that_rests_is_not_told_of_before_it_is_changed() -> None:
    told: list[str] = []
    cloud = Cloud("old", "CREATE_COMPLETE")
    cloud.after["DeleteStack"] = ["DELETE_IN_PROGRESS", ""]
    cloud.step.delete(told.append)
    assert told == ["stack s: DELETE_IN_PROGRESS"]
    cloud = Cloud("new", "CREATE_COMPLETE")
    cloud.proposes("CREATE_COMPLETE")
    cloud.after["ExecuteChangeSet"] = ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"]
    cloud.step.apply(told.append)
    assert told[1:] == ["stack s: UPDATE_IN_PROGRESS", "stack s: UPDATE_COMPLETE"]


def test_what_was_never_made_goes_by_its_name_in_the_template() -> None:
    cloud = Cloud("old", "CREATE_FAILED")
    queue = {"ResourceType": "AWS::SQS::Queue", "LogicalResourceId": "WorkQueue",
             "ResourceStatus": "CREATE_FAILED"}  # fmt: skip
    named = {**queue, "LogicalResourceId": "Dead", "PhysicalResourceId": "https://sqs/dead"}
    buckets = [{**resource, "ResourceType": "AWS::S3::Bucket"} for resource in (queue, named)]
    cloud.answers["ListStackResources"] = {"StackResourceSummaries": [queue, named, *buckets]}
    assert cloud.step.contents() == [
        "AWS::SQS::Queue WorkQueue", "AWS::SQS::Queue https://sqs/dead",
    ]  # fmt: skip
    assert cloud.step.retained() == ["https://sqs/dead"]


def test_a_stack_of_somebody_else_is_left_alone() -> None:
    cloud = Cloud("new", "CREATE_COMPLETE")
    cloud.stage = "other"
    for step in (cloud.step.changes, cloud.step.exists, partial(cloud.step.delete, say_nothing)):
        with pytest.raises(DeployError, match="stack s exists, but its tags"):
            step()
    assert cloud.writes == NOTHING


FAILURES = [
    ("WorkQueue", "CREATE_FAILED", "Resource creation cancelled"),
    ("WorkflowRole", "CREATE_FAILED", "You may not iam:CreateRole"),
    ("s", "CREATE_IN_PROGRESS", "User Initiated"),
    ("DeadLetterQueue", "CREATE_FAILED", "what failed the last time"),
]


def failed(*newest_first: tuple[str, str, str]) -> str:
    """What a creation says that ends with these events."""
    cloud = Cloud("new", "")
    cloud.proposes("CREATE_COMPLETE")
    cloud.after["ExecuteChangeSet"] = ["ROLLBACK_COMPLETE"]
    cloud.answers["DescribeStackEvents"] = {"StackEvents": [
        {"LogicalResourceId": name, "ResourceStatus": status, "ResourceStatusReason": why}
        for name, status, why in newest_first
    ]}  # fmt: skip
    with pytest.raises(DeployError) as caught:
        cloud.step.apply(say_nothing)
    return str(caught.value)


def test_a_failed_creation_names_what_failed_first_this_time() -> None:
    assert failed(*FAILURES) == (
        "The stack s is ROLLBACK_COMPLETE. WorkflowRole: You may not iam:CreateRole Fix that, "
        "then run the same command again."
    )


def test_a_queue_that_was_deleted_a_moment_ago_wants_a_minute() -> None:
    why = "You must wait 60 seconds after deleting a queue before you can create another"
    assert "for a minute. Wait, then try again." in failed(("WorkQueue", "CREATE_FAILED", why))


def test_our_template_fits_into_a_call_with_the_names_of_its_buckets_written_out() -> None:
    text = with_bucket_names(assembled(ROOT / "infrastructure.yaml"), "a" * 16, "123456789012")
    assert len(text.encode()) <= MAX_TEMPLATE_BYTES
    names = re.findall(r"BucketName: (.*)", text)
    assert names == [
        f"serverless-inception-{'a' * 16}-{kind}-123456789012"
        for kind in ("images", "results", "models")
    ]
    assert all(len(name) <= 63 for name in names)


def test_a_template_over_the_limit_says_by_how_much() -> None:
    with pytest.raises(DeployError, match=r"51,201 bytes, .* takes 51,200"):
        Cloud("x" * (MAX_TEMPLATE_BYTES + 1))
