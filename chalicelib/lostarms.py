"""Arms of an experiment whose model cannot be loaded."""

import logging
import time
from collections.abc import Callable

from chalicelib.errors import InceptionError

LOST_SECONDS = 30.0
"""How long an arm that cannot answer is not asked again: its model may be far away."""

logger = logging.getLogger("serverless-inception.experiment")
"""A child of the one that `app.py` makes, and so written as JSON by it."""


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
            logger.error(f"The arm {arm} cannot answer, the service's own model does: {error}")
            return True
        return False
