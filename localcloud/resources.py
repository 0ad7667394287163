"""The stack of `infrastructure.yaml` on the local AWS, and its outputs for the app."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from stage.template import assembled, variable

CREATE_SECONDS = 60
REFUSALS = (BotoCoreError, ClientError, ResponseParserError)
QUICK = Config(
    connect_timeout=2, read_timeout=CREATE_SECONDS, retries={"total_max_attempts": 1}, proxies={}
)


class StackError(RuntimeError):
    """The stack could not be made; the message says why."""


def client(service: str, env: Mapping[str, str], config: Config = QUICK) -> Any:
    """Makes a client of the AWS in `env`."""
    session = boto3.session.Session(
        env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], region_name=env["AWS_REGION"]
    )
    return session.client(service, endpoint_url=env["AWS_ENDPOINT_URL"], config=config)


def create(
    name: str, template: Path, parameters: Mapping[str, str], env: Mapping[str, str]
) -> None:
    """Makes the stack on the AWS in `env`. Raises StackError."""
    pairs = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    try:
        client("cloudformation", env).create_stack(
            StackName=name, TemplateBody=assembled(template), Parameters=pairs
        )
    except (OSError, ValueError, *REFUSALS) as error:
        raise StackError(f"The stack of {template} could not be created: {error}") from error


def outputs(cloudformation: Any, name: str) -> dict[str, str] | None:
    """Returns the stack's outputs by environment variable; None if it does not exist yet.

    Raises StackError if it failed.
    """
    try:
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except REFUSALS:
        return None
    if stack["StackStatus"].endswith(("FAILED", "ROLLBACK_COMPLETE")):
        raise StackError(f"The stack {name} is {stack['StackStatus']}.")
    if stack["StackStatus"] != "CREATE_COMPLETE":
        return None
    return {
        variable(output["OutputKey"]): output["OutputValue"] for output in stack.get("Outputs", [])
    }


def wait_for_outputs(name: str, seconds: float = CREATE_SECONDS) -> dict[str, str]:
    """Waits for the stack, and returns its outputs. Raises StackError after `seconds`."""
    cloudformation = client("cloudformation", os.environ)
    deadline = time.monotonic() + seconds
    while (values := outputs(cloudformation, name)) is None:
        if time.monotonic() > deadline:
            raise StackError(f"There is no stack {name} after {seconds:.0f} s.")
        time.sleep(0.05)
    return values
