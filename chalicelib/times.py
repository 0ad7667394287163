"""Times, as answers have them."""

import math
from datetime import UTC, datetime


def moment(seconds: float) -> datetime:
    """The time that is so many seconds after the epoch: in UTC, whole seconds."""
    return datetime.fromtimestamp(math.floor(seconds), UTC)
