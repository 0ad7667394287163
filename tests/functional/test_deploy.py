"""`python -m tools.deploy` against the local cloud's AWS: it makes what the app declares.

One stage lives through all of it, in the order in which it is written here.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from chalicelib.subscriptions import HANDLERS
from chalicelib.tokens import digest
from localcloud import resources
from localcloud.environment import ACCOUNT, REGION
from localcloud.supervisor import wait_for
from stage.gatewayanswers import ANSWERS
from tests.conftest import ROOT
from tests.functional.deployer import NEEDS_PYTHON, OPEN, Said, Tool, guarded
from tests.functional.inventory import Inventory, differences, inventory, of_stage
from tools.bundling.enginelayer import engine_digest
from tools.deploying.checks import python_version
from tools.deploying.policies import LABELS_ONLY

NAME = "serverless-inception-dev"

pytestmark = NEEDS_PYTHON


@pytest.fixture(scope="module")
def planned(tool: Tool) -> Said:
    """The first thing that a careful user does."""
    return tool("--model", "doodle", "--plan")


@pytest.fixture(scope="module")
def broken(tool: Tool, planned: Said) -> Said:
    """The first deployment, by somebody who may not make APIs."""
    tool.gate.refused = re.compile(r"POST /restapis")
    said = tool.deploy()
    tool.gate.refused = None
    return said


@pytest.fixture(scope="module")
def deployed(tool: Tool, broken: Said) -> Said:
    """The same command again, by somebody who may."""
    return tool.deploy()


@pytest.fixture(scope="module")
def app() -> Any:
    from app import app

    return app


def handlers(app: Any) -> set[str]:
    """What `chalice deploy` makes a function of."""
    return {
        "api_handler",
        *(function.name for function in app.pure_lambda_functions),
        *(source.name for source in app.event_sources),
        *(handler.name for handler in app.builtin_auth_handlers),
    }


def layers_named(*kinds: str) -> list[str]:
    return [f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:{NAME}-{kind}" for kind in kinds]


def function(handler: str) -> str:
    return NAME if handler == "api_handler" else f"{NAME}-{handler}"


def functions(tool: Tool) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = tool.client("lambda").list_functions()["Functions"]
    return listed


def stored(tool: Tool) -> str:
    """The token."""
    named = {"Name": "/serverless-inception/dev/token", "WithDecryption": True}
    return str(tool.client("ssm").get_parameter(**named)["Parameter"]["Value"])


def test_a_plan_names_every_step_and_writes_nothing(tool: Tool, planned: Said) -> None:
    assert planned.status == 0, planned.text
    assert f"create the stack {NAME}" in planned.text
    assert "publish doodle" in planned.text
    assert f"publish ONNX Runtime, for model.ort, as {NAME}-onnxruntime" in planned.text
    assert "nothing was done" in planned.text
    assert tool.client("lambda").list_functions()["Functions"] == []
    assert tool.gate.writes == []


def test_a_step_that_fails_says_why_in_a_sentence_or_two(broken: Said) -> None:
    assert broken.status == 1
    last = broken.text.strip().splitlines()[-1]
    assert last.startswith("Error: chalice deploy failed: ")
    assert "AccessDeniedException" in last
    assert "ImportRestApi" in last
    assert last.endswith("run the same command again: it continues from there.")
    assert "Traceback" not in broken.text


def test_a_rerun_goes_on_and_makes_nothing_twice(tool: Tool, deployed: Said) -> None:
    assert deployed.status == 0, deployed.text
    assert "create the stack" not in deployed.text
    assert "Creating lambda function" not in deployed.text
    assert "Creating Rest API" in deployed.text
    assert len(tool.client("apigateway").get_rest_apis()["items"]) == 1
    assert len(tool.client("lambda").list_event_source_mappings()["EventSourceMappings"]) == 1


def test_a_plan_without_credentials_shows_what_would_be_made(
    tool: Tool, planned: Said, tmp_path: Path
) -> None:
    def changes(text: str) -> list[str]:
        lines = [line for line in text.splitlines() if line.startswith("      + ")]
        return [line for line in lines if ".chalice/deployed" not in line]  # there by now

    kept = {name: value for name, value in tool.env.items() if not name.startswith("AWS_")}
    nobody = Tool(tool.project, tool.gate)
    nobody.env = {**kept, "HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}
    for region, lacking in ((REGION, "There are no AWS credentials"), ("", "No region is set")):
        said = nobody("--model", "doodle", "--plan", *(["--region", region] if region else []))
        assert said.status == 0, said.text
        assert lacking in said.text
        assert changes(said.text) == changes(planned.text)
        assert re.search(r"Not checked, .*: .*DescribeStacks.*GetParameter", said.text)


@pytest.mark.usefixtures("deployed")
class TestDeployed:
    def test_a_function_for_every_handler(self, tool: Tool, app: Any) -> None:
        functions = {
            entry["FunctionName"]: entry
            for entry in tool.client("lambda").list_functions()["Functions"]
        }
        assert set(functions) == {function(handler) for handler in handlers(app)}
        config = json.loads((ROOT / ".chalice" / "config.json").read_text())
        version = f"python{python_version()}"
        for handler in handlers(app):
            deployed = functions[function(handler)]
            own = config["lambda_functions"].get(handler, {})
            assert deployed["Runtime"] == version
            assert deployed["Timeout"] == own.get("lambda_timeout", config["lambda_timeout"])
            assert deployed["MemorySize"] == own.get(
                "lambda_memory_size", config["lambda_memory_size"]
            )
            assert deployed["TracingConfig"] == {"Mode": "PassThrough"}
            layers = [layer["Arn"].rpartition(":")[0] for layer in deployed["Layers"]]
            assert layers == layers_named("managed-layer", "model", "onnxruntime")

    def test_the_worker_may_send_messages_to_its_own_queue(self, tool: Tool) -> None:
        client = tool.client("lambda")
        for handler, told in (("on_work", "Allow"), ("on_upload", "Terminate")):
            named = {"FunctionName": function(handler)}
            assert client.get_function_recursion_config(**named)["RecursiveLoop"] == told

    def test_functions_find_their_world_in_the_environment(self, tool: Tool) -> None:
        configured = tool.client("lambda").get_function_configuration(FunctionName=NAME)
        variables = configured["Environment"]["Variables"]
        outputs = resources.outputs(tool.client("cloudformation"), NAME)
        assert outputs
        assert variables == {
            **outputs,
            "MODEL": "doodle",
            "OPENBLAS_NUM_THREADS": "1",
            "TOKEN_SHA256": digest(stored(tool)),
        }
        assert "FALLBACK_MODEL" not in variables

    def test_every_function_has_a_role_with_its_own_policy(self, tool: Tool, app: Any) -> None:
        iam, client = tool.client("iam"), tool.client("lambda")
        for handler in handlers(app):
            role = f"{NAME}-{handler}"
            assert client.get_function_configuration(FunctionName=function(handler))[
                "Role"
            ].endswith(f"role/{role}")
            policy = iam.get_role_policy(RoleName=role, PolicyName=role)["PolicyDocument"]
            template = json.loads((ROOT / "policies" / f"{handler}.json").read_text())
            assert [statement["Sid"] for statement in policy["Statement"]] == [
                statement["Sid"]
                for statement in template["Statement"]
                if statement["Sid"] != LABELS_ONLY  # for what a table's trigger asks
            ]
            assert "${" not in json.dumps(policy)
            log = f":log-group:/aws/lambda/{function(handler)}:"
            assert log in json.dumps(policy)

    def test_every_route_is_there_and_wants_the_token_but_the_open_ones(
        self, tool: Tool, app: Any
    ) -> None:
        client = tool.client("apigateway")
        (api,) = client.get_rest_apis()["items"]
        (authorizer,) = client.get_authorizers(restApiId=api["id"])["items"]
        assert authorizer["type"] == "TOKEN"
        assert f"function:{NAME}-authorize/" in authorizer["authorizerUri"]
        routes = guarded(tool)
        declared = {(path, verb) for path, verbs in app.routes.items() for verb in verbs}
        assert {route for route in routes if route[1] != "OPTIONS"} == declared
        for (path, verb), wants_token in routes.items():
            assert wants_token is not (path in OPEN or verb == "OPTIONS"), (path, verb)
        assert api["binaryMediaTypes"] == ["*/*"], "whatever a browser accepts, bytes are bytes"

    def test_the_stage_is_limited_and_neither_measured_nor_traced(self, tool: Tool) -> None:
        client = tool.client("apigateway")
        (api,) = client.get_rest_apis()["items"]
        stage = client.get_stage(restApiId=api["id"], stageName="dev")
        assert not stage.get("tracingEnabled")
        settings = stage["methodSettings"]["*/*"]
        assert settings["throttlingRateLimit"] == 50
        assert settings["throttlingBurstLimit"] == 100
        assert not settings.get("metricsEnabled")

    def test_api_gateways_own_answers_have_our_shape(self, tool: Tool) -> None:
        client = tool.client("apigateway")
        (api,) = client.get_rest_apis()["items"]
        answers = client.get_gateway_responses(restApiId=api["id"])["items"]
        assert {"DEFAULT_4XX", "DEFAULT_5XX", "UNAUTHORIZED", "THROTTLED"} <= {
            answer["responseType"] for answer in answers
        }
        for answer in answers:
            template = answer["responseTemplates"]["application/json"]
            body = json.loads(template.replace("$context.error.messageString", '"words"'))
            assert set(body) == {"error", "Code", "Message"}
            headers = answer["responseParameters"]
            assert headers["gatewayresponse.header.Access-Control-Allow-Origin"] == "'*'"

    def test_uploads_messages_and_the_clock_call_their_functions(self, tool: Tool) -> None:
        client = tool.client("lambda")
        arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{NAME}"
        bucket = tool.client("s3").get_bucket_notification_configuration(
            Bucket=f"{NAME}-images-{ACCOUNT}"
        )
        (told,) = bucket["LambdaFunctionConfigurations"]
        assert told["LambdaFunctionArn"] == f"{arn}-on_upload"
        assert told["Events"] == ["s3:ObjectCreated:*"]
        (mapping,) = client.list_event_source_mappings()["EventSourceMappings"]
        assert mapping["EventSourceArn"] == f"arn:aws:sqs:{REGION}:{ACCOUNT}:{NAME}-work"
        assert mapping["FunctionArn"] == f"{arn}-on_work"
        assert mapping["BatchSize"] == 1
        assert mapping["ScalingConfig"] == {"MaximumConcurrency": 50}
        events = tool.client("events")
        (rule,) = events.list_rules()["Rules"]
        assert rule["ScheduleExpression"] == "rate(5 minutes)"
        (target,) = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
        assert target["Arn"] == f"{arn}-on_tick"
        retries = client.get_function_event_invoke_config(FunctionName=f"{NAME}-on_tick")
        assert retries["MaximumRetryAttempts"] == 0
        kept = client.get_function_event_invoke_config(FunctionName=f"{NAME}-on_upload")
        place = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{NAME}-dead-letters"
        assert kept["DestinationConfig"]["OnFailure"] == {"Destination": place}

    def test_what_calls_a_function_may_call_it(self, tool: Tool) -> None:
        client = tool.client("lambda")
        for name, service in (
            (NAME, "apigateway"), (f"{NAME}-authorize", "apigateway"),
            (f"{NAME}-on_upload", "s3"), (f"{NAME}-on_tick", "events"),
        ):  # fmt: skip
            policy = json.loads(client.get_policy(FunctionName=name)["Policy"])
            callers = {statement["Principal"]["Service"] for statement in policy["Statement"]}
            assert callers == {f"{service}.amazonaws.com"}

    def test_the_stack_has_queue_state_machine_and_alarms(self, tool: Tool) -> None:
        sqs = tool.client("sqs")
        url = sqs.get_queue_url(QueueName=f"{NAME}-work")["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        worker = tool.client("lambda").get_function_configuration(FunctionName=f"{NAME}-on_work")
        assert int(attributes["VisibilityTimeout"]) == 6 * worker["Timeout"]
        states = tool.client("stepfunctions")
        (machine,) = [
            machine
            for machine in states.list_state_machines()["stateMachines"]
            if NAME in machine["name"]
        ]
        definition = states.describe_state_machine(stateMachineArn=machine["stateMachineArn"])
        assert f"function:{NAME}-workflow_prepare" in definition["definition"]
        names = {
            entry["FunctionName"] for entry in tool.client("lambda").list_functions()["Functions"]
        }
        # moto makes no alarms of a stack, so these are read in the template that it was given
        formation = tool.client("cloudformation")
        template = formation.get_template(StackName=f"{NAME}-monitoring")["TemplateBody"]
        watched = re.findall(
            r"Name: FunctionName, Value: !Sub \"?([^\s\"}]+\}?[^\s\"}]*)", template
        )
        assert len(watched) >= 3
        asked_for = {function(handler) for handler in HANDLERS.values()}
        assert {name.replace("${Stage}", "dev") for name in watched} <= names | asked_for

    def test_the_model_is_a_layer_and_left_no_copy_in_the_bucket(self, tool: Tool) -> None:
        (version,) = tool.client("lambda").list_layer_versions(LayerName=f"{NAME}-model")[
            "LayerVersions"
        ]
        assert re.fullmatch(r"[0-9a-f]{64}", version["Description"])
        listed = tool.client("s3").list_objects_v2(Bucket=f"{NAME}-models-{ACCOUNT}")
        assert listed["KeyCount"] == 0

    def test_the_second_engine_is_a_layer_for_this_python(self, tool: Tool) -> None:
        client = tool.client("lambda")
        (version,) = client.list_layer_versions(LayerName=f"{NAME}-onnxruntime")["LayerVersions"]
        assert version["Description"] == engine_digest(python_version())

    def test_the_token_is_secret_until_it_is_asked_for(self, tool: Tool, deployed: Said) -> None:
        named = {"Name": "/serverless-inception/dev/token"}
        assert tool.client("ssm").get_parameter(**named)["Parameter"]["Type"] == "SecureString"
        token = stored(tool)
        assert len(token) >= 43
        assert token not in deployed.text
        assert tool("--show-token") == (0, token + "\n")

    def test_its_status_is_told_in_sections(self, tool: Tool, app: Any) -> None:
        said = tool("--status")
        assert said.status == 0, said.text
        assert re.findall(r"^\S.*", said.text, re.MULTILINE) == [
            "Functions", "Queues", "Dead letters", "Alarms", "Last batches", "Last 24 hours",
        ]  # fmt: skip
        assert "refuses" not in said.text
        assert handlers(app) <= {line.split()[0] for line in said.text.splitlines()}
        assert re.search(rf"model doodle; layers: .*{NAME}-model:1", said.text)

    def test_its_logs_are_one_stream(self, tool: Tool) -> None:
        place = {"logGroupName": f"/aws/lambda/{NAME}-on_tick", "logStreamName": "its-own"}
        client, now = tool.client("logs"), int(time.time() * 1000)
        client.create_log_stream(**place)
        client.put_log_events(**place, logEvents=[{"timestamp": now, "message": "tick"}])
        said = tool("--logs", "--no-follow")
        assert (said.status, said.text.split()[2:]) == (0, ["on_tick", "INFO", "tick"]), said.text

    def test_logs_end(self, tool: Tool, app: Any) -> None:
        listed = tool.client("logs").describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{NAME}")
        groups = {
            group["logGroupName"]: group.get("retentionInDays") for group in listed["logGroups"]
        }
        assert groups == {f"/aws/lambda/{function(handler)}": 30 for handler in handlers(app)}

    def test_the_record_is_kept_where_chalice_looks_for_it(self, tool: Tool) -> None:
        record = json.loads((tool.project / ".chalice" / "deployed" / "dev.json").read_text())
        (api,) = tool.client("apigateway").get_rest_apis()["items"]
        assert {
            resource["rest_api_id"]
            for resource in record["resources"]
            if resource["name"] == "rest_api"
        } == {api["id"]}


@pytest.fixture(scope="module")
def second(tool: Tool, deployed: Said) -> tuple[Said, list[str]]:
    """Another run, and the calls of it that write."""
    tool.gate.forget()
    said = tool.deploy()
    return said, list(tool.gate.writes)


def test_a_second_run_writes_nothing_and_says_so(second: tuple[Said, list[str]]) -> None:
    said, writes = second
    assert said.status == 0, said.text
    assert "Nothing to change." in said.text
    assert writes == []


READERS = ("api_handler", "on_work", "workflow_classify")
"""Of the functions, those that read images, and so from further buckets."""
CHANGE = ("--arms", "doodle=0.5 doodle-small=0.5", "--image-bucket", "photos", "--public")


@pytest.fixture(scope="module")
def planned_change(tool: Tool, second: Any) -> tuple[Said, list[str]]:
    """A plan of a change, and the calls of it that write."""
    tool.gate.forget()
    said = tool("--model", "doodle", *CHANGE, "--plan")
    return said, list(tool.gate.writes)


@pytest.fixture(scope="module")
def changed(tool: Tool, planned_change: Any) -> Said:
    return tool.deploy(*CHANGE)


def test_a_plan_of_a_change_names_that_and_no_more(planned_change: tuple[Said, list[str]]) -> None:
    said, writes = planned_change
    assert writes == []
    lines = [line.strip() for line in said.text.splitlines() if line.startswith("      + ")]
    assert lines[:-1] == [
        "+ upload doodle-small",
        "+ write .chalice/config.json",
        *(f"+ write .chalice/policies/dev/{name}.json" for name in READERS),
    ]
    assert lines[-1].startswith("+ deploy the code and configuration to")
    gone = [line.strip() for line in said.text.splitlines() if line.startswith("      - ")]
    assert gone == [f"- replace layer {NAME}-managed-layer:2"]


def test_a_change_reaches_functions_policies_routes_and_models(tool: Tool, changed: Said) -> None:
    assert changed.status == 0, changed.text
    client, api = tool.client("lambda"), tool.client("apigateway")
    variables = client.get_function_configuration(FunctionName=NAME)["Environment"]["Variables"]
    assert variables["PUBLIC"] == "true"
    assert variables["IMAGE_BUCKETS"] == "photos"
    assert variables["ARMS"] == "doodle=0.5 doodle-small=0.5"
    role = f"{NAME}-api_handler"
    policy = tool.client("iam").get_role_policy(RoleName=role, PolicyName=role)["PolicyDocument"]
    assert "arn:aws:s3:::photos/*" in json.dumps(policy)
    for file in ("model.tflite", "labels.txt", "model.json"):
        key = f"doodle-small/{file}"
        head = tool.client("s3").head_object(Bucket=f"{NAME}-models-{ACCOUNT}", Key=key)
        assert head["ContentLength"] == (tool.project / "vendor" / "models" / key).stat().st_size
    assert len(client.list_layer_versions(LayerName=f"{NAME}-model")["LayerVersions"]) == 1
    (rest,) = api.get_rest_apis()["items"]
    methods = [
        method
        for resource in api.get_resources(restApiId=rest["id"])["items"]
        for method in resource.get("resourceMethods", {}).values()
    ]
    assert {method["authorizationType"] for method in methods} == {"NONE"}


def test_a_public_stage_has_no_token_to_replace(tool: Tool, changed: Said) -> None:
    tool.gate.forget()
    said = tool("--rotate-token", "--yes")
    assert said.status == 1
    assert "No function of stage dev requires a token. Deploy the stage without" in said.text
    assert tool.gate.writes == []


def test_api_gateways_own_answers_are_put_again_where_chalice_took_them(
    tool: Tool, changed: Said
) -> None:
    client = tool.client("apigateway")
    (api,) = client.get_rest_apis()["items"]
    assert len(client.get_gateway_responses(restApiId=api["id"])["items"]) == len(ANSWERS)


@pytest.fixture(scope="module")
def without_engine(tool: Tool, changed: Said) -> Said:
    """A model that has nothing for the second engine, and a Function URL."""
    front = ("--front", "url", "--reserve", "20", "--no-public")
    return tool.deploy("--model", "doodle-small", "--arms", "", *front)


def test_a_stage_whose_model_has_no_use_for_the_second_engine_drops_it(
    tool: Tool, without_engine: Said
) -> None:
    assert without_engine.status == 0, without_engine.text
    attached = tool.client("lambda").get_function_configuration(FunctionName=NAME)["Layers"]
    layers = [layer["Arn"].rpartition(":")[0] for layer in attached]
    assert layers == layers_named("managed-layer", "model")


def test_a_function_url_is_open_to_the_world_and_the_function_is_not(
    tool: Tool, without_engine: Said
) -> None:
    client = tool.client("lambda")
    url = client.get_function_url_config(FunctionName=NAME)
    assert url["AuthType"] == "NONE" and not url.get("Cors"), "the function answers preflights"
    policy = json.loads(client.get_policy(FunctionName=NAME)["Policy"])
    world = [statement for statement in policy["Statement"] if statement["Principal"] == "*"]
    assert [(statement["Action"], statement["Condition"]) for statement in world] == [
        ("lambda:InvokeFunctionUrl", {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}}),
        ("lambda:InvokeFunction", {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}),
    ]
    limit = client.get_function_concurrency(FunctionName=NAME)
    assert limit["ReservedConcurrentExecutions"] == 20
    assert "which lets 20 calls in at once" in without_engine.text
    assert f"\n{url['FunctionUrl']}/\n" in without_engine.text


def test_it_stays_when_nothing_is_said_of_it(tool: Tool, without_engine: Said) -> None:
    said = tool("--model", "doodle-small", "--arms", "", "--plan")
    assert "No changes; nothing was done." in said.text, said.text


@pytest.fixture(scope="module")
def rotated(tool: Tool, without_engine: Said) -> tuple[str, Said, list[str]]:
    """The token before; a command that replaces it, and its calls that write."""
    before = stored(tool)
    tool.gate.forget()
    planned = tool("--rotate-token", "--plan")
    assert re.search(r"- replace the token, in \d+ functions\nNothing was done", planned.text)
    assert tool.gate.writes == []
    said = tool("--rotate-token", "--yes")
    return before, said, list(tool.gate.writes)


def test_a_new_token_is_made_by_one_command(
    tool: Tool, rotated: tuple[str, Said, list[str]]
) -> None:
    before, said, writes = rotated
    assert said.status == 0, said.text
    token = stored(tool)
    assert token != before and token not in said.text
    config = json.loads((tool.project / ".chalice" / "config.json").read_text())
    variables = [config["stages"]["dev"]["environment_variables"]]
    for configured in functions(tool):
        variables.append(configured["Environment"]["Variables"])
        assert variables[-1]["MODEL"] == "doodle-small", "all else stays"
    assert {environment["TOKEN_SHA256"] for environment in variables} == {digest(token)}
    assert "--show-token" in said.text
    # API Gateway would let the old one in for five minutes more
    assert re.fullmatch(r"DELETE /restapis/\w+/stages/dev/cache/authorizers", writes[-1])
    assert len(writes) == 1 + len(functions(tool)) + 1


@pytest.fixture(scope="module")
def kept(tool: Tool, rotated: Any) -> Said:
    """The plan of taking it down, and a person who does not go through with it."""
    tool.client("s3").put_object(Bucket=f"{NAME}-results-{ACCOUNT}", Key="mine", Body=b"precious")
    tool.gate.forget()
    plan = tool("--destroy", "--plan")
    asked = tool("--destroy")
    assert asked.status == 1
    assert f"Remove stage dev of account {ACCOUNT} in {REGION} for good?" in asked.text
    return plan


def test_a_plan_of_destruction_says_what_goes_and_what_stays(tool: Tool, kept: Said) -> None:
    assert kept.status == 0, kept.text
    assert tool.gate.writes == []
    assert "- the API, 11 functions, their roles and events" in kept.text
    assert re.search(r"- the Function URL https://\S+on\.aws/$", kept.text, re.MULTILINE)
    assert f"- the layer {NAME}-onnxruntime, version 1" in kept.text
    assert f"- the stack {NAME}-monitoring: alarms, dashboard" in kept.text
    for name in (
        f"function {NAME}", f"function {NAME}-on_work", f"role {NAME}-on_work",
        f"rule {NAME}-on_tick-event", f"/aws/lambda/{NAME}-on_work", f"{NAME}-work",
    ):  # fmt: skip
        assert re.search(rf"^ +(\S+ )?(\S+/)?{name}$", kept.text, re.MULTILINE), name
    for bucket in ("images", "results", "models"):
        assert f"= s3://{NAME}-{bucket}-{ACCOUNT} stays" in kept.text


@pytest.fixture(scope="module")
def destroyed(tool: Tool, kept: Said) -> Said:
    """By a machine that did not deploy."""
    shutil.rmtree(tool.project / ".chalice" / "deployed")
    return tool("--destroy", "--yes")


def test_all_is_gone_but_the_buckets(tool: Tool, destroyed: Said) -> None:
    assert destroyed.status == 0, destroyed.text
    client = tool.client("lambda")
    assert client.list_functions()["Functions"] == []
    assert client.list_event_source_mappings()["EventSourceMappings"] == []
    assert client.list_layers()["Layers"] == []
    assert tool.client("apigateway").get_rest_apis()["items"] == []
    assert tool.client("events").list_rules()["Rules"] == []
    roles = [role["RoleName"] for role in tool.client("iam").list_roles()["Roles"]]
    assert not [role for role in roles if NAME in role]
    assert tool.client("ssm").describe_parameters()["Parameters"] == []
    for stack in (NAME, f"{NAME}-monitoring"):
        assert resources.outputs(tool.client("cloudformation"), stack) is None
    groups = tool.client("logs").describe_log_groups()["logGroups"]
    assert not [group for group in groups if NAME in group["logGroupName"]]
    s3 = tool.client("s3")
    buckets = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    assert {f"{NAME}-{kind}-{ACCOUNT}" for kind in ("images", "results", "models")} <= buckets
    assert f"Kept: s3://{NAME}-results-{ACCOUNT}" in destroyed.text
    assert "There is nothing to remove of stage dev of account" in tool("--destroy", "--yes").text


@pytest.fixture(scope="module")
def again(tool: Tool, destroyed: Said) -> Said:
    return tool.deploy()


def test_a_new_deployment_takes_over_the_buckets_that_were_kept(tool: Tool, again: Said) -> None:
    assert again.status == 0, again.text
    stored = tool.client("s3").get_object(Bucket=f"{NAME}-results-{ACCOUNT}", Key="mine")
    assert stored["Body"].read() == b"precious"


ELSEWHERE = "eu-west-1"


def test_in_another_region_nothing_is_done_anywhere(tool: Tool, again: Said) -> None:
    def everything() -> Inventory:
        return {
            f"{region} {key}": text
            for region in (REGION, ELSEWHERE)
            for key, text in inventory(partial(tool.client, region=region)).items()
        }

    before = everything()
    tool.gate.forget()
    for options in ("--destroy --yes", "--yes --no-check", "--plan", "--show-token"):
        said = tool("--model", "doodle", "--region", ELSEWHERE, *options.split())
        assert said.status == 1
        assert f"Stage dev lives in {REGION}, where its bucket s3://{NAME}-images-" in said.text
    assert tool.gate.writes == []
    assert differences(before, everything()) == []


@pytest.fixture(scope="module")
def with_neighbour(tool: Tool, again: Said) -> Tool:
    """The project, with a stage `devtwo` in it: a copy of what `dev` has become."""
    path = tool.project / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    config["stages"]["devtwo"] = {**config["stages"]["dev"], "tags": {"stage": "devtwo"}}
    path.write_text(json.dumps(config))
    return tool


def test_what_was_stopped_by_hand_stays_so_until_it_is_told_to_resume(
    tool: Tool, again: Said
) -> None:
    functions, events = tool.client("lambda"), tool.client("events")
    rule, change = f"{NAME}-on_tick-event", ("--image-bucket", "photos")

    def stop() -> None:
        for name in (NAME, f"{NAME}-on_upload"):
            functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
        events.disable_rule(Name=rule)
        tool.gate.forget()

    stop()
    limited = {"FunctionName": f"{NAME}-on_work", "ReservedConcurrentExecutions": 7}
    functions.put_function_concurrency(**limited)
    tool.gate.forget()
    said = tool.deploy(*change)
    assert said.status == 1
    told = re.search(r"Stopped by hand: (.*?)\. ", said.text)
    assert told and sorted(told[1].split(", ")) == [NAME, rule, f"{NAME}-on_upload"]
    planned = tool("--model", "doodle", *change, "--plan")
    assert planned.status == 0
    assert f"stop here unless --resume is given: {NAME} was stopped" in planned.text
    assert tool.gate.writes == []
    for by_chalice in (True, False):
        stop()
        said = tool.deploy("--resume", *change)
        assert said.status == 0, said.text
        assert ("Updating lambda function" in said.text) is by_chalice
        for name, limit in ((NAME, 20), (f"{NAME}-on_upload", None)):  # 20 were asked for before
            limits = functions.get_function_concurrency(FunctionName=name)
            assert limits.get("ReservedConcurrentExecutions") == limit
        assert events.describe_rule(Name=rule)["State"] == "ENABLED"
        limits = functions.get_function_concurrency(FunctionName=f"{NAME}-on_work")
        assert limits["ReservedConcurrentExecutions"] == 7


def killed(tool: Tool, call: str, *options: str, stage: str) -> None:
    """Run the tool until it has made a call that changes something, and kill it there."""
    tool.gate.forget()
    command = [sys.executable, "-m", "tools.deploy", "--stage", stage, "--model", "doodle", "--yes"]
    with tool.gate.holding(call), subprocess.Popen(
        [*command, *options], cwd=tool.project, env=tool.env, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            wait_for(
                lambda: any(re.fullmatch(call, write) for write in tool.gate.writes) or None, [], 90
            )
        finally:
            os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL


def test_what_is_done_to_a_stage_leaves_its_neighbour_as_it_is(with_neighbour: Tool) -> None:
    tool = with_neighbour
    everything = inventory(tool.client)
    before = of_stage(everything, "dev")
    for call in ("CreateChangeSet", "POST /restapis"):
        killed(tool, call, stage="devtwo")
    everything = inventory(tool.client)
    assert differences(before, of_stage(everything, "dev")) == []
    for stage, other, options in (
        ("devtwo", "dev", ()),
        ("dev", "devtwo", ("--public",)),
        ("devtwo", "dev", ("--public",)),
        ("dev", "devtwo", ("--destroy",)),
        ("devtwo", "dev", ("--destroy",)),
    ):
        before = of_stage(everything, other)
        if (stage, *options) == ("dev", "--destroy"):
            killed(tool, "DELETE /2015-03-31/functions/.*", *options, stage=stage)
        if (stage, *options) == ("devtwo", "--destroy"):  # somebody began by hand
            tool.client("cloudformation").delete_stack(StackName="serverless-inception-devtwo")
        said = tool.deploy(*options, stage=stage)
        assert said.status == 0, said.text
        everything = inventory(tool.client)
        assert differences(before, of_stage(everything, other)) == []
        kinds = {key.split()[0] for key in of_stage(everything, stage)}
        if "--destroy" in options:
            assert kinds == {"buckets"}
        else:
            assert kinds == {
                "functions", "mappings", "layers", "roles", "rules", "logs", "parameters", "apis",
                "stacks", "buckets", "queues",
            }  # fmt: skip
            assert len([key for key in of_stage(everything, stage) if key.startswith("apis ")]) == 1
