"""Identify an image file, and bound the cost of decoding it, before a pixel is decoded.

Decoding costs far more than reading, so this module refuses or removes what makes it cost without
end. It leaves metadata out of JPEG and PNG, because Pillow parses it in Python, at a cost that
grows with its square. It bounds the number of steps of the other formats.
"""

import re
import struct
from typing import Literal, NamedTuple

from chalicelib.errors import ImageTooLarge, ImageUnreadable
from chalicelib.images.jpeg import inspect_jpeg
from chalicelib.images.tiff import without_subdirectories

Format = Literal["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF"]

ACCEPTED = "a JPEG, PNG, WebP, AVIF, GIF, BMP or TIFF image"

MAX_STEPS = 50_000
"""Chunks of a PNG or blocks of a GIF. Encoders write a few thousand at most. Pillow spends about
5 us on each, and millions fit into 20 MB."""

MAX_RLE_BYTES = 4_000_000
"""Size of a run-length coded BMP, in bytes and in pixels. Pillow decodes these in Python."""

_MAGIC: dict[Format, re.Pattern[bytes]] = {
    "JPEG": re.compile(rb"\xff\xd8\xff"),
    "PNG": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "GIF": re.compile(rb"GIF8[79]a"),
    "WEBP": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
    "BMP": re.compile(rb"BM"),
    "TIFF": re.compile(rb"II[*+]\0|MM\0[*+]"),
    # its brand comes first, or among the others of a file that does not begin as HEIC
    "AVIF": re.compile(rb".{4}ftyp(?!hei|hev)(?:.{4}){0,15}?avi[fs]", re.DOTALL),
}

_STRANGERS = (
    (rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?(<!DOCTYPE svg[^>]*>\s*)?<svg", "an SVG drawing"),
    (rb"(?i)\s*(<!--.*?-->\s*)?<(!doctype html|html|head|body|script|title)", "an HTML page"),
    (rb"\s*<\?xml", "an XML document"),
    (rb"%PDF-", "a PDF document"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "a PostScript drawing"),
    (rb".{4}ftyp(hei[cfmsx]|hev[cmsx]|mif1|msf1)", "a HEIC photo"),
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


_ADVICE = {
    "a HEIC photo": "save or share it as JPEG. An iPhone takes JPEGs once Settings > Camera > "
    "Formats is set to Most Compatible",
}
"""Advice for formats that their owner can easily convert."""


class ImageFile(NamedTuple):
    """An image file that may be decoded.

    format: by the first bytes alone.
    data: the file, without the metadata of a JPEG, PNG or AVIF.
    exif: the EXIF block, a TIFF structure; empty for none, None if the decoder reads it itself.
    scans: how often a JPEG decoder visits every pixel; 1 for other formats.
    truncated: whether it is a JPEG that lacked its end. `data` has an end, and the last rows may
        be grey, so they must be checked.
    size: width and height that an AVIF declares, in pixels; None for other formats.
    planes: bytes of its frames that an AVIF's decoder holds; 0 for other formats.
    """

    format: Format
    data: bytes
    exif: bytes | None = b""
    scans: int = 1
    truncated: bool = False
    size: tuple[int, int] | None = None
    planes: int = 0


def inspect(data: bytes) -> ImageFile:
    """Identify the format of `data` and bound what decoding it takes.

    Raises ImageUnreadable, naming what the bytes look like, ImageTooLarge for a file that would
    cost too much, and struct.error, ValueError or LookupError for one that is damaged.
    """
    match identify(data):
        case "JPEG":
            jpeg = inspect_jpeg(data)
            return ImageFile("JPEG", jpeg.data, jpeg.exif, jpeg.scans, jpeg.truncated)
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
        case "AVIF":
            from chalicelib.images.avif import inspect_avif  # imported only for such a file

            avif = inspect_avif(data)
            return ImageFile("AVIF", avif.data, None, size=avif.size, planes=avif.planes)
        case "WEBP":  # one that is whole may end in zeros, too: libwebp's do in flat areas
            return ImageFile("WEBP", data, exif=None)


def identify(data: bytes) -> Format:
    """Returns the format of `data`. Raises ImageUnreadable, naming what it is instead."""
    if not data:
        raise ImageUnreadable(f"The image is empty (0 bytes); send {ACCEPTED}.")
    for name, magic in _MAGIC.items():
        if magic.match(data):
            return name
    head = data[:1024].removeprefix(b"\xef\xbb\xbf")
    for pattern, stranger in _STRANGERS:
        if re.match(pattern, head, re.DOTALL):
            advice = _ADVICE.get(stranger, f"send {ACCEPTED}")
            raise ImageUnreadable(f"This is {stranger}; {advice}.")
    raise ImageUnreadable(f"This is not an image of a known format; send {ACCEPTED}.")


_PNG_CHUNKS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}


def _inspect_png(data: bytes) -> ImageFile:
    """Keeps what decides the pixels of the default image, the first frame of an APNG."""
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
    """Bounds the blocks before the first frame (https://www.w3.org/Graphics/GIF/spec-gif89a.txt)."""
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
        raise ImageTooLarge("The BMP is too large to be run-length coded; save it as PNG.")


def _too_many_steps(format_: str) -> ImageTooLarge:
    return ImageTooLarge(f"The {format_} has more than {MAX_STEPS} parts; save it as a new file.")
