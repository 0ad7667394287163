"""A clone of the project, the commands that a user types in it, and an AWS with nothing in it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest

from localcloud import resources
from localcloud.environment import REGION, aws_environment
from localcloud.listening import held_port
from localcloud.supervisor import Child, wait_for
from tests.clone import clone
from tests.conftest import ROOT
from tests.functional.gate import Gate, gate
from tests.samplepackages import with_second_engine, without_second_engine
from tools.bundling.build import alone
from tools.bundling.pythons import environment
from tools.bundling.zips import required
from tools.deploying.checks import python_version
from tools.deploying.configuration import requirements
from tools.deploying.step import DeployError

OPEN = {
    "/", "/docs", "/static/{name}", "/favicon.ico", "/robots.txt", "/health", "/openapi.json",
}  # fmt: skip


def _reason_to_skip() -> str:
    try:
        python_version()
    except DeployError as error:
        return str(error)
    return ""


REASON = _reason_to_skip()
NEEDS_PYTHON = pytest.mark.skipif(bool(REASON), reason=REASON or "-")


class Said(NamedTuple):
    status: int
    text: str


class Tool:
    """The tool, run as by a user, in a copy of the project."""

    def __init__(self, project: Path, gate: Gate) -> None:
        self.project = project
        self.gate = gate
        port = int(gate.url.rpartition(":")[2])
        self.env = aws_environment(dict(os.environ), port)
        self._clients: dict[tuple[str, str], Any] = {}

    def __call__(self, *options: str, stage: str = "dev") -> Said:
        return self._run(sys.executable, "-m", "tools.deploy", "--stage", stage, *options)

    def deploy(self, *options: str, stage: str = "dev") -> Said:
        return self("--model", "doodle", "--yes", "--no-check", *options, stage=stage)

    def chalice(self, *arguments: str, text: str | None = None) -> Said:
        """Chalice of Lambda's Python, typed in the project. text: for its standard input."""
        version = python_version()
        folder = ROOT / "build" / "deploy" / f"python{version}"
        with alone(folder.parent):
            python = environment(folder, version, requirements(ROOT))
        return self._run(str(python.with_name("chalice")), *arguments, text=text)

    def client(self, service: str, region: str = REGION) -> Any:
        place = service, region
        if place not in self._clients:
            self._clients[place] = boto3.client(
                service, endpoint_url=self.env["AWS_ENDPOINT_URL"], region_name=region,
                aws_access_key_id="test", aws_secret_access_key="test",
            )  # fmt: skip
        return self._clients[place]

    def _run(self, *command: str, text: str | None = None) -> Said:
        done = subprocess.run(
            command, cwd=self.project, env=self.env, input=text or "", text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        return Said(done.returncode, done.stdout)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, which deploys hardly any layer.

    Of all that it needs on Lambda, its layer has one small package: each deployment sends the layer
    anew. The whole one is built in test_bundle.py, and deployed in test_teach_deployed.py.
    """
    copy = copied(tmp_path_factory.mktemp("project"))
    lock = copy / "requirements.lock"
    version = re.search(r"^multipart==\S+", lock.read_text(), re.MULTILINE)
    assert version
    lock.write_text(required(lock.read_text(), version[0]))
    with_second_engine(copy / "vendor" / "models" / "doodle")
    without_second_engine(copy / "vendor" / "models" / "doodle-small")
    return copy


def copied(folder: Path) -> Path:
    """A copy of the project, whose virtual environments are the project's own."""
    copy = clone(folder)
    for environments in ("build/package", "build/deploy/python3.13", "build/deploy/python3.12"):
        (ROOT / environments).mkdir(parents=True, exist_ok=True)
        (copy / environments).parent.mkdir(parents=True, exist_ok=True)
        (copy / environments).symlink_to(ROOT / environments)
    return copy


@pytest.fixture(scope="module")
def ports() -> Iterator[tuple[int, int]]:
    """Of a local AWS, and of its functions."""
    with held_port() as first, held_port() as second:
        yield first, second


@pytest.fixture(scope="module")
def tool(project: Path, ports: tuple[int, int]) -> Iterator[Tool]:
    """In front of a local AWS of its own, with nothing of the stage in it."""
    port, functions_port = ports
    env = aws_environment(dict(os.environ), port)
    options = {
        "--port": port, "--functions-port": functions_port, "--concurrency": 1,
        "--template": ROOT / "infrastructure.yaml", "--stack-name": "serverless-inception-local",
    }  # fmt: skip
    words = [str(word) for pair in options.items() for word in pair]
    aws = Child("aws", "localcloud.motoserver", [*words, "--parameter", "Stage", "local"])
    aws.start(env)
    client = resources.client("cloudformation", env)
    try:
        wait_for(lambda: resources.outputs(client, "serverless-inception-local"), [aws], 60)
        with gate(env["AWS_ENDPOINT_URL"]) as before:
            yield Tool(project, before)
    finally:
        client.close()
        aws.stop()


def guarded(tool: Tool) -> dict[tuple[str, str], bool]:
    """Whether each method of the API in front of the functions wants a token, by path and verb."""
    client = tool.client("apigateway")
    (api,) = client.get_rest_apis()["items"]
    authorizers = {
        authorizer["id"] for authorizer in client.get_authorizers(restApiId=api["id"])["items"]
    }
    return {
        (resource["path"], verb): method["authorizationType"] == "CUSTOM"
        and method["authorizerId"] in authorizers
        for resource in client.get_resources(restApiId=api["id"])["items"]
        for verb, method in resource.get("resourceMethods", {}).items()
    }
