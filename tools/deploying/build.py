"""The folder that Chalice deploys: the app, and its configuration with this stage's names in it."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from tools.bundling.zips import FINISHED
from tools.deploying.policies import rendered
from tools.deploying.target import Config, Target

OWN = ("deployments", "deployed")
"""What Chalice keeps below `.chalice`: zips, which take a while to make, and its record."""
SOURCES = {"app.py": "app.py", "requirements.lock": "requirements.txt", "chalicelib": "chalicelib"}
"""What is copied, and under which name: Chalice installs what a requirements.txt says.

No `vendor`: the model is a layer, and a deployed stage never falls back to the bundled one."""


def assemble(
    project: Path,
    folder: Path,
    target: Target,
    config: Config,
    environment: Mapping[str, str],
    layers: list[str],
) -> str:
    """Fill `folder`; return the SHA-256 of all that is in it, in hexadecimal.

    environment: of the stack's outputs and the wishes, by variable. layers: ARNs.
    Raises DeployError where a policy cannot be made.
    """
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name != ".chalice":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name, deployed in SOURCES.items():
        _copy(project / name, folder / deployed)
    chalice = folder / ".chalice"
    shutil.rmtree(chalice / "policies", ignore_errors=True)
    chalice.mkdir(exist_ok=True)
    config = rendered_config(config, target.stage, environment, layers)
    (chalice / "config.json").write_text(json.dumps(config, indent=2))
    for template in sorted((project / ".chalice" / "policies").glob("*.json")):
        policy = rendered(template, target, environment)
        (chalice / "policies").mkdir(exist_ok=True)
        (chalice / "policies" / template.name).write_text(json.dumps(policy, indent=2))
    return digest(folder)


def rendered_config(
    config: Config, stage: str, environment: Mapping[str, str], layers: list[str]
) -> Config:
    """The configuration with the one stage, to which the variables and layers are given."""
    own = config["stages"][stage]
    variables = {**own.get("environment_variables", {}), **environment}
    entry = {**own, "environment_variables": variables, "layers": own.get("layers", []) + layers}
    return {**config, "stages": {stage: entry}}


def keep_limits(folder: Path, limits: Mapping[str, int]) -> None:
    """Tell Chalice of reserved concurrencies that were set by hand, lest it deletes them.

    limits: by handler. They decide nothing on what is deployed, so the digest is without them.
    """
    path = folder / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    for handler, limit in limits.items():
        config["lambda_functions"].setdefault(handler, {})["reserved_concurrency"] = limit
    path.write_text(json.dumps(config, indent=2))


def requirements(project: Path) -> list[str]:
    """What must be installed where Chalice runs: it imports the app."""
    development = (project / "requirements-dev.txt").read_text().splitlines()
    deployed = (project / "requirements.txt").read_text().splitlines()
    pinned = [line for line in deployed if line and not line.startswith("#")]
    return pinned + [line for line in development if line.startswith("chalice==")]


def with_versions(digest: str, version: str, project: Path) -> str:
    """The digest with what else decides on the result: Python's version, Chalice's, and ours."""
    parts = [digest, version, *requirements(project), FINISHED.decode()]
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()


def digest(folder: Path) -> str:
    """SHA-256 over the names and contents of the folder, but for what Chalice caches in it."""
    whole = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder)
        if name.parts[0] == ".chalice" and name.parts[1] in OWN:
            continue
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        whole.update(f"{name.as_posix()} {content}\n".encode())
    return whole.hexdigest()


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    else:
        shutil.copy2(source, target)
