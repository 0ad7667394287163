"""Write times as in answers."""

import math
from datetime import UTC, datetime


def moment(seconds: float) -> datetime:
    """Returns the time of so many seconds after the epoch, in UTC, in whole seconds."""
    return datetime.fromtimestamp(math.floor(seconds), UTC)
