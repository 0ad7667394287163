"""The Function URL of the API's function, on a Lambda that keeps a policy as AWS shows it."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from tools.deploying.functionurl import FunctionUrlStep

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:serverless-inception-dev"
ADDRESS = "https://abc.lambda-url.eu-west-1.on.aws/"
GATEWAY = {
    "StatementId": "gateway", "Action": "lambda:InvokeFunction",
    "Principal": "apigateway.amazonaws.com",
}  # fmt: skip


class Missing(Exception):
    pass


class Lambda:
    """One function, with what this step asks of it; a statement of API Gateway's is there."""

    exceptions = SimpleNamespace(ResourceNotFoundException=Missing)

    def __init__(self) -> None:
        self.auth = ""
        self.statements: dict[str, Any] = {}
        self.add_permission(FunctionName=ARN, **GATEWAY)

    def add_permission(self, FunctionName: str, StatementId: str, **arguments: Any) -> None:  # noqa: N803
        assert FunctionName == ARN and StatementId not in self.statements
        statement = {name: arguments.pop(name) for name in ("Action", "Principal")}
        if "FunctionUrlAuthType" in arguments:
            kind = arguments.pop("FunctionUrlAuthType")
            statement["Condition"] = {"StringEquals": {"lambda:FunctionUrlAuthType": kind}}
        if arguments.pop("InvokedViaFunctionUrl", False):
            statement["Condition"] = {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}
        assert not arguments
        self.statements[StatementId] = {"Sid": StatementId, "Effect": "Allow", **statement}

    def remove_permission(self, FunctionName: str, StatementId: str) -> None:  # noqa: N803
        del self.statements[StatementId]

    def get_policy(self, FunctionName: str) -> dict[str, str]:  # noqa: N803
        if not self.statements:
            raise Missing
        return {"Policy": json.dumps({"Statement": list(self.statements.values())})}

    def create_function_url_config(self, FunctionName: str, AuthType: str) -> None:  # noqa: N803
        assert FunctionName == ARN and not self.auth
        self.auth = AuthType

    def update_function_url_config(self, FunctionName: str, AuthType: str) -> None:  # noqa: N803
        assert self.auth
        self.auth = AuthType

    def get_function_url_config(self, FunctionName: str) -> dict[str, str]:  # noqa: N803
        if not self.auth:
            raise Missing
        return {"FunctionUrl": ADDRESS, "AuthType": self.auth}

    def delete_function_url_config(self, FunctionName: str) -> None:  # noqa: N803
        assert self.auth
        self.auth = ""


@pytest.fixture
def client() -> Lambda:
    return Lambda()


def step(
    client: Lambda, wanted: bool = True, limit: int | None = None, is_there: bool = True
) -> FunctionUrlStep:
    record: Any = SimpleNamespace(functions=lambda: {"api_handler": ARN} if is_there else {})
    return FunctionUrlStep(client, lambda: record, wanted, lambda: limit)


def apply(made: FunctionUrlStep) -> None:
    made.apply(lambda _: None)


@pytest.mark.parametrize("is_there", [True, False])
def test_the_plan_offers_the_only_throttle(client: Lambda, is_there: bool) -> None:
    first, *permissions = step(client, is_there=is_there).changes()
    assert first == (
        "open a Function URL, which nothing throttles: --reserve 20 would let 20 calls in at once"
    )
    assert permissions == [
        "let everybody do lambda:InvokeFunctionUrl through it",
        "let everybody do lambda:InvokeFunction through it",
    ]
    assert "lets 7 calls in at once" in step(client, limit=7).changes()[0]


def test_it_is_opened_once_to_everybody_but_only_through_the_url(client: Lambda) -> None:
    apply(step(client))
    assert step(client).changes() == []
    assert step(client).url() == ADDRESS
    assert client.auth == "NONE"
    assert {name: statement.get("Condition") for name, statement in client.statements.items()} == {
        "gateway": None,
        "FunctionUrl": {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}},
        "FunctionUrlInvoke": {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}},
    }
    assert [client.statements[name]["Principal"] for name in ("FunctionUrl", "FunctionUrlInvoke")]


def test_a_permission_past_the_url_is_taken_back(client: Lambda) -> None:
    apply(step(client))
    del client.statements["FunctionUrlInvoke"]["Condition"]
    assert step(client).changes() == ["let everybody do lambda:InvokeFunction through it"]
    apply(step(client))
    assert client.statements["FunctionUrlInvoke"]["Condition"]
    assert step(client).changes() == []


def test_one_that_was_closed_by_hand_is_opened_again(client: Lambda) -> None:
    apply(step(client))
    client.auth = "AWS_IAM"
    assert step(client).changes() == ["let the function ask for the token, not AWS for AWS_IAM"]
    apply(step(client))
    assert client.auth == "NONE"


def test_one_that_is_no_longer_wanted_goes(client: Lambda) -> None:
    assert step(client, wanted=False).changes() == []
    assert step(client, wanted=False, is_there=False).changes() == []
    apply(step(client))
    assert step(client, wanted=False).changes() == [f"delete the Function URL {ADDRESS}"]
    apply(step(client, wanted=False))
    assert step(client, wanted=False).changes() == []
    assert step(client).url() == ""
    assert list(client.statements) == ["gateway"]


def test_a_function_that_is_not_there_has_none(client: Lambda) -> None:
    assert step(client, is_there=False).url() == ""
