"""What the stack watches: its alarms and its dashboard."""

import json
import re
from typing import Any

import pytest

import app
from chalicelib.metrics import embedded
from chalicelib.subscriptions import HANDLERS
from tests.conftest import ROOT
from tools.deploying.target import API_HANDLER, Target

CONFIG = json.loads((ROOT / ".chalice" / "config.json").read_text())
TIMEOUTS = {
    handler: settings.get("lambda_timeout", CONFIG["lambda_timeout"])
    for handler, settings in CONFIG["lambda_functions"].items()
}
DEV = Target("dev", "123456789012", "eu-west-1")
ALWAYS = {
    "ApiFaultsAlarm", "DeadLettersAlarm", "OldestMessageAlarm", "ThrottlesAlarm",
    "WorkflowsFailAlarm",
}  # fmt: skip
"""Alarms that are there even if nobody is told: fewer than the ten that AWS gives to an account."""
WITH_URL = {"UrlFaultsAlarm"}
"""Alarms that a Function URL brings, and that tell nobody either."""


@pytest.fixture(scope="module")
def template() -> Any:
    from cfnlint.decode import cfn_yaml  # takes a second, which only one worker need spend

    return cfn_yaml.load(str(ROOT / "monitoring.yaml"))


def resources(template: Any, kind: str) -> dict[str, Any]:
    return {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def named(text: str) -> str:
    """The name that `!Sub` makes in stage dev."""
    return text.replace("${Stage}", "dev")


def watched(alarm: Any) -> list[Any]:
    """The metrics of an alarm."""
    if "Metrics" not in alarm:
        return [alarm]
    return [metric["MetricStat"]["Metric"] for metric in alarm["Metrics"] if "MetricStat" in metric]


def dimensions(metric: Any) -> dict[str, Any]:
    return {dimension["Name"]: dimension["Value"] for dimension in metric.get("Dimensions", [])}


def test_alarms_say_what_to_do_and_tell_whoever_wants_to_know(template: Any) -> None:
    alarms = resources(template, "AWS::CloudWatch::Alarm")
    told = {"Fn::If": ["WithAlarmEmail", [{"Ref": "AlarmTopic"}], {"Ref": "AWS::NoValue"}]}
    for name, alarm in alarms.items():
        assert named(alarm["AlarmName"]["Fn::Sub"]).startswith("serverless-inception-dev-")
        assert alarm["AlarmDescription"].endswith(".")
        assert alarm["TreatMissingData"] == "notBreaching"
        condition = template["Resources"][name].get("Condition")
        assert (condition is None) == (name in ALWAYS)
        assert (condition == "WithUrl") == (name in WITH_URL)
        untold = name in ALWAYS | WITH_URL
        assert alarm["AlarmActions"] == (told if untold else [{"Ref": "AlarmTopic"}])
    assert sum(len(watched(alarms[name])) for name in ALWAYS | WITH_URL) <= 10
    topic = template["Resources"]["AlarmTopic"]
    assert topic["Condition"] == "WithAlarmEmail"
    assert topic["Properties"]["Subscription"][0]["Endpoint"] == {"Ref": "AlarmEmail"}
    assert topic["Properties"]["Tags"] == [
        {"Key": "application", "Value": app.SERVICE}, {"Key": "stage", "Value": {"Ref": "Stage"}},
    ]  # fmt: skip


def test_what_goes_wrong_has_an_alarm(template: Any) -> None:
    metrics = [
        (metric["Namespace"], metric["MetricName"])
        for alarm in resources(template, "AWS::CloudWatch::Alarm").values()
        for metric in watched(alarm)
    ]
    assert set(metrics) == {
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
        ("AWS/SQS", "ApproximateAgeOfOldestMessage"),
        ("AWS/States", "ExecutionsFailed"), ("AWS/States", "ExecutionsTimedOut"),
        ("AWS/ApiGateway", "5XXError"),
        ("AWS/Lambda", "Errors"), ("AWS/Lambda", "Throttles"), ("AWS/Lambda", "Duration"),
        ("AWS/Lambda", "Url5xxCount"),
        (app.SERVICE, "lost_arms"),
    }  # fmt: skip
    dead = resources(template, "AWS::CloudWatch::Alarm")["DeadLettersAlarm"]
    assert named(dimensions(dead)["QueueName"]["Fn::Sub"]) == DEV.dead_letters


def test_the_alarm_for_lost_arms_goes_by_what_the_app_counts(template: Any) -> None:
    alarm = resources(template, "AWS::CloudWatch::Alarm")["LostArmsAlarm"]
    facts = {"status": 200, "lost_arm": "inception-v1"}
    counted = embedded(app.SERVICE, DEV.function(API_HANDLER), facts)
    assert counted[alarm["MetricName"]] == 1
    (told,) = counted["_aws"]["CloudWatchMetrics"]
    assert told["Namespace"] == alarm["Namespace"] and told["Dimensions"] == [["service"]]
    assert named(dimensions(alarm)["service"]["Fn::Sub"]) == counted["service"]
    assert "lost_arms" not in embedded(app.SERVICE, DEV.function("app"), {"status": 200})


def test_errors_of_every_function_have_an_alarm(template: Any) -> None:
    functions = [
        named(dimensions(metric)["FunctionName"]["Fn::Sub"])
        for alarm in resources(template, "AWS::CloudWatch::Alarm").values()
        for metric in watched(alarm)
        if metric["MetricName"] == "Errors"
    ]
    assert sorted(functions) == sorted(DEV.function(handler) for handler in TIMEOUTS)


def test_timeouts_that_alarms_go_by_are_those_of_the_functions(template: Any) -> None:
    alarm = resources(template, "AWS::CloudWatch::Alarm")["NearTimeoutAlarm"]
    expression, *metrics = alarm["Metrics"]
    shares = re.findall(r"(\w+) / (\d+)", expression["Expression"].rpartition(" / ")[0])
    limits = {handler: int(seconds) for handler, seconds in shares}
    assert limits == {handler: TIMEOUTS[handler] for handler in limits}
    assert expression["Expression"].endswith("]) / 10")  # milliseconds of seconds, in percent
    assert {
        metric["Id"]: named(dimensions(metric["MetricStat"]["Metric"])["FunctionName"]["Fn::Sub"])
        for metric in metrics
    } == {handler: DEV.function(handler) for handler in limits}
    quick = {"authorize", "on_upload", "workflow_record_loss", "workflow_promote"}
    quick |= set(HANDLERS.values())
    assert set(limits) == set(TIMEOUTS) - quick


def test_api_gateways_metrics_go_by_the_name_of_the_stage(template: Any) -> None:
    alarm = resources(template, "AWS::CloudWatch::Alarm")["ApiFaultsAlarm"]
    assert dimensions(alarm) == {"ApiName": CONFIG["app_name"], "Stage": {"Ref": "Stage"}}
    stages = CONFIG["stages"]
    assert all(stage["api_gateway_stage"] == name for name, stage in stages.items())


def dashboard(template: Any, url: str) -> list[Any]:
    """The widgets. url: "" for a stage without a Function URL."""
    (drawn,) = resources(template, "AWS::CloudWatch::Dashboard").values()
    body, values = drawn["DashboardBody"]["Fn::Sub"]
    condition, line, nothing = values["UrlFaults"]["Fn::If"]
    assert (condition, nothing) == ("WithUrl", "")
    text = body.replace("${UrlFaults}", line["Fn::Sub"] if url else nothing)
    widgets: list[Any] = json.loads(named(text))["widgets"]
    return widgets


@pytest.mark.parametrize("url", ["", "with a URL"])
def test_the_dashboard_shows_the_alarms_that_there_are(template: Any, url: str) -> None:
    shown, *_ = dashboard(template, url)
    names = [alarm.rpartition(":")[2] for alarm in shown["properties"]["alarms"]]
    alarms = resources(template, "AWS::CloudWatch::Alarm")
    assert sorted(names) == sorted(
        named(alarms[alarm]["AlarmName"]["Fn::Sub"])
        for alarm in ALWAYS | (WITH_URL if url else set())
    )


def test_what_is_watched_goes_by_the_names_that_the_stage_has(template: Any) -> None:
    alarms = resources(template, "AWS::CloudWatch::Alarm").values()
    names = [
        value["Fn::Sub"].rpartition(":")[2]
        for alarm in alarms
        for metric in watched(alarm)
        for kind, value in dimensions(metric).items()
        if kind in ("QueueName", "StateMachineArn")
    ]
    assert len(names) == 4
    infrastructure = (ROOT / "infrastructure.yaml").read_text()
    assert [name for name in names if f"Name: !Sub {name}\n" not in infrastructure] == []


def test_the_dashboard_draws_what_the_app_counts(template: Any) -> None:
    widgets = dashboard(template, "")
    drawn = [row for widget in widgets for row in _rows(widget["properties"].get("metrics", []))]
    ours = {tuple(row[1:4]) for row in drawn if row[0] == app.SERVICE}
    stages = {"total": 1.0, "fetch": 1.0, "decode": 1.0, "infer": 1.0}
    facts = {"status": 200, "images": 1, **stages}
    counted = embedded(app.SERVICE, "serverless-inception-dev", facts)
    (group,) = counted["_aws"]["CloudWatchMetrics"]
    assert ours == {(metric["Name"], "service", counted["service"]) for metric in group["Metrics"]}
    assert len(widgets) >= 10 and {"AWS/SQS", "AWS/States", "AWS/ApiGateway"} <= {
        row[0] for row in drawn if isinstance(row[0], str)
    }


def _rows(metrics: list[list[Any]]) -> list[list[Any]]:
    """The rows of a widget, `.` and `...` replaced by what stands above
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html).
    """
    rows: list[list[Any]] = []
    for metric in metrics:
        row = [cell for cell in metric if isinstance(cell, str)]
        above = rows[-1] if rows else []
        if row[:1] == ["..."]:
            row = above[: len(above) - len(row) + 1] + row[1:]
        rows.append([above[n] if cell == "." else cell for n, cell in enumerate(row)] or [None])
    return rows
