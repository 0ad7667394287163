"""The local cloud: a process each for AWS, the functions and the API."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import urllib3

from localcloud import resources
from localcloud.environment import aws_environment
from localcloud.listening import LOOPBACK
from localcloud.supervisor import WATCH_SECONDS, Child, wait_for

START_SECONDS = 60
API = ("project", "stack_name", "host", "port", "url_port")
"""The options of the process that serves the app."""


@dataclass(frozen=True)
class Options:
    """What `python -m localcloud` was asked for.

    host, port: of the API. url_port, aws_port, functions_port: on loopback. schedule_seconds:
    instead of what the app's schedules say; None for those. parameters: of the stack, besides its
    stage. triggers: names of `chalicelib.subscriptions.VARIABLES`. aws: the module that plays AWS.
    """

    project: Path
    template: Path
    stack_name: str
    host: str
    port: int
    url_port: int
    aws_port: int
    functions_port: int
    concurrency: int
    visibility_timeout: int
    schedule_seconds: float | None
    parameters: Mapping[str, str]
    triggers: Sequence[str] = ()
    aws: str = "localcloud.motoserver"


class Cloud:
    """The processes. env: their environment."""

    def __init__(self, options: Options, env: Mapping[str, str]) -> None:
        self._options = options
        self._env = aws_environment(env, options.aws_port)
        self._aws = Child("aws", options.aws, _aws_options(options))
        self._functions = Child("functions", "localcloud.awslambda", _functions_options(options))
        self._api = Child("api", "localcloud.api", _words(options, *API))
        self._children = [self._aws, self._functions, self._api]

    def start(self) -> dict[str, str]:
        """Starts all processes, and returns the stack's outputs once all answer.

        They start at once, and wait for the stack if they need it. Raises ClickException if one
        does not start.
        """
        for child in self._children:
            child.start(self._env)
        wait_for(self._answers, self._children, START_SECONDS)
        client = resources.client("cloudformation", self._env)
        return resources.outputs(client, self._options.stack_name) or {}

    def watch(self) -> None:
        """Restarts processes that end, for ever. Raises ClickException if one keeps ending."""
        while True:
            time.sleep(WATCH_SECONDS)
            for child in self._children:
                if child.ended:
                    self._restart(child)

    def stop(self) -> None:
        """Ends all processes."""
        for child in reversed(self._children):
            child.stop()

    def _restart(self, child: Child) -> None:
        lost = " What it held is lost." if child is self._aws else ""
        told = f"{child.name} ended ({child.ended}) and was started again.{lost}"
        click.secho(told, fg="yellow", err=True)
        child.start(self._env)
        if child is self._aws:
            self._functions.stop()  # its queues are gone too
            self._functions.start(self._env)

    def _answers(self) -> bool | None:
        """True once the functions are there and the app can classify; None until then."""
        host = LOOPBACK if self._options.host == "0.0.0.0" else self._options.host  # noqa: S104  # nosec B104
        try:
            urllib3.request(
                "GET", f"http://{LOOPBACK}:{self._options.functions_port}/", retries=False
            )
            answer = urllib3.request(
                "GET", f"http://{host}:{self._options.port}/health", retries=False
            )
        except urllib3.exceptions.HTTPError:
            return None
        if answer.status != 200:
            raise click.ClickException(f"The app does not answer: {answer.data.decode()}")
        return True


def _aws_options(options: Options) -> list[str]:
    parameters = {
        "Stage": "local",
        "VisibilityTimeout": str(options.visibility_timeout),
        **options.parameters,
    }
    return [
        *_words(options, "functions_port", "concurrency", "template", "stack_name"),
        *("--port", str(options.aws_port), "--app", options.host, str(options.port)),
        *(part for pair in parameters.items() for part in ("--parameter", *pair)),
    ]


def _functions_options(options: Options) -> list[str]:
    names = ("project", "stack_name", "concurrency", "visibility_timeout", "schedule_seconds")
    triggers = [part for name in options.triggers for part in ("--trigger", name)]
    return [*_words(options, *names), "--port", str(options.functions_port), *triggers]


def _words(options: Options, *names: str) -> list[str]:
    """Returns these options as words of a command line, without those that are None."""
    values = {name: getattr(options, name) for name in names}
    return [
        word
        for name, value in values.items()
        if value is not None
        for word in (f"--{name.replace('_', '-')}", str(value))
    ]
