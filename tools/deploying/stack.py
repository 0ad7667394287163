"""The CloudFormation stack: buckets, queues, the state machine and its alarms."""

import re
import string
import time
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from tools.deploying.step import DeployError, Tell
from tools.template import variable

CHANGE_SET = "deploy"
MAX_TEMPLATE_BYTES = 51_200
"""Of a template that is sent with the call
(https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html)."""
BUCKET_NAME = re.compile(r"(?<=BucketName: )!Sub (\S+)")
POLL_SECONDS = 2
MINUTES = 20
UNUSABLE = ("ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS", "DELETE_COMPLETE")
"""A stack in these has never been: it is to be removed, then made anew."""
NOTHING = ("didn't contain changes", "No updates are to be performed")


class StackStep:
    """Makes the stack as the template says, by a change set."""

    title = "Buckets, queues, state machine (CloudFormation)"

    def __init__(
        self,
        cloudformation: Any,
        name: str,
        template: str,
        parameters: Mapping[str, str],
        tags: Mapping[str, str],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = cloudformation
        self._name = name
        self._template = template
        self._parameters = dict(parameters)
        self._tags = dict(tags)
        self._sleep = sleep
        if len(template.encode()) > MAX_TEMPLATE_BYTES:
            raise DeployError(
                f"The template has {len(template.encode()):,} bytes with the state machine in it; "
                f"CloudFormation takes {MAX_TEMPLATE_BYTES:,}. Move part of it to a stack of its "
                "own."
            )

    def describe(self) -> dict[str, Any] | None:
        """The stack; None where it is not there, or never came to be."""
        stack = self._find()
        return None if stack is None or stack["StackStatus"] in UNUSABLE else stack

    def outputs(self) -> dict[str, str]:
        """Its outputs, by environment variable; empty where it is not there."""
        stack = self.describe() or {}
        return {
            variable(output["OutputKey"]): output["OutputValue"]
            for output in stack.get("Outputs", [])
        }

    def changes(self) -> list[str]:  # noqa: D102
        stack = self.describe()
        if stack is None:
            return [f"create the stack {self._name}"]
        if self._is_current(stack):
            return []
        changes = self._propose("UPDATE")
        if changes is None:
            return []
        self._drop()
        return [_line(change) for change in changes] or ["change its parameters or tags"]

    def apply(self, tell: Tell) -> None:  # noqa: D102
        found = self._find()
        if found and found["StackStatus"] in UNUSABLE:
            self.delete(tell)
        kind = "UPDATE" if self.describe() else "CREATE"
        if self._propose(kind) is None:
            return
        self._client.execute_change_set(ChangeSetName=CHANGE_SET, StackName=self._name)
        self._settle(f"{kind}_COMPLETE", tell)

    def delete(self, tell: Tell) -> None:
        """Take it down; what it shall retain stays."""
        self._client.delete_stack(StackName=self._name)
        self._settle("DELETE_COMPLETE", tell)

    def retained(self) -> list[str]:
        """The buckets that stay when the stack goes."""
        pages = self._client.get_paginator("list_stack_resources").paginate(StackName=self._name)
        return [
            resource["PhysicalResourceId"]
            for page in pages
            for resource in page["StackResourceSummaries"]
            if resource["ResourceType"] == "AWS::S3::Bucket"
        ]

    def _find(self) -> dict[str, Any] | None:
        try:
            stack: dict[str, Any] = self._client.describe_stacks(StackName=self._name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        return stack

    def _is_current(self, stack: dict[str, Any]) -> bool:
        given = {one["ParameterKey"]: one["ParameterValue"] for one in stack.get("Parameters", [])}
        tags = {tag["Key"]: tag["Value"] for tag in stack.get("Tags", [])}
        body = self._client.get_template(StackName=self._name)["TemplateBody"]
        return bool(
            body == self._template and tags == self._tags and given | self._parameters == given
        )

    def _propose(self, kind: str) -> list[dict[str, Any]] | None:
        """The changes of a change set that now waits to be executed; None where it has none."""
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
        return self._proposed()

    def _proposed(self) -> list[dict[str, Any]] | None:
        for _ in range(MINUTES * 60 // POLL_SECONDS):
            found = self._client.describe_change_set(ChangeSetName=CHANGE_SET, StackName=self._name)
            if found["Status"] == "CREATE_COMPLETE":
                changes: list[dict[str, Any]] = found["Changes"]
                return changes
            if found["Status"] == "FAILED":
                reason = found.get("StatusReason", "")
                self._drop()
                if any(words in reason for words in NOTHING):
                    return None
                raise DeployError(f"CloudFormation refuses the template: {reason}")
            self._sleep(POLL_SECONDS)
        raise DeployError(f"CloudFormation made no change set of {self._name} in time; try again.")

    def _drop(self) -> None:
        self._client.delete_change_set(ChangeSetName=CHANGE_SET, StackName=self._name)

    def _settle(self, wanted: str, tell: Tell) -> None:
        """Wait until the stack is as wanted, and tell of each state on the way."""
        told = ""
        for _ in range(MINUTES * 60 // POLL_SECONDS):
            stack = self._find() or {"StackStatus": "DELETE_COMPLETE"}
            status = stack["StackStatus"]
            if status != told:
                tell(f"stack {self._name}: {status}")
                told = status
            if not status.endswith("_IN_PROGRESS"):
                break
            self._sleep(POLL_SECONDS)
        if told not in (wanted, "IMPORT_COMPLETE"):
            raise DeployError(
                f"The stack {self._name} is {told}. {self._reason()} Mend that, then run the same "
                "command again."
            )

    def _reason(self) -> str:
        """The first thing that failed of late."""
        try:
            events = self._client.describe_stack_events(StackName=self._name)["StackEvents"]
        except ClientError:
            return ""
        for event in reversed(events):
            reason = event.get("ResourceStatusReason", "")
            if event["ResourceStatus"].endswith("_FAILED") and "cancelled" not in reason:
                return f"{event['LogicalResourceId']}: {reason}"
        return "Its events, in the CloudFormation console, say why."


def with_bucket_names(template: str, stage: str, account: str) -> str:
    """The template with the names of its buckets written out.

    CloudFormation takes over buckets that are there only where their names are no expressions.
    """

    def name(found: re.Match[str]) -> str:
        expression = found[1].replace("${AWS::AccountId}", "${Account}")
        return string.Template(expression).substitute(Stage=stage, Account=account)

    return BUCKET_NAME.sub(name, template)


def _line(change: dict[str, Any]) -> str:
    resource = change["ResourceChange"]
    verb = {"Add": "create", "Modify": "change", "Remove": "remove", "Import": "take over"}
    replaced = " (replaced by a new one)" if resource.get("Replacement") == "True" else ""
    what = f"{resource['ResourceType']} {resource['LogicalResourceId']}{replaced}"
    return f"{verb.get(resource['Action'], resource['Action'])} {what}"
