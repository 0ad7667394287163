"""How much `make run` installs, and how long that takes.

    python -m benchmarks.install

Makes a virtual environment as the Makefile does, in a temporary folder, without pip's cache. The
time depends on the network.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import click

from benchmarks import findings
from benchmarks.findings import Figure

ROOT = Path(__file__).parents[1]


def as_make_does(env: Mapping[str, str]) -> dict[str, str]:
    """The environment in which the Makefile calls pip: pip writes bytecode, which is a quarter."""
    return {name: value for name, value in env.items() if name != "PYTHONDONTWRITEBYTECODE"}


def install(folder: Path) -> float:
    """Installs what a laptop needs into a new environment. Returns seconds."""
    env = as_make_does(os.environ)
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "venv", str(folder)], env=env, check=True)
    pip = [str(folder / "bin" / "pip"), "--disable-pip-version-check", "--no-cache-dir", "install"]
    needed = ["--quiet", "--prefer-binary", "-r", str(ROOT / "requirements-dev.txt")]
    subprocess.run([*pip, *needed], env=env, check=True)
    return time.perf_counter() - start


def size(folder: Path) -> int:
    """Returns the bytes of all files in the folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


@click.command(help=__doc__)
@findings.options
def main(as_json: bool, save: bool) -> None:
    """Measure, and print."""
    with tempfile.TemporaryDirectory() as name:
        seconds = install(Path(name))
        megabytes = size(Path(name)) / 1e6
    figures = [
        Figure("mb", "size of `.venv` after `make run`", megabytes, f"{megabytes:,.0f} MB"),
        Figure("seconds", "time to install it", seconds, f"{seconds:.0f} s"),
    ]
    title = "What is installed on a laptop"
    findings.publish(findings.Record("install", title, figures), as_json, save)


if __name__ == "__main__":
    main()
