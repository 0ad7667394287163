"""Run a deployed function here: its unzipped disk, and awslambdaric."""

import contextlib
import json
import os
import re
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from chalicelib.settings import ROOT
from localcloud.disk import Image, command
from localcloud.environment import ACCOUNT
from localcloud.runtimeapi import Died, Outcome, RuntimeApi
from localcloud.sampleevents import REGION

INIT_SECONDS = 60
DECLARED: dict[str, str] = json.loads((ROOT / ".chalice" / "config.json").read_text()).get(
    "environment_variables", {}
)
"""The environment variables of every stage."""
HIDING = ("LD_PRELOAD", "LD_AUDIT", "GLIBC_TUNABLES", "CPUMASK")
"""Variables that hide instructions of the processor: two of libraries, two of their settings.

A function gets them from this process, so that it sees the same processor (docs/performance.md).
"""


def cpu_seconds(process: int) -> float:
    """Returns the CPU time of all threads of a process, which a busy machine does not change.

    By its clock, as clock_getcpuclockid(3) numbers it: /proc counts in hundredths of a second.
    """
    return time.clock_gettime(~process << 3 | 2)


def peak_megabytes(process: int) -> float:
    """Returns the most memory that a process ever had (VmHWM).

    `getrusage` tells what its parent had, if that is more.
    """
    status = Path(f"/proc/{process}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024


class FunctionDied(RuntimeError):
    """The function's process ended, or gave no answer in time; the message is its output."""


class Function:
    """A function's process after its init. Raises FunctionDied if it ended before that.

    start: when the process started, by `time.perf_counter`.
    """

    def __init__(
        self, process: "subprocess.Popen[bytes]", api: RuntimeApi, log: Path, arn: str, start: float
    ) -> None:
        self._process, self._api, self._log, self._arn = process, api, log, arn
        with self._told():
            api.wait_until_ready(INIT_SECONDS)
        self.init_seconds = api.ready_at - start

    @property
    def init_error(self) -> Outcome | None:
        """The error of its init, if any."""
        return self._api.init_error

    @property
    def printed(self) -> str:
        """Its log."""
        return self._log.read_text()

    @property
    def process(self) -> int:
        """The number of its process."""
        return self._process.pid

    @property
    def cpu_seconds(self) -> float:
        """The CPU time of all its threads."""
        return cpu_seconds(self._process.pid)

    @property
    def peak_megabytes(self) -> float:
        """The most memory it ever had."""
        return peak_megabytes(self._process.pid)

    def invoke(self, event: Any, seconds: float = 60) -> Outcome:
        """Returns the function's answer. Raises FunctionDied if there is none."""
        with self._told():
            return self._api.invoke(event, self._arn, seconds)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (Died, TimeoutError) as error:
            raise FunctionDied(self.printed[-3000:]) from error


@contextlib.contextmanager
def started(
    image: Image,
    handler: str,
    environment: Mapping[str, str],
    memory_mb: int = 1769,
    in_place: bool = False,
) -> Iterator[Function]:
    """Runs the function `handler`, such as app.app, and yields it once its init is over.

    in_place: its folders are at /var/task and /opt; see `can_be_in_place`.
    """
    name = f"serverless-inception-test-{handler.rpartition('.')[2]}"
    api = RuntimeApi()
    log = image.task.parent / f"{name}-{uuid.uuid4()}.log"
    lambdas = _environment(image, in_place, name, api.address) | {
        "_HANDLER": handler,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb),
    }
    process, start = _process(image, in_place, DECLARED | lambdas | dict(environment), log)
    api.watch(process)
    try:
        arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
        yield Function(process, api, log, arn, start)
    finally:
        process.kill()
        process.wait()
        api.close()


def _process(
    image: Image, in_place: bool, environment: Mapping[str, str], log: Path
) -> tuple["subprocess.Popen[bytes]", float]:
    """Starts the function. Returns its process, and when it began with its folders in place."""
    ready, starting = os.pipe()
    with log.open("wb") as output:
        start = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - ours, no shell's
            command(image, in_place, starting),
            cwd=image.task,
            env=environment,
            stdout=output,
            stderr=output,
            pass_fds=[starting],
        )
    os.close(starting)
    if in_place:
        os.read(ready, 1)
        start = time.perf_counter()
    os.close(ready)
    return process, start


def _environment(image: Image, in_place: bool, name: str, address: str) -> dict[str, str]:
    """See https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html."""
    return {
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef",
        "AWS_LAMBDA_RUNTIME_API": address,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",  # nosec B105 - moto takes any
        "AWS_SESSION_TOKEN": "test",  # nosec B105
        "LAMBDA_RUNTIME_DIR": str(image.runtime.packages),
        "LAMBDA_TASK_ROOT": str(image.folders(in_place)[0]),
        "LANG": "en_US.UTF-8",
        "PATH": os.defpath,
        "TZ": ":UTC",
        **{name: os.environ[name] for name in HIDING if name in os.environ},
    }
