"""Tell whether a function has enough time left to begin something."""

from collections.abc import Callable

Remaining = Callable[[], float]
"""Seconds until the platform ends this function."""


InTime = Callable[[], bool]
"""Whether there is time to begin something."""


def in_time(remaining: Remaining, margin: float) -> InTime:
    """Returns a check that holds until `margin` seconds are left, or half of the time if less."""
    least = min(margin, remaining() / 2)
    return lambda: remaining() >= least
