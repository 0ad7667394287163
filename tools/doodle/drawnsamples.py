"""The samples of the bundled models."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from chalicelib.files import sha256
from chalicelib.inference.packages import INFO, read_package
from chalicelib.inference.samples import SAMPLES, Sample
from tools.doodle.drawings import draw
from tools.doodle.styles import Style
from tools.newpackage import as_json

SIDE = 320

SEEDS = {  # label: the seed of a good-looking drawing of it
    "umbrella": 9,
    "banana": 8,
    "balloon": 34,
    "hourglass": 10,
    "strawberry": 2,
    "envelope": 15,
}

_STYLE = Style("tint", (40, 36, 48), 0.014, fraction=0.84, wobble=0.008, fill="flat", tilt=3.0)


def write_samples(folder: Path) -> list[Path]:
    """Draws LABEL.jpg, 320 x 320, for each of SEEDS into the package of a folder.

    Returns the paths written.
    """
    (folder / SAMPLES).mkdir(exist_ok=True)
    paths = []
    for label, seed in SEEDS.items():
        path = folder / SAMPLES / f"{label.replace(' ', '-')}.jpg"
        image = draw(label, np.random.default_rng(seed), SIDE, _STYLE)
        image.save(path, quality=85, optimize=True)
        paths.append(path)
    _list(folder)
    return paths


def _list(folder: Path) -> None:
    """List the samples in the package's model.json."""
    package = read_package(folder)
    samples = (
        Sample(
            file := f"{label.replace(' ', '-')}.jpg",
            label,
            sha256(folder / SAMPLES / file),
            package.info.licence,
            "drawn by tools/train_doodle.py",
        )
        for label in SEEDS
    )
    info = msgspec.structs.replace(package.info, samples=tuple(samples))
    (folder / INFO).write_bytes(as_json(info))
