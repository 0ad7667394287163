"""Learns when a picture is unlike all that was taught: "none of these"."""

import numpy as np

from chalicelib.inference.head import Familiar
from chalicelib.inference.taught import familiarity, strangeness
from tools.teaching.lessons import Classes, Rows

REFUSED = 0.05
"""Of the pictures with a label, at most this share is refused."""

REFERENCES = 300
"""Pictures to compare with; more would make a cold start longer."""

NARROWEST = 0.005


def knowing(rows: Rows) -> Familiar:
    """What is known of these pictures, with bounds still to be set. rows: rooted features."""
    centre = rows.mean(axis=0)
    moved = rows - centre
    moved /= np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-6)
    return Familiar(centre, moved[_spread(moved)], np.array([0, 1], np.float32))


def _spread(rows: Rows) -> list[int]:
    """The places of pictures that stand for all: the next is the one least like those so far."""
    if len(rows) <= REFERENCES:
        return [*range(len(rows))]
    chosen = [0]
    nearest = rows @ rows[0]
    while len(chosen) < REFERENCES:
        chosen.append(int(nearest.argmin()))
        nearest = np.maximum(nearest, rows @ rows[chosen[-1]])
    return chosen


def bounded(familiar: Familiar, held_out: Rows) -> Familiar:
    """The same with its bounds, from how familiar pictures with a label are that it did not see."""
    low, middle = np.quantile(held_out, [REFUSED, 0.5])
    width = max((middle - low) / 4, NARROWEST)
    return familiar._replace(bounds=np.array([low, width], np.float32))


def strangers(rows: Rows, classes: Classes, familiar: Familiar) -> tuple[int, int]:
    """Of pictures whose label is left out, how many are refused then, and of how many."""
    refused = 0
    for label in np.unique(classes):
        own = classes == label
        others = knowing(rows[~own])._replace(bounds=familiar.bounds)
        refused += int((strangeness(others, familiarity(others, rows[own])) > 0.5).sum())
    return refused, len(rows)
