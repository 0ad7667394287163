import hashlib
from pathlib import Path

import pytest

from chalicelib.command import check, local_host, typed
from chalicelib.settings import Settings

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


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """With a layer's zip, for arm64, where Chalice looks for it."""
    folder = tmp_path / ".chalice" / "deployments"
    folder.mkdir(parents=True)
    (tmp_path / "requirements.txt").write_text("numpy==2.4.6")
    digest = hashlib.md5(b"numpy==2.4.6").hexdigest()
    (folder / f"managed-layer-{digest}-python3.13-arm64.zip").touch()
    return tmp_path


def checked(
    arguments: str, env: dict[str, str], project: Path, python: tuple[int, int] = (3, 13)
) -> None:
    """By somebody whose profile `far` is for another region than the stage's."""
    regions = {None: "eu-west-1", "far": "us-east-1", "none": None}
    command, settings = typed(arguments.split(), CHALICE), Settings.from_environment(env)
    check(command, settings, lambda profile: regions[profile], project, python)


def ended(
    arguments: str, env: dict[str, str], project: Path, python: tuple[int, int] = (3, 13)
) -> str:
    with pytest.raises(SystemExit) as caught:
        checked(arguments, env, project, python)
    return str(caught.value)


READY = {
    "IMAGES_BUCKET": "images", "WORKFLOW": "arn:aws:states:eu-west-1:123456789012:stateMachine:w",
}  # fmt: skip


@pytest.mark.parametrize("arguments", ["chalice deploy", "chalice dev plan"])
def test_a_stage_that_is_made_ready_is_deployed(arguments: str, project: Path) -> None:
    checked(arguments, READY, project)


@pytest.mark.parametrize("arguments", ["chalice deploy", "chalice dev plan --stage dev"])
def test_a_stage_that_is_not_says_what_makes_it_so(arguments: str, project: Path) -> None:
    assert "`make infra STAGE=dev` first" in ended(arguments, {}, project)
    told = ended("chalice deploy --stage prod", READY, project / "without-zips")
    assert "`make infra STAGE=prod` first" in told
    assert "first" in ended(arguments, READY, project, (3, 12))
    (project / "requirements.txt").write_text("numpy==2.4.7")
    assert "first" in ended(arguments, READY, project)


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


@pytest.mark.parametrize("command", ["deploy", "delete"])
def test_a_stage_is_deployed_and_deleted_where_it_lives(command: str, project: Path) -> None:
    told = ended(f"chalice {command} --profile far", READY, project)
    assert "dev lives in eu-west-1" in told and "AWS_DEFAULT_REGION=eu-west-1" in told
    checked(f"chalice {command}", READY, project)
    checked(f"chalice {command} --profile none", READY, project)  # Chalice says what it lacks
