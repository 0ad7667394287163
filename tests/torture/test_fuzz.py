"""The fuzzer finds nothing: a crash that it finds becomes a case of its own elsewhere."""

import importlib.util
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.torture.conftest import Outcome
from tests.torture.fuzz.seeds import WORDS

SECONDS, LONG_SECONDS = 2, 600
LEAST = 50
"""Inputs, or it has not run at all; it tries some hundreds a second."""

WHAT = {
    "images": "the decoder of images",
    "manifests": "the parsers of manifests",
    "messages": "the handler of queue messages and S3 events",
    "bodies": "the parsers of HTTP bodies and query strings, and what they lead to",
}
ATHERIS = pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None,
    reason="Atheris is not installed: it has wheels for Linux x86-64 only",
)


Told = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def told(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Told]:
    """What the fuzzer says of each target, two at a time."""
    folder, seconds = tmp_path_factory.mktemp("fuzz"), seconds_each(request.config)
    with ThreadPoolExecutor(2) as pool:
        results = pool.map(lambda target: fuzz(target, seconds, folder / target), WORDS)
        return dict(zip(WORDS, results, strict=True))


def seconds_each(config: pytest.Config) -> int:
    return LONG_SECONDS if config.getoption("--torture") else SECONDS


def fuzz(target: str, seconds: int, folder: Path) -> Told:
    command = [sys.executable, "-m", "tests.torture.fuzz", target, "--quiet"]
    command += ["--seconds", str(seconds), "--folder", str(folder)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@ATHERIS
@pytest.mark.parametrize("target", WORDS)
def test_coverage_guided_fuzzing(
    target: str, told: dict[str, Told], request: pytest.FixtureRequest, outcome: Outcome
) -> None:
    assert told[target].returncode == 0, told[target].stderr[-4000:]
    tried, covered = map(int, re.findall(r"\d+", told[target].stdout))
    assert tried > LEAST and covered
    outcome(
        f"Coverage-guided fuzzing of {WHAT[target]}",
        "Answered or refused with the service's own errors, in less than 5 s each",
        f"{tried:,} inputs in {seconds_each(request.config)} s, nothing found",
    )
