"""How batches and workflow runs are named and listed."""

import time

MOST_RECENT = 20
"""Batches or runs in a listing."""


def new_id(created: float, token: str) -> str:
    """The id of a batch or a run: when it began, and what tells it from others of that second."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(created))}-{token[:8]}"
