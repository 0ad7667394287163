"""The running app is what `/openapi.json` says it is."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import LocalCloud, running


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """A cloud of its own: batches of made-up hosts would keep another's workers for minutes."""
    with running(tmp_path_factory.mktemp("cloud") / "log", "doodle") as cloud:
        yield cloud


@pytest.mark.parametrize("front", ["url", "function_url"])
def test_schemathesis_finds_nothing(cloud: LocalCloud, front: str) -> None:
    base = getattr(cloud, front)
    run = subprocess.run(
        [
            *(Path(sys.executable).with_name("st"), "--no-color"),
            *("--config-file", Path(__file__).with_name("schemathesis.toml")),
            *("run", f"{base}/openapi.json", "--url", base),
            *("--max-examples", "10", "--seed", "1", "--suppress-health-check", "all"),
        ],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
    )
    assert run.returncode == 0, run.stdout[-8000:]
    selected, total = re.findall(r"Selected: (\d+)/(\d+)", run.stdout)[0]
    assert f"Tested: {selected}" in run.stdout and selected == total
