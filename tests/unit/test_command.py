import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.command import Place, check, local_host, plainly, typed
from chalicelib.settings import ROOT, Settings, SettingsError

CHALICE = {"AWS_CHALICE_CLI_MODE": "true"}


def host(arguments: str) -> str | None:
    return local_host(typed(arguments.split(), CHALICE))


@pytest.mark.parametrize(
    ("arguments", "address"),
    [
        ("chalice local", "127.0.0.1"),
        ("/home/somebody/.venv/bin/chalice local --port 8001", "127.0.0.1"),
        ("chalice --debug --project-dir deploy local --stage dev", "127.0.0.1"),
        ("chalice local --no-autoreload --host 0.0.0.0", "0.0.0.0"),
        ("chalice local --host=127.0.0.1 --port 8001 --host=::", "::"),
    ],
)
def test_chalice_local_serves_on_an_address(arguments: str, address: str) -> None:
    assert host(arguments) == address


@pytest.mark.parametrize(
    "arguments",
    [
        "chalice deploy",
        "chalice deploy --stage local",
        "chalice --project-dir local deploy",
        "chalice package local",
        "chalice delete",
        "pytest local",
        "-c local",
    ],
)
def test_any_other_command_serves_nowhere(arguments: str) -> None:
    assert host(arguments) is None


def test_without_chalices_word_nothing_is_served() -> None:
    assert typed(["chalice", "local"], {}) is None


def configured(project: Path, *stages: str) -> Path:
    """The project, with a configuration of these stages."""
    (project / ".chalice").mkdir(parents=True)
    config = {"stages": {stage: {} for stage in stages}}
    (project / ".chalice" / "config.json").write_text(json.dumps(config))
    return project


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """With a layer's zip, for arm64, where Chalice looks for it."""
    folder = configured(tmp_path, "dev", "devtwo", "prod", "d", "ev", "my-stage")
    folder = folder / ".chalice" / "deployments"
    folder.mkdir()
    (tmp_path / "requirements.txt").write_text("numpy==2.4.6")
    digest = hashlib.md5(b"numpy==2.4.6").hexdigest()
    (folder / f"managed-layer-{digest}-python3.13-arm64.zip").touch()
    return tmp_path


def checked(
    arguments: str, env: dict[str, str], project: Path, python: tuple[int, int] = (3, 13)
) -> None:
    """By somebody whose profiles `far` and `other` are for another region and account."""
    places = {
        None: Place("eu-west-1", "123456789012"), "far": Place("us-east-1", "123456789012"),
        "other": Place("eu-west-1", "210987654321"), "none": None,
    }  # fmt: skip
    command, settings = typed(arguments.split(), CHALICE), Settings.from_environment(env)
    check(command, settings, places.__getitem__, project, python, lambda host, port: None)


def ended(
    arguments: str, env: dict[str, str], project: Path, python: tuple[int, int] = (3, 13)
) -> str:
    with pytest.raises(SystemExit) as caught:
        checked(arguments, env, project, python)
    return str(caught.value)


MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:serverless-inception-dev-workflow"
READY = {"WORKFLOW": MACHINE, "TOKEN_SHA256": "0" * 64}


@pytest.mark.parametrize("arguments", ["chalice deploy", "chalice dev plan"])
def test_a_stage_that_is_made_ready_is_deployed(arguments: str, project: Path) -> None:
    checked(arguments, READY, project)
    checked(arguments, {"WORKFLOW": MACHINE, "PUBLIC": "true"}, project)


def test_a_stage_of_before_whose_functions_would_let_nobody_in_is_made_ready_anew(
    project: Path,
) -> None:
    before = {"WORKFLOW": MACHINE, "TOKEN_PARAMETER": "/serverless-inception/dev/token"}
    for more in ({}, {"PUBLIC": "true"}):  # the second of the shell
        assert "`make infra STAGE=dev` first" in ended("chalice deploy", before | more, project)


@pytest.mark.parametrize("arguments", ["chalice deploy", "chalice dev plan --stage dev"])
def test_a_stage_that_is_not_says_what_makes_it_so(arguments: str, project: Path) -> None:
    assert "`make infra STAGE=dev` first" in ended(arguments, {}, project)
    told = ended("chalice deploy", READY, configured(project / "without-zips", "dev"))
    assert "`make infra STAGE=dev` first" in told
    assert "first" in ended(arguments, READY, project, (3, 12))
    (project / "requirements.txt").write_text("numpy==2.4.7")
    assert "first" in ended(arguments, READY, project)


@pytest.mark.parametrize("stage", ["Dev", "my-stage", "a" * 17, "2nd", ""])
@pytest.mark.parametrize("command", ["deploy", "plan", "package out"])
def test_what_cannot_be_a_stage_says_what_can(command: str, stage: str, project: Path) -> None:
    told = ended(f"chalice {command} --stage={stage}", READY, project)
    assert told.startswith(
        f"{stage!r} is not a valid name for a stage: use 1 to 16 lower-case letters"
    )
    assert "make infra" not in told


def test_a_stage_that_is_not_configured_says_which_are(tmp_path: Path) -> None:
    project = configured(tmp_path, "dev", "prod")
    told = ended("chalice deploy --stage test", READY, project)
    assert told.startswith("There is no stage 'test' to deploy. .chalice/config.json has dev, prod")
    assert "make infra" not in told
    for stage in ("test", "my-stage"):  # what an earlier commit deployed can be taken down
        checked(f"chalice delete --stage {stage}", READY, project)


@pytest.mark.parametrize("python", [(3, 11), (3, 14)])
def test_a_python_that_is_not_lambdas_is_refused(project: Path, python: tuple[int, int]) -> None:
    told = ended("chalice deploy --stage=prod", READY, project, python)
    assert f"3.{python[1]}" in told and "`make deploy STAGE=prod`" in told


def test_what_chalice_cannot_package_says_what_does(project: Path) -> None:
    told = ended("chalice package --pkg-format terraform out", READY, project)
    assert "`chalice deploy --stage dev`" in told and "`make package`" in told


@pytest.mark.parametrize("arguments", ["local", "delete", "generate-models", "dev appgraph"])
def test_commands_that_deploy_nothing_need_nothing(arguments: str, tmp_path: Path) -> None:
    for program in ("chalice", "pytest"):
        checked(f"{program} {arguments}", {}, tmp_path, (3, 11))


@pytest.mark.parametrize("stage", ["devtwo", "d", "ev"])
def test_an_entry_that_was_copied_from_another_stages_is_not_ready(
    stage: str, project: Path
) -> None:
    told = ended(f"chalice deploy --stage {stage}", READY, project)
    assert f"`make infra STAGE={stage}` first" in told
    checked(f"chalice delete --stage {stage}", READY, project)


@pytest.mark.parametrize("command", ["deploy", "delete"])
def test_a_stage_is_deployed_and_deleted_where_it_lives(command: str, project: Path) -> None:
    for profile, place in (("far", "us-east-1 of 1234567"), ("other", "eu-west-1 of 2109876")):
        told = ended(f"chalice {command} --profile {profile}", READY, project)
        assert "dev lives in eu-west-1 of account 123456789012" in told and place in told
        assert "AWS_DEFAULT_REGION and AWS_PROFILE" in told
    checked(f"chalice {command}", READY, project)
    checked(f"chalice {command} --profile none", READY, project)  # Chalice says what it lacks


@pytest.mark.parametrize("profile", [None, "no-such-profile"])
def test_who_has_no_credentials_is_told_in_a_sentence(profile: str | None) -> None:
    code = f"from chalicelib.command import place_of; place_of({profile!r})"
    env = {
        "AWS_DEFAULT_REGION": "eu-west-1", "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.startswith("AWS cannot tell who you are (")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "place", "error", "told"),
    [
        ("", ("127.0.0.1", 8000), OSError(98, "Address already in use"), "--port 8001"),
        ("--port 65535 --host ::", ("::", 65535), OSError(13, "Permission denied"), "--port 65535"),
        ("--port 70000", ("127.0.0.1", 70000), OverflowError("no port"), "--port 65535"),
    ],
)
def test_a_port_that_cannot_be_had_is_told_with_another(
    arguments: str, place: tuple[str, int], error: Exception, told: str
) -> None:
    def bind(*where: object) -> None:
        assert where == place
        raise error

    reason = error.args[-1]
    local = typed(f"chalice local {arguments}".split(), CHALICE)
    with pytest.raises(SystemExit) as caught:
        check(local, Settings.from_environment({}), bind=bind)
    assert str(caught.value) == (
        f"Port {place[1]} of {place[0]} cannot be used ({reason}). Choose another one, for "
        f"example: chalice local {told}"
    )


def test_a_command_is_refused_with_a_sentence_alone() -> None:
    local = typed(["chalice", "local"], CHALICE)
    with pytest.raises(SystemExit, match=r"^PUBLIC must be") as caught, plainly(local):
        Settings.from_environment({"PUBLIC": "maybe"})
    assert caught.value.__suppress_context__


def test_another_program_gets_the_refusal_as_it_is() -> None:
    with pytest.raises(SettingsError), plainly(None):
        Settings.from_environment({"PUBLIC": "maybe"})
