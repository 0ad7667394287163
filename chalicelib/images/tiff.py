"""Read the directory of a TIFF file or EXIF block (TIFF 6.0, section 2) without decoding.

https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf
"""

import struct
from collections.abc import Iterator

from chalicelib.errors import ImageTooLarge

MAX_TIFF_TAGS = 4096
"""Entries of a TIFF directory. Real files have fewer than 100; BigTIFF allows 2^64."""

MAX_TIFF_VALUES = 65_536
"""Numbers in one TIFF entry. Pillow turns them into Python objects; a strip for each of 50,000 rows
fits."""

_BYTE_TYPES = {1, 2, 6, 7}
_OFFSETS_AND_LENGTHS = {273, 279, 324, 325}
_SUBDIRECTORIES = {34665, 34853, 40965}
_ORIENTATION = 0x0112
_SHORT = 3


def orientation(exif: bytes) -> int:
    """Returns the orientation, 1 to 8, of an EXIF block; 1 if it is absent or corrupt."""
    tiff = exif.removeprefix(b"Exif\0\0")
    try:
        for tag, type_, count, at in _entries(tiff):
            if (tag, type_, count) == (_ORIENTATION, _SHORT, 1):
                value = struct.unpack_from(_byte_order(tiff) + "H", tiff, at)[0]
                return value if 1 <= value <= 8 else 1
    except (struct.error, IndexError, OverflowError, ImageTooLarge):
        pass
    return 1


def without_subdirectories(data: bytes) -> bytes:
    """Blanks the pointers of a TIFF to its EXIF, GPS and interoperability directories.

    Pillow would parse these when it loads the pixels. Raises ImageTooLarge if the directory itself
    is too large.
    """
    blanked = bytearray(data)
    for tag, type_, count, at in _entries(data):
        if tag in _SUBDIRECTORIES:
            type_at = at - (10 if _is_bigtiff(data) else 6)
            blanked[type_at : type_at + 2] = b"\0\0"
        objects = type_ not in _BYTE_TYPES or tag in _OFFSETS_AND_LENGTHS
        if objects and count > MAX_TIFF_VALUES:
            raise ImageTooLarge(f"The TIFF has {count} values in tag {tag}; save it as PNG.")
    return bytes(blanked)


def _entries(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yields tag, type, count, and position of the value or its offset, of the first IFD.

    Raises ImageTooLarge for too many entries, and struct.error if they end too early.
    """
    order, big = _byte_order(data), _is_bigtiff(data)
    first = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)[0]
    number = struct.unpack_from(order + ("Q" if big else "H"), data, first)[0]
    if number > MAX_TIFF_TAGS:
        raise ImageTooLarge(f"The TIFF has {number} tags; save it as PNG.")
    entry = struct.Struct(order + ("HHQ" if big else "HHI"))
    start, step = first + (8 if big else 2), 20 if big else 12
    for position in range(start, start + number * step, step):
        yield *entry.unpack_from(data, position), position + entry.size


def _byte_order(data: bytes) -> str:
    return ">" if data.startswith(b"MM") else "<"


def _is_bigtiff(data: bytes) -> bool:
    return b"+" in data[2:4]
