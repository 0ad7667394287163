"""AVIF files, put together box by box (ISO/IEC 14496-12 and 23008-12)."""

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

from PIL import Image

from tests.sampleimages import file

DEEP = {
    # quadrants() of 64 x 48 pixels, as libavif 1.4.2 and aom wrote them for OpenCV, 4:2:0
    10: "12000a0918157fbdaa021a0d08322f4481fdfdaa40410417900000cfcb65c1188b098ef89868c47b"
    "83fb5cb81ff3b4d623ed325181bd0bbfe90dc8978780",
    12: "12000a0958157fbdad010d06e132324481fdfdaa40410417900000cfcb2cff185285f366e10b8c74"
    "2a243fb5cb81ff56569a13a091702a51dd0bbfe90dc8978780",
}


class Item(NamedTuple):
    """An item of a file: its content, and its properties as boxes."""

    kind: bytes
    content: bytes
    properties: Sequence[bytes] = ()


def box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full(kind: bytes, *content: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *content)


def ispe(width: int, height: int) -> bytes:
    return full(b"ispe", struct.pack(">II", width, height))


def stream(image: Image.Image, **options: Any) -> tuple[bytes, bytes]:
    """The AV1 stream of a picture, and its configuration as a box."""
    data = file(image, "AVIF", **{"speed": 10, **options})
    at = data.index(b"av1C") - 4
    return data[data.index(b"mdat") + 4 :], data[at : at + 12]


def hollow(width: int, height: int) -> bytes:
    """A stream whose headers promise a still picture of 8 bits, and whose frame is one byte."""
    bits = f"000 1 1 00000 1111 1111 {width - 1:016b} {height - 1:016b} 000 000 0 0 0 0 00 0 0"
    text = bits.replace(" ", "")
    content = int(text.ljust(64, "0"), 2).to_bytes(8, "big")
    return bytes([0x12, 0, 0x0A, len(content)]) + content + b"\x32\1\0"


def picture(image: Image.Image, *properties: bytes, **options: Any) -> Item:
    content, configuration = stream(image, **options)
    return Item(b"av01", content, (ispe(*image.size), configuration, *properties))


def grid(rows: int, columns: int, size: tuple[int, int], *properties: bytes) -> Item:
    content = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, *size)
    return Item(b"grid", content, properties or (ispe(*size),))


def reference(kind: bytes, source: int, *targets: int) -> bytes:
    return box(kind, struct.pack(f">HH{len(targets)}H", source, len(targets), *targets))


def exif_item(block: bytes) -> Item:
    return Item(b"Exif", bytes(4) + block.removeprefix(b"Exif\0\0"))


def avif(
    *items: Item,
    references: bytes = b"",
    brands: bytes = b"avif\0\0\0\0avifmif1miaf",
    primary: int = 1,
    inside: bool = False,
    more: bytes = b"",
) -> bytes:
    """A file of items that are numbered from 1.

    inside: whether their content is in the meta box. more: further boxes of that one.
    """
    content = b"".join(item.content for item in items)

    def built(start: int) -> bytes:
        places, properties, owners, infos = b"", b"", b"", b""
        index = 0
        for number, item in enumerate(items, 1):
            method = struct.pack(">H", 1) if inside else b""
            place = struct.pack(">HHII", 0, 1, start, len(item.content))
            places += struct.pack(">H", number) + method + place
            start += len(item.content)
            infos += full(b"infe", struct.pack(">HH4sx", number, 0, item.kind), version=2)
            properties += b"".join(item.properties)
            indices = range(index + 1, index + 1 + len(item.properties))
            index += len(item.properties)
            if indices:
                essential = [0x8000 * (own[4:8] != b"ispe") for own in item.properties]
                marked = map(sum, zip(indices, essential, strict=True))
                own = struct.pack(f">{len(indices)}H", *marked)
                owners += struct.pack(">HB", number, len(indices)) + own
        owned = sum(bool(item.properties) for item in items)
        count = struct.pack(">H", len(items))
        meta = full(
            b"meta",
            full(b"hdlr", bytes(4) + b"pict" + bytes(13)),
            full(b"pitm", struct.pack(">H", primary)),
            full(b"iloc", b"\x44\0", count, places, version=int(inside)),
            full(b"iinf", count, infos),
            full(b"iref", references) if references else b"",
            box(b"iprp", box(b"ipco", properties),
                full(b"ipma", struct.pack(">I", owned), owners, flags=1)),
            box(b"idat", content) if inside else b"",
            more,
        )  # fmt: skip
        return box(b"ftyp", brands) + meta

    if inside:
        return built(0)
    return built(len(built(0)) + 8) + box(b"mdat", content)


def deep_avif(bits: int) -> bytes:
    """quadrants() in 10 or 12 bits."""
    configuration = box(b"av1C", {10: b"\x81\0L\0", 12: b"\x81@l\0"}[bits])
    return avif(Item(b"av01", bytes.fromhex(DEEP[bits]), (ispe(64, 48), configuration)))
