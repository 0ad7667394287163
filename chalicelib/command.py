"""Find out which command of Chalice imports the app, and stop a command that cannot work."""

import json
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from chalicelib.settings import ROOT, Settings, SettingsError

CLI_MODE = "AWS_CHALICE_CLI_MODE"
"""A variable that every command of Chalice sets before it imports the app (`chalice.cli`)."""
DEPLOYING = ("deploy", "package", "plan")
PYTHONS = ((3, 12), (3, 13))
"""Versions that Lambda runs and our wheels support. Chalice deploys for its own version."""


APP = "serverless-inception"
"""Prefix of the names of a stage's resources."""
STAGE = re.compile(r"[a-z][a-z0-9]{0,15}")
"""Names of stages, as in infrastructure.yaml. They are short, because names of buckets contain them
and have at most 63 characters. No hyphen: Chalice puts one between stage and handler."""


class Place(NamedTuple):
    """An AWS region, and the id of an account."""

    region: str
    account: str


class Command(msgspec.Struct, frozen=True):
    """The command after `chalice`, and its options that matter here."""

    name: str
    stage: str
    host: str
    port: int
    profile: str | None


def typed(
    arguments: Sequence[str] | None = None, env: Mapping[str, str] = os.environ
) -> Command | None:
    """Returns Chalice's command; None in another program.

    arguments: the command line. `chalice local` imports the app in a thread, where click has no
    context to read the command from.
    """
    arguments = sys.argv if arguments is None else arguments
    if CLI_MODE not in env or Path(arguments[0]).stem != "chalice":
        return None
    import argparse  # Lambda needs none of this

    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--project-dir")
    parser.add_argument("command")
    parser.add_argument("--stage", default="dev")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", default=8000, type=int)
    parser.add_argument("--profile")
    options, rest = parser.parse_known_args(arguments[1:])
    name = rest[0] if options.command == "dev" and rest else options.command
    return Command(name, options.stage, options.host, options.port, options.profile)


def local_host(command: Command | None) -> str | None:
    """Returns the address that `chalice local` listens on; None for other commands."""
    return command.host if command and command.name == "local" else None


@contextmanager
def plainly(command: Command | None) -> Iterator[None]:
    """Ends a command of Chalice with one sentence, without a traceback, if the block refuses it.

    Chalice would show a trace. Worse, `chalice local` imports the app in a thread, and would stay
    without serving when that has died. Another program gets the refusal as it is.
    """
    try:
        yield
    except (SettingsError, SystemExit) as refusal:
        if command is None:
            raise
        if threading.current_thread() is threading.main_thread():
            raise SystemExit(str(refusal)) from None
        print(refusal, file=sys.stderr, flush=True)
        os._exit(1)


def bind(host: str, port: int) -> None:
    """Binds a port for a moment, as Chalice's server will. Raises OSError if that cannot be."""
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))


def place_of(profile: str | None) -> Place | None:
    """Returns region and account of a profile or of the environment; None without a region.

    Raises SystemExit if AWS cannot tell, because credentials are missing or have expired.
    """
    import botocore.session
    from botocore.exceptions import BotoCoreError, ClientError

    session = botocore.session.Session(profile=profile)
    try:
        region: str | None = session.get_config_variable("region")
        if region is None:
            return None
        sts = session.create_client("sts", region_name=region)
        return Place(region, sts.get_caller_identity()["Account"])
    except (BotoCoreError, ClientError) as error:
        raise SystemExit(
            f"AWS cannot tell who you are ({error}): run `aws configure` or `aws sso login`, or "
            "give --profile."
        ) from error


def check(
    command: Command | None,
    settings: Settings,
    place_of: Callable[[str | None], Place | None] = place_of,
    project: Path = ROOT,
    python: tuple[int, int] = sys.version_info[:2],
    bind: Callable[[str, int], None] = bind,
) -> None:
    """Ends a deployment that cannot work, or goes to the wrong place, before it changes AWS.

    Also ends `chalice local` if it cannot have its port.
    settings: of the stage. Raises SystemExit, with a sentence.
    """
    if command and command.name == "local":
        _check_port(command, bind)
    if command and command.name in DEPLOYING:
        _check_stage(command.stage, project)
        # an entry copied from another stage has that stage's buckets, queues and token
        own = settings.workflow.endswith(f":{APP}-{command.stage}-workflow")
        guarded = settings.public or bool(settings.token_sha256)
        _check_ready(command, own and guarded, project, python)
    if command and command.name in (*DEPLOYING, "delete") and settings.workflow:
        # roles have no region: from another region, `delete` would remove the running stage's roles
        home, here = Place(*settings.workflow.split(":")[3:5]), place_of(command.profile)
        if here and here != home:
            raise SystemExit(
                f"Stage {command.stage} lives in {home.region} of account {home.account}, but "
                f"your settings lead to {here.region} of {here.account}. Set AWS_DEFAULT_REGION "
                "and AWS_PROFILE, or give --profile."
            )


def _check_port(command: Command, bind: Callable[[str, int], None]) -> None:
    try:
        bind(command.host, command.port)
    except (OSError, OverflowError) as error:  # OverflowError: a number that is no port
        reason = error.strerror if isinstance(error, OSError) else error
        raise SystemExit(
            f"Port {command.port} of {command.host} cannot be used ({reason}). Choose "
            f"another one, for example: chalice local --port {min(command.port + 1, 65535)}"
        ) from error


def _check_stage(stage: str, project: Path) -> None:
    if not STAGE.fullmatch(stage):
        raise SystemExit(
            f"{stage!r} is not a valid name for a stage: use 1 to 16 lower-case letters and "
            "digits, starting with a letter."
        )
    stages = json.loads((project / ".chalice" / "config.json").read_text())["stages"]
    if stage not in stages:
        raise SystemExit(
            f"There is no stage {stage!r} to deploy. .chalice/config.json has "
            f"{', '.join(stages)}. To add a stage, copy an entry there."
        )


def _check_ready(
    command: Command, is_recorded: bool, project: Path, python: tuple[int, int]
) -> None:
    stage = command.stage
    if command.name == "package":
        raise SystemExit(
            "Chalice cannot package this app, because it listens to a bucket and sets how long "
            f"logs are kept. Use `make infra STAGE={stage}` and then `chalice deploy --stage "
            f"{stage}`, or `make package` for the zips alone."
        )
    major, minor = python
    if python not in PYTHONS:
        raise SystemExit(
            f"Chalice deploys for the Python that it runs on, here {major}.{minor}, but Lambda "
            "needs 3.13 or 3.12. Use a virtual environment of one of these, or `make deploy "
            f"STAGE={stage}`, which makes one."
        )
    if not (is_recorded and _has_packages(project, python)):
        raise SystemExit(
            f"Run `make infra STAGE={stage}` first. It makes buckets, queues and layers, builds "
            "the packages, and writes what Chalice needs into .chalice."
        )


def _has_packages(project: Path, python: tuple[int, int]) -> bool:
    """Whether Chalice finds our layer for these requirements. Its own would not be pinned."""
    from chalice.deploy.packager import DependencyBuilder, LayerDeploymentPackager
    from chalice.utils import UI, OSUtils

    packager = LayerDeploymentPackager(OSUtils(), DependencyBuilder(OSUtils()), UI())
    version = "python{}.{}".format(*python)
    path = Path(packager.deployment_package_filename(str(project), version))
    return any(path.parent.glob(f"{path.stem}*.zip"))  # its name ends in the architecture
