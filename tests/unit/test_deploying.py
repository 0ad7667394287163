"""The steps of a deployment, each on its own; test_deploy.py has them together."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from click.testing import CliRunner
from moto import mock_aws

from chalicelib.inference.packages import ModelPackage, read_package
from chalicelib.tokens import Tokens
from stage.gatewayanswers import ANSWERS
from tests.conftest import ROOT
from tests.samplepackages import taught_on, with_second_engine, without_second_engine
from tools import deploy
from tools.bundling.pythons import BundleError
from tools.deploying import checks, terminal
from tools.deploying.bucketmodels import ModelsStep, further
from tools.deploying.chains import ChainsStep
from tools.deploying.deployment import Deployment
from tools.deploying.eventsources import RetriesStep
from tools.deploying.functions import Chalice, credentials_environment, reason
from tools.deploying.layer import LayerStep, content_digest, delete_versions, model_content
from tools.deploying.restapi import StageStep, gateway_response
from tools.deploying.secret import TokenStep
from tools.deploying.step import DeployError
from tools.deploying.target import Target, read_config, setting, visibility_timeout
from tools.deploying.tracing import TracingStep

REGION = "eu-west-1"
TARGET = Target("dev", "123456789012", REGION)
CONFIG: dict[str, Any] = {
    "lambda_timeout": 30,
    "lambda_functions": {"on_work": {"lambda_timeout": 120, "lambda_memory_size": 512}},
    "stages": {
        "dev": {"lambda_memory_size": 2048, "environment_variables": {"THREADS": "2"}},
    },
}
NOTHING: list[str] = []


def say_nothing(_: str) -> None:
    pass


@pytest.fixture
def session() -> Iterator[Any]:
    """Of an AWS in this process."""
    with mock_aws(config={"lambda": {"use_docker": False}}):
        yield boto3.session.Session("id", "secret", region_name=REGION)


@pytest.fixture
def package(tmp_path: Path) -> ModelPackage:
    shutil.copytree(ROOT / "vendor" / "models" / "doodle", tmp_path / "doodle")
    return without_second_engine(tmp_path / "doodle")


# Names


def test_functions_are_named_as_chalice_names_them() -> None:
    assert TARGET.function("api_handler") == "serverless-inception-dev"
    assert TARGET.function("on_work") == "serverless-inception-dev-on_work"


@pytest.mark.parametrize("stage", ["Dev", "1dev", "a" * 17, "", "dev_1", "dev-eu", "dev-"])
def test_a_stage_that_names_of_buckets_could_not_hold_is_refused(stage: str) -> None:
    with pytest.raises(DeployError, match="lower-case letters"):
        read_config(ROOT, stage)


def test_an_unknown_stage_is_refused_with_those_there_are() -> None:
    with pytest.raises(DeployError, match=r"no stage .* has dev. To add a stage, copy"):
        read_config(ROOT, "prod")


def test_settings_are_looked_up_in_chalices_order() -> None:
    assert setting(CONFIG, "dev", "on_work", "lambda_timeout", 1) == 120
    assert setting(CONFIG, "dev", "on_work", "lambda_memory_size", 1) == 2048
    assert setting(CONFIG, "dev", "on_tick", "lambda_timeout", 1) == 30
    assert setting(CONFIG, "dev", "on_tick", "absent", 7) == 7
    assert visibility_timeout(CONFIG, "dev") == 720


# Token, model and models


def test_the_token_is_made_once_and_forgotten_at_the_end(session: Any) -> None:
    token = TokenStep(session.client("ssm"), TARGET.token)
    assert token.changes() == ["make a secret as /serverless-inception/dev/token"]
    assert token.digest() == ""
    told: list[str] = []
    token.apply(told.append)
    secret = token.read()
    assert len(secret) == 43  # 256 bits
    assert token.changes() == told == NOTHING
    assert Tokens(token.digest()).allow(f"Bearer {secret}")
    assert token.replace() == token.digest()
    assert not Tokens(token.digest()).allow(f"Bearer {secret}")
    token.delete()
    assert not token.exists()
    token.apply(say_nothing)
    assert token.read() != secret


def test_a_token_that_its_digest_would_give_away_is_refused(session: Any) -> None:
    client = session.client("ssm")
    client.put_parameter(Name=TARGET.token, Value="letmein", Type="SecureString")
    with pytest.raises(DeployError, match=r"under 32 characters.* Delete the parameter"):
        TokenStep(client, TARGET.token).digest()


def test_the_model_is_published_by_content(session: Any, package: ModelPackage) -> None:
    s3, client = session.client("s3"), session.client("lambda")
    s3.create_bucket(Bucket="models", CreateBucketConfiguration={"LocationConstraint": REGION})

    def step() -> LayerStep:
        content = model_content(package)
        return LayerStep(client, s3, TARGET.layer, content, lambda: "models")

    assert step().arn() is None
    assert step().changes() == ["publish doodle (0.4 MB) as serverless-inception-dev-model"]
    step().apply(say_nothing)
    first = step().arn()
    (package.folder / "labels.txt").touch()
    assert step().changes() == NOTHING
    assert s3.list_objects_v2(Bucket="models")["KeyCount"] == 0
    kept = (package.folder / "labels.txt").read_text()
    (package.folder / "labels.txt").write_text(kept + "yeti\n")
    step().apply(say_nothing)
    assert step().arn() != first
    (package.folder / "labels.txt").write_text(kept)
    assert step().arn() == first  # the way back publishes nothing
    assert step().changes() == NOTHING
    delete_versions(client, TARGET.layer)
    assert step().arn() is None


def test_the_zip_through_the_bucket_is_removed_even_where_lambda_refuses_it(
    session: Any, package: ModelPackage
) -> None:
    s3, client = session.client("s3"), session.client("lambda")
    s3.create_bucket(Bucket="models", CreateBucketConfiguration={"LocationConstraint": REGION})
    stub = Stubber(client)
    stub.add_client_error("publish_layer_version", "CodeStorageExceededException")
    step = LayerStep(client, s3, TARGET.layer, model_content(package), lambda: "models")
    with stub, pytest.raises(client.exceptions.CodeStorageExceededException):
        step.apply(say_nothing)
    assert s3.list_objects_v2(Bucket="models")["KeyCount"] == 0


def test_a_taught_models_base_goes_where_the_layer_has_it_not(
    package: ModelPackage, tmp_path: Path
) -> None:
    pets = taught_on(package, tmp_path / "pets", ("cat", "dog")).on(package)
    toys = taught_on(package, tmp_path / "toys", ("ball", "kite"), seed=1).on(package)
    small = read_package(ROOT / "vendor" / "models" / "doodle-small")
    assert further(small, [pets, toys]) == [package, pets, toys]
    assert further(pets, [toys]) == further(package, [toys]) == further(None, [toys])[1:] == [toys]


def test_further_models_are_uploaded_once_and_again_when_they_change(
    session: Any, package: ModelPackage
) -> None:
    s3 = session.client("s3")
    s3.create_bucket(Bucket="models", CreateBucketConfiguration={"LocationConstraint": REGION})
    assert ModelsStep(s3, lambda: "", [package]).changes() == ["upload doodle"]  # no bucket yet
    step = ModelsStep(s3, lambda: "models", [package])
    step.apply(say_nothing)
    assert step.changes() == NOTHING
    keys = {entry["Key"] for entry in s3.list_objects_v2(Bucket="models")["Contents"]}
    assert keys == {f"doodle/{file}" for file in package.files}
    assert {"doodle/model.tflite", "doodle/samples/umbrella.jpg"} <= keys
    before = content_digest(package)
    (package.folder / "labels.txt").write_text("other\n")
    assert content_digest(package) != before
    assert step.changes() == ["upload doodle"]


def test_a_network_for_the_second_engine_goes_up_with_the_model(
    session: Any, package: ModelPackage
) -> None:
    s3 = session.client("s3")
    s3.create_bucket(Bucket="models", CreateBucketConfiguration={"LocationConstraint": REGION})
    ModelsStep(s3, lambda: "models", [package]).apply(say_nothing)
    before = content_digest(package)
    package = with_second_engine(package.folder)
    assert content_digest(package) != before
    step = ModelsStep(s3, lambda: "models", [package])
    assert step.changes() == ["upload doodle"]
    step.apply(say_nothing)
    assert step.changes() == NOTHING
    stored = s3.get_object(Bucket="models", Key="doodle/model.ort")["Body"].read()
    assert stored == (package.folder / "model.ort").read_bytes()


@pytest.mark.parametrize(
    ("architecture", "default", "arm", "layers"),
    [
        ("x86_64", True, False, ["doodle", "ONNX Runtime"]),
        ("x86_64", False, True, ["doodle", "ONNX Runtime"]),
        ("x86_64", False, False, ["doodle"]),
        ("arm64", True, True, ["doodle"]),
    ],
)
def test_the_second_engine_is_a_layer_where_a_model_has_a_use_for_it(
    session: Any, package: ModelPackage, tmp_path: Path,
    architecture: str, default: bool, arm: bool, layers: list[str],
) -> None:  # fmt: skip
    shutil.copytree(ROOT / "vendor" / "models" / "doodle-small", tmp_path / "doodle-small")
    packages = [
        with_second_engine(folder) if wanted else without_second_engine(folder)
        for folder, wanted in ((package.folder, default), (tmp_path / "doodle-small", arm))
    ]
    config = CONFIG | {"lambda_architecture": architecture}
    options = deploy.main.make_context("deploy", ["--stage", "dev"]).params
    wishes = deploy._wishes(config, "dev", options)
    stage = Deployment(session, TARGET, config, wishes, "3.13", packages[0], packages[1:])
    changes = [step.changes()[0] for step in stage.layers]
    assert [
        change.removeprefix("publish ").startswith(name)
        for change, name in zip(changes, layers, strict=True)
    ] == [True] * len(layers)
    assert [step in stage.steps() for step in stage.layers] == [True] * len(layers)


# Chalice


def program(folder: Path, *lines: str) -> Path:
    path = folder / "chalice"
    path.write_text("\n".join(["#!/bin/sh", *lines]))
    path.chmod(0o755)
    return path


def test_chalice_is_told_the_folder_and_its_progress_is_shown(tmp_path: Path) -> None:
    path = program(tmp_path, 'echo "Creating $*"', 'echo "noise"', 'echo "Updating $WHERE"')
    told: list[str] = []
    Chalice(path, tmp_path, {"WHERE": "here"})(["deploy", "--stage", "dev"], told.append)
    assert told == [f"Creating --project-dir {tmp_path} deploy --stage dev", "Updating here"]


def test_what_chalice_says_of_a_failure_is_told_without_its_traceback(tmp_path: Path) -> None:
    path = program(
        tmp_path,
        'echo "Traceback (most recent call last):" >&2',
        'echo "ChaliceDeploymentError: ERROR - While deploying, received the following error:" >&2',
        'echo >&2; echo " You may not" >&2; echo " iam:CreateRole" >&2; exit 1',
    )
    with pytest.raises(DeployError) as caught:
        Chalice(path, tmp_path, {})(["deploy"], say_nothing)
    assert str(caught.value) == (
        "chalice deploy failed: You may not iam:CreateRole Fix that, then run the same command "
        "again: it continues from there."
    )


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (["Traceback", "", "RuntimeError: no app.py"], "RuntimeError: no app.py"),
        ([], "it said nothing."),
    ],
)
def test_the_last_line_is_the_reason_of_any_other_failure(said: list[str], told: str) -> None:
    assert reason(said) == told


def test_chalice_gets_the_credentials_themselves_whatever_gave_them(session: Any) -> None:
    env = {"AWS_PROFILE": "p", "HOME": "/h", "PYTHONPATH": "/x"}
    made = credentials_environment(session, env)
    assert made == {
        "HOME": "/h", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": REGION, "AWS_REGION": REGION, "PYTHONDONTWRITEBYTECODE": "1",
        "RESUME": "true",
    }  # fmt: skip


# The API


@pytest.mark.parametrize("kind", ANSWERS)
def test_an_answer_of_api_gateway_itself_is_json_of_our_shape_for_any_site(kind: str) -> None:
    response = gateway_response(kind)
    template = response["responseTemplates"]["application/json"]
    body = json.loads(template.replace("$context.error.messageString", '"words"'))
    assert set(body) == {"error", "Code", "Message"}
    assert body["Code"] == body["error"]["code"] and body["Message"] == body["error"]["message"]
    assert re.fullmatch(r"[A-Z][A-Za-z]+", body["Code"])
    assert all(re.fullmatch(r"'[^']*'", value) for value in response["responseParameters"].values())
    assert response.get("statusCode", "400").startswith(("4", "5"))
    headers = {name.rpartition(".")[2] for name in response["responseParameters"]}
    assert body["error"]["retryable"] == ("Retry-After" in headers)
    assert {"Cache-Control", "Strict-Transport-Security", "Permissions-Policy"} <= headers


def test_who_finds_no_room_is_told_when_to_come_back() -> None:
    kinds = ("INTEGRATION_FAILURE", "AUTHORIZER_FAILURE", "AUTHORIZER_CONFIGURATION_ERROR")
    for response in map(gateway_response, kinds):
        assert response["statusCode"] == "503"
        assert response["responseParameters"]["gatewayresponse.header.Retry-After"] == "'5'"
        assert '"Busy"' in response["responseTemplates"]["application/json"]


def invoke_client(*answers: dict[str, Any] | None) -> tuple[Any, Stubber]:
    """A client of Lambda that has these settings of events; None for none."""
    client = boto3.client(
        "lambda", region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b"
    )
    stub = Stubber(client)
    for answer in answers:
        if answer is None:
            stub.add_client_error("get_function_event_invoke_config", "ResourceNotFoundException")
        else:
            stub.add_response("get_function_event_invoke_config", answer)
    stub.activate()
    return client, stub


DEAD_LETTERS = f"arn:aws:sqs:{REGION}:123456789012:serverless-inception-dev-dead-letters"
UPLOADS = {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 21600}
TICKS = {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 300}


def test_an_upload_that_lambda_gives_up_goes_to_the_dead_letters() -> None:
    target = Target("dev", "123456789012", REGION)
    nowhere = {"DestinationConfig": {"OnSuccess": {}, "OnFailure": {}}}
    kept = {"DestinationConfig": {"OnSuccess": {}, "OnFailure": {"Destination": DEAD_LETTERS}}}
    client, _ = invoke_client(UPLOADS | kept, TICKS | nowhere)
    assert RetriesStep(client, target, ["on_upload", "on_tick"]).changes() == []
    client, stub = invoke_client(UPLOADS | nowhere, TICKS | nowhere)
    wanted = {"OnFailure": {"Destination": DEAD_LETTERS}}
    asked = {"FunctionName": target.function("on_upload"), **UPLOADS, "DestinationConfig": wanted}
    done = {"ResponseMetadata": {"HTTPStatusCode": 200}}
    stub.add_response("put_function_event_invoke_config", done, asked)
    RetriesStep(client, target, ["on_upload", "on_tick"]).apply(lambda _: None)
    stub.assert_no_pending_responses()
    client, _ = invoke_client(None, None)
    uploads, ticks = RetriesStep(client, target, ["on_upload", "on_tick"]).changes()
    assert uploads.endswith(", then the dead letters") and not ticks.endswith("letters")


def stage_client(**stage: Any) -> Any:
    client = boto3.client(
        "apigateway", region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b"
    )
    stub = Stubber(client)
    stub.add_response("get_stage", stage, {"restApiId": "api", "stageName": "dev"})
    stub.activate()
    return client


def test_only_what_differs_of_the_stage_is_set() -> None:
    settings = {"throttlingRateLimit": 50.0, "throttlingBurstLimit": 7, "metricsEnabled": False}
    client = stage_client(tracingEnabled=True, methodSettings={"*/*": settings})
    step = StageStep(client, lambda: "api", "dev", 50, 100, traced=True)
    assert step.changes() == ["set /*/*/throttling/burstLimit to 100"]


@pytest.mark.parametrize("traced", [False, True])
def test_a_stage_that_nobody_has_set_is_traced_if_asked_for(traced: bool) -> None:
    step = StageStep(stage_client(), lambda: "api", "dev", 50, 100, traced)
    limits = ["set /*/*/throttling/rateLimit to 50", "set /*/*/throttling/burstLimit to 100"]
    assert step.changes() == limits + ["set /tracingEnabled to true"] * traced


def test_metrics_and_traces_of_an_earlier_version_are_switched_off() -> None:
    settings = {"throttlingRateLimit": 50, "throttlingBurstLimit": 100, "metricsEnabled": True}
    client = stage_client(tracingEnabled=True, methodSettings={"*/*": settings})
    step = StageStep(client, lambda: "api", "dev", 50, 100, traced=False)
    assert step.changes() == [
        "set /*/*/metrics/enabled to false", "set /tracingEnabled to false",
    ]  # fmt: skip


class OneFunction:
    """A record in which on_work is the only function."""

    def functions(self) -> dict[str, str]:
        return {"on_work": "serverless-inception-dev-on_work"}


@pytest.mark.parametrize(
    ("mode", "traced", "ends"),
    [("Active", False, True), ("Active", True, False), ("PassThrough", False, False)],
)
def test_traces_end_that_nobody_asks_for_any_more(mode: str, traced: bool, ends: bool) -> None:
    client = boto3.client(
        "lambda", region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b"
    )
    stub = Stubber(client)
    step = TracingStep(client, lambda: OneFunction(), traced, 0)  # type: ignore[arg-type, return-value]
    function = {"State": "Active", "TracingConfig": {"Mode": mode}}
    for _ in range(0 if traced else 2):
        stub.add_response("get_function_configuration", function)
    if ends:
        named = {"FunctionName": "serverless-inception-dev-on_work"}
        stub.add_response("get_function_configuration", function, named)  # it has settled
        wanted = {**named, "TracingConfig": {"Mode": "PassThrough"}}
        stub.add_response("update_function_configuration", {}, wanted)
    with stub:
        assert step.changes() == ["trace on_work no more"] * ends
        step.apply(lambda _: None)
    stub.assert_no_pending_responses()


@pytest.mark.parametrize("loop", ["Terminate", "Allow", None])
def test_lambda_is_told_that_the_worker_calls_itself_as_intended(loop: str | None) -> None:
    client = boto3.client(
        "lambda", region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b"
    )
    stub, worker = Stubber(client), {"FunctionName": "serverless-inception-dev-on_work"}
    record: Any = OneFunction() if loop else SimpleNamespace(functions=dict)
    step = ChainsStep(client, lambda: record)
    if loop:
        stub.add_response("get_function_recursion_config", {"RecursiveLoop": loop}, worker)
    with stub:
        wanted = loop != "Allow"
        assert step.changes() == ["let on_work go on in any number of messages"] * wanted
        if loop == "Terminate":
            stub.add_response(
                "put_function_recursion_config", {"RecursiveLoop": "Allow"},
                {**worker, "RecursiveLoop": "Allow"},
            )  # fmt: skip
            step.apply(lambda _: None)
    stub.assert_no_pending_responses()


# Before and after


def test_the_newest_python_that_lambda_and_our_requirements_have_is_taken() -> None:
    def only(*versions: str) -> Any:
        def find(version: str) -> Path:
            if version not in versions:
                raise BundleError("no")
            return Path(version)

        return find

    assert checks.python_version(only("3.13", "3.12")) == "3.13"
    assert checks.python_version(only("3.12", "3.11")) == "3.12"
    with pytest.raises(DeployError, match=r"3\.13 or 3\.12: .* `pyenv install 3\.13`"):
        checks.python_version(only("3.11"))


def test_where_the_credentials_lead(session: Any) -> None:
    target, who = checks.account(session, "dev")
    assert target == Target("dev", "123456789012", REGION, "aws")
    assert who.startswith("arn:aws:")


def test_a_stand_in_for_aws_is_told() -> None:
    assert checks.stand_in({}) == ""
    assert "not on AWS, but on http://127.0.0.1:4566" in checks.stand_in(
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}
    )


def test_what_is_missing_before_the_first_call_is_said() -> None:
    nowhere = SimpleNamespace(region_name=None)
    with pytest.raises(DeployError, match="give --region"):
        checks.account(nowhere, "dev")
    nobody = SimpleNamespace(region_name=REGION, get_credentials=lambda: None)
    with pytest.raises(DeployError, match=r"aws configure.*--profile"):
        checks.account(nobody, "dev")


def test_expired_credentials_are_to_be_renewed() -> None:
    client = boto3.client(
        "sts", region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b"
    )
    stub = Stubber(client)
    stub.add_client_error("get_caller_identity", "ExpiredToken", "The token is expired")
    stub.activate()
    session = SimpleNamespace(
        region_name=REGION, get_credentials=lambda: "some", client=lambda _: client
    )
    with pytest.raises(DeployError, match=r"ExpiredToken.*Renew them"):
        checks.account(session, "dev")


# The tool


class Recorded:
    """A step that notes what is done to it."""

    def __init__(self, title: str, changes: list[str], done: list[str]) -> None:
        self.title = title
        self._changes = changes
        self._done = done

    def changes(self) -> list[str]:
        return self._changes

    def apply(self, tell: Any) -> None:
        self._done.append(self.title)
        self._changes = []


def test_steps_with_something_to_change_are_done_in_order() -> None:
    done: list[str] = []
    steps = [Recorded("a", ["x"], done), Recorded("b", [], done), Recorded("c", ["y", "z"], done)]
    assert terminal.changes_of(steps) == 3  # type: ignore[arg-type]
    assert done == NOTHING
    terminal.apply_all(steps)  # type: ignore[arg-type]
    assert done == ["a", "c"]
    assert terminal.changes_of(steps) == 0  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "told"),
    [([], "No changes"), (["x"], "1 change"), (["x", "y"], "2 changes")],
)
def test_a_plan_counts_its_changes(
    changes: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    planned = SimpleNamespace(steps=lambda: [Recorded("a", changes, [])])
    terminal.show(planned, [])  # type: ignore[arg-type]
    assert capsys.readouterr().out.endswith(f"\n{told}; nothing was done.\n")


def test_options_then_the_stages_environment_then_defaults() -> None:
    config = {"stages": {"dev": {"environment_variables": {"MODEL": "kept", "PUBLIC": "yes"}}}}
    options = deploy.main.make_context("deploy", ["--stage", "dev"]).params
    wishes = deploy._wishes(config, "dev", options)
    assert (wishes.model, wishes.arms, wishes.public) == ("kept", "", True)
    asked = {**options, "model": "m", "arms": "m=0.5 n=0.5", "public": False}
    wishes = deploy._wishes(config, "dev", asked)
    assert (wishes.model, wishes.public, wishes.other_models) == ("m", False, ["n"])
    with pytest.raises(DeployError, match=r"The arms: .* must add up to 1"):
        _ = deploy._wishes(config, "dev", {**options, "arms": "m=0.5"}).other_models
    bare = deploy._wishes({"stages": {"dev": {}}}, "dev", options)
    assert (bare.model, bare.arms, bare.public) == ("inception-v3", "", False)


@pytest.mark.parametrize("options", [["--destroy", "--plan"], ["--yes"], ["--show-token"]])
def test_without_credentials_there_is_no_more_than_a_plan(options: list[str]) -> None:
    names = ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "PROFILE", "DEFAULT_PROFILE")
    env = {
        **dict.fromkeys((f"AWS_{name}" for name in names), None),
        "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip
    arguments = ["--stage", "dev", "--region", REGION, *options]
    result = CliRunner(env=env).invoke(deploy.main, arguments)
    assert result.exit_code == 1
    assert "There are no AWS credentials" in result.output


def test_a_stage_is_not_public_because_its_entry_is_a_copy_of_one_that_is() -> None:
    options = deploy.main.make_context("deploy", ["--stage", "prod"]).params
    entry = {
        "environment_variables": {"PUBLIC": "true", "MODEL": "m"},
        "lambda_functions": {"on_work": {"iam_policy_file": "policies/dev/on_work.json"}},
    }
    config = {"stages": {"dev": entry, "prod": entry}}
    assert [deploy._wishes(config, stage, options).public for stage in ("dev", "prod")] == [
        True,
        False,
    ]
    assert deploy._wishes(config, "prod", {**options, "public": True}).public is True


def test_a_function_url_stays_until_it_is_told_to_go_and_is_not_copied() -> None:
    entry = {
        "environment_variables": {"FRONT": "url"},
        "lambda_functions": {"on_work": {"iam_policy_file": "policies/dev/on_work.json"}},
    }
    config = {"stages": {"dev": entry, "prod": entry, "new": {}}}
    for stage, words, front in (
        ("dev", [], "url"), ("dev", ["--front", "rest"], "rest"), ("prod", [], "rest"),
        ("prod", ["--front", "url"], "url"), ("new", [], "rest"),
    ):  # fmt: skip
        options = deploy.main.make_context("deploy", ["--stage", stage, *words]).params
        assert deploy._wishes(config, stage, options).front == front


def test_calls_that_are_reserved_for_the_api_are_recorded_and_stay(session: Any) -> None:
    def limits(config: dict[str, Any], *words: str) -> dict[str, int]:
        options = deploy.main.make_context("deploy", ["--stage", "dev", *words]).params
        wishes = deploy._wishes(config, "dev", options)
        return Deployment(session, TARGET, config, wishes, "3.13")._limits()

    assert limits(CONFIG) == {}
    assert limits(CONFIG, "--reserve", "20") == {"api_handler": 20}
    functions = {"lambda_functions": {"api_handler": {"reserved_concurrency": 20}}}
    kept = {**CONFIG, "stages": {"dev": functions}}
    assert limits(kept) == {"api_handler": 20}
    assert limits(kept, "--reserve", "5") == {"api_handler": 5}


def test_an_experiment_ends_when_it_is_told_to() -> None:
    config = {"stages": {"dev": {"environment_variables": {"ARMS": "m=0.5 n=0.5"}}}}
    for words, arms in (([], "m=0.5 n=0.5"), (["--arms", ""], "")):
        options = deploy.main.make_context("deploy", ["--stage", "dev", *words]).params
        assert deploy._wishes(config, "dev", options).arms == arms


@pytest.mark.parametrize("stage", ["", "prod"])
def test_an_error_is_one_line_and_no_traceback(stage: str) -> None:
    result = CliRunner().invoke(deploy.main, ["--stage", stage, "--region", REGION])
    assert result.exit_code == 1
    assert result.output.splitlines()[-1].startswith("Error: ")
    assert "Traceback" not in result.output
