"""Name and list batches and workflow runs."""

import time

MOST_RECENT = 20
"""Batches or runs in a listing."""


def new_id(created: float, token: str) -> str:
    """Makes the id of a batch or a run: its start, and a random part."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(created))}-{token[:8]}"
