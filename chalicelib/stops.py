"""Find what an operator stopped by hand, which `chalice deploy` would start again."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from chalicelib.command import Command
from chalicelib.settings import ROOT

RESUME = "RESUME"
"""The variable that `make deploy` sets for Chalice, after its own check."""


def check(
    command: Command | None,
    client: Callable[[str], Any] | None = None,
    project: Path = ROOT,
    env: Mapping[str, str] = os.environ,
) -> None:
    """Ends `chalice deploy` if something was stopped by hand, which Chalice would start again.

    client: makes a client of an AWS service; by default with the command's profile.
    Raises SystemExit, with a sentence.
    """
    if command is None or command.name != "deploy" or RESUME in env:
        return
    record = project / ".chalice" / "deployed" / f"{command.stage}.json"
    if not record.is_file():
        return
    resources = json.loads(record.read_text())["resources"]
    if stopped := _stopped(resources, client or _client_of(command.profile)):
        raise SystemExit(
            f"Stopped by hand: {', '.join(stopped)}. Chalice would start that again, so nothing "
            f"was done. `make deploy STAGE={command.stage} DEPLOY=--resume` deploys and starts it."
        )


def _client_of(profile: str | None) -> Callable[[str], Any]:
    import botocore.session

    create: Callable[[str], Any] = botocore.session.Session(profile=profile).create_client
    return create


def _stopped(resources: list[dict[str, str]], client: Callable[[str], Any]) -> list[str]:
    """Returns functions whose reserved concurrency is 0, and disabled rules."""
    from botocore.exceptions import BotoCoreError, ClientError

    functions = [r["lambda_arn"] for r in resources if "lambda_function" in r.values()]
    rules = [r["rule_name"] for r in resources if "cloudwatch_event" in r.values()]
    try:
        return [*_functions(client("lambda"), functions), *_rules(client("events"), rules)]
    except (BotoCoreError, ClientError) as error:
        raise SystemExit(
            f"AWS did not say whether a function or rule was stopped by hand: {error}"
        ) from error


def _functions(client: Any, arns: list[str]) -> Iterator[str]:
    for arn in arns:
        try:
            answer = client.get_function_concurrency(FunctionName=arn)
        except client.exceptions.ResourceNotFoundException:
            continue
        if answer.get("ReservedConcurrentExecutions") == 0:
            yield arn.rpartition(":")[2]


def _rules(client: Any, names: list[str]) -> Iterator[str]:
    for name in names:
        try:
            answer = client.describe_rule(Name=name)
        except client.exceptions.ResourceNotFoundException:
            continue
        if answer["State"] == "DISABLED":
            yield name
