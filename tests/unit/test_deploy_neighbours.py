"""What belongs to a stage, beside stages and functions of others in the same account."""

import json
from collections.abc import Iterator
from functools import cache
from types import SimpleNamespace

import boto3
import pytest
from moto import mock_aws

from app import app
from chalicelib.subscriptions import Subscriptions
from tests.conftest import ROOT
from tools.deploying.chalicerecord import Record, described
from tools.deploying.eventsources import RetentionStep
from tools.deploying.region import lives_here
from tools.deploying.step import DeployError
from tools.deploying.target import Target, handlers, read_config

REGION = "eu-west-1"
ACCOUNT = "123456789012"
TARGET = Target("dev", ACCOUNT, REGION)
HANDLERS = ["api_handler", "authorize", "on_tick"]
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})
NEIGHBOURS = ["devtwo", "dev-eu", "dev-authorize", "de"]
"""Stages of today, and of the time when a stage could have a hyphen."""


class Account:
    """An AWS in this process, and what stages put into it."""

    def __init__(self, region: str = REGION) -> None:
        session = boto3.session.Session("id", "secret", region_name=region)
        self.client = cache(session.client)

    def role(self, stage: str, handler: str) -> str:
        iam, name = self.client("iam"), f"serverless-inception-{stage}-{handler}"
        return str(iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"])

    def function(self, name: str, role: str, tags: dict[str, str]) -> None:
        self.client("lambda").create_function(
            FunctionName=name, Role=role, Tags=tags, Runtime="python3.13", Handler="app.app",
            Code={"S3Bucket": "code", "S3Key": "code.zip"},
        )  # fmt: skip
        self.client("logs").create_log_group(logGroupName=f"/aws/lambda/{name}")

    def stage(self, stage: str, *more: str) -> None:
        """What Chalice makes of a stage, as far as names and tags go."""
        tags = {"aws-chalice": f"version=1.32.0:stage={stage}:app=serverless-inception"}
        for handler in [*HANDLERS, *more]:
            name = f"serverless-inception-{stage}"
            suffix = "" if handler == "api_handler" else f"-{handler}"
            self.function(name + suffix, self.role(stage, handler), tags)
        rule = f"serverless-inception-{stage}-on_tick-event"
        self.client("events").put_rule(Name=rule, ScheduleExpression="rate(5 minutes)")

    def api(self, function: str) -> str:
        """An API that calls the function, and is not deployed yet."""
        client = self.client("apigateway")
        api = str(client.create_rest_api(name="serverless-inception")["id"])
        (root,) = client.get_resources(restApiId=api)["items"]
        method = {"restApiId": api, "resourceId": root["id"], "httpMethod": "GET"}
        client.put_method(**method, authorizationType="NONE")
        arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}"
        client.put_integration(
            **method, type="AWS_PROXY", integrationHttpMethod="POST",
            uri=f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations",
        )  # fmt: skip
        return api

    def record(self, lives_here: bool = True) -> Record:
        return Record(self, TARGET, HANDLERS, lambda: "", lambda: lives_here)

    def names(self, lives_here: bool = True) -> set[str]:
        keys = ("lambda_arn", "role_name", "rule_name")
        resources = self.record(lives_here).resources()
        return {
            resource[key].rpartition(":")[2]
            for resource in resources
            for key in keys
            if key in resource
        }


@pytest.fixture
def account() -> Iterator[Account]:
    with mock_aws(config={"lambda": {"use_docker": False}}):
        made = Account()
        made.client("s3").create_bucket(
            Bucket="code", CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        made.client("s3").put_object(Bucket="code", Key="code.zip", Body=b"")
        yield made


def of(stage: str, *handlers: str) -> set[str]:
    """Functions and roles of handlers, and the rule."""
    name = f"serverless-inception-{stage}"
    functions = {name if handler == "api_handler" else f"{name}-{handler}" for handler in handlers}
    return functions | {f"{name}-{handler}" for handler in handlers} | {f"{name}-on_tick-event"}


def test_handlers_are_those_that_the_app_declares() -> None:
    declared = {function.name for function in app.pure_lambda_functions}
    declared |= {source.name for source in app.event_sources}
    declared |= {handler.name for handler in app.builtin_auth_handlers}
    assert set(handlers(read_config(ROOT, "dev"), Subscriptions())) == declared | {"api_handler"}


def test_nothing_of_a_neighbour_is_a_stages_own(account: Account) -> None:
    for stage in ("dev", *(stage for stage in NEIGHBOURS if stage != "dev-authorize")):
        account.stage(stage)
    account.function("serverless-inception-dev-mine", account.role("x", "mine"), {"stage": "dev"})
    account.role("dev", "mine")
    assert account.names() == of("dev", *HANDLERS)


def test_a_function_that_is_declared_no_more_is_the_stages_own_still(account: Account) -> None:
    account.stage("dev", "on_old")
    assert account.names() == of("dev", *HANDLERS, "on_old")


def test_an_api_is_known_by_what_it_calls_even_before_it_is_deployed(account: Account) -> None:
    account.stage("dev")
    account.api("serverless-inception-devtwo")
    account.api("serverless-inception-dev-authorize")
    assert list(account.record().api()) == []
    api = account.api("serverless-inception-dev")
    assert [resource["rest_api_id"] for resource in account.record().api()] == [api]


def test_what_the_app_declares_no_more_is_listed_as_what_goes(account: Account) -> None:
    account.stage("dev", "on_old")
    account.client("events").put_rule(
        Name="serverless-inception-dev-on_old-event", ScheduleExpression="rate(1 day)"
    )
    assert {described(resource) for resource in account.record().leftovers()} == {
        f"{kind} serverless-inception-dev-on_old{end}"
        for kind, end in (("function", ""), ("role", ""), ("rule", "-event"))
    }


def test_logs_are_a_neighbours_where_the_function_would_be(account: Account) -> None:
    for stage in ("dev", *NEIGHBOURS[:2]):
        account.stage(stage)
    step = RetentionStep(account.client("logs"), account.record, TARGET, 30)
    ours = {f"/aws/lambda/serverless-inception-dev-{handler}" for handler in HANDLERS[1:]}
    assert set(step.groups()) == ours
    step.apply(lambda _: None)
    step.delete(step.groups())
    groups = account.client("logs").describe_log_groups()["logGroups"]
    assert not ours & {group["logGroupName"] for group in groups}
    assert len(groups) == 1 + 2 * len(HANDLERS)
    assert all("retentionInDays" not in group for group in groups)


def test_a_name_that_another_has_taken_stops_the_deployment(account: Account) -> None:
    account.stage("dev-authorize")  # its API's function is called as our authorizer
    with pytest.raises(DeployError, match=r"-dev-authorize has a name of stage dev, .*aws-chalice"):
        account.record().check()
    assert account.names() == set()


def test_roles_are_global_and_only_those_of_this_region_are_the_stages_own(
    account: Account,
) -> None:
    account.stage("dev")
    other = Account("us-east-1")
    assert other.names(lives_here=False) == set()
    assert other.names() == {f"serverless-inception-dev-{handler}" for handler in HANDLERS}
    with pytest.raises(DeployError, match=r"role .*-api_handler exists.*give --region"):
        other.record(lives_here=False).check()
    # the stack is gone, and the buckets: what is here can be taken down all the same
    assert account.names(lives_here=False) == of("dev", *HANDLERS)
    account.record(lives_here=False).check()


@pytest.mark.parametrize("kind", ["images", "results", "models"])
def test_a_stage_lives_where_its_buckets_are(account: Account, kind: str) -> None:
    assert not lives_here(account.client("s3"), TARGET)
    account.client("s3").create_bucket(
        Bucket=f"serverless-inception-dev-{kind}-{ACCOUNT}",
        CreateBucketConfiguration={"LocationConstraint": REGION},
    )
    assert lives_here(account.client("s3"), TARGET)
    elsewhere = Target("dev", ACCOUNT, "us-east-1")
    with pytest.raises(DeployError, match=rf"lives in {REGION}, .*Give --region {REGION}"):
        lives_here(Account("us-east-1").client("s3"), elsewhere)


def test_a_bucket_of_somebody_else_is_told_by_its_name(account: Account) -> None:
    s3 = account.client("s3")
    forbidden = {"Error": {"Code": "403", "Message": "Forbidden"}}
    s3.meta.events.register(
        "before-call.s3.HeadBucket", lambda **_: (SimpleNamespace(status_code=403), forbidden)
    )
    with pytest.raises(
        DeployError, match=rf"s3://{TARGET.buckets[0]} exists, but you may not use it"
    ):
        lives_here(s3, TARGET)
