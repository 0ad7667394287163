"""The running app is what `/openapi.json` says it is."""

import re
import subprocess
import sys
from pathlib import Path


def test_schemathesis_finds_nothing(front: str) -> None:
    run = subprocess.run(
        [
            *(Path(sys.executable).with_name("st"), "--no-color"),
            *("--config-file", Path(__file__).with_name("schemathesis.toml")),
            *("run", f"{front}/openapi.json", "--url", front),
            *("--max-examples", "10", "--seed", "1", "--suppress-health-check", "all"),
        ],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
    )
    assert run.returncode == 0, run.stdout[-8000:]
    selected, total = re.findall(r"Selected: (\d+)/(\d+)", run.stdout)[0]
    assert f"Tested: {selected}" in run.stdout and selected == total
