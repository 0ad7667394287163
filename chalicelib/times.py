"""Times, as answers write them."""

import time


def iso(seconds: float) -> str:
    """Seconds since the epoch in ISO 8601, in UTC, whole seconds: `2026-01-31T23:59:59Z`."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
