"""A step of a deployment, and its error."""

from collections.abc import Callable
from typing import Protocol

Tell = Callable[[str], None]
"""Shows a line of progress."""


class DeployError(Exception):
    """A deployment cannot continue; the message says why and what to do."""


class Step(Protocol):
    """A repeatable part of a deployment."""

    @property
    def title(self) -> str:
        """What it takes care of."""

    def changes(self) -> list[str]:
        """What `apply` would do, a line each; empty if all is as it shall be."""

    def apply(self, tell: Tell) -> None:
        """Make the changes. Raises DeployError or botocore's errors."""
