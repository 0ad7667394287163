"""Lay out the disk of an execution environment: a function's zips, unpacked as on Lambda."""

import platform
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

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

    def folders(self, in_place: bool) -> tuple[Path, Path]:
        """The folders of the function and of its layers, as the function sees them."""
        return (Path("/var/task"), Path("/opt")) if in_place else (self.task, self.opt)


def unpack(root: Path, function: Path, layers: Iterable[Path], runtime: Runtime) -> Image:
    """Unpacks a function's zip and its layers into folders of `root`, as Lambda does into `/`."""
    image = Image(root / "task", runtime)
    for target, zipped in [(image.task, function), *((image.opt, layer) for layer in layers)]:
        with ZipFile(zipped) as file:
            file.extractall(target)
    return image


def command(image: Image, in_place: bool, starting: int) -> list[str | Path]:
    """The command of a function. starting: the file to which it writes that it starts."""
    task, opt = image.folders(in_place)
    runtime = image.runtime
    # -I and -S: only the zips' packages; -B: Lambda's folders are read-only
    python: list[str | Path] = [runtime.python, "-I", "-S", "-B", "-c", BOOTSTRAP]
    python += [task, opt, runtime.packages]
    if not in_place:
        return python
    namespaces = ["unshare", "-r", "-m", "sh", "-c", IN_PLACE, "-"]
    return [*namespaces, image.task, image.opt, str(starting), *python]


def can_be_in_place(runtime: Runtime) -> bool:
    """Whether a process may have its own /var and /opt here, and needs nothing in the real ones."""
    needed = [runtime.python.resolve(), runtime.packages]
    if any(path.is_relative_to(taken) for path in needed for taken in ("/var", "/opt")):
        return False
    tried = ["unshare", "-r", "-m", "sh", "-c", "mount -t tmpfs none /var"]
    if not shutil.which("unshare"):
        return False
    return not subprocess.run(tried, capture_output=True).returncode  # noqa: S603 - ours, no shell's
