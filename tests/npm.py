"""Tools of npm's registry, for tests alone."""

import shutil
import subprocess
from pathlib import Path

import pytest

QUIET = ("--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error")


def installed(folder: Path, package: str) -> Path:
    """Install it, as `name@version`; returns its folder. Skips the test where that cannot be."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("needs Node 20 or later, with npm")
    command = [npm, "install", *QUIET, package]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"npm could not install {package}: {done.stderr.strip()[-300:]}")
    return folder / "node_modules" / package.rpartition("@")[0]
