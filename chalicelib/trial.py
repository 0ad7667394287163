"""An experiment, as far as answers are concerned."""

import logging
import time
from collections.abc import Callable
from typing import Protocol

from chalicelib.errors import InceptionError

LOST_SECONDS = 30.0
"""How long an arm that cannot answer is not asked again: its model may be far away."""

logger = logging.getLogger("serverless-inception.experiment")
"""A child of the one that `app.py` makes, and so written as JSON by it."""


class Trial(Protocol):
    """The experiment, as far as an answer is concerned."""

    def assign(self, subject: str | bytes) -> str:
        """The model for this client or image: always the same one while the arms stay."""

    def issue(self, model: str, label: str | None, assigned: bool, multi_label: bool) -> str:
        """An inference id that feedback can trust: what `model` said, and who chose it."""


class LostArms:
    """Tells whether an arm's model can answer, and logs an error where it cannot.

    get: the model's classifier, by name; raises the domain's errors.
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
