"""Folders of images, to compare networks on or to set 8-bit ranges from."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chalicelib.errors import InceptionError, ModelInvalid
from chalicelib.images.decode import decode
from chalicelib.images.preprocessing import Preprocessing

FEWEST, MOST = 16, 300
"""Samples: fewer show no ranges to rely on, more show nothing new."""
NAMED, COMPARED, RANGES = 5, 50, 100

Pixels = NDArray[np.uint8]


def images(folder: Path | None, size: tuple[int, int], how: Preprocessing) -> list[Pixels]:
    """The images in a folder, as the service decodes them. Skips other files.

    size: width and height in pixels. how: the package's preprocessing.
    Raises ModelInvalid if the folder has no image.
    """
    pixels, _ = _decoded(sorted(folder.iterdir()) if folder else [], size, how)
    if folder and not pixels:
        raise ModelInvalid(f"{folder} holds no image that can be read; leave --images out.")
    return pixels


def some(folders: Sequence[Path | None]) -> list[Path]:
    """At most 50 files, spread over those folders and the folders below."""
    files = sorted(
        path for folder in folders if folder for path in folder.rglob("*") if path.is_file()
    )
    count = min(len(files), COMPARED)
    return [files[index * len(files) // count] for index in range(count)]


def like_those(
    folder: Path | None, size: tuple[int, int], how: Preprocessing, say: Callable[[str], None]
) -> list[Pixels]:
    """At most 300 images, spread over a folder and those below; none without a folder.

    size: width and height in pixels. how: the package's preprocessing. say: told of unreadable
    files. Raises ModelInvalid if there are fewer than 16 images.
    """
    if not folder:
        return []
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    count = min(len(files), MOST)
    pixels, skipped = _decoded([files[i * len(files) // count] for i in range(count)], size, how)
    if skipped:
        more = f" and {len(skipped) - NAMED} more" if len(skipped) > NAMED else ""
        names = ", ".join(str(path.relative_to(folder)) for path in skipped[:NAMED])
        say(f"Skipped in {folder}, not images that can be read: {names}{more}.")
    if len(pixels) < FEWEST:
        raise ModelInvalid(
            f"{folder} has {len(pixels)} images that can be read. --onnxruntime needs at least "
            f"{FEWEST}, better some 100, like those that the network will see."
        )
    return pixels


def held_back(pictures: list[Pixels]) -> tuple[list[Pixels], list[Pixels]]:
    """Pictures for the ranges (every second, at most about 100), and the others."""
    step = max(2, len(pictures) // RANGES)
    others = [picture for index, picture in enumerate(pictures) if index % step]
    return pictures[::step], others


def _decoded(
    files: list[Path], size: tuple[int, int], how: Preprocessing
) -> tuple[list[Pixels], list[Path]]:
    pixels, skipped = [], []
    for path in files:
        try:
            pixels.append(decode(path.read_bytes(), size, how).pixels)
        except (InceptionError, IsADirectoryError):
            skipped.append(path)
    return pixels, skipped
