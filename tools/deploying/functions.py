"""What `chalice deploy` makes: functions, roles, the API and events."""

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from chalicelib.stops import RESUME
from chalicelib.wording import count
from tools.deploying.chalicerecord import Record, Resource, described
from tools.deploying.kept import KeptStep
from tools.deploying.step import DeployError, Tell
from tools.deploying.target import API_HANDLER, MANAGED_LAYER, Target
from tools.deploying.waiting import settle

STAMP = "serverless-inception-source"
"""A tag of the API's function: what was deployed, and how many resources."""


class FunctionsStep:
    """Runs Chalice, unless exactly this is deployed.

    digest: of everything that Chalice's result depends on. run: runs `chalice ARGUMENTS`, and tells
    its lines.
    """

    title = "Functions, API, events (chalice deploy)"

    def __init__(
        self,
        client: Any,
        target: Target,
        kept: KeptStep,
        digest: Callable[[], str],
        record: Callable[[], Record],
        run: Callable[[list[str], Tell], None],
    ) -> None:
        self._client = client
        self._target = target
        self._kept = kept
        self._digest = digest
        self._record = record
        self._run = run

    def changes(self) -> list[str]:  # noqa: D102
        functions = self._record().functions()
        if not functions:
            return ["create the functions, their roles, the API and what calls them"]
        if self._stamped(functions) == self._stamp(self._digest()):
            return []
        return [
            f"deploy the code and configuration to {count(len(functions), 'function')} and the API",
            *(
                f"{_verb(leftover)} {described(leftover)}"
                for leftover in self._record().leftovers()
            ),
        ]

    def apply(self, tell: Tell) -> None:  # noqa: D102
        self._settle()
        # a deployment that ends half-way must not look like the one before
        for arn in [arn for name, arn in self._record().functions().items() if name == API_HANDLER]:
            self._client.untag_resource(Resource=arn, TagKeys=[STAMP])
        self._run(["deploy", "--stage", self._target.stage], tell)
        arn = self._record().functions()[API_HANDLER]
        self._client.tag_resource(Resource=arn, Tags={STAMP: self._stamp(self._digest())})

    def delete(self, tell: Tell) -> None:
        """Delete everything that Chalice made."""
        self._settle()
        self._kept.apply(tell)
        self._run(["delete", "--stage", self._target.stage], tell)
        self._kept.forget()

    def _settle(self) -> None:
        """Wait for changes of an interrupted run, because Lambda allows one at a time."""
        for handler, arn in self._record().functions().items():
            settle(self._client, "FunctionSettled", f"The function of {handler}", FunctionName=arn)

    def _stamp(self, digest: str) -> str:
        return f"{digest[:32]}.{len(self._record().resources())}"

    def _stamped(self, functions: Mapping[str, str]) -> str:
        arn = functions.get(API_HANDLER)
        tags = self._client.list_tags(Resource=arn)["Tags"] if arn else {}
        return str(tags.get(STAMP, ""))


def _verb(leftover: Resource) -> str:
    return "replace" if leftover["name"] == MANAGED_LAYER else "delete"


class Chalice:
    """Chalice in a virtual environment of another Python.

    program: its command. environment: includes credentials and region.
    """

    def __init__(self, program: Path, folder: Path, environment: Mapping[str, str]) -> None:
        self._program = program
        self._folder = folder
        self._environment = dict(environment)

    def __call__(self, arguments: list[str], tell: Tell) -> None:
        """Run it. Raises DeployError with its last message."""
        command = [str(self._program), "--project-dir", str(self._folder), *arguments]
        said: list[str] = []
        with subprocess.Popen(  # noqa: S603
            command, env=self._environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            for line in process.stdout:
                said.append(line.strip())
                if line.startswith(("Creating", "Updating", "Deleting", "Config", "Subscribing")):
                    tell(line.strip())
        if process.returncode:
            raise DeployError(
                f"chalice {arguments[0]} failed: {reason(said)} Fix that, then run the same "
                "command again: it continues from there."
            )


def reason(said: list[str]) -> str:
    """The error among Chalice's lines, without the traceback."""
    lines = [line for line in said if line]
    for number, line in enumerate(lines):
        start = line.rfind("received the following error:")
        if start >= 0 and lines[number + 1 :]:
            return " ".join(lines[number + 1 :])[:1000]
    return lines[-1] if lines else "it said nothing."


def credentials_environment(session: Any, env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """`env` with the session's credentials and region, as every AWS tool reads them."""
    frozen = session.get_credentials().get_frozen_credentials()
    kept = {name: value for name, value in env.items() if name not in ("AWS_PROFILE", "PYTHONPATH")}
    own = {
        RESUME: "true",  # what is stopped was looked for before
        "PYTHONDONTWRITEBYTECODE": "1",  # Chalice would pack what importing the app leaves behind
        "AWS_ACCESS_KEY_ID": frozen.access_key,
        "AWS_SECRET_ACCESS_KEY": frozen.secret_key,
        "AWS_SESSION_TOKEN": frozen.token or "",
        "AWS_DEFAULT_REGION": session.region_name,
        "AWS_REGION": session.region_name,
    }
    return kept | {name: value for name, value in own.items() if value}
