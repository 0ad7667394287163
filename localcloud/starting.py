"""Start `python -m localcloud` for a program that needs an app and an AWS, and end it."""

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import boto3
from botocore.config import Config

from chalicelib.settings import ROOT
from stage.lifeline import Lifeline

PYTHON = [sys.executable, "-m"]
LOCALCLOUD = [*PYTHON, "localcloud", "--port", "0", "--aws-port", "0"]
END_SECONDS = 60
"""How long it may take to end: its parts may take 15 s, and a busy machine far longer."""
TOLD = re.compile(
    r"^  (http\S+) serves .*\n +aws .*--endpoint-url (\S+) .* s3://(\S+)/$", re.MULTILINE
)
"""What it prints once it serves: the URLs of the app and of AWS, and the bucket of images."""
TOLD_LAST = re.compile(r"^  (http\S+) is the function URL, .*$", re.MULTILINE)

Result = TypeVar("Result")
Command = Sequence[str | Path]


@dataclass(frozen=True)
class LocalCloud:
    """What `python -m localcloud` serves: the app, an AWS, and a bucket of it for images.

    function_url: the app without API Gateway. process: the supervisor. log: what it prints.
    """

    url: str
    function_url: str
    aws: str
    images: str
    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def results(self) -> str:
        """The bucket for results."""
        return self.images.replace("-images-", "-results-")

    def client(self, service: str, agent: str = "") -> Any:
        """A boto3 client of its AWS. agent: what it calls itself besides."""
        return boto3.client(
            service,
            endpoint_url=self.aws,
            region_name="us-east-1",
            aws_access_key_id="any",
            aws_secret_access_key="any",  # noqa: S106  # nosec B106 - moto takes any
            config=Config(user_agent_extra=agent),
        )


@contextlib.contextmanager
def running(log: Path, model: str, *options: str, **env: str) -> Iterator[LocalCloud]:
    """The app and its AWS, served by `python -m localcloud` until the end of the block.

    log: gets all that it prints. It ends with this process too, however that ends.
    Raises AssertionError where it does not start, or end, well.
    """
    command = [*LOCALCLOUD, "--model", model, *options]
    with (
        log.open("wb") as output,
        contextlib.closing(Lifeline()) as lifeline,
        started(
            command,
            {"PYTHONUNBUFFERED": "1", **env, **lifeline.env},
            pass_fds=lifeline.fds,
            stdout=output,
            stderr=output,
        ) as process,
    ):
        last = wait_for(lambda: TOLD_LAST.search(log.read_text()) or process.poll() is not None)
        told = TOLD.search(log.read_text())
        assert told and isinstance(last, re.Match), log.read_text()
        url, aws, images = told.groups()
        yield LocalCloud(url, last[1], aws, images, process, log)
        process.terminate()
        assert process.wait(END_SECONDS) == 0, log.read_text()


@contextlib.contextmanager
def started(
    command: Command,
    env: dict[str, str] | None = None,
    seconds: float = END_SECONDS,
    **options: Any,
) -> Iterator["subprocess.Popen[bytes]"]:
    """The process, until the end of the block: then it is asked to end, and killed if it does not.

    It runs in the project's folder. env: what its environment has beside that of this process.
    seconds: how long it may take to end. options: of Popen.
    Raises AssertionError where it had to be killed.
    """
    process = subprocess.Popen(  # noqa: S603 - ours, no shell's
        command, cwd=ROOT, env=os.environ | (env or {}), **options
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"{process.args!r} did not end within {seconds} s") from None


def wait_for(what: Callable[[], Result], seconds: float = 90) -> Result:
    """What it gives, as soon as that is true of it."""
    deadline = time.monotonic() + seconds
    while not (result := what()):
        assert time.monotonic() < deadline, f"waited {seconds} seconds for it in vain"
        time.sleep(0.1)
    return result
