import io
import random
import re
import struct
import subprocess
import sys
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from chalicelib.answers.predictions import Size
from chalicelib.errors import ImageTooLarge, ImageUnreadable, InceptionError
from chalicelib.images import formats
from chalicelib.images.decode import _domain_errors, decode
from chalicelib.images.preprocessing import Filter, Preprocessing
from chalicelib.images.tiff import orientation
from tests.avifboxes import deep_avif
from tests.sampleimages import (
    BLUE,
    GREEN,
    RED,
    WHITE,
    bmp_rle8,
    directory,
    exif,
    file,
    interlaced_png,
    photo_like,
    png,
    png_chunk,
    quadrants,
    scan_bomb,
    tiff,
    with_segments,
)
from tools.submitting.inputs import SUFFIXES

# pytest has its own warning filters in place of the one that images.py sets.
pytestmark = pytest.mark.filterwarnings(r"ignore:::PIL\.")

PICTURE = quadrants()
GREYS = [[88, 130], [62, 255]]  # ITU-R 601-2 luma of the four colours
BLACK = (0, 0, 0)


def corners(data: bytes, size: tuple[int, int] = (16, 16)) -> list[tuple[int, ...]]:
    """Colours well inside the four quadrants, by row."""
    pixels = decode(data, size).pixels
    rows, columns = (size[1] // 4, -size[1] // 4), (size[0] // 4, -size[0] // 4)
    return [tuple(int(v) for v in pixels[y, x]) for y in rows for x in columns]


def assert_colours(colours: Any, expected: Any, tolerance: int = 3) -> None:
    __tracebackhide__ = True
    assert np.abs(np.array(colours, int) - np.array(expected, int)).max() <= tolerance, colours


def with_alpha(image: Pillow.Image = PICTURE) -> Pillow.Image:
    """Opaque on the left, fully transparent on the right, where the colours must not show."""
    alpha = Pillow.new("L", image.size, 0)
    alpha.paste(255, (0, 0, image.width // 2, image.height))
    result = image.copy()
    result.putalpha(alpha)
    return result


COLOUR_FILES = {
    "JPEG": file(PICTURE, "JPEG", quality=95),
    "JPEG progressive": file(PICTURE, "JPEG", quality=95, progressive=True),
    "JPEG CMYK": file(PICTURE.convert("CMYK"), "JPEG", quality=95),
    "JPEG CMYK progressive": file(PICTURE.convert("CMYK"), "JPEG", quality=95, progressive=True),
    "JPEG from a phone (MPO)": file(
        PICTURE, "MPO", quality=95, save_all=True, append_images=[Pillow.new("RGB", (9, 9))]
    ),
    "PNG": file(PICTURE, "PNG"),
    "PNG palette": file(PICTURE.quantize(8), "PNG"),
    "PNG interlaced": interlaced_png(np.asarray(PICTURE)),
    "PNG animated": file(
        PICTURE, "PNG", save_all=True, append_images=[Pillow.new("RGB", (64, 48))]
    ),
    "WEBP": file(PICTURE, "WEBP", quality=95),
    "WEBP lossless": file(PICTURE, "WEBP", lossless=True),
    "WEBP animated": file(
        PICTURE, "WEBP", lossless=True, save_all=True, append_images=[Pillow.new("RGB", (64, 48))]
    ),
    "GIF": file(PICTURE.quantize(8), "GIF"),
    "GIF animated": file(
        PICTURE.quantize(8), "GIF", save_all=True, append_images=[Pillow.new("P", (64, 48))]
    ),
    "BMP": file(PICTURE, "BMP"),
    "BMP palette": file(PICTURE.quantize(8), "BMP"),
    "TIFF": file(PICTURE, "TIFF"),
    "TIFF pages": file(PICTURE, "TIFF", save_all=True, append_images=[Pillow.new("L", (9, 9))]),
    "TIFF big": file(PICTURE, "TIFF", big_tiff=True),
    "TIFF LZW": file(PICTURE, "TIFF", compression="tiff_lzw"),
    "TIFF deflate": file(PICTURE, "TIFF", compression="tiff_adobe_deflate"),
    "TIFF PackBits": file(PICTURE, "TIFF", compression="packbits"),
    "TIFF JPEG": file(PICTURE, "TIFF", compression="jpeg", quality=95),
    "TIFF palette": file(PICTURE.quantize(8), "TIFF"),
    "TIFF CMYK": file(PICTURE.convert("CMYK"), "TIFF", compression="tiff_lzw"),
    "TIFF Lab": file(PICTURE.convert("LAB"), "TIFF"),
    "AVIF": file(PICTURE, "AVIF", quality=95),
    "AVIF of 10 bits": deep_avif(10),
    "AVIF of 12 bits": deep_avif(12),
}


@pytest.mark.parametrize("name", COLOUR_FILES)
def test_first_picture_of_every_colour_format(name: str) -> None:
    image = decode(COLOUR_FILES[name], (16, 16))
    assert (image.width, image.height, image.format) == (64, 48, name.split()[0])
    assert_colours(corners(COLOUR_FILES[name]), [RED, GREEN, BLUE, WHITE], 12)


GREY_FILES = {
    "JPEG": file(PICTURE.convert("L"), "JPEG", quality=95),
    "PNG": file(PICTURE.convert("L"), "PNG"),
    "AVIF": file(PICTURE.convert("L"), "AVIF", quality=95),
    "BMP": file(PICTURE.convert("L"), "BMP"),
    "TIFF": file(PICTURE.convert("L"), "TIFF"),
    "TIFF of integers": file(PICTURE.convert("L").convert("I"), "TIFF"),
    "TIFF of floats to 255": file(PICTURE.convert("L").convert("F"), "TIFF"),
    "TIFF of floats to 1": file(
        Pillow.fromarray(np.asarray(PICTURE.convert("L"), np.float32) / 255), "TIFF"
    ),
    "PNG of 16 bits": file(
        Pillow.fromarray(np.asarray(PICTURE.convert("L")).astype(np.uint16) * 257), "PNG"
    ),
    "TIFF of 16 bits": file(
        Pillow.fromarray(np.asarray(PICTURE.convert("L")).astype(np.uint16) * 257), "TIFF"
    ),
}


@pytest.mark.parametrize("name", GREY_FILES)
def test_grey_of_every_depth(name: str) -> None:
    expected = [(grey,) * 3 for row in GREYS for grey in row]
    assert_colours(corners(GREY_FILES[name]), expected, 4)


@pytest.mark.parametrize("name", ["PNG", "BMP", "TIFF", "GIF"])
def test_black_and_white(name: str) -> None:
    halves = Pillow.new("1", (64, 48), 1)
    halves.paste(0, (0, 0, 32, 48))
    assert corners(file(halves, name)) == [BLACK, WHITE, BLACK, WHITE]


@pytest.mark.parametrize("name", ["PNG", "BMP", "TIFF"])
def test_fine_black_and_white_pattern_averages_to_grey(name: str) -> None:
    checks = Pillow.fromarray(np.indices((64, 64)).sum(0) % 2 == 1)
    assert checks.mode == "1"
    assert_colours(corners(file(checks, name), (4, 4)), [(127,) * 3] * 4, 2)


def test_opposite_lab_colours_average_to_grey() -> None:
    data = tiff((2, 1), (8, 8, 8), 8, bytes((128, 60, 0, 128, 256 - 60, 0)))
    assert_colours(decode(data, (1, 1)).pixels, [[[119] * 3]], 2)


def test_fax_coded_tiff() -> None:
    halves = Pillow.new("1", (64, 48), 1)
    halves.paste(0, (0, 0, 32, 48))
    assert corners(file(halves, "TIFF", compression="group4")) == [BLACK, WHITE, BLACK, WHITE]


ALPHA_FILES = {
    "PNG": file(with_alpha(), "PNG"),
    "PNG palette": file(with_alpha().quantize(8), "PNG"),
    "WEBP": file(with_alpha(), "WEBP", lossless=True),
    "TIFF": file(with_alpha(), "TIFF"),
    "GIF": file(with_alpha(), "GIF"),
    "AVIF": file(with_alpha(), "AVIF", quality=95, subsampling="4:4:4"),
}


@pytest.mark.parametrize("name", ALPHA_FILES)
def test_alpha_shows_white(name: str) -> None:
    assert_colours(corners(ALPHA_FILES[name]), [RED, WHITE, BLUE, WHITE])


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_colour_under_full_transparency_does_not_bleed(mode: str) -> None:
    dark = Pillow.new("L", (2000, 2000), 0)
    dark.putalpha(Pillow.new("L", dark.size, 0))
    pixels = decode(file(dark.convert(mode), "PNG"), (7, 7)).pixels
    assert (pixels == 255).all()


def test_half_transparent_red_is_pink() -> None:
    red = Pillow.new("RGBA", (8, 8), (255, 0, 0, 128))
    assert_colours(corners(file(red, "PNG")), [(255, 127, 127)] * 4, 1)


def test_premultiplied_grey_tiff() -> None:
    data = tiff((2, 1), (8, 8), 1, bytes((100, 200, 0, 0)), (338, 3, 1, 1))
    assert decode(data, (2, 1)).pixels[0, :, 0].tolist() == [155, 255]


@pytest.mark.parametrize(
    ("depth", "colour_type", "row", "key", "expected"),
    [
        (1, 0, b"\x40", (0,), [255, 255]),
        (2, 0, b"\x60", (1,), [255, 170]),
        (4, 0, b"\x5a", (5,), [255, 170]),
        (8, 0, b"\x5a\xaa", (0x5A,), [255, 170]),
        (16, 0, b"\x5a\x01\xaa\xaa", (0x5A01,), [255, 170]),
        (8, 2, b"\x5a\x5a\x5a\xaa\xaa\xaa", (0x5A,) * 3, [255, 170]),
        (16, 2, b"\x5a\x01" * 3 + b"\xaa\xaa" * 3, (0x5A01,) * 3, [255, 170]),
    ],
)
def test_transparent_colour_of_a_png(
    depth: int, colour_type: int, row: Any, key: Any, expected: Any
) -> None:
    trns = png_chunk(b"tRNS", struct.pack(f">{len(key)}H", *key))
    data = png((2, 1), depth, colour_type, b"\0" + row, trns)
    assert decode(data, (2, 1)).pixels[0, :, 0].tolist() == expected


def test_palette_with_alphas() -> None:
    colours = png_chunk(b"PLTE", bytes((0, 0, 0, 90, 90, 90)))
    data = png((2, 1), 8, 3, b"\0\0\1", colours, png_chunk(b"tRNS", b"\x80\xff"))
    assert decode(data, (2, 1)).pixels[0, :, 0].tolist() == [127, 90]


@pytest.mark.parametrize(("colour_type", "samples"), [(2, 3), (4, 2), (6, 4)])
def test_16_bit_colour_and_alpha(colour_type: int, samples: Any) -> None:
    row = (b"\x40\x40" * samples)[: 2 * samples]
    if colour_type != 2:
        row = row[:-2] + b"\xff\xff"
    assert corners(png((1, 1), 16, colour_type, b"\0" + row), (4, 4)) == [(64,) * 3] * 4


@pytest.mark.parametrize("order", ["<", ">"])
def test_16_bit_grey_tiff_in_both_byte_orders(order: str) -> None:
    strip = struct.pack(order + "2H", 0x4040, 0xFFFF)
    data = tiff((2, 1), (16,), 1, strip, order=order)
    assert decode(data, (2, 1)).pixels[0, :, 0].tolist() == [64, 255]


def test_12_bit_tiff_is_not_dark() -> None:
    data = tiff((2, 1), (12,), 1, b"\x80\x0f\xff")
    assert decode(data, (2, 1)).pixels[0, :, 0].tolist() == [128, 255]


@pytest.mark.parametrize("bits", [8, 16])
def test_tiff_whose_white_is_zero(bits: int) -> None:
    strip = struct.pack("<2H" if bits == 16 else "<2B", 0, 2**bits - 1)
    assert decode(tiff((2, 1), (bits,), 0, strip), (2, 1)).pixels[0, :, 0].tolist() == [255, 0]


def test_floats_that_are_no_numbers_are_black() -> None:
    values = np.array([[np.nan, np.inf, -5, 1]], np.float32)
    pixels = decode(file(Pillow.fromarray(values), "TIFF"), (4, 1)).pixels
    assert pixels[0, :, 0].tolist() == [0, 0, 0, 255]


def test_adobe_ycck_jpeg() -> None:
    """Stored Y 200, Cb and Cr 128, K 255: a neutral that converts to grey 55 by Adobe's rules."""
    cmyk = Pillow.new("CMYK", (16, 16), (55, 127, 127, 0))
    data = file(cmyk, "JPEG", quality=100)
    at = data.index(b"Adobe") + 11
    ycck = data[:at] + b"\x02" + data[at + 1 :]
    assert_colours(corners(ycck), [(55, 55, 55)] * 4, 2)


def test_run_length_bmp() -> None:
    data = bmp_rle8((4, 2), b"\2\x10\2\x80\0\0" + b"\4\xf0\0\0\0\1")
    pixels = decode(data, (4, 2)).pixels
    assert pixels[:, :, 0].tolist() == [[0xF0] * 4, [0x10, 0x10, 0x80, 0x80]]


# Orientation


TURNED = {  # what an upright viewer sees of quadrants a b / c d, by EXIF value
    1: "abcd", 2: "badc", 3: "dcba", 4: "cdab", 5: "acbd", 6: "cadb", 7: "dbca", 8: "bdac",
}  # fmt: skip


QUICK = {
    "JPEG": {"quality": 95},
    "WEBP": {"quality": 95, "method": 0},
    "AVIF": {"quality": 95, "speed": 10},
}


@pytest.mark.parametrize("turn", TURNED)
@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("scale", [1, 12])
def test_exif_orientation(format_: str, turn: Any, scale: Any) -> None:
    picture = quadrants(64 * scale, 48 * scale)
    options = QUICK.get(format_, {})
    data = file(picture, format_, exif=exif(turn), **options)
    image = decode(data, (20, 16))
    assert (image.width, image.height) == (picture.size[::-1] if turn >= 5 else picture.size)
    assert image.pixels.shape == (16, 20, 3)
    colours = dict(zip("abcd", (RED, GREEN, BLUE, WHITE), strict=True))
    assert_colours(corners(data, (20, 16)), [colours[c] for c in TURNED[turn]], 12)


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"II",
        b"II*\0",
        b"II*\0\xff\xff\xff\xff",
        b"MM\0+\0\x08\0\0" + b"\xff" * 8,
        b"II*\0\x08\0\0\0\xff\xff" + b"\x12\x01" * 9,
        exif(0)[6:],
        exif(9)[6:],
        exif(65535)[6:],
        b"not a TIFF at all",
        b"II*\0\x08\0\0\0" + struct.pack("<HHHII", 1, 0x011A, 5, 2**30, 8),
    ],
)
def test_corrupt_exif_is_ignored(block: bytes) -> None:
    jpeg = with_segments(file(PICTURE, "JPEG", quality=95), (0xE1, b"Exif\0\0" + block))
    for data in (jpeg, _with_exif_chunk(block), file(PICTURE, "WEBP", quality=95, exif=block)):
        assert_colours(corners(data), [RED, GREEN, BLUE, WHITE], 12)


def _with_exif_chunk(block: bytes) -> Any:
    data = file(PICTURE, "PNG")
    return data[:33] + png_chunk(b"eXIf", block) + data[33:]


@pytest.mark.parametrize("tag", [34665, 34853, 40965])
@pytest.mark.parametrize("offset", [8, 2**31])
def test_subdirectories_of_a_tiff_are_not_followed(tag: Any, offset: Any) -> None:
    data = tiff((2, 1), (8,), 1, b"\x10\x20", (tag, 4, 1, offset))
    pointer = struct.pack("<HHII", tag, 4, 1, offset)
    assert pointer in data
    assert pointer not in formats.inspect(data).data
    assert decode(data, (2, 1)).pixels[0, :, 0].tolist() == [0x10, 0x20]


def test_corrupt_metadata_is_ignored() -> None:
    jpeg = with_segments(
        file(PICTURE, "JPEG", quality=95),
        (0xE2, b"ICC_PROFILE\0\1\1junk"),
        (0xE2, b"MPF\0II*\0\xff\xff\xff\xff"),
        (0xED, b"Photoshop 3.0\x008BIM\xff"),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0<x"),
    )
    corrupt = png_chunk(b"iCCP", b"x\0\0junk"), png_chunk(b"zTXt", b"x"), png_chunk(b"acTL", b"")
    whole = file(PICTURE, "PNG")
    for data in (jpeg, whole[:33] + b"".join(corrupt) + whole[33:]):
        assert_colours(corners(data), [RED, GREEN, BLUE, WHITE], 12)


# Size and cost


@pytest.mark.parametrize(
    "data",
    [
        COLOUR_FILES["JPEG"],
        ALPHA_FILES["PNG"],
        GREY_FILES["TIFF"],
        file(PICTURE, "PNG", exif=exif(6)),
    ],
)
def test_array_is_what_a_model_takes(data: bytes) -> None:
    pixels = decode(data, (299, 224)).pixels
    assert (pixels.shape, pixels.dtype) == ((224, 299, 3), np.uint8)
    assert pixels.flags.c_contiguous
    assert not pixels.flags.writeable


@pytest.mark.parametrize("size", [(1, 1), (1, 20_000), (20_000, 1), (3, 5000)])
@pytest.mark.parametrize("format_", ["JPEG", "PNG"])
def test_extreme_shapes_are_squashed_whole(format_: str, size: tuple[int, int]) -> None:
    image = decode(file(Pillow.new("RGB", size, GREEN), format_, quality=95), (32, 24))
    assert (image.width, image.height, image.pixels.shape) == (*size, (24, 32, 3))
    assert_colours(image.pixels.reshape(-1, 3), [GREEN] * (24 * 32))


def test_nothing_is_cropped() -> None:
    wide = Pillow.new("RGB", (4000, 100), BLUE)
    wide.paste(RED, (0, 0, 400, 100))
    pixels = decode(file(wide, "PNG"), (100, 100)).pixels
    assert_colours([pixels[50, 4], pixels[50, 15], pixels[50, -1]], [RED, BLUE, BLUE])


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("size", [(2400, 1600), (1280, 720), (4000, 700)])
def test_reduced_scale_differs_little_from_decoding_in_full(
    size: tuple[int, int], progressive: bool
) -> None:
    data = file(photo_like(*size), "JPEG", quality=90, progressive=progressive)
    full = Pillow.open(io.BytesIO(data))
    expected = np.asarray(full.resize((299, 299), Pillow.Resampling.BILINEAR), int)
    assert np.abs(decode(data, (299, 299)).pixels - expected).mean() < 1.0


@pytest.mark.parametrize("turn", TURNED)
@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("scale", [1, 12])
def test_a_crop_is_upright_and_of_the_middle(format_: str, turn: Any, scale: Any) -> None:
    """The frame around the middle half must not show, and the quadrants lie as they do upright."""
    picture = Pillow.new("RGB", (160 * scale, 96 * scale), BLACK)
    picture.paste(quadrants(64 * scale, 64 * scale), (48 * scale, 16 * scale))
    options = QUICK.get(format_, {})
    data = file(picture, format_, exif=exif(turn), **options)
    image = decode(data, (16, 16), Preprocessing("crop", 0.6))
    assert (image.width, image.height) == (picture.size[::-1] if turn >= 5 else picture.size)
    colours = dict(zip("abcd", (RED, GREEN, BLUE, WHITE), strict=True))
    corners = [tuple(int(v) for v in image.pixels[y, x]) for y in (4, -4) for x in (4, -4)]
    assert_colours(corners, [colours[c] for c in TURNED[turn]], 12)
    assert image.pixels.reshape(-1, 3).max(axis=1).min() > 90  # none of the frame


@pytest.mark.parametrize("part", [0.5, 0.875, 1.0])
@pytest.mark.parametrize(("shorter", "scale"), [(150, 1), (280, 2), (560, 4), (1120, 8)])
def test_a_jpeg_is_decoded_at_the_smallest_scale_that_has_the_crop(
    shorter: int, scale: Any, part: Any
) -> None:
    data = file(photo_like(round(shorter / part * 1.4), round(shorter / part)), "JPEG", quality=90)
    how = Preprocessing("crop", part)
    image = Pillow.open(io.BytesIO(data))
    box = [edge / scale for edge in how.box(image.size, (112, 112))]
    image.draft("RGB", (image.width // scale, image.height // scale))
    assert image.height == -(-round(shorter / part) // scale)
    expected = np.asarray(image.resize((112, 112), Pillow.Resampling.BILINEAR, tuple(box)))
    assert np.abs(decode(data, (112, 112), how).pixels - expected).max() <= 1


@pytest.mark.parametrize("turn", [1, 6])
@pytest.mark.parametrize("format_", ["JPEG", "PNG"])
def test_a_letterbox_shows_the_whole_between_bars(format_: str, turn: Any) -> None:
    data = file(Pillow.new("RGB", (400, 200), GREEN), format_, quality=95, exif=exif(turn))
    pixels = decode(data, (20, 20), Preprocessing("letterbox", colour=(1, 2, 3))).pixels
    assert pixels.flags.c_contiguous and not pixels.flags.writeable
    pixels = pixels.swapaxes(0, 1) if turn == 6 else pixels
    assert (pixels[:5] == (1, 2, 3)).all() and (pixels[15:] == (1, 2, 3)).all()
    assert_colours(pixels[5:15].reshape(-1, 3), [GREEN] * 200)


@pytest.mark.parametrize("resize", ["crop", "letterbox"])
@pytest.mark.parametrize("size", [(1, 1), (1, 20_000), (20_000, 1), (3, 5000)])
@pytest.mark.parametrize("data", ["JPEG", "PNG", "I;16"])
def test_extreme_shapes_are_cropped_and_fitted_too(
    data: str, size: tuple[int, int], resize: Any
) -> None:
    if data == "I;16":
        encoded = file(Pillow.new("I;16", size, 40_000), "PNG")
    else:
        encoded = file(Pillow.new("RGB", size, GREEN), data, quality=95)
    image = decode(encoded, (32, 24), Preprocessing(resize, colour=GREEN))
    assert (image.width, image.height, image.pixels.shape) == (*size, (24, 32, 3))


@pytest.mark.parametrize("name", sorted({**COLOUR_FILES, **ALPHA_FILES, **GREY_FILES}))
def test_every_kind_of_file_is_cropped(name: str) -> None:
    """To what the whole shows in its middle."""
    data = {**COLOUR_FILES, **ALPHA_FILES, **GREY_FILES}[name]
    middle = decode(data, (48, 48), Preprocessing("crop", 0.5, filter="box")).pixels
    whole = decode(data, (256, 192), Preprocessing(filter="box")).pixels
    expected = whole[48:144, 80:176].reshape(48, 2, 48, 2, 3).mean(axis=(1, 3))
    assert np.abs(middle - expected).mean() < 4


@pytest.mark.parametrize("name", ["bilinear", "bicubic", "lanczos", "box", "nearest"])
def test_the_filter_is_the_one_that_is_named(name: Filter) -> None:
    picture = photo_like(90, 60)
    expected = picture.resize((32, 24), Pillow.Resampling[name.upper()])
    pixels = decode(file(picture, "PNG"), (32, 24), Preprocessing(filter=name)).pixels
    np.testing.assert_array_equal(pixels, expected)


def test_pixel_limit_is_told_before_decoding() -> None:
    for data in (
        png((13_000, 13_000), 1, 0, b""),
        b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 9000, 9000, 1, 24, *[0] * 6),
        b"GIF89a" + struct.pack("<HHBBB", 60_000, 60_000, 0, 0, 0) + b"," + bytes(20),
        tiff((10_000, 10_000), (8,), 1, b""),
        re.sub(rb"(\xff\xc0..\x08)....", b"\\1\xff\xf0\xff\xf0", COLOUR_FILES["JPEG"], flags=re.S),
        COLOUR_FILES["WEBP lossless"][:21] + b"\xff\xff\xff\x0f" + b"\0" * 20,
    ):
        with pytest.raises(ImageTooLarge, match="megapixels"):
            decode(data, (8, 8))


def test_exactly_fifty_megapixels_pass_and_one_row_more_does_not() -> None:
    rows = b"\0" + bytes(1250)
    assert decode(png((10_000, 5000), 1, 0, rows * 5000), (4, 4)).width == 10_000
    with pytest.raises(ImageTooLarge, match=r"50\.0 megapixels \(10000 x 5001\).*at most 50"):
        decode(png((10_000, 5001), 1, 0, rows * 5001), (4, 4))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (scan_bomb((64, 64), 500), "100 scans"),
        (scan_bomb((4000, 4000), 70), "too many scans"),
        (png((4, 4), 8, 0, bytes(20), png_chunk(b"abCd") * 60_000), "parts"),
        (with_segments(COLOUR_FILES["JPEG"], *[(0xE0, b"")] * 60_000), "parts"),
        (COLOUR_FILES["GIF"][:13] + b"!\xfe\0" * 60_000 + COLOUR_FILES["GIF"][13:], "parts"),
        (bmp_rle8((7000, 7000), b"\0\1"), "run-length"),
        (bmp_rle8((4, 2), b"\0\2\0\0" * 1_100_000), "run-length"),
        (tiff((1, 100_000), (8,), 1, b"", (273, 4, 100_000, 8)), "values in tag 273"),
        (tiff((4, 4), (8,), 1, bytes(16), (282, 5, 2_000_000, 8)), "values in tag 282"),
        (b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 10**6), "1000000 tags"),
        (png((1, 50_000_000), 1, 0, b""), "memory"),
        (
            tiff((16, 16), (8,), 1, b"", (322, 4, 1, 30_000), (323, 4, 1, 30_000), compression=8),
            "memory",
        ),
    ],
)
def test_files_that_cost_too_much_are_refused(data: bytes, says: str) -> None:
    with pytest.raises(ImageTooLarge, match=says):
        decode(data, (8, 8))


def test_tiff_of_a_scan_bomb() -> None:
    strip = scan_bomb((4000, 4000), 80)
    with pytest.raises(ImageTooLarge, match="scans"):
        decode(tiff((4000, 4000), (8, 8, 8), 6, strip, compression=7), (8, 8))


def test_tiff_whose_strips_overlap() -> None:
    data = tiff((8, 8), (8, 8, 8), 6, b"", (279, 4, 1, 10_000), compression=7)
    with pytest.raises(ImageUnreadable, match="overlap"):
        decode(data, (8, 8))


@pytest.mark.parametrize("length", [None, 0])
def test_tiff_whose_strips_are_one_scan_bomb(length: int) -> None:
    """Each strip has few scans for its size; all of them together have not."""
    strip, times = scan_bomb((4000, 16), 80), 250
    tags = {
        258: (3, [8] * 3), 259: (3, [7]), 262: (3, [6]), 273: (4, [8] * times), 277: (3, [3]),
        278: (4, [16]), 279: (4, [len(strip) if length is None else length] * times),
    }  # fmt: skip
    data = directory(tags, (4000, 16 * times), strip) + bytes(times * len(strip))
    with pytest.raises(ImageUnreadable if length == 0 else ImageTooLarge, match=r"overlap|scans"):
        decode(data, (8, 8))


def test_tiff_whose_raw_strips_are_listed_many_times() -> None:
    strip = bytes(range(250)) * 100
    tags = {278: (4, [100]), 279: (4, [len(strip)])}
    few = directory({**tags, 273: (4, [8, 8, 8])}, (250, 200), strip)
    assert decode(few, (8, 8)).format == "TIFF"
    with pytest.raises(ImageTooLarge, match="too many strips"):
        decode(directory({**tags, 273: (4, [8] * 60_000)}, (250, 200), strip), (8, 8))


def test_tiff_of_jpeg_strips() -> None:
    data = file(photo_like(400, 300), "TIFF", compression="jpeg", strip_size=4000)
    assert data.count(b"\xff\xda") > 3
    assert decode(data, (8, 8)).format == "TIFF"


def test_tiff_of_a_rare_compression() -> None:
    with pytest.raises(ImageUnreadable, match="compression"):
        decode(tiff((8, 8), (8,), 1, bytes(64), compression=34925), (8, 8))


def test_out_of_memory_is_too_large() -> None:
    with pytest.raises(ImageTooLarge), _domain_errors():
        raise MemoryError


# What is no image, or no longer one


def test_every_format_is_named_where_formats_are_listed() -> None:
    names = {name.lower() for name in get_args(formats.Format)}
    page = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    (on_page,) = re.findall(r"^The service reads JPEG, .*$", page, re.MULTILINE)
    for text in (formats.ACCEPTED, Size.__doc__ or "", on_page):
        assert names <= set(re.findall(r"\w+", text.lower())), text
    assert {f".{name}" for name in names} <= SUFFIXES


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html>", "an HTML page"),
        (b"\n <HTML><body>", "an HTML page"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- a --><svg>", "an SVG drawing"),
        (b"<?xml version='1.0'?><rss>", "an XML document"),
        (b"%PDF-1.7", "a PDF document"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "a PostScript drawing"),
        (b"\xc5\xd0\xd3\xc6" + bytes(30), "a PostScript drawing"),
        (b"\0\0\0\x18ftypisom" + bytes(16), "a video"),
        (b"\0\0\1\0\1\0", "a Windows icon"),
        (b"8BPS\0\1", "a Photoshop document"),
        (b"\0\0\0\x0cjP  \r\n", "a JPEG 2000 image"),
        (b"\xff\x0a\0", "a JPEG XL image"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"\x1f\x8b\x08", "gzip data"),
        (b"/9j/4AAQSkZJRg", "base64 text"),
        (b'{"url": 1}', "JSON text"),
        (b"P6 1 1 255 abc", "not an image of a known format"),
        (random.Random(1).randbytes(5000), "not an image of a known format"),
        (b"\0" * 5000, "not an image of a known format"),
    ],
)
def test_what_is_no_image_is_named(data: bytes, says: str) -> None:
    with pytest.raises(ImageUnreadable, match=f"{says}.*; send a JPEG, PNG"):
        decode(data, (8, 8))


@pytest.mark.parametrize("brand", ["heic", "heix", "hevc", "mif1", "msf1", "heif"])
def test_a_heic_photo_is_named_with_what_to_do(brand: str) -> None:
    data = b"\0\0\0\x18ftyp" + brand.encode() + b"\0\0\0\0mif1heic" + bytes(16)
    with pytest.raises(ImageUnreadable, match=r"a HEIC photo; save .* as JPEG\. .*iPhone.*Formats"):
        decode(data, (8, 8))


def test_jpeg_of_another_process_is_refused() -> None:
    arithmetic = re.sub(rb"\xff\xc0", b"\xff\xc9", COLOUR_FILES["JPEG"], count=1)
    with pytest.raises(ImageUnreadable, match="kind of JPEG"):
        decode(arithmetic, (8, 8))


@pytest.mark.parametrize("tail", [b"<html><script>alert(1)</script>", b"PK\x03\x04", bytes(10**6)])
def test_polyglots_are_what_they_begin_as(tail: Any) -> None:
    assert_colours(corners(COLOUR_FILES["JPEG"] + tail), [RED, GREEN, BLUE, WHITE], 12)
    assert decode(COLOUR_FILES["GIF"] + tail, (8, 8)).format == "GIF"


@pytest.mark.parametrize("name", COLOUR_FILES)
def test_truncated_files_are_unreadable_or_whole(name: str) -> None:
    """Only what follows the pixels, such as an end marker, may be missing: never a grey half.

    A JPEG may lack more, which it then says: tests/unit/test_jpegfiles.py.
    """
    data = COLOUR_FILES[name]
    whole = decode(data, (16, 16)).pixels
    marks = {m.start() for m in re.finditer(rb"\xff[\xc0-\xfe]", data)} if "JPEG" in name else set()
    unreadable = 0
    for end in sorted(marks | {len(data) * part // 50 for part in range(50)} | {len(data) - 1}):
        try:
            image = decode(data[:end], (16, 16))
        except ImageUnreadable:
            unreadable += 1
        else:
            most = 12 if image.truncated else 16
            tolerance = 40 if image.truncated and "progressive" in name else 0
            differences = np.abs(image.pixels[:most].astype(int) - whole[:most])
            assert differences.max() <= tolerance, f"cut to {end} of {len(data)} bytes"
            assert not image.truncated or name.startswith("JPEG")
    assert unreadable >= (10 if "pages" in name or "animated" in name or "MPO" in name else 30)


@pytest.mark.parametrize("format_", ["JPEG", "PNG"])
def test_a_file_is_copied_once_while_it_is_checked(format_: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (600, 800, 3), np.uint8)
    data = file(Pillow.fromarray(noise), format_)
    tracemalloc.start()
    formats.inspect(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.3 * len(data)


def test_nothing_is_printed_and_no_warning_escapes() -> None:
    """Under -W error a warning would be an exception; Pillow's log would write to stderr."""
    tagged = tiff((2, 2), (8,), 1, bytes(4), (65000, 3, 9, 0xFFFFFF), (305, 2, 90, 0xFFFFFF))
    samples = tiff((2, 2), (8,), 1, bytes(4), (277, 3, 1, 99))
    broken = tiff((2, 2), (8,), 1, b"", (65000, 3, 9, 0xFFFFFF))
    code = (
        "import sys, ast\n"
        "from chalicelib.images.decode import decode\n"
        "from chalicelib.errors import InceptionError\n"
        "for data in ast.literal_eval(sys.stdin.read()):\n"
        "    try:\n"
        "        print(decode(data, (4, 4)).format)\n"
        "    except InceptionError as error:\n"
        "        print(error.code)\n"
    )
    huge = png((6000, 6000), 1, 0, (b"\0" + bytes(750)) * 6000)
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        input=repr([tagged, samples, broken, huge]),
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.split() == ["TIFF", "ImageUnreadable", "ImageUnreadable", "PNG"]
    assert run.stderr == ""


def test_threads_decode_at_the_same_time() -> None:
    files = [*COLOUR_FILES.values(), *ALPHA_FILES.values(), *GREY_FILES.values()] * 3
    files += [file(Pillow.new("RGBA", (2200, 2200), (1, 2, 3, 255)), "PNG")] * 3
    expected = [decode(data, (16, 16)).pixels for data in files]
    with ThreadPoolExecutor(8) as threads:
        decoded = list(threads.map(lambda data: decode(data, (16, 16)).pixels, files))
    assert all(np.array_equal(a, b) for a, b in zip(decoded, expected, strict=True))


SEEDS = [*COLOUR_FILES.values(), *ALPHA_FILES.values(), *GREY_FILES.values()]


@settings(max_examples=400)
@given(
    seed=st.sampled_from(SEEDS),
    changes=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=6)), max_size=12),
    cut=st.floats(0.2, 1),
)
def test_mutated_files_are_decoded_or_refused(seed: bytes, changes: Any, cut: Any) -> None:
    data = bytearray(seed[: max(1, int(len(seed) * cut))])
    for place, new in changes:
        at = int(place * (len(data) - 1))
        data[at : at + len(new)] = new
    try:
        image = decode(bytes(data), (16, 12))
    except InceptionError as error:
        assert 400 <= error.status < 500 and str(error).endswith(".")
    else:
        assert image.pixels.shape == (12, 16, 3)


@given(st.binary(max_size=200))
def test_any_exif_gives_an_orientation(block: bytes) -> None:
    assert orientation(block) in range(1, 9)


def test_inspection_keeps_the_pixels_of_a_png() -> None:
    data = file(PICTURE, "PNG", exif=exif(6))
    inspected = formats.inspect(data)
    assert inspected.exif == exif(6)[6:]
    assert b"eXIf" not in inspected.data
    assert zlib.crc32(inspected.data[-8:-4]) == struct.unpack(">I", inspected.data[-4:])[0]
