"""The part of an experiment that answers use."""

import logging
import time
from collections.abc import Callable
from typing import Protocol

from chalicelib.errors import InceptionError

LOST_SECONDS = 30.0
"""How long an arm is not retried after its model could not be loaded, which may take long."""

logger = logging.getLogger("serverless-inception.experiment")
"""A child of the logger of `app.py`, which writes JSON."""


class Trial(Protocol):
    """The part of the experiment that an answer uses."""

    def assign(self, subject: str | bytes) -> str:
        """Returns the model for this client or image, always the same while the arms stay."""

    def issue(self, model: str, label: str | None, assigned: bool, multi_label: bool) -> str:
        """Returns an id that feedback can trust: what `model` said, and who chose it."""


class LostArms:
    """Tells whether an arm's model can answer, and logs an error if it cannot.

    get: loads a model's classifier by name; raises the domain's errors.
    """

    def __init__(
        self, get: Callable[[str], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._get, self._clock = get, clock
        self._until: dict[str, float] = {}

    def __contains__(self, arm: str) -> bool:
        if self._clock() < self._until.get(arm, float("-inf")):
            return True
        try:
            self._get(arm)
        except InceptionError as error:
            self._until[arm] = self._clock() + LOST_SECONDS
            logger.error(
                f"The arm {arm} cannot answer; the service's own model answers instead: "
                f"{error.detail}"
            )
            return True
        return False
