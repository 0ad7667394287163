"""Checks before anything is changed."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tools.bundling.build import model_layer, placed
from tools.bundling.enginelayer import engine_layer
from tools.bundling.pythons import BundleError, interpreter
from tools.bundling.sizes import measure, megabytes
from tools.deploying.step import DeployError, Tell
from tools.deploying.target import Target

VERSIONS = ("3.13", "3.12")
"""Python versions that Lambda and our requirements' wheels support, preferred first."""


def python_version(find: Callable[[str], Path] = interpreter) -> str:
    """The Python version to deploy with, and for. Raises DeployError if none is installed."""
    for version in VERSIONS:
        try:
            find(version)
        except BundleError:
            continue
        return version
    raise DeployError(
        "Deploying needs Python 3.13 or 3.12: Chalice deploys for the Python that it runs on, "
        "and Lambda accepts no older version for new functions. Install it, for example with "
        "`pyenv install 3.13` or `uv python install 3.13`."
    )


def account(session: Any, stage: str) -> tuple[Target, str]:
    """The account and the owner of the credentials. Raises DeployError."""
    if not session.region_name:
        raise DeployError(
            "No region is set: set AWS_DEFAULT_REGION, or give --region REGION (with make: "
            'DEPLOY="--region REGION").'
        )
    if session.get_credentials() is None:
        raise DeployError(
            "There are no AWS credentials: run `aws configure` or `aws sso login`, or give "
            "--profile."
        )
    try:
        identity = session.client("sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise DeployError(
            f"AWS does not accept the credentials ({error}). Renew them, for example with `aws "
            "sso login`."
        ) from error
    partition = identity["Arn"].split(":")[1]
    return Target(stage, identity["Account"], session.region_name, partition), identity["Arn"]


def stand_in(environment: Mapping[str, str]) -> str:
    """Says that something stands in for AWS, such as the AWS of `make run`; empty otherwise."""
    url = environment.get("AWS_ENDPOINT_URL")
    return f"not on AWS, but on {url}, which AWS_ENDPOINT_URL names" if url else ""


def sizes(
    project: Path, architecture: str, version: str, package: Any, with_engine: bool, tell: Tell
) -> None:
    """Build the zips, and put them where `chalice deploy` of the project finds them.

    with_engine: with the second engine's layer. Raises DeployError if Lambda would refuse them.
    """
    tell("building the zips …")
    try:
        zips = placed(project, architecture, version)
        engine = {"engine layer": engine_layer(version)} if with_engine else {}
    except BundleError as error:
        raise DeployError(str(error)) from error
    with tempfile.TemporaryDirectory() as folder:
        layer = model_layer(package, Path(folder) / "model.zip")
        measured = measure({**zips, **engine, "model layer": layer})
    if excess := measured.excess():
        raise DeployError(excess)
    margin = measured.margin
    tell(
        f"zips fit: {megabytes(margin.zipped)} MB below the limit of one, "
        f"{megabytes(margin.unpacked)} MB below the limit unpacked"
    )
