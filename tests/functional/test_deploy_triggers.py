"""Triggers of a stage: deployed with all, as AWS has them, and taken away again."""

import json
from typing import Any

import pytest

from chalicelib.subscriptions import HANDLERS
from localcloud.environment import ACCOUNT, REGION
from tests.functional.deployer import NEEDS_PYTHON, Said, Tool

NAME = "serverless-inception-dev"
DEAD = {"OnFailure": {"Destination": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{NAME}-dead-letters"}}
BOT = f"arn:aws:lex:{REGION}:{ACCOUNT}:bot-alias/ABCDEFGHIJ/TSTALIASID"
MANIFEST = f"s3://{NAME}-images-{ACCOUNT}/every night.csv"

pytestmark = NEEDS_PYTHON


@pytest.fixture(scope="module")
def asked(tool: Tool) -> list[str]:
    """The options, and what they name made before."""
    topic = tool.client("sns").create_topic(Name="photos")["TopicArn"]
    kinesis = tool.client("kinesis")
    kinesis.create_stream(StreamName="photos", ShardCount=1)
    stream = kinesis.describe_stream_summary(StreamName="photos")["StreamDescriptionSummary"]
    table = tool.client("dynamodb").create_table(
        TableName="photos",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )["TableDescription"]
    return [
        "--eventbridge", "--labels", "--sns", topic, "--kinesis", stream["StreamARN"],
        "--dynamodb", table["LatestStreamArn"], "--nightly", MANIFEST, "--lex", BOT,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def deployed(tool: Tool, asked: list[str]) -> Said:
    return tool.deploy(*asked)


def functions(tool: Tool) -> dict[str, dict[str, Any]]:
    every = tool.client("lambda").list_functions()["Functions"]
    return {function["FunctionName"].rpartition("-")[2]: function for function in every}


def test_each_trigger_has_its_function_with_a_policy_of_its_own(
    tool: Tool,
    deployed: Said,
) -> None:
    assert deployed.status == 0, deployed.text
    made = functions(tool)
    assert {*HANDLERS.values()} <= made.keys()
    assert made["on_topic"]["MemorySize"] == 512
    policy = tool.client("iam").get_role_policy(
        RoleName=f"{NAME}-on_work", PolicyName=f"{NAME}-on_work"
    )["PolicyDocument"]
    (write,) = [entry for entry in policy["Statement"] if entry["Sid"] == "WriteLabels"]
    assert write["Resource"] == f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/photos"


@pytest.mark.usefixtures("deployed")
def test_what_fails_is_tried_a_few_times_and_kept(tool: Tool) -> None:
    client = tool.client("lambda")
    mappings = client.list_event_source_mappings()["EventSourceMappings"]
    streams = [entry for entry in mappings if ":sqs:" not in entry["EventSourceArn"]]
    assert {entry["EventSourceArn"].split(":")[2] for entry in streams} == {"kinesis", "dynamodb"}
    for entry in streams:
        assert entry["BisectBatchOnFunctionError"] and entry["MaximumRetryAttempts"] == 10
        assert entry["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert entry["DestinationConfig"]["OnFailure"] == DEAD["OnFailure"]
    filters = {
        entry["EventSourceArn"].split(":")[2]: entry.get("FilterCriteria") for entry in streams
    }
    assert "INSERT" in str(filters["dynamodb"]) and not filters["kinesis"]
    for handler in ("on_topic", "on_event"):
        kept = client.get_function_event_invoke_config(FunctionName=f"{NAME}-{handler}")
        assert kept["MaximumRetryAttempts"] == 2
        assert kept["DestinationConfig"]["OnFailure"] == DEAD["OnFailure"]


@pytest.mark.usefixtures("deployed")
def test_everything_leads_to_its_function(tool: Tool) -> None:
    (subscription,) = tool.client("sns").list_subscriptions()["Subscriptions"]
    assert subscription["Endpoint"] == functions(tool)["on_topic"]["FunctionArn"]
    rules = {rule["Name"]: rule for rule in tool.client("events").list_rules()["Rules"]}
    assert "Classify Image" in rules[f"{NAME}-on_event-event"]["EventPattern"]
    assert rules[f"{NAME}-on_night-event"]["ScheduleExpression"] == "cron(0 0 * * ? *)"
    policy = tool.client("lambda").get_policy(FunctionName=f"{NAME}-on_question")["Policy"]
    (statement,) = json.loads(policy)["Statement"]
    assert statement["Principal"] == {"Service": "lexv2.amazonaws.com"}
    assert statement["Condition"] == {"ArnLike": {"AWS:SourceArn": BOT}}


def test_a_second_deployment_keeps_them_and_changes_nothing(
    tool: Tool,
    deployed: Said,
) -> None:
    tool.gate.forget()
    said = tool.deploy()
    assert "Nothing to change." in said.text, said.text
    assert tool.gate.writes == []


@pytest.mark.usefixtures("deployed")
def test_what_is_no_longer_asked_for_is_taken_away(tool: Tool) -> None:
    options = ["--no-eventbridge", "--no-labels"]
    options += [word for name in ("sns", "kinesis", "dynamodb", "nightly", "lex")
                for word in (f"--{name}", "")]  # fmt: skip
    said = tool.deploy(*options)
    assert said.status == 0, said.text
    assert not {*HANDLERS.values()} & functions(tool).keys()
    assert tool.client("sns").list_subscriptions()["Subscriptions"] == []
    assert len(tool.client("lambda").list_event_source_mappings()["EventSourceMappings"]) == 1
    assert [rule["Name"] for rule in tool.client("events").list_rules()["Rules"]] == [
        f"{NAME}-on_tick-event"
    ]
    variables = functions(tool)["on_work"]["Environment"]["Variables"]
    assert not {"SNS_TOPIC", "EVENTBRIDGE", "LEX_BOT"} & variables.keys()
