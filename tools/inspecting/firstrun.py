"""An unknown network runs in a process of its own first, because a damaged file can crash LiteRT.

As a program, it does with a `.tflite` file whatever `tools.model add` will do with it.
"""

import os
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from chalicelib.errors import ModelInvalid
from chalicelib.images.preprocessing import WHOLE
from chalicelib.inference.litert import LiteRT, inspect
from chalicelib.inference.tensors import to_input
from chalicelib.settings import ROOT
from tools.inspecting.ending import of_tflite

SECONDS = 60
"""Computing time that a network may take to be loaded and to answer a few pictures."""
LAMBDA_BYTES = 10_240 << 20
"""The most memory that a Lambda function can have."""
FULL = re.compile(b"bad_alloc|MemoryError")
"""How C++ and Python say that memory is used up."""
AGAIN = "Copy or download the file again, or convert the network anew."


def check_runs(path: Path, seconds: int = SECONDS, memory: int = LAMBDA_BYTES) -> None:
    """Raise ModelInvalid if the network cannot be run, whatever it does to the process.

    path: of a `.tflite` file. seconds: how long it may compute. memory: the bytes it may take.
    """
    command = [sys.executable, "-m", __name__, str(path.resolve()), str(seconds), str(memory)]
    try:
        child = subprocess.run(  # noqa: S603 - our own module, no shell's
            command, capture_output=True, cwd=ROOT, timeout=10 * seconds
        )
    except subprocess.TimeoutExpired as error:
        raise ModelInvalid(_too_long(path, seconds)) from error
    refusal = refused(path, child.returncode, child.stdout, child.stderr, seconds, memory)
    if refusal:
        raise ModelInvalid(refusal)


def refused(path: Path, status: int, said: bytes, log: bytes, seconds: int, memory: int) -> str:
    """What to say of a process that ran the network; "" if all was well.

    status: that of `subprocess`. said, log: what it wrote to standard output and error.
    """
    if status == -signal.SIGXCPU:
        return _too_long(path, seconds)
    if status == -signal.SIGKILL or FULL.search(log):
        return _too_large(path, memory)
    if status < 0:
        return f"{_called(path)} is damaged: running it crashes LiteRT. {AGAIN}"
    if status:
        return f"{_called(path)} is damaged: it cannot be read. {AGAIN}"
    return said.decode()


def _called(path: Path) -> str:
    return f"{path.name} of {path.parent.name}"


def _too_long(path: Path, seconds: int) -> str:
    return (
        f"{_called(path)} computed for {seconds} s without an answer, so it is damaged or far too "
        f"slow to serve. {AGAIN}"
    )


def _too_large(path: Path, memory: int) -> str:
    return (
        f"{_called(path)} needs more than the {memory / 2**30:.3g} GB of memory that it can have, "
        f"so it is damaged or too large to serve. {AGAIN}"
    )


def run(path: Path) -> None:
    """Runs the network as `tools.model add` will. Raises ModelInvalid."""
    inspect(path)
    network = LiteRT(path, 1)
    of_tflite(path)
    width, height = network.input.size
    for value in (0, 255):
        pixels = np.full((height, width, 3), value, np.uint8)
        network.run(to_input(pixels, network.input, WHOLE)[np.newaxis])


def _limit(seconds: int, memory: int) -> None:
    """Limits this process. An orphan ends by it, too."""
    limits = {
        resource.RLIMIT_CPU: seconds, resource.RLIMIT_DATA: memory, resource.RLIMIT_CORE: 0,
    }  # fmt: skip
    for kind, most in limits.items():
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (most if hard < 0 else min(most, hard), hard))


if __name__ == "__main__":
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    _limit(int(sys.argv[2]), min(int(sys.argv[3]), physical))
    try:
        run(Path(sys.argv[1]))
    except ModelInvalid as error:
        sys.stdout.write(str(error))
