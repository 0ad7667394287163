"""What an image file's bytes tell before a pixel is decoded: its format, and its cost.

Decoding costs far more than reading, so what makes it cost without end is refused or taken out
here: metadata (Pillow parses it in Python, at a cost that grows with its square) is left out of
JPEG and PNG, and the number of steps of the other formats is bounded.
"""

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

from chalicelib.errors import ImageTooLarge, ImageUnreadable
from chalicelib.tiffdirectory import without_subdirectories

ACCEPTED = "a JPEG, PNG, WebP, GIF, BMP or TIFF image"

MAX_STEPS = 50_000
"""Segments of a JPEG, chunks of a PNG or blocks of a GIF. Encoders write a few thousand at most;
Pillow spends about 5 us on each, and millions fit into 20 MB."""

MAX_SCANS = 100
"""Scans of a JPEG, the limit that libtiff sets too (TIFF_JPEG_MAX_ALLOWED_SCAN_NUMBER in its
tif_jpeg.c). Encoders write 1 to 20; an empty scan takes 36 bytes and still visits every pixel."""

MAX_RLE_BYTES = 4_000_000
"""Size of a run-length coded BMP, in bytes and in pixels: Pillow decodes these in Python."""

_MAGIC = {
    "JPEG": re.compile(rb"\xff\xd8\xff"),
    "PNG": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "GIF": re.compile(rb"GIF8[79]a"),
    "WEBP": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
    "BMP": re.compile(rb"BM"),
    "TIFF": re.compile(rb"II[*+]\0|MM\0[*+]"),
}

_STRANGERS = (
    (rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?(<!DOCTYPE svg[^>]*>\s*)?<svg", "an SVG drawing"),
    (rb"(?i)\s*(<!--.*?-->\s*)?<(!doctype html|html|head|body|script|title)", "an HTML page"),
    (rb"\s*<\?xml", "an XML document"),
    (rb"%PDF-", "a PDF document"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "a PostScript drawing"),
    (rb".{4}ftyp(hei[cmsx]|hev[cmsx]|mif1|msf1)", "a HEIC photo"),
    (rb".{4}ftypavi[fs]", "an AVIF image"),
    (rb".{4}ftyp", "a video"),
    (rb"\x1aE\xdf\xa3", "a video"),
    (rb"\0\0[\x01\x02]\0", "a Windows icon"),
    (rb"8BPS", "a Photoshop document"),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (rb"\0\0\0\x0cJXL |\xff\x0a", "a JPEG XL image"),
    (rb"PK\x03\x04", "a ZIP archive"),
    (rb"\x1f\x8b", "gzip data"),
    (rb"data:image/", "a data: URL as text"),
    (rb"/9j/|iVBORw0KGgo|R0lGOD|UklGR", "base64 text"),
    (rb"\s*[\[{]", "JSON text"),
)


class ImageFile(NamedTuple):
    """A file as it may be given to a decoder.

    format: "JPEG", "PNG", "GIF", "WEBP", "BMP" or "TIFF", told by the first bytes alone.
    data: the file, without the metadata of a JPEG or PNG.
    exif: the EXIF block, a TIFF structure; empty for none, or where the decoder reads it itself.
    scans: how often a JPEG decoder visits every pixel; 1 for other formats.
    """

    format: str
    data: bytes
    exif: bytes = b""
    scans: int = 1


def inspect(data: bytes) -> ImageFile:
    """Identify the format of `data` and bound what decoding it takes.

    Raises ImageUnreadable, naming what the bytes look like, ImageTooLarge for a file that would
    cost too much, and struct.error or IndexError for one that ends too early.
    """
    match identify(data):
        case "JPEG":
            return _inspect_jpeg(data)
        case "PNG":
            return _inspect_png(data)
        case "GIF":
            _check_gif(data)
            return ImageFile("GIF", data)
        case "BMP":
            _check_bmp(data)
            return ImageFile("BMP", data)
        case "TIFF":
            return ImageFile("TIFF", without_subdirectories(data))
        case webp:
            return ImageFile(webp, data)


def identify(data: bytes) -> str:
    """Return the format of `data`; raise ImageUnreadable that names what it is instead."""
    if not data:
        raise ImageUnreadable(f"The image is empty (0 bytes); send {ACCEPTED}.")
    for name, magic in _MAGIC.items():
        if magic.match(data):
            return name
    head = data[:1024].removeprefix(b"\xef\xbb\xbf")
    for pattern, stranger in _STRANGERS:
        if re.match(pattern, head, re.DOTALL):
            raise ImageUnreadable(f"The bytes are {stranger}; send {ACCEPTED}.")
    raise ImageUnreadable(f"The bytes are of no known image format; send {ACCEPTED}.")


_JPEG_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
_JPEG_ENTROPY_CODED = {0xC0, 0xC1, 0xC2}
_JPEG_OTHER_FRAMES = {0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_JPEG_TABLES = {0xC4, 0xDB, 0xDD}
_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA


def _inspect_jpeg(data: bytes) -> ImageFile:
    whole = memoryview(data)  # a slice of it is no copy
    kept, exif, scans = [whole[:2]], b"", 0
    for kind, start, end in _jpeg_segments(data):
        payload = data[start + 4 : end]
        if kind == _SOS:
            if not scans:
                kept.append(whole[start:])
            scans += 1
        elif kind in _JPEG_OTHER_FRAMES:
            raise ImageUnreadable(f"This kind of JPEG is not supported; send {ACCEPTED}.")
        elif kind == 0xE1 and payload.startswith(b"Exif\0\0") and not exif:
            exif = payload
        elif not scans and (
            kind in _JPEG_ENTROPY_CODED | _JPEG_TABLES
            or (kind == 0xE0 and payload.startswith(b"JFIF\0"))
            or (kind == 0xEE and payload.startswith(b"Adobe"))
        ):
            kept.append(whole[start:end])
        if scans > MAX_SCANS:
            raise ImageTooLarge(
                f"The JPEG has more than {MAX_SCANS} scans; save it again, not progressive."
            )
    return ImageFile("JPEG", b"".join(kept), exif, scans)


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield marker, start and end of each segment up to the end of the (first) image.

    Between segments libjpeg looks for the next marker as this does
    (https://www.w3.org/Graphics/JPEG/itu-t81.pdf, annex B), so both see the same scans.
    """
    position = 2
    for _ in range(MAX_STEPS):
        found = _JPEG_MARKER.search(data, position)
        if not found or found[1][0] == _EOI:
            return
        kind, start = found[1][0], found.start()
        position = start + 2
        if kind not in (0x01, _SOI):
            position += struct.unpack_from(">H", data, position)[0]
            yield kind, start, position
    raise _too_many_steps("JPEG")


_PNG_CHUNKS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}


def _inspect_png(data: bytes) -> ImageFile:
    """Keep what decides the pixels of the default image, which in an APNG is the first frame."""
    whole = memoryview(data)
    kept, exif, position = [whole[:8]], b"", 8
    for _ in range(MAX_STEPS):
        if position + 8 > len(data):
            break
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if kind in _PNG_CHUNKS:
            kept.append(whole[position:end])
        elif kind == b"eXIf":
            exif = data[position + 8 : end - 4]
        position = end
        if kind == b"IEND":
            break
    else:
        raise _too_many_steps("PNG")
    return ImageFile("PNG", b"".join(kept), exif)


def _check_gif(data: bytes) -> None:
    """Bound the blocks before the first frame (https://www.w3.org/Graphics/GIF/spec-gif89a.txt)."""
    position = 13 + (3 << 1 + (data[10] & 7) if data[10] & 0x80 else 0)
    in_extension = False
    for _ in range(MAX_STEPS):
        byte = data[position]
        if in_extension:
            in_extension = byte > 0
            position += byte + 1
        elif byte == ord("!"):
            in_extension = True
            position += 2
        elif byte in b",;":
            return
        else:
            position += 1
    raise _too_many_steps("GIF")


def _check_bmp(data: bytes) -> None:
    header_size, width, height = struct.unpack_from("<Iii", data, 14)
    if header_size < 40:
        return
    compression = struct.unpack_from("<I", data, 30)[0]
    if compression in (1, 2) and max(abs(width * height), len(data)) > MAX_RLE_BYTES:
        raise ImageTooLarge("The BMP is too large for a run-length coded one; save it as PNG.")


def _too_many_steps(format_: str) -> ImageTooLarge:
    return ImageTooLarge(f"The {format_} has more than {MAX_STEPS} parts; save it as a new file.")
