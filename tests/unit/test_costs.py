"""What decoding is taken to need, and what is refused for it."""

import struct
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.errors import ImageTooLarge
from chalicelib.images.costs import MAX_DECODE_BYTES, check_memory
from chalicelib.images.formats import MAX_STEPS, ImageFile, inspect

ROWS = 10 * (4 * 100 + 8)
"""Bytes of Pillow's copy of an image of 100 x 10."""


def opened(width: int, height: int) -> Any:
    return SimpleNamespace(width=width, height=height, mode="RGB", layers=3)


@pytest.mark.parametrize(
    ("file", "needed"),
    [
        (ImageFile("PNG", b""), 2 * ROWS),
        (ImageFile("JPEG", b""), 2 * ROWS),
        (ImageFile("JPEG", b"", scans=2), ROWS + 2 * 3 * 4000),
        (ImageFile("WEBP", b""), 4 * ROWS),
        (ImageFile("AVIF", b"", planes=5000), ROWS + 5000 + 3 * 1000),
    ],
)
def test_memory_is_reckoned_by_what_the_format_keeps(file: ImageFile, needed: int) -> None:
    """Of a JPEG of 4,000 pixels that is decoded at half its scale."""
    assert check_memory(opened(100, 10), file, declared=4000) == needed


@pytest.mark.parametrize(("side", "fits"), [(5690, True), (5710, False)])
def test_what_needs_too_much_memory_is_refused(side: int, fits: bool) -> None:
    image, file = opened(side, side), ImageFile("WEBP", b"")
    if fits:
        assert check_memory(image, file, 0) <= MAX_DECODE_BYTES
    else:
        with pytest.raises(ImageTooLarge, match="too much memory"):
            check_memory(image, file, 0)


def test_a_gif_s_colours_are_no_blocks() -> None:
    """A table of 256 colours, each byte of which would begin the first frame, and then blanks."""
    head = b"GIF89a" + struct.pack("<HHBBB", 9, 9, 0x87, 0, 0)
    with pytest.raises(ImageTooLarge, match=f"more than {MAX_STEPS} parts"):
        inspect(head + b"," * 768 + bytes(MAX_STEPS + 1))
