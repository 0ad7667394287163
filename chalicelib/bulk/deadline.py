"""How much time a function has left, and whether it is enough to begin something."""

from collections.abc import Callable

Remaining = Callable[[], float]
"""Seconds until the platform ends this function."""


InTime = Callable[[], bool]
"""Whether there is time to begin something."""


def in_time(remaining: Remaining, margin: float) -> InTime:
    """Until `margin` seconds are left, or half of those there are now where they are fewer."""
    least = min(margin, remaining() / 2)
    return lambda: remaining() >= least
