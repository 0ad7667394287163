"""The CloudFormation stacks: what a stage works with, and what watches it."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError, WaiterError

from stage.template import variable
from tools.deploying.step import DeployError, Tell
from tools.deploying.waiting import ATTEMPTS, IN_REVIEW, POLL_SECONDS, settle, statuses

CHANGE_SET = "deploy"
BUCKET = "AWS::S3::Bucket"
MAX_TEMPLATE_BYTES = 51_200
"""Bytes of a template sent with the call
(https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html)."""
UNUSABLE = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED", IN_REVIEW)
"""Statuses of stacks that failed to start or are half deleted: delete, then create anew."""
NOTHING = ("didn't contain changes", "No updates are to be performed")
STARTED = "User Initiated"
"""The reason in the first event of an operation."""
TOO_SOON = "60 seconds"
"""Part of SQS's reason: a deleted queue's name is blocked for a minute
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html)."""


class StackStep:
    """Creates or updates a stack with a change set."""

    def __init__(
        self,
        title: str,
        cloudformation: Any,
        name: str,
        template: str,
        parameters: Mapping[str, str],
        tags: Mapping[str, str],
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self.title = title
        self._client = cloudformation
        self._name = name
        self._template = template
        self._parameters = dict(parameters)
        self._tags = dict(tags)
        self._poll = poll_seconds
        if len(template.encode()) > MAX_TEMPLATE_BYTES:
            raise DeployError(
                f"The template and its state machine have {len(template.encode()):,} bytes, but "
                f"CloudFormation takes {MAX_TEMPLATE_BYTES:,}. Move a part of it into a "
                "separate stack."
            )

    def describe(self) -> dict[str, Any] | None:
        """The stack; None if it does not exist, or was never created."""
        stack = self._find()
        return None if stack is None or stack["StackStatus"] in UNUSABLE else stack

    def outputs(self) -> dict[str, str]:
        """Its outputs by environment variable; empty if there is no stack."""
        stack = self.describe() or {}
        return {
            variable(output["OutputKey"]): output["OutputValue"]
            for output in stack.get("Outputs", [])
        }

    def exists(self) -> bool:
        """Whether there is a stack of this name, in whatever state."""
        return self._find() is not None

    def changes(self) -> list[str]:  # noqa: D102
        stack = self._find()
        if stack is None:
            return [f"create the stack {self._name}"]
        status = stack["StackStatus"]
        if status in UNUSABLE:
            return [f"delete the stack {self._name}, which is {status}", "create it anew"]
        if status.endswith("_IN_PROGRESS"):
            return [f"wait for the stack {self._name}, which is {status}, then look at it again"]
        if self._is_current(stack):
            return []
        changes = self._propose("UPDATE")
        if changes is None:
            return []
        self._drop()
        return [_line(change) for change in changes] or ["change its parameters"]

    def apply(self, tell: Tell) -> None:  # noqa: D102
        status = self._settle(tell, resting=False)  # what a run began that was killed
        if status in UNUSABLE:
            self.delete(tell)
        kind = "UPDATE" if self.describe() else "CREATE"
        if self._propose(kind) is None:
            return
        self._client.execute_change_set(ChangeSetName=CHANGE_SET, StackName=self._name)
        self._finish(tell, f"{kind}_COMPLETE", "IMPORT_COMPLETE")

    def delete(self, tell: Tell) -> None:
        """Delete it, except for retained resources."""
        self._settle(tell, resting=False)
        self._client.delete_stack(StackName=self._name)
        self._finish(tell, "")

    def retained(self) -> list[str]:
        """The buckets that stay when the stack goes."""
        return [name for kind, _, name in self._resources() if kind == BUCKET and name]

    def contents(self) -> list[str]:
        """Types and names of all that `delete` removes; the template's names if unnamed."""
        resources = self._resources()
        return [f"{kind} {name or logical}" for kind, logical, name in resources if kind != BUCKET]

    def _resources(self) -> list[tuple[str, str, str]]:
        """Types, names in the template, and names (empty if never created)."""
        if not self.exists():
            return []
        pages = self._client.get_paginator("list_stack_resources").paginate(StackName=self._name)
        return [
            (entry["ResourceType"], entry["LogicalResourceId"], entry.get("PhysicalResourceId", ""))
            for page in pages
            for entry in page["StackResourceSummaries"]
        ]

    def _find(self) -> dict[str, Any] | None:
        try:
            stack: dict[str, Any] = self._client.describe_stacks(StackName=self._name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        tags = {tag["Key"]: tag["Value"] for tag in stack.get("Tags", [])}
        if stack["StackStatus"] not in UNUSABLE and not self._tags.items() <= tags.items():
            raise DeployError(
                f"A stack {self._name} exists, but its tags name another stage. "
                "Choose another stage, or delete it."
            )
        return stack

    def _is_current(self, stack: dict[str, Any]) -> bool:
        current = {
            entry["ParameterKey"]: entry["ParameterValue"] for entry in stack.get("Parameters", [])
        }
        body = self._client.get_template(StackName=self._name)["TemplateBody"]
        return bool(body == self._template and current | self._parameters == current)

    def _propose(self, kind: str) -> list[dict[str, Any]] | None:
        """Create a change set to execute later; returns its changes, None without any."""
        try:
            self._create_change_set(kind)
        except self._client.exceptions.AlreadyExistsException:  # of a run that was killed
            self._drop()
            self._create_change_set(kind)
        named = {"ChangeSetName": CHANGE_SET, "StackName": self._name}
        waiter = self._client.get_waiter("change_set_create_complete")
        try:
            waiter.wait(**named, WaiterConfig={"Delay": self._poll, "MaxAttempts": ATTEMPTS})
        except WaiterError as error:
            reason = error.last_response.get("StatusReason", str(error))
            self._drop()
            if any(words in reason for words in NOTHING):
                return None
            raise DeployError(f"CloudFormation refuses the template: {reason}") from error
        pages = self._client.get_paginator("describe_change_set").paginate(**named)
        return [change for page in pages for change in page["Changes"]]

    def _create_change_set(self, kind: str) -> None:
        self._client.create_change_set(
            StackName=self._name,
            ChangeSetName=CHANGE_SET,
            ChangeSetType=kind,
            TemplateBody=self._template,
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value}
                for key, value in self._parameters.items()
            ],
            Tags=[{"Key": key, "Value": value} for key, value in self._tags.items()],
            Capabilities=["CAPABILITY_NAMED_IAM"],
            # the buckets that an earlier stack of this name left behind become its own again:
            # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-automatically.html
            ImportExistingResources=True,
        )

    def _drop(self) -> None:
        self._client.delete_change_set(ChangeSetName=CHANGE_SET, StackName=self._name)

    def _settle(self, tell: Tell, resting: bool = True) -> str:
        """Wait until the stack has settled; returns its status, empty if it is gone.

        resting: also tell a status that does not change.
        """
        line = f"stack {self._name}: {{}}".format
        with statuses(self._client, tell, line, resting):
            what = f"The stack {self._name}"
            settle(self._client, "StackSettled", what, self._poll, StackName=self._name)
        return str((self._find() or {}).get("StackStatus", ""))

    def _finish(self, tell: Tell, *wanted: str) -> None:
        """Wait until the stack has settled. Raises DeployError if the operation failed."""
        status = self._settle(tell)
        if status not in wanted:
            raise DeployError(
                f"The stack {self._name} is {status or 'gone'}. {self._reason()} Fix that, then "
                "run the same command again."
            )

    def _reason(self) -> str:
        """The first failure of the last operation."""
        try:
            events = self._client.describe_stack_events(StackName=self._name)["StackEvents"]
        except ClientError:
            return ""
        starts = [
            n for n, entry in enumerate(events) if entry.get("ResourceStatusReason") == STARTED
        ]
        for event in reversed(events[: starts[0]] if starts else events):
            reason = event.get("ResourceStatusReason", "")
            if not event["ResourceStatus"].endswith("_FAILED") or "cancelled" in reason:
                continue
            if TOO_SOON in reason:
                return "SQS refuses the name of a deleted queue for a minute. Wait, then try again."
            return f"{event['LogicalResourceId']}: {reason}"
        return "Its events in the CloudFormation console say why."


def _line(change: dict[str, Any]) -> str:
    resource = change["ResourceChange"]
    verbs = {"Add": "create", "Modify": "change", "Remove": "delete", "Import": "take over"}
    verb = verbs.get(resource["Action"], resource["Action"])
    if resource.get("Replacement") in ("True", "Conditional"):
        verb = "replace"  # at the worst
    name = resource.get("PhysicalResourceId", "")
    return f"{verb} {resource['ResourceType']} {resource['LogicalResourceId']} {name}".rstrip()
