"""JPEGs that lack their end: most of the picture is there, or they are refused."""

import re

import numpy as np
import pytest
from PIL import Image as Pillow

from chalicelib.errors import ImageUnreadable
from chalicelib.images.decode import decode
from chalicelib.images.jpeg import inspect_jpeg
from tests.sampleimages import exif, file, photo_like, with_segments

PHOTO = photo_like(320, 240)
KINDS = {
    "RGB": (PHOTO, {}),
    "RGB 4:4:4": (PHOTO, {"subsampling": 0}),
    "grey": (PHOTO.convert("L"), {}),
    "CMYK": (PHOTO.convert("CMYK"), {}),
    "restarts": (PHOTO, {"restart_marker_rows": 1}),
}


def cut_to(data: bytes, part: float) -> bytes:
    """The file up to a part of its pixels' bytes."""
    start = data.index(b"\xff\xda")
    return data[: start + int((len(data) - start) * part)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scale", [1, 4])
def test_a_jpeg_is_decoded_where_four_fifths_of_its_rows_are_there(kind: str, scale: int) -> None:
    picture, options = KINDS[kind]
    data = file(picture, "JPEG", quality=90, **options)
    size = (320 // scale, 240 // scale)
    whole = decode(data, size).pixels.astype(int)
    taken, refused = [], []
    for part in np.linspace(0.5, 0.99, 26):
        piece = cut_to(data, part)
        try:
            image = decode(piece, size)
        except ImageUnreadable as error:
            assert "cut off: less than 80%" in str(error)
            refused.append(part)
            continue
        taken.append(part)
        assert image.truncated and (image.width, image.height) == (320, 240)
        row = int(0.8 * size[1]) - 16 // scale
        assert np.abs(image.pixels[:row] - whole[:row]).max() <= 2
    assert refused and taken and max(refused) < min(taken)
    assert 0.6 < min(taken) < 0.9


def test_the_rows_are_counted_and_not_the_bytes() -> None:
    """Noise above takes nearly all bytes, and below it noise does."""
    noise = np.random.default_rng(1).integers(0, 256, (240, 320, 3), np.uint8)
    for noisy, part, enough in ((slice(0, 60), 0.93, False), (slice(200, 240), 0.3, True)):
        pixels = np.full((240, 320, 3), 90, np.uint8)
        pixels[noisy] = noise[noisy]
        data = cut_to(file(Pillow.fromarray(pixels), "JPEG", quality=90), part)
        if enough:
            assert decode(data, (32, 32)).truncated
        else:
            with pytest.raises(ImageUnreadable, match="cut off"):
                decode(data, (32, 32))


@pytest.mark.parametrize("kind", ["RGB", "grey", "CMYK"])
def test_of_a_progressive_one_all_but_the_last_bits_must_be_there(kind: str) -> None:
    picture, _ = KINDS[kind]
    data = file(picture, "JPEG", quality=90, progressive=True)
    whole = decode(data, (64, 48)).pixels.astype(int)
    scans = [marker.start() for marker in re.finditer(b"\xff\xda", data)]
    outcomes = []
    for at in sorted({*scans, *np.linspace(scans[0] + 20, len(data) - 4, 40).astype(int)}):
        for end in (int(at), int(at) + 3):
            try:
                image = decode(data[:end], (64, 48))
            except ImageUnreadable:
                outcomes.append(False)
            else:
                assert image.truncated
                assert np.abs(image.pixels - whole).mean() < 3
                outcomes.append(True)
    assert outcomes == sorted(outcomes) and 0 < sum(outcomes) < len(outcomes)
    assert not decode(data, (64, 48)).truncated


def test_scans_of_a_component_each_are_wanted_whole() -> None:
    """Y, Cb and Cr one after the other, as some cameras write them."""
    data = file(PHOTO, "JPEG", quality=90, progressive=True)
    inspected = inspect_jpeg(data)
    assert (inspected.scans, inspected.truncated) == (10, False)
    sequential = [b"\x01\x01\0\0\x3f\0", b"\x01\x02\x11\0\x3f\0", b"\x01\x03\x11\0\x3f\0"]
    start = data.index(b"\xff\xda")
    head = data[:start].replace(b"\xff\xc2", b"\xff\xc0")
    scan = [b"\xff\xda\0\x08" + part + b"\x12\x34" for part in sequential]
    for count in (1, 2, 3):
        with pytest.raises(ImageUnreadable, match="too much is missing"):
            inspect_jpeg(head + b"".join(scan[:count]))
    assert not inspect_jpeg(head + b"".join(scan) + b"\xff\xd9").truncated


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_that_lacks_its_end_marker_alone(progressive: bool) -> None:
    data = with_segments(file(PHOTO, "JPEG", progressive=progressive), (0xE1, exif(6)))
    whole, image = decode(data, (48, 64)), decode(data[:-2], (48, 64))
    assert image.truncated and not whole.truncated
    assert (image.width, image.height) == (240, 320)
    np.testing.assert_array_equal(image.pixels, whole.pixels)


@pytest.mark.parametrize("height", [1, 4])
def test_a_jpeg_of_few_rows_that_lacks_its_end_marker(height: int) -> None:
    """Four fifths of so few rows are all of them."""
    data = file(Pillow.new("RGB", (16, height), "red"), "JPEG")
    assert decode(data[:-2], (8, 8)).truncated


def test_what_follows_the_end_does_not_matter() -> None:
    data = file(PHOTO, "JPEG")
    for tail in (b"\xff\xd8\xff\xda", data[: len(data) // 2], bytes(9)):
        assert not decode(data + tail, (8, 8)).truncated
