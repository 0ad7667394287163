"""What `make` says before there is anything of ours to run."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from localcloud.listening import held_port
from tests.conftest import ROOT

PIP = """#!/bin/sh
echo "Collecting chalice (from -r requirements-dev.txt)"
echo "  Downloading chalice.whl (200 kB)"
echo "Collecting numpy"
echo "Installing collected packages: numpy, chalice"
exit $PIP_STATUS
"""

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A new clone, as far as `make run` reads it before it installs anything."""
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt", "localcloud"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    return tmp_path


def make(project: Path, *arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
    command = ["make", f"PYTHON={sys.executable}", *arguments]
    environment = {**os.environ, **env}
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("variable", ["PORT", "AWS_PORT"])
def test_a_port_that_is_taken_is_said_before_anything_is_installed(
    project: Path, variable: str
) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        held_port() as first,
        held_port() as second,
    ):
        ports = {"PORT": first, "AWS_PORT": second}
        ports[variable] = taken.getsockname()[1]
        result = make(project, "run", *(f"{name}={port}" for name, port in ports.items()))
    assert result.returncode != 0 and "Traceback" not in result.stderr
    assert f"Choose another one, for example: make run {variable}=" in result.stderr
    assert not (project / ".venv").exists()


@pytest.mark.parametrize("status", [0, 1])
def test_installing_says_how_much_and_shows_that_it_moves(project: Path, status: int) -> None:
    pip = project / ".venv" / "bin" / "pip"
    pip.parent.mkdir(parents=True)
    pip.write_text(PIP)
    pip.chmod(0o755)
    (project / ".venv" / "made").touch()
    result = make(project, ".venv/dev", PIP_STATUS=str(status))
    assert "gigabyte" in result.stdout
    assert ".. unpacking" in result.stdout
    assert (result.returncode == 0, (project / ".venv" / "dev").exists()) == (
        not status,
        not status,
    )
