"""Pictures for tests: built byte by byte where the bytes matter, by Pillow where they do not."""

import io
import re
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

RED, GREEN, BLUE, WHITE = (220, 30, 40), (20, 200, 60), (30, 50, 210), (255, 255, 255)


def quadrants(width: int = 64, height: int = 48) -> Image.Image:
    """Red and green above, blue and white below."""
    pixels = np.empty((height, width, 3), np.uint8)
    for (y, x), colour in zip(np.ndindex(2, 2), (RED, GREEN, BLUE, WHITE), strict=True):
        rows = slice(y * height // 2, (y + 1) * height // 2)
        pixels[rows, x * width // 2 : (x + 1) * width // 2] = colour
    return Image.fromarray(pixels)


def file(image: Image.Image, format_: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


def picture(colour: str, size: tuple[int, int] = (40, 30)) -> bytes:
    """A PNG of one colour."""
    return file(Image.new("RGB", size, colour), "PNG")


def exif(orientation: int) -> bytes:
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HHHIII", 1, 0x0112, 3, 1, orientation, 0)


def png_chunk(kind: bytes, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload)) + kind + payload + _crc(kind + payload)


def _crc(data: bytes) -> bytes:
    return struct.pack(">I", zlib.crc32(data))


def png(
    size: tuple[int, int], depth: int, colour_type: int, rows: bytes, *chunks: bytes, **header: int
) -> bytes:
    """A PNG whose filtered rows are `rows`, with further chunks before them."""
    ihdr = struct.pack(">IIBBBBB", *size, depth, colour_type, 0, 0, header.get("interlace", 0))
    body = (png_chunk(b"IHDR", ihdr), *chunks, png_chunk(b"IDAT", zlib.compress(rows)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(body) + png_chunk(b"IEND")


def interlaced_png(pixels: NDArray[np.uint8]) -> bytes:
    """Adam7 (https://www.w3.org/TR/png/#8InterlaceMethods) of [height, width, 3]."""
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4))
    passes += ((2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    rows = b"".join(
        b"\0" + row.tobytes() for y, x, dy, dx in passes for row in pixels[y::dy, x::dx] if row.size
    )
    return png(pixels.shape[1::-1], 8, 2, rows, interlace=1)


def tiff(
    size: tuple[int, int],
    bits: Sequence[int],
    photometric: int,
    strip: bytes,
    *entries: tuple[int, int, int, int],
    compression: int = 1,
    order: str = "<",
) -> bytes:
    """A TIFF of one strip; `entries` are further (tag, type, count, value), the value in place."""
    tags = {entry[0] for entry in entries}
    own = [
        (256, 4, 1, size[0]),
        (257, 4, 1, size[1]),
        (258, 3, len(bits), None),
        (259, 3, 1, compression),
        (262, 3, 1, photometric),
        (273, 4, 1, None),
        (277, 3, 1, len(bits)),
        (278, 4, 1, size[1]),
        (279, 4, 1, len(strip)),
    ]
    directory = sorted([entry for entry in own if entry[0] not in tags] + list(entries))
    depths_at = 8 + 2 + 12 * len(directory) + 4
    depths = struct.pack(f"{order}{len(bits)}H", *bits)
    in_place = int.from_bytes(depths, "little" if order == "<" else "big")
    places = {273: depths_at + len(depths), 258: depths_at if len(bits) > 2 else in_place}
    out = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(directory))
    for tag, type_, count, value in directory:
        value = places[tag] if value is None else value
        short = type_ == 3 and count == 1
        packed = struct.pack(order + ("HH" if short else "I"), *([value, 0] if short else [value]))
        out += struct.pack(order + "HHI", tag, type_, count) + packed
    return out + struct.pack(order + "I", 0) + depths + strip


def directory(
    tags: Mapping[int, tuple[int, Sequence[int]]],
    size: tuple[int, int],
    body: bytes,
    following: int = 0,
    counts: int = 0,
) -> bytes:
    """A TIFF: `body` after the directory's place, one strip of 8-bit grey unless `tags` say else.

    following: where the next directory is. counts: what tags of bytes say they hold.
    """
    at = 10 + len(body) + len(body) % 2 if following == 0 and len(body) > 1 else 10
    own: dict[int, tuple[int, Sequence[int]]] = {
        256: (4, [size[0]]), 257: (4, [size[1]]), 258: (3, [8]), 259: (3, [1]), 262: (3, [1]),
        273: (4, [8]), 277: (3, [1]), 278: (4, [size[1]]), 279: (4, [len(body)]), **tags,
    }  # fmt: skip
    after = at + 2 + 12 * len(own) + 4
    entries, values = b"", b""
    for tag, (type_, numbers) in sorted(own.items()):
        packed = struct.pack(f"<{len(numbers)}{'H' if type_ == 3 else 'I'}", *numbers)
        if type_ == 5:
            packed = b"".join(struct.pack("<II", number, 1) for number in numbers)
        place = packed.ljust(4, b"\0")
        if len(packed) > 4:
            place = struct.pack("<I", after + len(values))
            values += packed
        if type_ == 7 and counts:
            place = struct.pack("<I", 8)
        count = counts if type_ == 7 and counts else len(numbers)
        entries += struct.pack("<HHI", tag, type_, count) + place
    head = b"II*\0" + struct.pack("<I", at) + body
    return (
        head.ljust(at, b"\0")
        + struct.pack("<H", len(own))
        + entries
        + struct.pack("<I", following)
        + values
    )


def bmp_rle8(size: tuple[int, int], runs: bytes) -> bytes:
    head = struct.pack("<IHHI", 1078 + len(runs), 0, 0, 1078)
    info = struct.pack("<IiiHHIIiiII", 40, *size, 1, 8, 1, len(runs), 0, 0, 256, 0)
    palette = b"".join(bytes((255 - i, 10, i, 0)) for i in range(256))
    return b"BM" + head + info + palette + runs


def with_segments(jpeg: bytes, *segments: tuple[int, bytes]) -> bytes:
    """A JPEG with further (marker, payload) segments after its start."""
    added = (struct.pack(">BBH", 0xFF, kind, len(data) + 2) + data for kind, data in segments)
    return jpeg[:2] + b"".join(added) + jpeg[2:]


def scan_bomb(size: tuple[int, int], scans: int) -> bytes:
    """A progressive JPEG whose last scan, of a few bytes, is repeated."""
    jpeg = file(Image.new("RGB", size, RED), "JPEG", progressive=True)
    last = jpeg[[marker.start() for marker in re.finditer(b"\xff\xda", jpeg)][-1] : -2]
    return jpeg[:-2] + last * scans + jpeg[-2:]


def photo_like(width: int, height: int) -> Image.Image:
    """Smooth shapes, edges and some grain, as a photograph has; the same at every call."""
    y = np.arange(height, dtype=np.float32)[:, None] / max(width, height)
    x = np.arange(width, dtype=np.float32)[None] / max(width, height)
    grain = np.random.default_rng(7).standard_normal((height, width), np.float32) * 6
    edges = ((x * 12).astype(np.int8) + (y * 12).astype(np.int8)) % 2 * np.float32(60)
    common = 110 + edges + grain
    channels = []
    for k in range(3):  # sums of angles, since a sine of every pixel takes seconds
        a, b, c, d = 40 * (k + 1) * x, 9 * y, 31 * y, 17 * k * x
        wave = np.sin(a) * np.cos(b) + np.cos(a) * np.sin(b)
        wave += np.cos(c) * np.cos(d) + np.sin(c) * np.sin(d)
        channels.append(common + 40 * wave)
    return Image.fromarray(np.stack(channels, -1).clip(0, 255).astype(np.uint8))
