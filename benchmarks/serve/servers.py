"""Start servers on some of the cores, and leave none of their processes behind."""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import psutil
import urllib3

from benchmarks.machine import check_hidden_from
from benchmarks.needs import OTHER_SERVERS
from benchmarks.serve.contestants import HOST, Contestant
from benchmarks.serve.load import ask
from chalicelib.settings import ROOT

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
START_SECONDS, STOP_SECONDS = 120, 5


def installed() -> Path:
    """Returns the other servers' Python, and installs them if needed."""
    python, made = OTHER_SERVERS / "bin" / "python", OTHER_SERVERS / "made"
    wanted = REQUIREMENTS.read_text() + (ROOT / "requirements.txt").read_text() + sys.version
    if not made.exists() or made.read_text() != wanted:
        click.echo(
            f"Installing the other servers into {OTHER_SERVERS.relative_to(ROOT)} …", err=True
        )
        venv.create(OTHER_SERVERS, with_pip=True, clear=True)
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        subprocess.run([*pip, "--prefer-binary", "-r", str(REQUIREMENTS)], check=True)
        made.write_text(wanted)
    return python


def cores() -> tuple[list[int], list[int]]:
    """Returns the servers' two cores and the clients', which share them if there are no more."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[:2], usable[2:] or usable


@contextlib.contextmanager
def running(contestant: Contestant, on: Sequence[int]) -> Iterator[urllib3.HTTPConnectionPool]:
    """Runs a contestant's server on those cores, and yields a connection to it.

    Raises ClickException with its last output if it does not start, and at the end if one of its
    processes saw other instructions than this one.
    """
    port = _free_port()
    command = [part.format(port=port) for part in contestant.command]
    environment = {**os.environ, **contestant.environment}
    with tempfile.TemporaryFile("w+") as log:
        ours = os.sched_getaffinity(0)
        os.sched_setaffinity(0, on)  # which it inherits
        try:
            process = psutil.Popen(
                command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
            )
        finally:
            os.sched_setaffinity(0, ours)
        try:
            with urllib3.HTTPConnectionPool(HOST, port, timeout=60) as pool:
                _wait(contestant, process, pool, log.fileno())
                yield pool
                for member in [process, *process.children(recursive=True)]:
                    with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ended
                        check_hidden_from(member.pid)
        finally:
            _stop(process)


def answers(pool: urllib3.HTTPConnectionPool, body: bytes) -> bytes:
    """Returns the server's first answer, once its workers are up. Raises as `ask` does."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return ask(pool, body)
        except (urllib3.exceptions.HTTPError, click.ClickException) as error:
            starting = not str(error)[:3].isdigit() or str(error).startswith("503")
            if not starting or time.monotonic() > deadline:
                raise
        time.sleep(0.2)


def _wait(
    contestant: Contestant, process: psutil.Popen, pool: urllib3.HTTPConnectionPool, log: int
) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(urllib3.exceptions.HTTPError):
            pool.request("GET", "/", retries=False)
            return
        time.sleep(0.1)
    told = os.pread(log, 1 << 20, 0).decode(errors="replace")[-2000:]
    raise click.ClickException(f"{contestant.title} did not start.\n{told}")


def _stop(process: psutil.Popen) -> None:
    """Ends the process and all its children, by force if needed."""
    family = [process]
    with contextlib.suppress(psutil.NoSuchProcess):
        family += process.children(recursive=True)
    with contextlib.suppress(psutil.NoSuchProcess):
        process.terminate()
    _, left = psutil.wait_procs(family, STOP_SECONDS)
    for survivor in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            survivor.kill()
    psutil.wait_procs(left, STOP_SECONDS)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
