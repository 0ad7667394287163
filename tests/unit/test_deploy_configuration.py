"""What a deployment writes for Chalice to read."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.subscriptions import VARIABLES, Subscriptions
from stage.template import outputs
from tests.conftest import ROOT
from tools import deploy
from tools.deploying import policies
from tools.deploying.configuration import ConfigurationStep, Made, forgotten, recorded
from tools.deploying.kept import KeptStep
from tools.deploying.parameters import monitoring_parameters, parameters
from tools.deploying.step import DeployError
from tools.deploying.target import Config, Target, api_stage, handlers, read_config

TARGET = Target("dev", "123456789012", "eu-west-1")
MODEL_LAYER = "arn:aws:lambda:eu-west-1:123456789012:layer:serverless-inception-dev-model:1"
OWN_LAYER = "arn:aws:lambda:eu-west-1:123456789012:layer:of-somebody:7"
CONFIG: dict[str, Any] = {
    "lambda_functions": {"on_work": {"lambda_timeout": 120}, "on_tick": {}},
    "stages": {
        "dev": {
            "api_gateway_stage": "dev",
            "lambda_memory_size": 2048,
            "environment_variables": {"THREADS": "2"},
        },
        "prod": {"api_gateway_stage": "v1", "layers": [OWN_LAYER]},
    },
}
EVERY = Subscriptions(**dict.fromkeys(VARIABLES, "x"))
MANAGED = ("IMAGES_BUCKET", "RESULTS_QUEUE", "MODEL", "PUBLIC")


def made(limits: dict[str, int] | None = None, **variables: str) -> Made:
    return Made({"IMAGES_BUCKET": "images", **variables}, MANAGED, [MODEL_LAYER], limits or {})


def say_nothing(_: str) -> None:
    pass


def test_every_policy_can_be_filled_in_and_none_is_without_its_function() -> None:
    files = sorted((ROOT / "policies").glob("*.json"))
    assert [file.stem for file in files] == sorted(handlers(read_config(ROOT, "dev"), EVERY))
    environment = {"IMAGES_BUCKET": "i", "RESULTS_BUCKET": "r", "MODELS_BUCKET": "m",
                   "WORK_QUEUE": "w", "WORKFLOW": "arn:w", "IMAGE_BUCKETS": "a b"}  # fmt: skip
    for file in files:
        text = json.dumps(policies.rendered(file, TARGET, environment))
        assert "${" not in text
        for arn in re.findall(r'"(arn:[^"]*)"', text):
            assert not arn.endswith((":", "/")), arn


def test_chalice_reads_no_policy_that_is_not_filled_in() -> None:
    files = [*(ROOT / ".chalice").glob("*.json"), *(ROOT / ".chalice" / "policies").rglob("*.json")]
    assert files
    assert [file for file in files if "${" in file.read_text()] == []


def test_a_resource_of_all_image_buckets_is_repeated_for_each(tmp_path: Path) -> None:
    file = tmp_path / "p.json"
    file.write_text(
        '{"Statement": [{"Sid": "Read", "Resource": "arn:aws:s3:::${ImageBuckets}/*"}]}'
    )
    several = {"IMAGES_BUCKET": "images", "IMAGE_BUCKETS": "one two"}
    assert policies.rendered(file, TARGET, several)["Statement"][0]["Resource"] == [
        f"arn:aws:s3:::{bucket}/*" for bucket in ("images", "one", "two")
    ]
    single = policies.rendered(file, TARGET, {"IMAGES_BUCKET": "images"})
    assert single["Statement"][0]["Resource"] == "arn:aws:s3:::images/*"


def test_a_policy_with_an_unknown_placeholder_names_file_and_placeholder(tmp_path: Path) -> None:
    file = tmp_path / "api.json"
    file.write_text('{"Resource": "${Bucket}"}')
    with pytest.raises(DeployError, match=r"api\.json .*'Bucket'.*\$\{…\} may hold ImageBuckets"):
        policies.rendered(file, TARGET, {})


def test_the_stages_entry_tells_chalice_what_was_made_and_keeps_what_was_there() -> None:
    config = recorded(CONFIG, "dev", made({"on_work": 7, "no_more": 3}, MODEL="doodle"))
    assert config["stages"]["dev"] == {
        "api_gateway_stage": "dev",
        "lambda_memory_size": 2048,
        "environment_variables": {"THREADS": "2", "IMAGES_BUCKET": "images", "MODEL": "doodle"},
        "layers": [MODEL_LAYER],
        "lambda_functions": {
            "on_work": {
                "iam_policy_file": "policies/dev/on_work.json",
                "reserved_concurrency": 7,
            },
            "on_tick": {"iam_policy_file": "policies/dev/on_tick.json"},
        },
    }
    assert config["stages"]["prod"] is CONFIG["stages"]["prod"]
    assert config["lambda_functions"] is CONFIG["lambda_functions"]


def test_a_trigger_has_its_function_where_the_stage_asks_for_it() -> None:
    functions = {**CONFIG["lambda_functions"], "on_topic": {"lambda_timeout": 60}}
    config = {**CONFIG, "lambda_functions": functions}
    asked = recorded(config, "dev", made(SNS_TOPIC="arn:aws:sns:eu-west-1:123456789012:photos"))
    assert list(asked["stages"]["dev"]["lambda_functions"]) == ["on_work", "on_tick", "on_topic"]
    later = recorded(asked, "dev", made())
    assert list(later["stages"]["dev"]["lambda_functions"]) == ["on_work", "on_tick"]
    assert forgotten(asked, "dev", [*MANAGED, "SNS_TOPIC"]) == config


def test_what_was_made_before_is_replaced_also_in_a_copy_of_another_stages_entry() -> None:
    first = recorded(CONFIG, "dev", made(RESULTS_QUEUE="results", PUBLIC="true"))
    copied = {**first, "stages": {**first["stages"], "prod": first["stages"]["dev"]}}
    for stage in ("dev", "prod"):
        config = recorded(copied, stage, made(MODEL="m"))
        entry = config["stages"][stage]
        assert entry["environment_variables"] == {
            "THREADS": "2", "IMAGES_BUCKET": "images", "MODEL": "m",
        }  # fmt: skip
        assert entry["layers"] == [MODEL_LAYER]
        assert entry["lambda_functions"]["on_tick"] == {
            "iam_policy_file": f"policies/{stage}/on_tick.json"
        }


@pytest.mark.parametrize(
    ("set_", "name"),
    [({}, "prod"), ({"api_gateway_stage": "dev"}, "prod"), ({"api_gateway_stage": "v1"}, "v1")],
    ids=["nothing", "a copy", "a name of its own"],
)
def test_the_api_of_a_stage_has_no_other_stages_name(set_: Config, name: str) -> None:
    config = {**CONFIG, "stages": {**CONFIG["stages"], "prod": set_}}
    written = recorded(config, "prod", made())
    assert written["stages"]["prod"]["api_gateway_stage"] == name == api_stage(config, "prod")
    assert recorded(written, "prod", made()) == written
    assert written["stages"]["dev"] is CONFIG["stages"]["dev"]


def test_layers_of_ones_own_come_first_and_stay() -> None:
    config = recorded(CONFIG, "prod", made())
    assert config["stages"]["prod"]["layers"] == [OWN_LAYER, MODEL_LAYER]
    assert recorded(config, "prod", made()) == config


def test_what_was_recorded_is_forgotten_without_a_trace() -> None:
    for stage in CONFIG["stages"]:
        config = recorded(CONFIG, stage, made(MODEL="m"))
        assert forgotten(config, stage, MANAGED) == CONFIG


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("app.py", "requirements.txt", "requirements.lock", "chalicelib/a.py",
                 "chalicelib/__pycache__/a.pyc"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "policies").mkdir()
    for handler in CONFIG["lambda_functions"]:
        (tmp_path / "policies" / f"{handler}.json").write_text(
            '{"Statement": [{"Sid": "Read", "Resource": "${ImagesBucket}"}]}'
        )
    (tmp_path / ".chalice").mkdir()
    (tmp_path / ".chalice" / "config.json").write_text(json.dumps(CONFIG))
    return tmp_path


def step(project: Path, made: Made | None) -> ConfigurationStep:
    return ConfigurationStep(project, TARGET, CONFIG, lambda: made)


def read(project: Path) -> Iterator[tuple[str, Any]]:
    for path in (project / ".chalice").rglob("*.json"):
        yield path.relative_to(project).as_posix(), json.loads(path.read_text())


def test_configuration_and_policies_are_written_once(project: Path) -> None:
    written = step(project, made())
    assert written.changes() == [
        "write .chalice/config.json", "write .chalice/policies/dev/on_work.json",
        "write .chalice/policies/dev/on_tick.json",
    ]  # fmt: skip
    written.apply(say_nothing)
    assert written.changes() == []
    policy = {"Statement": [{"Sid": "Read", "Resource": "images"}]}
    assert dict(read(project)) == {
        ".chalice/config.json": recorded(CONFIG, "dev", made()),
        ".chalice/policies/dev/on_work.json": policy,
        ".chalice/policies/dev/on_tick.json": policy,
    }
    written.forget(MANAGED)
    assert dict(read(project)) == {".chalice/config.json": CONFIG}
    assert not (project / ".chalice" / "policies" / "dev").exists()


@pytest.mark.parametrize("asked", [True, False])
def test_an_entry_that_asks_for_traces_has_them_of_functions_and_state_machine(
    project: Path, asked: bool
) -> None:
    entry = CONFIG["stages"]["dev"] | ({"xray": True} if asked else {})
    config = CONFIG | {"stages": CONFIG["stages"] | {"dev": entry}}
    (project / "policies" / "on_tick.json").write_text('{"Statement": []}')
    (project / "policies" / "on_work.json").write_text('{"Statement": []}')
    _, *rendered = ConfigurationStep(project, TARGET, config, made).files().values()
    assert rendered == [{"Statement": [policies.TRACE] if asked else []}] * 2
    wishes = deploy._wishes(config, "dev", deploy.main.make_context("", ["--stage", "dev"]).params)
    assert parameters(TARGET, config, wishes)["WithTracing"] == str(asked).lower()


@pytest.mark.parametrize("front", ["rest", "url"])
def test_each_template_is_given_every_parameter_that_it_has(front: str) -> None:
    options = deploy.main.make_context("", ["--stage", "dev", "--front", front]).params
    wishes = deploy._wishes(CONFIG, "dev", options)
    for file, values in (
        ("infrastructure.yaml", parameters(TARGET, CONFIG, wishes)),
        ("monitoring.yaml", monitoring_parameters(TARGET, wishes)),
    ):
        section = (ROOT / file).read_text().split("\nParameters:\n")[1].split("\n\n")[0]
        assert sorted(values) == sorted(re.findall(r"^  (\w+):$", section, re.MULTILINE))
    assert monitoring_parameters(TARGET, wishes)["WithUrl"] == str(front == "url").lower()


def test_before_there_is_a_stack_nothing_is_written(project: Path) -> None:
    early = step(project, None)
    assert early.changes() == ["write .chalice/config.json and a policy for each function"]
    early.apply(say_nothing)
    assert dict(read(project)) == {".chalice/config.json": CONFIG}


def test_the_digest_is_of_what_is_deployed_and_of_nothing_else(project: Path) -> None:
    first = step(project, made()).digest("3.13")
    (project / "chalicelib" / "__pycache__" / "a.pyc").write_text("changed")
    (project / "README.md").write_text("new")
    step(project, made()).apply(say_nothing)
    assert step(project, made()).digest("3.13") == first
    seen = {first, step(project, made()).digest("3.12"), step(project, made(MODEL="m")).digest("3")}
    for name in ("app.py", "requirements.lock", "chalicelib/a.py", "policies/on_tick.json"):
        (project / name).write_text('{"Statement": []}')
        seen.add(step(project, made()).digest("3.13"))
    assert len(seen) == 7


def test_the_names_of_a_templates_outputs_are_those_of_variables() -> None:
    names = outputs((ROOT / "infrastructure.yaml").read_text())
    assert {"IMAGES_BUCKET", "RESULTS_QUEUE", "WORKFLOW"} <= set(names)


ROLE = {"name": "on_work_role", "resource_type": "iam_role", "role_name": "r", "role_arn": "arn:r"}
API = {"name": "rest_api", "resource_type": "rest_api", "rest_api_id": "a"}
LOGS = {"name": "on_work-log-group", "resource_type": "log_group", "log_group_name": "l"}


def kept(project: Path, *resources: dict[str, Any]) -> KeptStep:
    return KeptStep(project, "dev", lambda: list(resources))


def test_chalices_record_is_made_of_what_aws_has(tmp_path: Path) -> None:
    step = kept(tmp_path, ROLE, API)
    assert step.changes() == ["write .chalice/deployed/dev.json as AWS has it"]
    step.apply(say_nothing)
    assert step.changes() == []
    record = json.loads((tmp_path / step.path).read_text())
    assert record == {"resources": [ROLE, API], "schema_version": "2.0", "backend": "api"}


def test_a_record_that_chalice_wrote_is_left_as_it_is(tmp_path: Path) -> None:
    more = {**API, "rest_api_url": "https://…"}
    kept(tmp_path, LOGS, ROLE, more).apply(say_nothing)
    assert kept(tmp_path, ROLE, API).changes() == []


@pytest.mark.parametrize("now", [(ROLE,), (ROLE, {**API, "rest_api_id": "b"}), ()])
def test_a_record_of_what_is_no_more_is_replaced(tmp_path: Path, now: tuple[Any, ...]) -> None:
    kept(tmp_path, ROLE, API).apply(say_nothing)
    step = kept(tmp_path, *now)
    assert step.changes() != []
    step.apply(say_nothing)
    assert step.changes() == []
    assert (tmp_path / step.path).exists() is bool(now)
