"""The page's sample pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tools.doodle.drawings import draw
from tools.doodle.styles import Style

SIZE = 320

SAMPLES = {  # label: the seed of a good-looking drawing of it
    "balloon": 34,
    "banana": 8,
    "envelope": 15,
    "hourglass": 10,
    "strawberry": 2,
    "umbrella": 9,
}

_STYLE = Style("tint", (40, 36, 48), 0.014, fraction=0.84, wobble=0.008, fill="flat", tilt=3.0)


def write_samples(folder: Path) -> list[Path]:
    """Draws sample-LABEL.jpg, 320 x 320, for each of SAMPLES; the paths written."""
    paths = []
    for label, seed in SAMPLES.items():
        image = draw(label, np.random.default_rng(seed), SIZE, _STYLE)
        path = folder / f"sample-{label.replace(' ', '-')}.jpg"
        image.save(path, quality=85, optimize=True)
        paths.append(path)
    return paths
