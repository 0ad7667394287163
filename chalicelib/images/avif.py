"""Read an AVIF's boxes and headers, to decide whether to decode it, and at what cost.

Boxes: ISO/IEC 14496-12; items and their properties: ISO/IEC 23008-12, as
https://aomediacodec.github.io/av1-avif/ uses them. The frames: `chalicelib.images.av1`.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from chalicelib.errors import ImageTooLarge, ImageUnreadable
from chalicelib.images.av1 import Frames, frames_of

MAX_BOXES = 5_000
"""Boxes within one box. A file of 1,000 tiles has 1,000 items, each in a box."""

MAX_TABLE_BYTES = 128 * 1024
"""Bytes of the lists of items, places, properties and references. Decoders look items up one by
one, at a cost that grows with the square. 1,000 tiles take about 50 kB."""

MAX_FRAME_PIXELS = 100_000_000
"""Pixels of all frames: twice those of an image, for alpha, a gain map or layers."""

MAX_ZEROS = 64
"""Zero bytes that a frame may end in. An encoder writes a 1 behind the last symbol and fills that
byte up (AV1 specification, 8.2.4). A broken download may have thousands, which decode to grey."""

_DECODED = (b"av01", b"grid")
_TABLES = (b"iinf", b"iloc", b"iref", b"ipma")
_Box = tuple[bytes, int, int]
"""A box: its kind, and where its content starts and ends."""


class Avif(NamedTuple):
    """An AVIF that may be decoded.

    data: the file. Items that are not pictures (EXIF, XMP) are marked to be skipped, because
        Pillow would parse them in Python.
    size: declared width and height in pixels, before the picture is turned upright.
    planes: the bytes that a decoder needs for all frames, and for the canvas of tiles.
    """

    data: bytes
    size: tuple[int, int]
    planes: int


class _Item(NamedTuple):
    kind: bytes
    kind_at: int


def inspect_avif(data: bytes) -> Avif:
    """Reads which pictures an AVIF holds, and the size in the header of each.

    All are counted, as if all were decoded. Raises ImageUnreadable for sequences and for
    kinds that are not decoded, ImageTooLarge for too many parts or pixels, and ValueError,
    struct.error or LookupError for a file that is damaged, cut off or contradicts itself.
    """
    (meta,) = (box for box in _top(data) if box[0] == b"meta")
    parts = _unique(data, meta[1] + 4, meta[2])
    properties = _unique(data, *parts[b"iprp"][1:])
    tables = [box for box in (*parts.values(), *properties.values()) if box[0] in _TABLES]
    if sum(end - start for _, start, end in tables) > MAX_TABLE_BYTES:
        raise _too_many_parts()
    items = _items(data, parts[b"iinf"])
    sizes = _sizes(data, properties[b"ipco"], properties[b"ipma"])
    places = _places(data, parts[b"iloc"], parts.get(b"idat"))
    pictures = {number: item.kind for number, item in items.items() if item.kind in _DECODED}
    primary = _primary(data, parts[b"pitm"])
    if primary not in pictures:
        raise ImageUnreadable(
            "This kind of AVIF is not supported; save it as a plain AVIF or JPEG."
        )
    frames, canvases = Frames(), 0
    for number, kind in pictures.items():
        payload = b"".join(places[number])
        if kind == b"grid":
            _check(_canvas(payload) == sizes[number])
            canvases += sizes[number][0] * sizes[number][1]
        else:
            if not any(payload[-MAX_ZEROS:]):
                raise ImageUnreadable("The AVIF is cut off: its end is zeros. Send the whole file.")
            frames = frames.joined(frames_of(payload, sizes[number]))
    if frames.pixels > MAX_FRAME_PIXELS:
        raise ImageTooLarge(
            "The AVIF takes too much work to decode; send a smaller one, or a JPEG."
        )
    planes = frames.planes + canvases * frames.pixel_bytes // 2
    return Avif(_without_metadata(data, items), sizes[primary], planes)


def _check(holds: bool) -> None:
    if not holds:
        raise ValueError("the file contradicts itself")


def _too_many_parts() -> ImageTooLarge:
    return ImageTooLarge("The AVIF has too many parts; save it as a new file.")


def _boxes(data: bytes, start: int, end: int) -> Iterator[_Box]:
    """Yields the boxes from `start` to `end`. A box whose size is 0 reaches to the end."""
    for _ in range(MAX_BOXES):
        if start == end:
            return
        size, kind = struct.unpack_from(">I4s", data, start)
        content = start + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, content)
            content += 8
        following = start + size if size else end
        _check(content <= following <= end)
        yield kind, content, following
        start = following
    raise _too_many_parts()


def _top(data: bytes) -> list[_Box]:
    """Returns the boxes of the file. Raises ImageUnreadable for a sequence."""
    boxes = list(_boxes(data, 0, len(data)))
    kind, start, end = boxes[0]
    _check(kind == b"ftyp" and end - start <= 1024)
    brands = {data[start : start + 4], *(data[at : at + 4] for at in range(start + 8, end, 4))}
    if b"avis" in brands or any(box[0] == b"moov" for box in boxes):
        raise ImageUnreadable(
            "The AVIF is animated, which is not supported; save one of its pictures as a file."
        )
    return boxes


def _unique(data: bytes, start: int, end: int) -> dict[bytes, _Box]:
    boxes = {}
    for box in _boxes(data, start, end):
        _check(box[0] not in boxes or box[0] not in (*_TABLES, b"iprp", b"ipco", b"pitm", b"idat"))
        boxes[box[0]] = box
    return boxes


class _Numbers:
    """Reads big-endian numbers one after the other."""

    def __init__(self, data: bytes, box: _Box, header: bool = True) -> None:
        self._data, (_, self._at, self._end) = data, box
        self.version = self.of(1) if header else 0
        self.flags = self.of(3) if header else 0

    def of(self, size: int) -> int:
        """Reads the next number, of `size` bytes."""
        start = self._at
        self._at += size
        _check(self._at <= self._end)
        return int.from_bytes(self._data[start : self._at], "big")

    @property
    def rest(self) -> tuple[int, int]:
        """Returns the rest of the box."""
        return self._at, self._end


def _primary(data: bytes, box: _Box) -> int:
    numbers = _Numbers(data, box)
    return numbers.of(4 if numbers.version else 2)


def _items(data: bytes, box: _Box) -> dict[int, _Item]:
    """Returns the items by number."""
    numbers, items = _Numbers(data, box), {}
    count = numbers.of(4 if numbers.version else 2)
    for entry in _boxes(data, *numbers.rest):
        _check(entry[0] == b"infe")
        info = _Numbers(data, entry)
        _check(info.version in (2, 3))
        number = info.of(2 if info.version == 2 else 4)
        _check(info.of(2) == 0 and number not in items)  # 0: not encrypted
        kind_at = info.rest[0]
        items[number] = _Item(info.of(4).to_bytes(4, "big"), kind_at)
    _check(count == len(items))
    return items


def _sizes(data: bytes, ipco: _Box, ipma: _Box) -> dict[int, tuple[int, int]]:
    """Returns the declared width and height of the items that have them."""
    properties = list(_boxes(data, *ipco[1:]))
    numbers, sizes = _Numbers(data, ipma), {}
    for _ in range(numbers.of(4)):
        item = numbers.of(4 if numbers.version else 2)
        for _ in range(numbers.of(1)):
            wide = numbers.flags & 1
            index = numbers.of(2) & 0x7FFF if wide else numbers.of(1) & 0x7F
            if index and properties[index - 1][0] == b"ispe":
                _check(item not in sizes)
                declared = _Numbers(data, properties[index - 1])
                sizes[item] = declared.of(4), declared.of(4)
    return sizes


def _places(data: bytes, iloc: _Box, idat: _Box | None) -> dict[int, list[bytes]]:
    """Returns the pieces of each item. Together they are no longer than the file."""
    numbers, left = _Numbers(data, iloc), len(data)
    places: dict[int, list[bytes]] = {}
    version = numbers.version
    _check(version <= 2)
    widths = numbers.of(2)
    offset_size, length_size, base_size = (widths >> shift & 15 for shift in (12, 8, 4))
    index_size = widths & 15 if version else 0
    for _ in range(numbers.of(4 if version == 2 else 2)):
        item = numbers.of(4 if version == 2 else 2)
        method = numbers.of(2) & 15 if version else 0
        _check(numbers.of(2) == 0 and method in (0, 1) and item not in places)  # in this file
        base = numbers.of(base_size) + (idat[1] if method and idat else 0)
        end = idat[2] if method and idat else len(data)
        pieces = places[item] = []
        for _ in range(numbers.of(2)):
            numbers.of(index_size)
            start = base + numbers.of(offset_size)
            length = numbers.of(length_size)
            left -= length
            _check(0 < length <= end - start and left >= 0)
            pieces.append(data[start : start + length])
    return places


def _canvas(grid: bytes) -> tuple[int, int]:
    """Returns width and height of the picture that tiles form."""
    form = ">II" if grid[1] & 1 else ">HH"
    width, height = struct.unpack_from(form, grid, 4)
    return width, height


def _without_metadata(data: bytes, items: dict[int, _Item]) -> bytes:
    """Returns the file with every item that is not a picture marked as unknown."""
    kept = bytearray(data)
    for kind, at in items.values():
        if kind not in _DECODED:
            kept[at : at + 4] = b"skip"
    return bytes(kept)
