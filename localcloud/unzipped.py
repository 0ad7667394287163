"""A deployed function on this machine: its zips unpacked as on Lambda, and run by awslambdaric."""

import contextlib
import json
import os
import platform
import re
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from chalicelib.settings import ROOT
from localcloud.environment import ACCOUNT
from localcloud.runtimeapi import Died, Outcome, RuntimeApi
from localcloud.sampleevents import REGION

INIT_SECONDS = 60
DECLARED: dict[str, str] = json.loads((ROOT / ".chalice" / "config.json").read_text()).get(
    "environment_variables", {}
)
"""The environment variables of every stage."""
ARCHITECTURE = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
"""Whose zips can run on this machine."""

BOOTSTRAP = """
import os, sys
task, opt, runtime = sys.argv[1:]
python = os.path.join(opt, "python")
site = os.path.join(python, "lib", "python%d.%d" % sys.version_info[:2], "site-packages")
sys.path[:0] = [task, site, python, runtime]
from awslambdaric.__main__ import main
main(["bootstrap", os.environ["_HANDLER"]])
"""
"""The function's modules come before its layers', and these before the runtime's own
(https://docs.aws.amazon.com/lambda/latest/dg/python-package.html#python-package-searchpath)."""

IN_PLACE = """
mount -t tmpfs none /var && mkdir /var/task &&
mount --bind "$1" /var/task && mount -o remount,bind,ro /var/task &&
mount --bind "$2" /opt && mount -o remount,bind,ro /opt &&
cd /var/task && echo > "/dev/fd/$3" && shift 3 && exec "$@"
"""
"""Shell: start a function in namespaces of its own, where its folders have Lambda's names, and are
read-only as there; a line tells when it starts."""


class FunctionDied(RuntimeError):
    """The function's process ended, or said nothing in time; the message is what it printed."""


@dataclass(frozen=True)
class Runtime:
    """What Lambda's own image has. packages: the folder of awslambdaric and boto3."""

    python: Path
    packages: Path


@dataclass(frozen=True)
class Image:
    """What is on the disk of an execution environment. task: the function's zip, unpacked."""

    task: Path
    runtime: Runtime

    @property
    def opt(self) -> Path:
        """The layers, unpacked one over the other."""
        return self.task.parent / "opt"


def unpack(root: Path, function: Path, layers: Iterable[Path], runtime: Runtime) -> Image:
    """Unpack a function's zip and its layers' into folders of `root`, as Lambda does into `/`."""
    image = Image(root / "task", runtime)
    for target, zipped in [(image.task, function), *((image.opt, layer) for layer in layers)]:
        with ZipFile(zipped) as file:
            file.extractall(target)
    return image


class Function:
    """A function's process, once its init is over. Raises FunctionDied where it ended before that.

    start: when the process was started, by `time.perf_counter`.
    """

    def __init__(
        self,
        process: "subprocess.Popen[bytes]",
        api: RuntimeApi,
        log: Path,
        arn: str,
        start: float,
    ) -> None:
        self._process, self._api, self._log, self._arn = process, api, log, arn
        with self._told():
            api.wait_until_ready(INIT_SECONDS)
        self.init_seconds = api.ready_at - start

    @property
    def init_error(self) -> Outcome | None:
        """What went wrong in its init."""
        return self._api.init_error

    @property
    def printed(self) -> str:
        """Its log."""
        return self._log.read_text()

    @property
    def cpu_seconds(self) -> float:
        """The time that its threads have run for; unlike others, the same on a busy machine."""
        after_name = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def peak_megabytes(self) -> float:
        """The most memory that it ever had (VmHWM)."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024

    def invoke(self, event: Any, seconds: float = 60) -> Outcome:
        """What the function answers. Raises FunctionDied where it does not."""
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
    """The function `handler`, as app.app, once its init is over, and until it is left.

    in_place: with its folders at /var/task and /opt; see `can_be_in_place`.
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
    """Starts the function. Returns its process, and when that began, once its folders are there."""
    ready, starting = os.pipe()
    with log.open("wb") as output:
        start = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - ours, no shell's
            _command(image, in_place, starting),
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


def _command(image: Image, in_place: bool, starting: int) -> list[str | Path]:
    """The command of a function. starting: the file to which it writes that it starts."""
    task, opt = _folders(image, in_place)
    runtime = image.runtime
    # -I and -S: nothing but what is in the zips; -B: Lambda's folders are read-only
    python: list[str | Path] = [runtime.python, "-I", "-S", "-B", "-c", BOOTSTRAP]
    python += [task, opt, runtime.packages]
    if not in_place:
        return python
    namespaces = ["unshare", "-r", "-m", "sh", "-c", IN_PLACE, "-"]
    return [*namespaces, image.task, image.opt, str(starting), *python]


def _folders(image: Image, in_place: bool) -> tuple[Path, Path]:
    return (Path("/var/task"), Path("/opt")) if in_place else (image.task, image.opt)


def can_be_in_place(runtime: Runtime) -> bool:
    """Whether this machine lets a process have a /var and an /opt of its own, and needs neither."""
    needed = [runtime.python.resolve(), runtime.packages]
    if any(path.is_relative_to(taken) for path in needed for taken in ("/var", "/opt")):
        return False
    tried = ["unshare", "-r", "-m", "sh", "-c", "mount -t tmpfs none /var"]
    if not shutil.which("unshare"):
        return False
    return not subprocess.run(tried, capture_output=True).returncode  # noqa: S603 - as above


def _environment(image: Image, in_place: bool, name: str, address: str) -> dict[str, str]:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html."""
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
        "LAMBDA_TASK_ROOT": str(_folders(image, in_place)[0]),
        "LANG": "en_US.UTF-8",
        "PATH": os.defpath,
        "TZ": ":UTC",
    }
