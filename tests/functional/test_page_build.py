"""`make page`: what is served is what the sources make, byte for byte once it is unpacked."""

import gzip
import shutil
import subprocess
from pathlib import Path

import pytest

from chalicelib.page import BUILT
from tests.conftest import ROOT

PARTS = ("package.json", "package-lock.json", ".npmrc", "vite.config.js")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """What the page is built of, with the tools that build it."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("needs Node 20 or later, with npm, to build the page")
    for name in PARTS:
        shutil.copy(ROOT / name, tmp_path)
    web = Path("chalicelib") / "web"
    shutil.copytree(ROOT / web, tmp_path / web, ignore=shutil.ignore_patterns(BUILT.name))
    install = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    done = subprocess.run(install, cwd=tmp_path, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"npm could not install what builds the page: {done.stderr.strip()[-300:]}")
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.name: gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        for path in folder.iterdir()
    }


def test_what_is_served_is_what_the_sources_make(project: Path) -> None:
    subprocess.run(["npm", "run", "build"], cwd=project, check=True, capture_output=True)
    built = contents(project / BUILT.relative_to(ROOT))
    assert "index.html.gz" in built
    served = contents(BUILT)
    assert {name for name in built if built[name] != served.get(name)} == set(), "make page"
    assert served.keys() == built.keys(), "make page"
