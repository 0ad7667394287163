"""What a call asks of a policy, and whether a policy grants it: as much of IAM as is used here."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.functional.calltrace import Call


@dataclass(frozen=True)
class Need:
    """An action on a resource; prefix: the value of `s3:prefix` or `events:source`, or None."""

    action: str
    resource: str
    prefix: str | None = None


@dataclass(frozen=True)
class Grant:
    """One action on one resource, as a statement allows it; prefix: as in Need, or any."""

    action: str
    resource: str
    prefix: str | None = None

    def allows(self, need: Need) -> bool:
        if self.action.lower() != need.action.lower():
            return False
        if not _matches(self.resource, need.resource):
            return False
        if self.prefix is None:
            return True
        return need.prefix is not None and _matches(self.prefix, need.prefix)


def grants(policy: Mapping[str, Any]) -> Iterator[Grant]:
    """All that a policy of statements with Effect Allow grants, one by one."""
    for statement in policy["Statement"]:
        assert statement["Effect"] == "Allow"
        condition = statement.get("Condition", {"StringLike": {"s3:prefix": None}})
        ((_, compared),) = condition.items()
        ((key, allowed),) = compared.items()
        assert key in ("s3:prefix", "events:source")
        for action in many(statement["Action"]):
            for resource in many(statement["Resource"]):
                for prefix in many(allowed):
                    yield Grant(action, resource, prefix)


def many(value: Any) -> list[Any]:
    """A list as it is, anything else as a list of it."""
    return value if isinstance(value, list) else [value]


def _matches(pattern: str, text: str) -> bool:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html."""
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, text, re.DOTALL) is not None


@dataclass(frozen=True)
class Account:
    """Where the calls are made. strangers: buckets of objects that others wrote, and tagged."""

    region: str
    number: str
    strangers: frozenset[str]

    def needs(self, call: Call) -> list[Need]:
        """What the caller must be granted
        (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html).
        Raises KeyError for an operation of which that is not written here.
        """
        return OPERATIONS[call.service, call.operation](self, call.parameters)

    def queue(self, name: str) -> str:
        return f"arn:aws:sqs:{self.region}:{self.number}:{name.rpartition('/')[2]}"


Needs = Callable[[Account, Mapping[str, Any]], list[Need]]


def _object(*actions: str) -> Needs:
    return lambda _, arguments: [Need(action, _arn(arguments)) for action in actions]


def _arn(arguments: Mapping[str, Any]) -> str:
    return f"arn:aws:s3:::{arguments['Bucket']}/{arguments['Key']}"


def _put(_: Account, arguments: Mapping[str, Any]) -> list[Need]:
    """Who names the version to replace must be able to read it
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html).
    """
    reads = [Need("s3:GetObject", _arn(arguments))] if "IfMatch" in arguments else []
    return [Need("s3:PutObject", _arn(arguments)), *reads]


def _list(_: Account, arguments: Mapping[str, Any]) -> list[Need]:
    return [Need("s3:ListBucket", f"arn:aws:s3:::{arguments['Bucket']}", arguments["Prefix"])]


def _copy(account: Account, arguments: Mapping[str, Any]) -> list[Need]:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html: tags come along."""
    needs = _copy_part(account, arguments)
    if arguments["CopySource"]["Bucket"] in account.strangers:
        needs.append(Need("s3:GetObjectTagging", _arn(arguments["CopySource"])))
        needs.append(Need("s3:PutObjectTagging", _arn(arguments)))
    return needs


def _copy_part(_: Account, arguments: Mapping[str, Any]) -> list[Need]:
    return [
        Need("s3:GetObject", _arn(arguments["CopySource"])),
        Need("s3:PutObject", _arn(arguments)),
    ]


def _queue(action: str, parameter: str = "QueueUrl") -> Needs:
    return lambda account, arguments: [Need(action, account.queue(arguments[parameter]))]


def _machine(action: str, parameter: str) -> Needs:
    return lambda _, arguments: [Need(action, arguments[parameter])]


def _item(account: Account, arguments: Mapping[str, Any]) -> list[Need]:
    place = f"{account.region}:{account.number}:table/{arguments['TableName']}"
    return [Need("dynamodb:UpdateItem", f"arn:aws:dynamodb:{place}")]


def _bus(account: Account, arguments: Mapping[str, Any]) -> list[Need]:
    arn = f"arn:aws:events:{account.region}:{account.number}:event-bus/default"
    return [Need("events:PutEvents", arn, arguments["Source"])]


OPERATIONS: dict[tuple[str, str], Needs] = {
    ("s3", "GetObject"): _object("s3:GetObject"),
    ("s3", "HeadObject"): _object("s3:GetObject"),
    ("s3", "PutObject"): _put,
    ("s3", "DeleteObject"): _object("s3:DeleteObject"),
    ("s3", "ListObjectsV2"): _list,
    ("s3", "CopyObject"): _copy,
    # What breaks off in the middle is given up, or its parts would be paid for until they expire
    ("s3", "CreateMultipartUpload"): _object("s3:PutObject", "s3:AbortMultipartUpload"),
    ("s3", "UploadPart"): _object("s3:PutObject"),
    ("s3", "UploadPartCopy"): _copy_part,
    ("s3", "CompleteMultipartUpload"): _object("s3:PutObject"),
    ("s3", "AbortMultipartUpload"): _object("s3:AbortMultipartUpload"),
    ("sqs", "GetQueueUrl"): _queue("sqs:GetQueueUrl", "QueueName"),
    ("sqs", "SendMessageBatch"): _queue("sqs:SendMessage"),
    ("sqs", "GetQueueAttributes"): _queue("sqs:GetQueueAttributes"),
    ("stepfunctions", "StartExecution"): _machine("states:StartExecution", "stateMachineArn"),
    ("stepfunctions", "ListExecutions"): _machine("states:ListExecutions", "stateMachineArn"),
    ("stepfunctions", "DescribeExecution"): _machine("states:DescribeExecution", "executionArn"),
    ("stepfunctions", "GetExecutionHistory"): _machine(
        "states:GetExecutionHistory", "executionArn"
    ),
    ("events", "PutEvents"): _bus,
    ("dynamodb", "UpdateItem"): _item,
}
