"""Follows a batch to its end."""

from chalicelib.answers.batchviews import BatchView
from tools.console.progress import progress
from tools.submitting.batchapi import Api
from tools.submitting.pace import Pace, Speed, told

FIRST_WAIT, LAST_WAIT, GROWTH = 0.5, 5.0, 1.3
"""Seconds between polls: short batches end at once, long ones cost few requests."""


def follow(api: Api, view: BatchView, pace: Pace, expected: int = 0) -> BatchView:
    """Poll a batch and show its progress until its results are ready. Raises ApiError.

    expected: its number of images, if known before the service has counted.
    """
    wait, speed = FIRST_WAIT, Speed(pace.clock)
    with progress("Classifying", pace.clock) as show:
        while True:
            total = max(view.counts.total, expected)
            speed.add(view.counts.done)
            left = speed.left(total)
            show(view.counts.done, total, _text(view, total, speed.rate, left))
            if view.finished_at:  # one that was stopped has it once what is done can be read
                return view
            pace.sleep(wait if left is None else min(wait, max(left / 2, FIRST_WAIT)))
            wait = min(wait * GROWTH, LAST_WAIT)
            view = api.view(view.batch_id)


def _text(view: BatchView, total: int, rate: float, left: float | None) -> str:
    counts = view.counts
    if view.status == "queued" and not counts.done:
        return f"queued, {total} images" if total else "queued"
    speed = f", {rate:.1f} images/s" if rate else ""
    left = left if view.status == "running" else None
    return f"{counts.done}/{total} images, {counts.failed} failed{speed}{told(left)}"
