"""Chalice's record of what it made, on this machine, brought up to what AWS has."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.deploying.chalicerecord import Resource
from tools.deploying.step import Tell


class KeptStep:
    """Writes `.chalice/deployed/STAGE.json`, by which Chalice goes, where AWS has something else.

    Chalice writes it itself, but only on the machine that deployed, and only after a success.

    resources: what AWS has.
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
        """Take it away."""
        self._file.unlink(missing_ok=True)

    def _is_current(self) -> bool:
        """Whether the file has each resource, whatever it says besides, and no other.

        A log group is only Chalice's note that it has set its retention.
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
