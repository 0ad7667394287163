"""Brings Chalice's record on this machine up to date with AWS."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.deploying.chalicerecord import Resource
from tools.deploying.step import Tell


class KeptStep:
    """Writes `.chalice/deployed/STAGE.json`, which Chalice relies on, if it differs from AWS.

    Chalice writes it only on the machine that deployed, and only after a success.
    resources: those on AWS.
    """

    title = "What Chalice goes by (.chalice/deployed)"

    def __init__(self, project: Path, stage: str, resources: Callable[[], list[Resource]]) -> None:
        self.path = Path(".chalice", "deployed", f"{stage}.json")
        self._file = project / self.path
        self._resources = resources

    def changes(self) -> list[str]:  # noqa: D102
        return [] if self._is_current() else [f"write {self.path} as AWS has it"]

    def apply(self, tell: Tell) -> None:  # noqa: D102
        resources = self._resources()
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.unlink(missing_ok=True)
        if resources:
            record = {"resources": resources, "schema_version": "2.0", "backend": "api"}
            self._file.write_text(json.dumps(record, indent=2) + "\n")

    def forget(self) -> None:
        """Delete the file."""
        self._file.unlink(missing_ok=True)

    def _is_current(self) -> bool:
        """Whether the file has exactly these resources, maybe with further fields.

        Log groups do not count: they only note that Chalice has set their retention.
        """
        recorded = {
            entry["name"]: entry for entry in self._read() if entry["resource_type"] != "log_group"
        }
        wanted = {resource["name"]: resource for resource in self._resources()}
        return recorded.keys() == wanted.keys() and all(
            recorded[name] | entry == recorded[name] for name, entry in wanted.items()
        )

    def _read(self) -> list[dict[str, Any]]:
        if not self._file.is_file():
            return []
        resources: list[dict[str, Any]] = json.loads(self._file.read_text())["resources"]
        return resources
