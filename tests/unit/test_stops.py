"""`chalice deploy` where an operator stopped something by hand."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from chalicelib.command import typed
from chalicelib.stops import RESUME, check

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:serverless-inception-dev"
RULE = "serverless-inception-dev-on_tick-event"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Of which Chalice deployed three functions, one of them gone by now, and a rule."""
    resources = [
        *(
            {"resource_type": "lambda_function", "lambda_arn": ARN + end}
            for end in ("", "-a", "-b")
        ),
        {"resource_type": "iam_role", "role_name": "r"},
        {"resource_type": "cloudwatch_event", "rule_name": RULE},
    ]
    folder = tmp_path / ".chalice" / "deployed"
    folder.mkdir(parents=True)
    (folder / "dev.json").write_text(json.dumps({"resources": resources}))
    return tmp_path


class Cloud:
    """AWS with these reserved concurrencies, or errors by their code, and this rule."""

    def __init__(self, limits: list[dict[str, int] | str], rule: str) -> None:
        keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
        self.clients = {
            name: boto3.client(name, region_name="eu-west-1", **keys)
            for name in ("lambda", "events")
        }
        functions, events = (Stubber(client) for client in self.clients.values())
        for limit in limits:
            if isinstance(limit, str):
                functions.add_client_error("get_function_concurrency", limit)
            else:
                functions.add_response("get_function_concurrency", limit)
        events.add_response("describe_rule", {"State": rule}, {"Name": RULE})
        functions.activate()
        events.activate()


def deploy(project: Path, cloud: Any, command: str = "deploy", **env: str) -> None:
    typed_command = typed(["chalice", command], {"AWS_CHALICE_CLI_MODE": "true"})
    check(typed_command, cloud.clients.__getitem__, project, env)


NONE: dict[str, int] = {}
GONE = "ResourceNotFoundException"
STOP = {"ReservedConcurrentExecutions": 0}


def test_what_is_stopped_stays_so_and_is_named_with_what_starts_it(project: Path) -> None:
    cloud = Cloud([STOP, GONE, {"ReservedConcurrentExecutions": 7}], "DISABLED")
    with pytest.raises(SystemExit) as caught:
        deploy(project, cloud)
    said = str(caught.value)
    assert f"Stopped by hand: serverless-inception-dev, {RULE}. " in said
    assert "`make deploy STAGE=dev DEPLOY=--resume`" in said


def test_what_runs_is_deployed(project: Path) -> None:
    deploy(project, Cloud([NONE, NONE, NONE], "ENABLED"))


def test_nobody_is_asked_before_the_first_deployment_or_by_another_command(
    project: Path, tmp_path: Path
) -> None:
    nobody = SimpleNamespace(clients={})
    deploy(tmp_path / "new", nobody)
    for command in ("delete", "local", "url"):
        deploy(project, nobody, command)
    deploy(project, nobody, **{RESUME: "true"})


def test_an_aws_that_does_not_say_ends_it(project: Path) -> None:
    with pytest.raises(SystemExit, match=r"AWS did not say .*AccessDenied"):
        deploy(project, Cloud(["AccessDeniedException"], "ENABLED"))
