"""What a step of a deployment is, and the error that ends one."""

from collections.abc import Callable
from typing import Protocol

Tell = Callable[[str], None]
"""Shows one line to whoever waits."""


class DeployError(Exception):
    """What ends a deployment; `str()` says what is wrong and what to do."""


class Step(Protocol):
    """A part of a deployment that can be done again and again."""

    @property
    def title(self) -> str:
        """What it sees to."""

    def changes(self) -> list[str]:
        """What `apply` would do, a line each; empty if all is as it shall be."""

    def apply(self, tell: Tell) -> None:
        """Do it. Raises DeployError, or botocore's errors."""
