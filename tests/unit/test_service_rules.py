"""What deploying asks of AWS is within what AWS's own models allow, with the longest names."""

import json
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse

from stage.gatewayanswers import ANSWERS
from tests.conftest import ROOT
from tests.servicerules import faults
from tools.deploying.chains import ChainsStep
from tools.deploying.eventsources import (
    RETRIES,
    STREAMS,
    RetentionStep,
    RetriesStep,
    StreamsStep,
    WorkersStep,
)
from tools.deploying.functionurl import FunctionUrlStep
from tools.deploying.lexbot import LexStep
from tools.deploying.restapi import AnswersStep, StageStep
from tools.deploying.secret import TokenStep
from tools.deploying.stack import StackStep
from tools.deploying.target import Target

TARGET = Target("astageof16chars1", "123456789012", "ap-southeast-2")
CONFIG = json.loads((ROOT / ".chalice" / "config.json").read_text())
FUNCTIONS = {
    handler: f"arn:aws:lambda:{TARGET.region}:{TARGET.account}:function:{TARGET.function(handler)}"
    for handler in CONFIG["lambda_functions"]
}
MAPPING = {"UUID": "7f5d1e2a-0000-4000-8000-000000000000", "State": "Enabled"}
RECORD: Any = SimpleNamespace(
    functions=lambda: FUNCTIONS, handlers=lambda _: FUNCTIONS, mapping=lambda _: MAPPING
)


class Service:
    """A service that answers all calls the same, and looks at what they ask.

    asked: names of operations. faults: of their parameters.
    """

    def __init__(self, name: str, **answer: Any) -> None:
        self.asked: list[str] = []
        self.faults: list[str] = []
        self.client = boto3.client(
            name, region_name=TARGET.region, aws_access_key_id="a", aws_secret_access_key="b"
        )
        events = self.client.meta.events
        events.register("provide-client-params", self._look)
        whole = {**answer, "ResponseMetadata": {"HTTPStatusCode": 200}}
        events.register("before-call", lambda **_: (AWSResponse("", 200, {}, None), whole))

    def _look(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        self.asked.append(model.name)
        self.faults += faults(model.input_shape, params)


def say_nothing(_: str) -> None:
    pass


LEX = f"arn:aws:lex:{TARGET.region}:{TARGET.account}:bot-alias/ABCDEFGHIJ/ABCDEFGHIJ"


@pytest.mark.parametrize(("step", "operation"), [
    (lambda client: RetriesStep(client, TARGET, RETRIES), "PutFunctionEventInvokeConfig"),
    (
        lambda client: StreamsStep(client, lambda: RECORD, TARGET, STREAMS),
        "UpdateEventSourceMapping",
    ),
    (lambda client: WorkersStep(client, lambda: RECORD, 1000, 0), "UpdateEventSourceMapping"),
    (lambda client: LexStep(client, lambda: RECORD, LEX), "AddPermission"),
    (lambda client: ChainsStep(client, lambda: RECORD), "PutFunctionRecursionConfig"),
    (lambda client: FunctionUrlStep(client, lambda: RECORD, True, lambda: 20), "AddPermission"),
])  # fmt: skip
def test_what_is_asked_of_lambda(step: Any, operation: str) -> None:
    service = Service("lambda", Policy='{"Statement": []}', AuthType="AWS_IAM", **MAPPING)
    step(service.client).apply(say_nothing)
    assert operation in service.asked
    assert service.faults == []


def test_what_is_asked_of_api_gateway() -> None:
    service = Service("apigateway")
    api = "a1b2c3d4e5"
    AnswersStep(service.client, lambda: api, "v1").apply(say_nothing)
    StageStep(service.client, lambda: api, "v1", 10_000, 5_000, True).apply(say_nothing)
    assert service.asked.count("PutGatewayResponse") == len(ANSWERS)
    assert "UpdateStage" in service.asked
    assert service.faults == []


def test_what_is_asked_of_others() -> None:
    ssm, logs, stack = Service("ssm"), Service("logs", logGroups=[]), Service("cloudformation")
    TokenStep(ssm.client, TARGET.token).apply(say_nothing)
    days = CONFIG["log_retention_in_days"]
    RetentionStep(logs.client, lambda: RECORD, TARGET, days).apply(say_nothing)
    tags = {"application": "serverless-inception", "stage": TARGET.stage}
    named = TARGET.monitoring, "Resources: {}", {"Stage": TARGET.stage}, tags
    StackStep("Alarms", stack.client, *named)._create_change_set("CREATE")
    assert ssm.asked == ["PutParameter"] and "PutRetentionPolicy" in logs.asked
    assert stack.asked == ["CreateChangeSet"]
    assert ssm.faults + logs.faults + stack.faults == []


@pytest.mark.parametrize("handler", FUNCTIONS)
def test_what_chalice_asks_in_our_name(handler: str) -> None:
    here = {**CONFIG, **CONFIG["lambda_functions"][handler]}
    asked: dict[tuple[str, str], dict[str, Any]] = {
        ("lambda", "CreateFunction"): {
            "FunctionName": TARGET.function(handler),
            "Runtime": "python3.13",
            "MemorySize": here["lambda_memory_size"],
            "Timeout": here["lambda_timeout"],
            "Environment": {"Variables": CONFIG["environment_variables"]},
            "Tags": {**CONFIG["tags"], "stage": TARGET.stage},
        },
        ("iam", "CreateRole"): {"RoleName": TARGET.role(handler)},
        ("events", "PutRule"): {"Name": TARGET.rule(handler), "ScheduleExpression": "rate(5 min)"},
        ("lambda", "PublishLayerVersion"): {"LayerName": TARGET.managed_layer},
    }
    for (service, operation), parameters in asked.items():
        model = Service(service).client.meta.service_model.operation_model(operation)
        assert parameters.keys() <= model.input_shape.members.keys()
        assert list(faults(model.input_shape, parameters)) == []


@pytest.mark.parametrize(("operation", "parameters", "words"), [
    ("PutFunctionEventInvokeConfig", {"MaximumRetryAttempts": 3}, "3 is over 2"),
    ("CreateFunction", {"Timeout": 0}, "0 is under 1"),
    ("CreateFunction", {"Runtime": "python4"}, "'python4' is none of"),
    ("CreateFunction", {"FunctionName": "a b"}, "'a b' does not match"),
    ("CreateFunction", {"Environment": {"Variables": {"A-B": ""}}}, "'A-B' does not match"),
    ("UpdateEventSourceMapping", {"FilterCriteria": {"Filters": [{"Pattern": "x" * 4097}]}},
     "FilterCriteria.Filters[0].Pattern: 4097 is over 4096"),
])  # fmt: skip
def test_a_mistake_is_seen(operation: str, parameters: dict[str, Any], words: str) -> None:
    model = Service("lambda").client.meta.service_model.operation_model(operation)
    (fault,) = faults(model.input_shape, parameters)
    assert words in fault
