"""The project as who clones it has it: nothing installed, fetched, built or deployed."""

import shutil
from pathlib import Path

from tests.conftest import ROOT

PARTS = (
    "app.py", "chalicelib", "tools", "localcloud", "stage", "vendor", ".chalice",
    "requirements.txt", "requirements-dev.txt", "requirements.lock", "requirements-onnxruntime.txt",
    "infrastructure.yaml", "monitoring.yaml", "workflow.asl.json", "policies", "LICENSE",
)  # fmt: skip
LEFT_BEHIND = shutil.ignore_patterns("__pycache__", "deployed", "deployments")


def clone(folder: Path) -> Path:
    """Fill the folder, which is there, with the project."""
    for name in PARTS:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=LEFT_BEHIND)
        else:
            shutil.copy2(source, folder / name)
    return folder
