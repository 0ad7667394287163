"""Chalice's own commands, as a user types them in a clone: before, with and after `make infra`.

One stage lives through all of it, in the order in which it is written here.
"""

import base64
import hashlib
import json
import re
import shutil
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from chalicelib.subscriptions import HANDLERS
from chalicelib.tokens import digest
from localcloud import resources
from localcloud.environment import ACCOUNT
from tests.conftest import ROOT
from tests.functional.deployer import NEEDS_PYTHON, OPEN, Said, Tool, guarded
from tools.bundling.zips import FINISHED

NAME = "serverless-inception-dev"
MODEL = ("--model", "doodle", "--yes")

pytestmark = NEEDS_PYTHON


def functions(tool: Tool) -> dict[str, dict[str, Any]]:
    return {
        function["FunctionName"]: function
        for function in tool.client("lambda").list_functions()["Functions"]
    }


def layer_zips(project: Path) -> list[Path]:
    return list((project / ".chalice" / "deployments").glob("managed-layer-*.zip"))


@pytest.mark.parametrize("command", ["deploy", "package out", "dev plan"])
def test_before_infra_a_command_ends_in_one_sentence_and_asks_aws_for_nothing(
    tool: Tool, command: str
) -> None:
    said = tool.chalice(*command.split())
    assert said.status == 1
    assert "`make infra STAGE=dev`" in said.text
    assert said.text.count("\n") == 1
    assert tool.gate.asked == []


@pytest.fixture(scope="module")
def ready(tool: Tool) -> Said:
    return tool(*MODEL, "--infra")


def test_infra_makes_what_chalice_cannot_and_no_function(tool: Tool, ready: Said) -> None:
    assert ready.status == 0, ready.text
    assert ready.text.splitlines()[-1].endswith("chalice deploy --stage dev")
    assert resources.outputs(tool.client("cloudformation"), NAME)
    assert functions(tool) == {}
    (layer,) = layer_zips(tool.project)
    with zipfile.ZipFile(layer) as zipped:
        assert zipped.comment == FINISHED
        assert not [name for name in zipped.namelist() if name.endswith(".tflite")]


def test_a_second_run_of_infra_writes_nothing(tool: Tool, ready: Said) -> None:
    tool.gate.forget()
    said = tool(*MODEL, "--infra")
    assert "Nothing to change." in said.text
    assert tool.gate.writes == []


@pytest.fixture(scope="module")
def broken(tool: Tool, ready: Said) -> Said:
    """The first deployment, by somebody who may not make APIs."""
    tool.gate.refused = re.compile(r"POST /restapis")
    said = tool.chalice("deploy")
    tool.gate.refused = None
    return said


@pytest.fixture(scope="module")
def deployed(tool: Tool, broken: Said) -> Said:
    """By somebody who may, once `make infra` has looked how far the first one came."""
    assert tool(*MODEL, "--infra").status == 0
    return tool.chalice("deploy")


def test_after_a_deployment_that_failed_nothing_is_made_twice(
    tool: Tool, broken: Said, deployed: Said
) -> None:
    assert broken.status != 0 and "AccessDeniedException" in broken.text
    assert deployed.status == 0, deployed.text
    assert "Creating lambda function" not in deployed.text
    assert len(tool.client("lambda").list_event_source_mappings()["EventSourceMappings"]) == 1
    assert len(tool.client("apigateway").get_rest_apis()["items"]) == 1


def test_chalice_deploy_takes_the_packages_that_were_built(tool: Tool, deployed: Said) -> None:
    assert deployed.text.count("Reusing existing") == 2
    (code,) = (tool.project / ".chalice" / "deployments").glob("appcode-*.zip")
    digest = base64.b64encode(hashlib.sha256(code.read_bytes()).digest()).decode()
    on_aws = functions(tool)
    declared = json.loads((ROOT / ".chalice" / "config.json").read_text())["lambda_functions"]
    assert len(on_aws) == len(declared.keys() - set(HANDLERS.values())), "and no trigger"
    assert {function["CodeSha256"] for function in on_aws.values()} == {digest}


@pytest.mark.usefixtures("deployed")
def test_what_chalice_deploys_is_closed_and_has_nothing_of_a_laptop(tool: Tool) -> None:
    routes = guarded(tool)
    assert ("/models", "GET") in routes
    for (path, verb), wants_token in routes.items():
        assert wants_token is not (path in OPEN or verb == "OPTIONS"), (path, verb)
    outputs = resources.outputs(tool.client("cloudformation"), NAME)
    assert outputs
    named = {"Name": "/serverless-inception/dev/token", "WithDecryption": True}
    token = tool.client("ssm").get_parameter(**named)
    for function in functions(tool).values():
        variables = function["Environment"]["Variables"]
        assert variables == {
            **outputs, "MODEL": "doodle", "OPENBLAS_NUM_THREADS": "1",
            "TOKEN_SHA256": digest(token["Parameter"]["Value"]),
        }  # fmt: skip
        layers = [layer["Arn"].rpartition(":")[0] for layer in function["Layers"]]
        assert [layer.rpartition(f"{NAME}-")[2] for layer in layers] == [
            "managed-layer", "model", "onnxruntime",
        ]  # fmt: skip


@pytest.mark.usefixtures("deployed")
def test_every_role_has_the_policy_that_lies_in_the_project(tool: Tool) -> None:
    folder = tool.project / ".chalice" / "policies" / "dev"
    client = tool.client("iam")
    for file in folder.iterdir():
        role = f"{NAME}-{file.stem}"
        policy = client.get_role_policy(RoleName=role, PolicyName=role)["PolicyDocument"]
        assert policy == json.loads(file.read_text())


@pytest.mark.usefixtures("deployed")
def test_chalice_url_is_the_apis(tool: Tool) -> None:
    (api,) = tool.client("apigateway").get_rest_apis()["items"]
    address = f"https://{api['id']}.execute-api.us-east-1.amazonaws.com/dev/\n"
    assert tool.chalice("url") == (0, address)
    shutil.rmtree(tool.project / ".chalice" / "deployed")  # as on another machine
    assert tool.chalice("url").status == 2
    assert tool(*MODEL, "--infra").status == 0
    assert tool.chalice("url") == (0, address)


@pytest.mark.usefixtures("deployed")
def test_chalice_logs_shows_what_a_function_wrote(tool: Tool) -> None:
    logs, group = tool.client("logs"), f"/aws/lambda/{NAME}-on_tick"
    logs.create_log_stream(logGroupName=group, logStreamName="stream")
    line = {"timestamp": int(time.time() * 1000), "message": "finished two batches"}
    logs.put_log_events(logGroupName=group, logStreamName="stream", logEvents=[line])
    said = tool.chalice("logs", "--name", "on_tick")
    assert said.status == 0
    assert said.text.strip().endswith("finished two batches")


@pytest.mark.usefixtures("deployed")
def test_chalice_invoke_calls_the_function(tool: Tool) -> None:
    tool.gate.forget()
    tool.chalice("invoke", "--name", "workflow_judge", text='{"name": "none"}')
    (asked,) = tool.gate.asked
    assert asked.endswith(f"{NAME}-workflow_judge/invocations")
    assert tool.chalice("invoke", "--name", "none", text="{}").status == 2


@pytest.mark.usefixtures("deployed")
def test_chalice_deploy_starts_nothing_that_was_stopped_by_hand(tool: Tool) -> None:
    client = tool.client("lambda")
    client.put_function_concurrency(FunctionName=NAME, ReservedConcurrentExecutions=0)
    tool.gate.forget()
    said = tool.chalice("deploy")
    assert said.status == 1
    assert said.text.startswith(f"Stopped by hand: {NAME}. ")
    assert tool.gate.writes == []
    client.delete_function_concurrency(FunctionName=NAME)


@pytest.fixture(scope="module")
def changed(tool: Tool, deployed: Said) -> Said:
    """A change of code, deployed as everywhere."""
    with (tool.project / "chalicelib" / "inference" / "labels.py").open("a") as file:
        file.write("CHANGED = True\n")
    return tool.chalice("deploy")


def test_a_change_of_code_is_deployed_by_chalice_alone(tool: Tool, changed: Said) -> None:
    assert changed.status == 0, changed.text
    assert "Creating" not in changed.text.replace("Creating app dep", "").replace(
        "Creating shared layer dep", ""
    )
    assert changed.text.count("Reusing existing") == 1  # the layer
    assert len(layer_zips(tool.project)) == 1
    assert len(tool.client("apigateway").get_rest_apis()["items"]) == 1


@pytest.fixture(scope="module")
def whole(tool: Tool, changed: Said) -> Said:
    return tool(*MODEL, "--no-check")


def test_make_deploy_adds_what_chalice_cannot_set(tool: Tool, whole: Said) -> None:
    assert whole.status == 0, whole.text
    client = tool.client("apigateway")
    (api,) = client.get_rest_apis()["items"]
    stage = client.get_stage(restApiId=api["id"], stageName="dev")
    assert stage["methodSettings"]["*/*"]["throttlingRateLimit"] == 50
    tool.gate.forget()
    assert "Nothing to change." in tool(*MODEL, "--no-check").text
    assert tool.gate.writes == []


@pytest.fixture(scope="module")
def deleted(tool: Tool, whole: Said) -> Said:
    return tool.chalice("delete")


def test_chalice_delete_takes_what_chalice_made(tool: Tool, deleted: Said) -> None:
    assert deleted.status == 0, deleted.text
    assert functions(tool) == {}
    assert tool.client("apigateway").get_rest_apis()["items"] == []
    roles = [role["RoleName"] for role in tool.client("iam").list_roles()["Roles"]]
    stacks = f"{NAME}-WorkflowRole-"
    assert [role for role in roles if role.startswith(NAME) and not role.startswith(stacks)] == []
    assert resources.outputs(tool.client("cloudformation"), NAME)
    assert tool("--show-token").status == 0


def test_destroy_takes_the_rest_and_leaves_the_project_as_it_was(tool: Tool, deleted: Said) -> None:
    said = tool("--destroy", "--yes")
    assert said.status == 0, said.text
    assert f"Kept: s3://{NAME}-results-{ACCOUNT}" in said.text
    assert resources.outputs(tool.client("cloudformation"), NAME) is None
    config = json.loads((tool.project / ".chalice" / "config.json").read_text())
    stage = config["stages"]["dev"]
    before = json.loads((ROOT / ".chalice" / "config.json").read_text())["stages"]["dev"]
    assert stage == {**before, "environment_variables": {"MODEL": "doodle"}}
    assert not (tool.project / ".chalice" / "policies" / "dev").exists()
    assert "`make infra STAGE=dev`" in tool.chalice("deploy").text
