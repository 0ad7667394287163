"""The state machine before a validator that is neither ours nor moto's nor cfn-lint's."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.npm import installed

TEXT = (ROOT / "workflow.asl.json").read_text()
STAGE = {
    "AWS::Partition": "aws", "AWS::Region": "eu-west-1", "AWS::AccountId": "123456789012",
    "Stage": "dev",
}  # fmt: skip


@pytest.fixture(scope="module")
def validator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """https://github.com/ChristopheBougere/asl-validator"""
    folder = installed(tmp_path_factory.mktemp("asl"), "asl-validator@4.0.0")
    return folder / "dist" / "bin" / "asl-validator.js"


def complaints(validator: Path, definition: Any, folder: Path) -> str:
    """What it says of a definition; empty if that is valid."""
    path = folder / "machine.json"
    path.write_text(json.dumps(definition))
    done = subprocess.run(
        ["node", str(validator), "--json-path", str(path)], capture_output=True, text=True
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_the_state_machine_is_valid_and_faults_are_seen(validator: Path, tmp_path: Path) -> None:
    machine = json.loads(re.sub(r"\$\{(.+?)\}", lambda match: STAGE[match[1]], TEXT))
    assert complaints(validator, machine, tmp_path) == ""
    for fault, word in (
        (lambda states: states["Judge"].update(Next="Nowhere"), "MISSING_TRANSITION_TARGET"),
        (lambda states: states["Prepare"].update(Type="Tsak"), "SCHEMA_VALIDATION_FAILED"),
        (lambda states: states["Prepare"].update(OutputPath="$.."), "asl_path"),
    ):
        changed = json.loads(json.dumps(machine))
        fault(changed["States"])
        assert word in complaints(validator, changed, tmp_path)
