"""Writes what Chalice reads: a stage's configuration and policies.

`make infra` does so, and then `chalice deploy` needs nothing else.
"""

import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from chalicelib.command import APP
from chalicelib.subscriptions import Subscriptions
from tools.bundling.zips import FINISHED
from tools.deploying.policies import rendered
from tools.deploying.step import Tell
from tools.deploying.target import Config, Target, api_stage, handlers, is_traced

CONFIG = Path(".chalice", "config.json")
POLICIES = Path("policies")
"""The templates, named after the functions; and, below `.chalice`, where each stage's own are."""
LAYER = re.compile(rf":layer:{APP}-[a-z0-9]+-(model|onnxruntime):\d+$")
"""Ends the ARN of a layer that a deployment has made, of whichever stage."""
SOURCES = ("app.py", "chalicelib", "requirements.txt", "requirements.lock")
"""What decides on the code that is deployed."""


@dataclass(frozen=True)
class Made:
    """What a stage has on AWS that Chalice must know.

    variables: of the functions' environment; they tell the stage's `Subscriptions`. managed: the
    names of all that could be among them. layers: ARNs. limits: reserved concurrencies that were
    asked for or set by hand, by handler: Chalice deletes what its configuration does not have.
    """

    variables: Mapping[str, str]
    managed: Collection[str]
    layers: list[str]
    limits: Mapping[str, int]


def recorded(config: Config, stage: str, made: Made) -> Config:
    """The configuration with what was made, in the stage's entry."""
    own = config["stages"][stage]
    functions = {
        handler: {
            **own.get("lambda_functions", {}).get(handler, {}),
            "iam_policy_file": (POLICIES / stage / f"{handler}.json").as_posix(),
        }
        for handler in handlers(config, Subscriptions.from_environment(made.variables))
    }
    for handler in functions.keys() & made.limits.keys():
        functions[handler]["reserved_concurrency"] = made.limits[handler]
    kept = {
        name: value
        for name, value in own.get("environment_variables", {}).items()
        if name not in made.managed
    }
    entry = {
        **own,
        "api_gateway_stage": api_stage(config, stage),
        "environment_variables": {**kept, **made.variables},
        "layers": [arn for arn in own.get("layers", []) if not LAYER.search(arn)] + made.layers,
        "lambda_functions": functions,
    }
    return {**config, "stages": {**config["stages"], stage: entry}}


def forgotten(config: Config, stage: str, managed: Collection[str]) -> Config:
    """The configuration without what was made for the stage. managed: names of variables."""
    bare = recorded(config, stage, Made({}, managed, [], {}))
    entry = bare["stages"][stage]
    for function in entry["lambda_functions"].values():
        del function["iam_policy_file"]
    for name in ("environment_variables", "layers", "lambda_functions"):
        if not any(entry[name].values() if isinstance(entry[name], dict) else entry[name]):
            del entry[name]
    return bare


def is_copy(config: Config, stage: str) -> bool:
    """Whether the stage's entry was copied from a stage that was deployed before."""
    functions = config["stages"][stage].get("lambda_functions", {}).values()
    files = [
        Path(function["iam_policy_file"]) for function in functions if "iam_policy_file" in function
    ]
    return any(file.parent.parent == POLICIES and file.parent.name != stage for file in files)


class ConfigurationStep:
    """Writes the files if they differ.

    made: what there is on AWS now; None if the stack is not there yet.
    """

    title = "What Chalice reads (.chalice)"

    def __init__(
        self, project: Path, target: Target, config: Config, made: Callable[[], Made | None]
    ) -> None:
        self._project = project
        self._target = target
        self._config = config
        self._made = made

    def files(self) -> dict[Path, Config]:
        """What Chalice is to read, by the path in the project; empty without a stack.

        Raises DeployError if a policy cannot be made.
        """
        made = self._made()
        if made is None:
            return {}
        stage = self._target.stage
        folder, traced = Path(".chalice") / POLICIES / stage, is_traced(self._config, stage)
        templates = self._project / POLICIES
        return {
            CONFIG: recorded(self._config, stage, made),
            **{
                folder / f"{handler}.json": rendered(
                    templates / f"{handler}.json", self._target, made.variables, traced
                )
                for handler in handlers(
                    self._config, Subscriptions.from_environment(made.variables)
                )
            },
        }

    def changes(self) -> list[str]:  # noqa: D102
        files = self.files()
        if not files:
            return [f"write {CONFIG} and a policy for each function"]
        return [f"write {path}" for path in files if self._is_stale(path, files[path])]

    def apply(self, tell: Tell) -> None:  # noqa: D102
        for path, content in self.files().items():
            if self._is_stale(path, content):
                self._write(path, content)

    def digest(self, version: str) -> str:
        """SHA-256 of everything that Chalice's result depends on. version: Lambda's Python."""
        whole = hashlib.sha256(f"{version} {FINISHED.decode()}".encode())
        stage = self._target.stage
        for path, content in self.files().items():
            if path == CONFIG:
                content = {**content, "stages": {stage: content["stages"][stage]}}
            whole.update(f"{path} {json.dumps(content, sort_keys=True)}\n".encode())
        for path in sorted(_sources(self._project)):
            content_digest = hashlib.sha256(path.read_bytes()).hexdigest()
            whole.update(f"{path.relative_to(self._project)} {content_digest}\n".encode())
        return whole.hexdigest()

    def change(self, variable: str, value: str) -> None:
        """Write another value of a variable, if the stage's entry has one."""
        variables = self._config["stages"][self._target.stage].get("environment_variables", {})
        if variable in variables:
            variables[variable] = value
            self._write(CONFIG, self._config)

    def forget(self, managed: Collection[str]) -> None:
        """Take away what was written, once the stage is gone. managed: as in `Made`."""
        self._write(CONFIG, forgotten(self._config, self._target.stage, managed))
        folder = self._project / ".chalice" / POLICIES / self._target.stage
        for path in folder.glob("*.json"):
            path.unlink()
        if folder.is_dir():
            folder.rmdir()

    def _is_stale(self, path: Path, content: Config) -> bool:
        file = self._project / path
        return not file.is_file() or json.loads(file.read_text()) != content

    def _write(self, path: Path, content: Config) -> None:
        target = self._project / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(content, indent=2) + "\n")


def _sources(project: Path) -> Iterable[Path]:
    for name in SOURCES:
        path = project / name
        yield from (
            [path]
            if path.is_file()
            else (
                file
                for file in path.rglob("*")
                if file.is_file() and "__pycache__" not in file.parts
            )
        )


def requirements(project: Path) -> list[str]:
    """Packages that Chalice needs installed, because it imports the app."""
    development = (project / "requirements-dev.txt").read_text().splitlines()
    deployed = (project / "requirements.txt").read_text().splitlines()
    pinned = [line for line in deployed if line and not line.startswith("#")]
    return pinned + [line for line in development if line.startswith("chalice==")]
