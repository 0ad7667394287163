"""What is deployed: pinned to the byte, under known licences, of code that bandit passes."""

import importlib.metadata
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from localcloud.disk import ARCHITECTURE
from tests.conftest import ROOT
from tests.torture.conftest import Outcome
from tools.bundling.build import VERSION
from tools.bundling.enginelayer import engine_wheel
from tools.bundling.pythons import BundleError
from tools.bundling.zips import required

LOCK = (ROOT / "requirements.lock").read_text()
DEPLOYED = dict(re.findall(r"^([\w.-]+)==([\w.]+)", LOCK, re.MULTILINE))
"""Versions of what goes up, by name."""
FRAMEWORK = "chalice"
ENGINE_LOCK = (ROOT / "requirements-onnxruntime.txt").read_text()
ENGINE = "onnxruntime"
"""Deployed only where it is asked for."""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()  # PEP 503


def licences() -> dict[str, set[str]]:
    """Of docs/licences.md: each package's licences."""
    rows = re.findall(
        r"^\| ([\w-]+) \| ([^|]+) \|", (ROOT / "docs/licences.md").read_text(), re.MULTILINE
    )
    return {name: set(text.split(" AND ")) for name, text in rows if name != "package"}


def test_all_that_is_deployed_is_pinned_with_hashes(outcome: Outcome) -> None:
    wanted = dict(
        line.split("==")
        for line in (ROOT / "requirements.txt").read_text().splitlines()
        if line and not line.startswith("#")
    )
    assert wanted.items() <= DEPLOYED.items(), "run make lock"
    for name, version in DEPLOYED.items():
        assert "--hash=sha256:" in required(LOCK, f"{name}=={version}"), name
    outcome(
        "a package of the deployment is replaced on its way",
        "pip refuses a file whose SHA-256 requirements.lock does not list",
        f"{len(DEPLOYED)} packages, {LOCK.count('--hash=sha256:')} hashes",
    )


def test_the_second_engine_is_pinned_with_hashes_and_is_the_one_that_is_tried_here() -> None:
    pinned = re.findall(r"^([\w.-]+==[\w.]+) \\$", ENGINE_LOCK, re.MULTILINE)
    assert len(pinned) == 1
    assert pinned[0] in (ROOT / "requirements-dev.txt").read_text()
    assert required(ENGINE_LOCK, pinned[0]).count("--hash=sha256:") > 10


def test_pip_refuses_an_engine_of_another_hash(tmp_path: Path) -> None:
    forged = tmp_path / "requirements.txt"
    forged.write_text(re.sub(r"sha256:\w+", "sha256:" + "0" * 64, ENGINE_LOCK))
    with pytest.raises(BundleError, match="DO NOT MATCH THE HASHES"):
        engine_wheel(VERSION, tmp_path, forged)
    assert not list(tmp_path.glob("*.whl"))


@pytest.mark.parametrize("spelt", ["ml-dtypes", "ml_dtypes", "ML.Dtypes"])
def test_a_wheel_for_lambda_is_asked_for_with_its_hashes(spelt: str) -> None:
    block = required(LOCK, f"{spelt}=={DEPLOYED['ml-dtypes']}")
    assert block.startswith(f"ml-dtypes=={DEPLOYED['ml-dtypes']} \\\n")
    assert set(re.findall(r"^([\w-]+)==", block, re.MULTILINE)) == {"ml-dtypes"}
    assert block.count("--hash=sha256:") > 10


def test_a_package_that_is_not_required_is_asked_for_as_it_is() -> None:
    for package in ("ml-dtypes==0.6", "dtypes==1.0", "numpy==99"):
        assert required(LOCK, package) == package
    assert required("", "numpy==2.0") == "numpy==2.0"


def test_pip_refuses_a_file_of_another_hash(tmp_path: Path) -> None:
    package = f"typing-extensions=={DEPLOYED['typing-extensions']}"
    forged = re.sub(r"sha256:\w+", "sha256:" + "0" * 64, required(LOCK, package))
    (tmp_path / "requirements.txt").write_text(forged)
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(tmp_path)]
    options = ["-r", str(tmp_path / "requirements.txt")]
    done = subprocess.run([*command, *options], capture_output=True, text=True)
    assert done.returncode
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert not list(tmp_path.glob("*.whl"))


def test_the_licences_are_known(outcome: Outcome) -> None:
    known = licences()
    assert known.keys() == DEPLOYED.keys() | {FRAMEWORK, ENGINE}
    here = known.keys() - ({ENGINE} if ARCHITECTURE != "x86_64" else set())
    for name in here:
        assert known[name] == declared(name), name
    outcome("a licence that asks for more than its notice", "there is none: docs/licences.md")


NAMES = {
    "Apache Software License": "Apache-2.0",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Apache License 2.0": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "3-Clause BSD License": "BSD-3-Clause",
}
"""SPDX's names for those that packages use."""


def declared(name: str) -> set[str]:
    """What the package itself says, as SPDX does."""
    metadata = importlib.metadata.metadata(name)
    classifiers = [
        text.rpartition(" :: ")[2]
        for text in metadata.get_all("Classifier") or []
        if text.startswith("License :: OSI")
    ]
    text = metadata["License-Expression"] or " AND ".join(classifiers) or metadata["License"]
    return {NAMES.get(licence, licence) for licence in text.split(" AND ")}


def test_bandit_finds_nothing(outcome: Outcome) -> None:
    what = ["app.py", "chalicelib", "tools", "localcloud", "stage"]
    command = [sys.executable, "-m", "bandit", "--quiet", "--format=json", "-c", "pyproject.toml"]
    done = subprocess.run([*command, "-r", *what], cwd=ROOT, capture_output=True, text=True)
    report = json.loads(done.stdout)
    assert report["results"] == []
    lines = report["metrics"]["_totals"]["loc"]
    assert lines > 5000
    outcome("code that bandit finds risky", "none; each exception has a reason", f"{lines} lines")
