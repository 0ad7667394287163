"""Run a deployed function here: its zips unpacked as on Lambda, and run by awslambdaric."""

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
"""The architecture whose zips run on this machine."""

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
"""Shell: start a function in its own namespaces, where its folders have Lambda's names and are
read-only. It writes a line when it starts."""


class FunctionDied(RuntimeError):
    """The function's process ended, or gave no answer in time; the message is its output."""


@dataclass(frozen=True)
class Runtime:
    """The contents of Lambda's own image. packages: the folder of awslambdaric and boto3."""

    python: Path
    packages: Path


@dataclass(frozen=True)
class Image:
    """The disk of an execution environment. task: the unpacked zip of the function."""

    task: Path
    runtime: Runtime

    @property
    def opt(self) -> Path:
        """The folder with all layers unpacked."""
        return self.task.parent / "opt"


def unpack(root: Path, function: Path, layers: Iterable[Path], runtime: Runtime) -> Image:
    """Unpacks a function's zip and its layers into folders of `root`, as Lambda does into `/`."""
    image = Image(root / "task", runtime)
    for target, zipped in [(image.task, function), *((image.opt, layer) for layer in layers)]:
        with ZipFile(zipped) as file:
            file.extractall(target)
    return image


class Function:
    """A function's process after its init. Raises FunctionDied if it ended before that.

    start: when the process started, by `time.perf_counter`.
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
        """The error of its init, if any."""
        return self._api.init_error

    @property
    def printed(self) -> str:
        """Its log."""
        return self._log.read_text()

    @property
    def cpu_seconds(self) -> float:
        """The CPU time of all its threads, which a busy machine does not change."""
        after_name = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def peak_megabytes(self) -> float:
        """The most memory it ever had (VmHWM)."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024

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
    task, opt = (Path("/var/task"), Path("/opt")) if in_place else (image.task, image.opt)
    runtime = image.runtime
    # -I and -S: only the zips' packages; -B: Lambda's folders are read-only
    command: list[str | Path] = [runtime.python, "-I", "-S", "-B", "-c", BOOTSTRAP]
    command += [task, opt, runtime.packages]
    ready, starting = os.pipe()
    if in_place:
        script = ["unshare", "-r", "-m", "sh", "-c", IN_PLACE, "-"]
        command = [*script, image.task, image.opt, str(starting), *command]
    lambdas = _environment(task, runtime.packages, name, api.address) | {
        "_HANDLER": handler,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb),
    }
    with log.open("wb") as output:
        start = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - ours, no shell's
            command,
            cwd=image.task,
            env=DECLARED | lambdas | dict(environment),
            stdout=output,
            stderr=output,
            pass_fds=[starting],
        )
    os.close(starting)
    if in_place:
        os.read(ready, 1)
        start = time.perf_counter()
    os.close(ready)
    api.watch(process)
    try:
        yield Function(
            process, api, log, f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}", start
        )
    finally:
        process.kill()
        process.wait()
        api.close()


def can_be_in_place(runtime: Runtime) -> bool:
    """Whether a process may have its own /var and /opt here, and needs nothing in the real ones."""
    needed = [runtime.python.resolve(), runtime.packages]
    if any(path.is_relative_to(taken) for path in needed for taken in ("/var", "/opt")):
        return False
    tried = ["unshare", "-r", "-m", "sh", "-c", "mount -t tmpfs none /var"]
    if not shutil.which("unshare"):
        return False
    return not subprocess.run(tried, capture_output=True).returncode  # noqa: S603 - as above


def _environment(task: Path, packages: Path, name: str, address: str) -> dict[str, str]:
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
        "LAMBDA_RUNTIME_DIR": str(packages),
        "LAMBDA_TASK_ROOT": str(task),
        "LANG": "en_US.UTF-8",
        "PATH": os.defpath,
        "TZ": ":UTC",
    }
