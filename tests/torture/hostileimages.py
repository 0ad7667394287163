"""Files that no honest sender makes, each kind with what may come of it.

A kind is a name, the outcomes that are right for it ("classified" or codes of errors), and its
files. Groups are generators, so that few files are held at once.
"""

import io
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image as Pillow

from tests.avifboxes import (
    Item,
    avif,
    box,
    deep_avif,
    exif_item,
    grid,
    hollow,
    ispe,
    picture,
    reference,
    stream,
)
from tests.sampleimages import (
    GREEN,
    RED,
    bmp_rle8,
    directory,
    exif,
    file,
    photo_like,
    png,
    png_chunk,
    quadrants,
    scan_bomb,
    tiff,
    with_segments,
)
from tests.unit.test_images import ALPHA_FILES, COLOUR_FILES, GREY_FILES

CLASSIFIED = ("classified",)
UNREADABLE = ("ImageUnreadable",)
TOO_LARGE = ("ImageTooLarge",)
ANY = CLASSIFIED + UNREADABLE + TOO_LARGE
EITHER = CLASSIFIED + UNREADABLE

FRAMES = 10_000
PICTURE = quadrants()
SEEDS: dict[str, bytes] = COLOUR_FILES | {
    f"{name} {what}": data
    for what, files in (("alpha", ALPHA_FILES), ("grey", GREY_FILES))
    for name, data in files.items()
}
JPEG, PNG, GIF, WEBP, BMP, AVIF = (
    SEEDS[name] for name in ("JPEG", "PNG", "GIF", "WEBP", "BMP", "AVIF")
)


class Kind(NamedTuple):
    """Files of one name, and the outcomes that are right for each of them."""

    name: str
    allowed: tuple[str, ...]
    files: Sequence[bytes]


def strangers() -> Iterator[Kind]:
    """What is no image that is taken."""
    for name, data in {
        "one zero byte": b"\0",
        "a million zero bytes": bytes(10**6),
        "random bytes": random.Random(7).randbytes(10**6),
        "an HTML page": b"<!DOCTYPE html><html><body>404" + b" " * 10**6,
        "an unclosed HTML comment": b"<!--" * 200_000,
        "an SVG that names a file": b"<?xml version='1.0'?><!DOCTYPE svg [<!ENTITY x SYSTEM "
        b"'file:///etc/passwd'>]><svg>&x;</svg>",
        "an SVG": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        "XML of a billion laughs": b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'b'>]><a>&b;</a>",
        "JSON": b'{"url": "http://169.254.169.254/"}',
        "text in UTF-16": "<html>".encode("utf-16"),
        "base64 of a JPEG": b"/9j/4AAQSkZJRgABAQ",
        "a data: URL as text": b"data:image/png;base64,iVBORw0KGgo=",
        "gzip of zeros": zlib.compress(bytes(10**7), wbits=31),
        "a ZIP": _zip(),
        "an HEIC photo": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(10_000),
        "a video": b"\0\0\0\x18ftypisom" + bytes(10_000),
        "a PSD": b"8BPS\0\1" + bytes(6) + b"\0\3" + struct.pack(">II", 30_000, 30_000) + bytes(99),
        "an EPS for Ghostscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc) run\n",
        "an EPS with a DOS header": b"\xc5\xd0\xd3\xc6" + bytes(99),
        "an XBM": b"#define a_width 99999\n#define a_height 99999\nstatic char a_bits[] = {0};",
        "an XPM": b'/* XPM */ static char *a[] = {"1 1 1 1", "a c red", "a"};',
        "a huge PPM": b"P6 99999 99999 255\n",
        "a PGM of ASCII digits": b"P2 999999 1 255\n" + b"1" * 10**6,
        "an FLI": struct.pack("<IH", 128, 0xAF12) + bytes(122),
        "a Windows metafile": b"\xd7\xcd\xc6\x9a" + bytes(200),
        "a FITS": b"SIMPLE  =                    T" + b" " * 2850,
    }.items():
        yield Kind(name, UNREADABLE, [data])
    for format_ in ("ICO", "JPEG2000", "PCX", "TGA", "DDS", "SGI", "PDF", "ICNS"):
        yield Kind(f"a real {format_}", UNREADABLE, [_if_there(format_)])


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.jpg", bytes(10**7))
    return buffer.getvalue()


def _if_there(format_: str) -> bytes:
    """A picture in a format that Pillow may have been built without: then bytes of no format."""
    try:
        return file(PICTURE, format_)
    except (KeyError, OSError):
        return b"absent " + format_.encode()


def cut() -> Iterator[Kind]:
    """Files that end too early."""
    tagged = with_segments(
        file(photo_like(320, 240), "JPEG", progressive=True),
        (0xE1, exif(6)),
        (0xE2, b"ICC_PROFILE\0\1\1" + bytes(100)),
    )
    marks = [marker.start() for marker in re.finditer(rb"\xff[\xc0-\xfe]", tagged)]
    cuts = sorted({at + more for at in marks for more in (0, 1, 2, 3, 4, 6)} - {0})
    yield Kind("a JPEG cut at each of its markers", EITHER, [tagged[:at] for at in cuts])
    at = tagged.rindex(b"\xff\xda")
    yield Kind("a progressive JPEG cut in its last scan", CLASSIFIED, [tagged[: at + 20]])
    half = [data[: len(data) // 2] for data in (JPEG, tagged, file(photo_like(320, 240), "JPEG"))]
    yield Kind("the first half of a JPEG", UNREADABLE, half)
    for name in ("PNG", "GIF", "WEBP", "BMP", "TIFF", "TIFF JPEG", "AVIF"):
        data = SEEDS[name]
        heads = [data[:end] for end in range(1, min(len(data) - 1, 120))]
        yield Kind(f"a {name} cut in each of its first bytes", UNREADABLE, heads)
    for name, data in {"PNG": PNG, "WEBP": WEBP, "BMP": BMP, "AVIF": AVIF}.items():
        yield Kind(f"the first half of a {name}", UNREADABLE, [data[: len(data) // 2]])
    for name, magic in {
        "JPEG": b"\xff\xd8\xff", "PNG": PNG[:8], "GIF": b"GIF89a", "WebP": b"RIFF\0\0\0\0WEBP",
        "BMP": b"BM", "TIFF": b"II*\0", "BigTIFF": b"MM\0+", "AVIF": b"\0\0\0\x14ftypavif",
    }.items():  # fmt: skip
        junk = [magic, magic + bytes(5000), magic + b"\xff" * 5000, magic + _noise(5000)]
        yield Kind(f"a {name}'s first bytes, then junk", UNREADABLE + TOO_LARGE, junk)


def _noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def sizes() -> Iterator[Kind]:
    """Extreme measures, true and untrue."""
    declared = [
        png((w, h), 8, 6, b"") for w, h in [(65_535, 65_535), (2**31 - 1, 1), (1, 2**31 - 1)]
    ]
    yield Kind("a PNG that declares 65,535 pixels square", TOO_LARGE, declared)
    yield Kind("a PNG of no width", UNREADABLE, [png((0, 9), 8, 2, b""), png((9, 0), 8, 2, b"")])
    frame = re.compile(rb"(\xff[\xc0\xc2]..\x08)....", re.DOTALL)
    for name, size, allowed in (
        ("a JPEG that declares 65,500 pixels square", b"\xff\xdc\xff\xdc", TOO_LARGE),
        ("a JPEG of no height", b"\0\0\0\x40", UNREADABLE),
        ("a JPEG that is larger than it says", b"\0\1\0\1", CLASSIFIED),
        ("a JPEG that is smaller than it says", b"\x0f\xff\x0f\xff", EITHER),
    ):
        yield Kind(name, allowed, [frame.sub(rb"\g<1>" + re.escape(size), JPEG)])
    screen = b"GIF89a" + struct.pack("<HH", 65_535, 65_535) + GIF[10:]
    yield Kind("a GIF whose screen is 65,535 pixels square", TOO_LARGE, [screen])
    at = GIF.index(b",", 13 + 3 * (2 << (GIF[10] & 7)))
    beyond = GIF[: at + 1] + struct.pack("<HHHH", 60_000, 60_000, 60_000, 60_000) + GIF[at + 9 :]
    yield Kind("a GIF whose frame lies outside its screen", TOO_LARGE, [beyond])
    canvas = b"VP8X" + struct.pack("<I", 10) + b"\2\0\0\0" + b"\xfe\x3f\0" * 2
    yield Kind("a WebP whose canvas is 16,383 pixels square", UNREADABLE + TOO_LARGE,
               [_riff(canvas + _anim() + _anmf(_tiny_webp()) * 2)])  # fmt: skip
    header = struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 30_000, -30_000, 1, 24, *[0] * 6)
    yield Kind("a BMP that declares 900 megapixels", TOO_LARGE, [b"BM" + header])
    least = struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, -(2**31), -(2**31), 1, 24, *[0] * 6)
    yield Kind("a BMP of negative width", UNREADABLE + TOO_LARGE, [b"BM" + least])
    vast = [tiff((2**32 - 1, 2**32 - 1), (8,), 1, b""), tiff((2**31, 1), (8,), 1, b"")]
    yield Kind("a TIFF that declares 4 billion pixels square", TOO_LARGE + UNREADABLE, vast)
    for shape in ((1, 1), (1, 20_000), (20_000, 1), (3, 3), (2, 16_000)):
        image = Pillow.new("RGB", shape, GREEN)
        files = [file(image, name) for name in ("JPEG", "PNG", "BMP", "TIFF", "GIF")]
        yield Kind(f"{shape[0]} x {shape[1]} pixels", CLASSIFIED, files)
    yield Kind(
        "a PNG of 1 x 20 million", CLASSIFIED, [png((1, 20_000_000), 8, 0, bytes(4 * 10**7))]
    )
    yield Kind(
        "a PNG of 20 million x 1", CLASSIFIED, [png((20_000_000, 1), 8, 0, bytes(2 * 10**7 + 1))]
    )
    yield Kind("a PNG of 1 x 50 million", TOO_LARGE, [png((1, 50_000_000), 8, 0, b"")])


def heavy() -> Iterator[Kind]:
    """As many pixels as are taken, in the forms that cost most."""
    side = 7071
    paeth = (b"\4" + bytes(8 * side)) * side
    yield Kind("50 megapixels of 16-bit RGBA PNG", CLASSIFIED, [png((side, side), 16, 6, paeth)])
    adam7 = bytes(8 * side * side + 4 * side)
    woven = png((side, side), 16, 6, adam7, interlace=1)
    yield Kind("50 megapixels of interlaced 16-bit RGBA PNG", CLASSIFIED, [woven])
    del paeth, adam7
    keyed = png((side, side), 16, 0, (b"\4" + bytes(2 * side)) * side, png_chunk(b"tRNS", bytes(2)))
    yield Kind("50 megapixels of 16-bit grey PNG with a transparent shade", CLASSIFIED, [keyed])
    bits = png((side, side), 1, 0, (b"\0" + bytes(side // 8 + 1)) * side)
    yield Kind("50 megapixels of 1-bit PNG", CLASSIFIED, [bits])
    cmyk = file(Pillow.new("CMYK", (8000, 6250), (9, 99, 0, 9)), "JPEG", progressive=True)
    yield Kind("50 megapixels of progressive CMYK JPEG", CLASSIFIED, [cmyk])
    wide = file(Pillow.new("RGB", (65_500, 760), RED), "JPEG", subsampling=0)
    yield Kind("50 megapixels of JPEG in one strip", CLASSIFIED, [wide])
    gif = file(Pillow.new("P", (8000, 6250)), "GIF", interlace=1, transparency=3)
    yield Kind("50 megapixels of transparent GIF", CLASSIFIED, [gif])
    fax = file(Pillow.new("1", (7000, 7000), 1), "TIFF", compression="group4")
    yield Kind("49 megapixels of fax", CLASSIFIED, [fax])
    flat = Pillow.new("RGB", (8000, 6250), RED)
    for name in ("tiff_lzw", "tiff_adobe_deflate"):
        yield Kind(f"50 megapixels of {name} TIFF", ANY, [file(flat, "TIFF", compression=name)])
    yield Kind(
        "50 megapixels of lossless WebP", TOO_LARGE, [file(flat, "WEBP", lossless=True, method=0)]
    )
    yield Kind("50 megapixels of AVIF", CLASSIFIED, [file(flat, "AVIF", speed=10)])
    webp = Pillow.new("RGBA", (6000, 5000), (1, 2, 3, 99))
    yield Kind("30 megapixels of WebP with alpha", ANY, [file(webp, "WEBP", method=0)])


def frames() -> Iterator[Kind]:
    """Ten thousand frames or pages."""
    tiny = b",\0\0\0\0\1\0\1\0\0\2\2D\1\0"
    head = b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff"
    yield Kind("a GIF of ten thousand frames", CLASSIFIED, [head + tiny * FRAMES + b";"])
    blank = b"!\xf9\4\1\1\0\0\0" * FRAMES
    yield Kind("a GIF of ten thousand controls", CLASSIFIED, [head + blank + tiny + b";"])
    comment = b"!\xfe" + (b"\xff" + b"x" * 255) * 36_000 + b"\0"
    yield Kind("a GIF whose comment has 9 MB", CLASSIFIED, [head + comment + tiny + b";"])
    xmp = b"!\xff\x0bXMP DataXMP" + (b"\xff" + b"x" * 255) * 36_000 + b"\0"
    yield Kind("a GIF whose XMP has 9 MB", CLASSIFIED, [head + xmp + tiny + b";"])
    yield Kind("a GIF of empty blocks", TOO_LARGE, [head + b"!\xfe\0" * 60_000 + tiny + b";"])
    wild = head + b",\0\0\0\0\1\0\1\0\0\x0c" + b"\xff" + _noise(255) + b"\0;"
    yield Kind("a GIF with codes that LZW does not have", EITHER, [wild])
    yield Kind("an APNG of ten thousand frames", CLASSIFIED, [_apng(FRAMES)])
    yield Kind("an APNG that says it has 4 billion frames", CLASSIFIED,
               [PNG[:33] + png_chunk(b"acTL", b"\xff" * 8) + PNG[33:]])  # fmt: skip
    animated = b"VP8X" + struct.pack("<I", 10) + b"\2\0\0\0" + bytes(6)
    yield Kind("a WebP of ten thousand frames", CLASSIFIED,
               [_riff(animated + _anim() + _anmf(_tiny_webp()) * FRAMES)])  # fmt: skip
    yield Kind("a TIFF of ten thousand pages", CLASSIFIED, [_pages(FRAMES)])
    yield Kind("a TIFF whose next page is itself", CLASSIFIED,
               [directory({}, (1, 1), bytes(1), following=10)])  # fmt: skip
    yield Kind("an MPO of a thousand pictures", CLASSIFIED, [
        file(PICTURE, "MPO", save_all=True, append_images=[Pillow.new("RGB", (1, 1))] * 1000)
    ])  # fmt: skip


def _apng(count: int) -> bytes:
    control = struct.pack(">IIIIHHBB", 1, 1, 0, 0, 1, 100, 0, 0)
    row = zlib.compress(b"\0\0")
    chunks = [
        png_chunk(b"fcTL", struct.pack(">I", 2 * n + 1) + control)
        + png_chunk(b"fdAT", struct.pack(">I", 2 * n + 2) + row)
        for n in range(count)
    ]
    start = png((1, 1), 8, 0, b"\0\0", png_chunk(b"acTL", struct.pack(">II", count, 0)))
    return start[:-12] + b"".join(chunks) + start[-12:]


def _riff(chunks: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


def _anim() -> bytes:
    return b"ANIM" + struct.pack("<IIH", 6, 0, 0)


def _tiny_webp() -> bytes:
    return file(Pillow.new("RGB", (1, 1), RED), "WEBP", lossless=True)[12:]


def _anmf(picture: bytes) -> bytes:
    """A frame of one pixel (https://developers.google.com/speed/webp/docs/riff_container)."""
    return b"ANMF" + struct.pack("<I", 16 + len(picture)) + bytes(16) + picture


def _pages(count: int) -> bytes:
    """Pages of one pixel, which all of them share."""
    page = directory({}, (1, 1), bytes(1))
    size = len(page) - 10
    out = [page[:10]]
    for number in range(count):
        following = 10 + (number + 1) * size if number + 1 < count else 0
        out.append(page[10:-4] + struct.pack("<I", following))
    return b"".join(out)


def metadata() -> Iterator[Kind]:
    """Blocks beside the pixels that are corrupt, huge, or expand."""
    bomb = zlib.compress(bytes(5 * 10**7))
    for name, chunk in {
        "a zTXt bomb": png_chunk(b"zTXt", b"a\0\0" + bomb),
        "an iCCP bomb": png_chunk(b"iCCP", b"a\0\0" + bomb),
        "an iTXt bomb": png_chunk(b"iTXt", b"a\0\1\0\0\0" + bomb),
        "a hundred zTXt bombs": png_chunk(b"zTXt", b"a\0\0" + bomb) * 100,
        "a corrupt iCCP": png_chunk(b"iCCP", b"a\0\0junk"),
        "a corrupt eXIf": png_chunk(b"eXIf", _noise(500)),
        "a chunk of no known kind": png_chunk(b"juNK", _noise(500)),
        "an empty tRNS": png_chunk(b"tRNS"),
        "a gAMA of zero": png_chunk(b"gAMA", bytes(4)),
        "text of 8 MB": png_chunk(b"tEXt", b"a\0" + b"x" * 8 * 10**6),
    }.items():
        yield Kind(f"a PNG with {name}", EITHER, [PNG[:33] + chunk + PNG[33:]])
    length = PNG[:33] + struct.pack(">I", 2**31 - 1) + b"tEXt" + PNG[33:]
    yield Kind("a PNG whose chunk has 2 GB, it says", UNREADABLE, [length])
    yield Kind(
        "a PNG of 60,000 chunks", TOO_LARGE, [PNG[:33] + png_chunk(b"juNK") * 60_000 + PNG[33:]]
    )
    yield Kind("a PNG with a bad checksum", UNREADABLE, [PNG[:-20] + bytes(4) + PNG[-16:]])
    yield Kind("a PNG without IHDR", UNREADABLE, [PNG[:8] + PNG[33:]])
    yield Kind("a PNG with two IHDR", EITHER, [PNG[:33] + PNG[8:]])
    yield Kind("a PNG without PLTE", EITHER, [png((2, 1), 8, 3, b"\0\0\1")])
    yield Kind("a PNG of a filter that there is not", UNREADABLE, [png((2, 1), 8, 0, b"\x09\0\1")])
    yield Kind("a PNG that expands a thousandfold", CLASSIFIED, [png((9, 9), 8, 0, bytes(10**7))])
    for name, segment in {
        "corrupt EXIF": (0xE1, b"Exif\0\0" + _noise(900)),
        "EXIF whose directory is itself": (0xE1, b"Exif\0\0II*\0\x08\0\0\0\1\0" + struct.pack(
            "<HHII", 34665, 4, 1, 8)),
        "EXIF of 65,000 tags": (0xE1, b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(60_000)),
        "EXIF with a huge count": (0xE1, b"Exif\0\0II*\0\x08\0\0\0" + struct.pack(
            "<HHHII", 1, 0x0112, 3, 2**32 - 1, 8)),
        "corrupt ICC": (0xE2, b"ICC_PROFILE\0\1\1" + _noise(900)),
        "ICC part 255 of 0": (0xE2, b"ICC_PROFILE\0\xff\0" + _noise(900)),
        "a corrupt MPF": (0xE2, b"MPF\0II*\0\xff\xff\xff\xff"),
        "a corrupt Photoshop block": (0xED, b"Photoshop 3.0\x008BIM\xff\xff"),
        "XMP of a billion laughs": (0xE1, b"http://ns.adobe.com/xap/1.0/\0<!DOCTYPE a []><a/>"),
        "an odd Adobe marker": (0xEE, b"Adobe\0\x64\0\0\0\0\x09"),
        "a comment of 65,533 bytes": (0xFE, b"x" * 65_533),
        "a thumbnail of no end": (0xE0, b"JFXX\0\x13\xff\xff"),
    }.items():  # fmt: skip
        yield Kind(f"a JPEG with {name}", EITHER, [with_segments(JPEG, segment)])
    many = with_segments(JPEG, *[(0xE2, b"ICC_PROFILE\0\1\xff" + bytes(30_000))] * 255)
    yield Kind("a JPEG with 255 parts of ICC", CLASSIFIED, [many])
    yield Kind(
        "a JPEG of 60,000 segments", TOO_LARGE, [with_segments(JPEG, *[(0xFE, b"")] * 60_000)]
    )
    yield Kind(
        "a JPEG with 8 MB of fill bytes", EITHER, [JPEG[:2] + b"\xff" * 8 * 10**6 + JPEG[2:]]
    )
    for turn in range(10):
        data = [file(PICTURE, name, exif=exif(turn)) for name in ("JPEG", "PNG", "WEBP", "TIFF")]
        yield Kind(f"EXIF orientation {turn}", CLASSIFIED, data)


def jpegs() -> Iterator[Kind]:
    """JPEG's rarer processes, and its bombs."""
    yield Kind("a progressive JPEG of 500 scans", TOO_LARGE, [scan_bomb((64, 64), 500)])
    yield Kind("a JPEG of 89 scans and 10 megapixels", CLASSIFIED, [scan_bomb((5000, 2000), 85)])
    yield Kind("a JPEG of 89 scans and 16 megapixels", TOO_LARGE, [scan_bomb((4000, 4000), 85)])
    for name, kind in {
        "lossless": 0xC3, "hierarchical": 0xC5, "arithmetic-coded": 0xC9,
        "progressive arithmetic-coded": 0xCA, "lossless arithmetic-coded": 0xCB,
    }.items():  # fmt: skip
        yield Kind(
            f"a {name} JPEG", UNREADABLE, [JPEG.replace(b"\xff\xc0", bytes((0xFF, kind)), 1)]
        )
    frame = re.compile(rb"(\xff[\xc0\xc2]..)\x08", re.DOTALL)
    for depth in (0, 2, 12, 16, 255):
        deep = frame.sub(rb"\g<1>" + re.escape(bytes((depth,))), JPEG)
        yield Kind(
            f"a {depth}-bit JPEG", UNREADABLE, [deep, deep.replace(b"\xff\xc0", b"\xff\xc1", 1)]
        )
    cmyk = file(Pillow.new("CMYK", (16, 16), (55, 127, 127, 0)), "JPEG")
    at = cmyk.index(b"Adobe") + 11
    ycck = cmyk[:at] + b"\2" + cmyk[at + 1 :]
    plain = cmyk.replace(b"\xff\xee\0\x0eAdobe", b"\xff\xfe\0\x0eAdobe")
    yield Kind("a CMYK JPEG", CLASSIFIED, [cmyk, plain])
    yield Kind("a YCCK JPEG", CLASSIFIED, [ycck])
    sampled = re.compile(rb"(\xff\xc0.{8})(.)(.)", re.DOTALL)
    odd = [
        sampled.sub(rb"\g<1>\g<2>" + re.escape(bytes((n,))), JPEG) for n in (0, 0x14, 0x44, 0xFF)
    ]
    yield Kind("a JPEG of odd sampling factors", EITHER, odd)
    yield Kind("a JPEG without Huffman tables", EITHER, [re.sub(rb"\xff\xc4", b"\xff\xfe", JPEG)])
    yield Kind(
        "a JPEG without quantisation tables", UNREADABLE, [re.sub(rb"\xff\xdb", b"\xff\xfe", JPEG)]
    )
    twice = JPEG.index(b"\xff\xc0")
    size = 2 + struct.unpack_from(">H", JPEG, twice + 2)[0]
    yield Kind(
        "a JPEG of two frames",
        UNREADABLE,
        [JPEG[:twice] + JPEG[twice : twice + size] + JPEG[twice:]],
    )
    yield Kind(
        "a JPEG that restarts after each block", EITHER, [with_segments(JPEG, (0xDD, b"\0\1"))]
    )
    start = JPEG.index(b"\xff\xda")
    yield Kind(
        "a JPEG of noise for a scan", EITHER, [JPEG[: start + 14] + _noise(4000) + b"\xff\xd9"]
    )
    yield Kind(
        "a JPEG of restart markers for a scan", EITHER, [JPEG[: start + 14] + b"\xff\xd0" * 10**6]
    )
    yield Kind(
        "a JPEG in a JPEG's EXIF",
        CLASSIFIED,
        [with_segments(JPEG, (0xE1, b"Exif\0\0" + JPEG[:9000]))],
    )
    yield Kind("a JPEG twice", CLASSIFIED, [JPEG + JPEG])


def layouts() -> Iterator[Kind]:
    """Every sample layout of PNG, GIF, WebP and BMP, and what is beside them."""
    for colour, depths in {
        0: (1, 2, 4, 8, 16),
        2: (8, 16),
        3: (1, 2, 4, 8),
        4: (8, 16),
        6: (8, 16),
    }.items():
        samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
        table = png_chunk(b"PLTE", bytes(range(256)) * 3)
        for depth in depths:
            rows = (b"\0" + b"\x5a" * ((16 * samples * depth + 7) // 8)) * 16
            extra = [table] if colour == 3 and depth == 8 else []
            if colour == 3 and depth < 8:
                extra = [png_chunk(b"PLTE", bytes(3 << depth))]
            yield Kind(f"a {depth}-bit PNG of colour type {colour}", CLASSIFIED, [
                png((16, 16), depth, colour, rows, *extra),
                png((16, 16), depth, colour, bytes(2 * len(rows)), *extra, interlace=1),
            ])  # fmt: skip
    for depth, colour in ((3, 0), (16, 3), (4, 2), (0, 0), (8, 5), (8, 7)):
        yield Kind(f"a PNG of {depth} bits and colour type {colour}", UNREADABLE, [
            png((4, 4), depth, colour, bytes(200))
        ])  # fmt: skip
    alphas = [SEEDS[name] for name in SEEDS if name.endswith("alpha")]
    yield Kind("a palette with alpha", CLASSIFIED, alphas)
    short = png((2, 1), 8, 3, b"\0\0\xff", png_chunk(b"PLTE", bytes(6)))
    yield Kind("a palette that is too short", EITHER, [short])
    yield Kind("animated and lossless WebP", CLASSIFIED, [
        data for name, data in SEEDS.items() if "WEBP" in name
    ])  # fmt: skip
    for name, runs in {
        "no end": b"\xff\1" * 1000, "jumps out of the picture": b"\0\2\xff\xff" * 1000,
        "an absolute run past its end": b"\0\xff", "nothing": b"",
    }.items():  # fmt: skip
        yield Kind(f"a run-length BMP of {name}", EITHER, [bmp_rle8((64, 64), runs)])
    yield Kind("a run-length BMP of 49 megapixels", TOO_LARGE, [bmp_rle8((7000, 7000), b"\0\1")])
    yield Kind("a run-length BMP of 4 million jumps", TOO_LARGE + EITHER, [
        bmp_rle8((2000, 2000), b"\0\2\0\0" * 990_000), bmp_rle8((2000, 1999), b"\1\1" * 1_990_000)
    ])  # fmt: skip
    for size in (12, 16, 39, 52, 56, 64, 108, 124, 2**31):
        header = struct.pack("<I", size) + BMP[18:]
        yield Kind(f"a BMP of header size {size}", EITHER + TOO_LARGE, [BMP[:14] + header])
    colours = BMP[:46] + struct.pack("<I", 2**32 - 1) + BMP[50:]
    yield Kind("a BMP of 4 billion colours", EITHER, [colours])
    for end in ("jpg", "png", "gif"):
        names = {"jpg": PNG, "png": GIF, "gif": JPEG}
        yield Kind(f"a file called .{end} that is something else", CLASSIFIED, [names[end]])
    yield Kind("a JPEG and a ZIP in one", CLASSIFIED, [JPEG + _zip()])
    yield Kind("a GIF and a script in one", CLASSIFIED, [
        GIF + b"/*" + GIF[6:] + b"*/=1;alert(1)"
    ])  # fmt: skip
    yield Kind("a PDF and a JPEG in one", UNREADABLE, [b"%PDF-1.7\n" + JPEG])
    yield Kind("a JPEG and a PDF in one", CLASSIFIED, [with_segments(JPEG, (0xFE, b"%PDF-1.7\n"))])
    yield Kind("a PNG and HTML in one", CLASSIFIED, [PNG + b"<script>alert(1)</script>"])
    yield Kind("a TIFF and a ZIP in one", CLASSIFIED, [SEEDS["TIFF"] + _zip()])


def tiffs() -> Iterator[Kind]:
    """TIFF's directory, strips, tiles and sample formats."""
    kinds: dict[str, tuple[tuple[str, ...], bytes]] = {
        "of raw strips listed 60,000 times": (TOO_LARGE, _repeated((5000, 2000), 1000, 60_000)),
        "of JPEG strips that share their bytes": (TOO_LARGE, _shared_scans(700)),
        "of JPEG strips without a length": (UNREADABLE, _shared_scans(700, length=0)),
        "of a scan bomb": (TOO_LARGE, tiff(
            (4000, 4000), (8, 8, 8), 6, scan_bomb((4000, 4000), 80), compression=7)),
        "of 65,536 tiles": (EITHER, _tiles((4096, 4096), (16, 16), 65_536)),
        "of a tile of 49 megapixels": (ANY, _tiles((16, 16), (7000, 7000), 1)),
        "of a tile without end": (ANY, _tiles((16, 16), (2**31, 2**31), 1)),
        "of tiles of no size": (UNREADABLE, _tiles((16, 16), (0, 0), 1)),
        "with a tag of 4 billion numbers": (TOO_LARGE, tiff(
            (4, 4), (8,), 1, bytes(16), (282, 5, 2**32 - 1, 8))),
        "with tags that share 9 MB": (CLASSIFIED, directory(
            {50_000 + n: (7, [0]) for n in range(4000)}, (4, 4), bytes(16), counts=9_000_000)
            + bytes(9_000_000)),
        "whose directory is beyond its end": (UNREADABLE, b"II*\0\xff\xff\xff\x7f" + bytes(99)),
        "whose directory is its header": (TOO_LARGE, b"II*\0\0\0\0\0" + bytes(99)),
        "of 65,535 tags": (TOO_LARGE, b"II*\0\x08\0\0\0\xff\xff" + bytes(800_000)),
        "without strips": (UNREADABLE, _without(273)),
        "without lengths": (EITHER, _without(279)),
        "of no samples": (UNREADABLE, directory({277: (3, [0])}, (4, 4), bytes(16))),
        "of 65,535 samples": (UNREADABLE, directory({277: (3, [65_535])}, (4, 4), bytes(99))),
        "of 64-bit samples": (UNREADABLE, directory({258: (3, [64])}, (4, 4), bytes(128))),
        "of rational tile sizes": (EITHER, directory(
            {322: (5, [16]), 323: (5, [16])}, (4, 4), bytes(512))),
        "of negative rows": (ANY, directory({278: (9, [2**32 - 5])}, (4, 4), bytes(16))),
        "whose planes are apart": (EITHER, directory(
            {258: (3, [8] * 3), 262: (3, [2]), 273: (4, [8] * 3), 277: (3, [3]), 279: (4, [16] * 3),
             284: (3, [2])}, (4, 4), bytes(16))),
        "of a palette of three colours": (EITHER, directory(
            {262: (3, [3]), 320: (3, [0] * 9)}, (4, 4), bytes(range(16)))),
        "of 32-bit floats": (CLASSIFIED, directory(
            {258: (3, [32]), 339: (3, [3])}, (4, 4), np.linspace(-9, 9, 16, dtype="f4").tobytes())),
        "of floats that are no numbers": (CLASSIFIED, directory(
            {258: (3, [32]), 339: (3, [3])}, (4, 4), np.full(16, np.nan, "f4").tobytes())),
        "of float deflate with a predictor": (EITHER, directory(
            {258: (3, [32]), 259: (3, [8]), 317: (3, [3]), 339: (3, [3])}, (4, 4),
            zlib.compress(bytes(64)))),
        "that expands a thousandfold": (EITHER, directory(
            {259: (3, [8])}, (4, 4), zlib.compress(bytes(10**7)))),
        "of LZW junk": (EITHER, directory({259: (3, [5])}, (40, 40), _noise(999))),
        "of fax junk": (EITHER, directory(
            {258: (3, [1]), 259: (3, [4])}, (400, 400), _noise(9999))),
        "of old JPEG": (UNREADABLE, directory({259: (3, [6])}, (4, 4), JPEG)),
        "of a codec that runs other code": (UNREADABLE, directory(
            {259: (3, [34_712])}, (4, 4), JPEG)),
        "of 16 bits in the other byte order": (CLASSIFIED, tiff(
            (2, 1), (16,), 1, bytes(4), order=">")),
    }  # fmt: skip
    for name, (allowed, data) in kinds.items():
        yield Kind(f"a TIFF {name}", allowed, [data])


def _without(tag: int) -> bytes:
    data = tiff((4, 4), (8,), 1, bytes(16))
    return data.replace(struct.pack("<HH", tag, 4), struct.pack("<HH", 60_000, 4), 1)


def _repeated(size: tuple[int, int], rows: int, times: int) -> bytes:
    """Strips that are one strip: every listed one is decoded."""
    strip = bytes(size[0] * rows)
    tags = {273: (4, [8] * times), 278: (4, [rows]), 279: (4, [len(strip)] * times)}
    return directory(tags, size, strip)


def _shared_scans(times: int, length: int | None = None) -> bytes:
    """JPEG strips of 80 scans, the same bytes each; the file is as long as all of them were."""
    strip = scan_bomb((4000, 16), 80)
    lengths = [len(strip) if length is None else length] * times
    tags = {
        258: (3, [8] * 3), 259: (3, [7]), 262: (3, [6]), 273: (4, [8] * times), 277: (3, [3]),
        278: (4, [16]), 279: (4, lengths), 530: (3, [2, 2]),
    }  # fmt: skip
    data = directory(tags, (4000, 16 * times), strip)
    return data + bytes(max(0, times * len(strip) - len(data)))


def _tiles(size: tuple[int, int], tile: tuple[int, int], times: int) -> bytes:
    packed = zlib.compress(bytes(min(tile[0] * tile[1], 10**7)))
    tags = {
        259: (3, [8]), 322: (4, [tile[0]]), 323: (4, [tile[1]]), 324: (4, [8] * times),
        325: (4, [len(packed)] * times),
    }  # fmt: skip
    data = directory(tags, size, packed)
    for tag in (273, 278, 279):
        data = data.replace(
            struct.pack("<HHI", tag, 4, 1), struct.pack("<HHI", 60_000 + tag, 4, 1), 1
        )
    return data


def avifs() -> Iterator[Kind]:
    """AVIF's boxes and items, and the AV1 streams in them."""
    flat = Pillow.new("RGB", (64, 64), RED)
    plain, tile = avif(picture(PICTURE)), picture(flat)
    huge, (_, configuration) = hollow(8000, 6000), stream(flat)
    hidden = Item(b"av01", huge, (ispe(64, 64), configuration))
    layers = Item(b"av01", huge * 9, (ispe(8000, 6000), configuration))
    many = reference(b"dimg", 1, *range(2, 1002))
    thousand = avif(grid(25, 40, (2560, 1600)), *[tile] * 1000, references=many)
    refers = b"".join(reference(b"cdsc", 1, *range(n * 60, n * 60 + 60)) for n in range(1000))
    moving = file(PICTURE, "AVIF", save_all=True, append_images=[flat.resize(PICTURE.size)] * 9)
    start = plain.index(b"mdat") + 4
    kinds: dict[str, tuple[tuple[str, ...], bytes]] = {
        "that is animated": (UNREADABLE, moving),
        "that hides 48 megapixels": (UNREADABLE, avif(hidden)),
        "of nine layers of 48 megapixels": (TOO_LARGE, avif(layers)),
        "whose tiles are 48 megapixels each": (UNREADABLE + TOO_LARGE, avif(
            grid(2, 2, (128, 128)), *[hidden] * 4, references=reference(b"dimg", 1, 2, 3, 4, 5))),
        "of a thousand tiles": (CLASSIFIED, thousand),
        "of 65,536 tiles that are not there": (TOO_LARGE, avif(
            grid(256, 256, (16_384, 16_384)), tile, references=reference(b"dimg", 1, 2))),
        "whose tiles are itself": (UNREADABLE, avif(
            grid(2, 2, (128, 128)), references=reference(b"dimg", 1, 1, 1, 1, 1))),
        "whose alpha is itself": (EITHER, avif(
            picture(PICTURE), references=reference(b"auxl", 1, 1))),
        "that declares 4 billion pixels square": (UNREADABLE + TOO_LARGE, avif(
            Item(b"av01", huge, (ispe(2**32 - 1, 2**32 - 1), configuration)))),
        "of no size": (UNREADABLE, avif(Item(b"av01", huge, (ispe(0, 0), configuration)))),
        "that refers to 60,000 items": (TOO_LARGE + EITHER, avif(
            picture(PICTURE), references=refers)),
        "of 30,000 properties": (TOO_LARGE, avif(*[
            picture(PICTURE, *[box(b"free")] * 250)] * 120)),
        "of 60,000 boxes": (TOO_LARGE, plain + box(b"free") * 60_000),
        "whose box has 2^63 bytes": (UNREADABLE, plain + b"\0\0\0\1free" + b"\x7f" + b"\xff" * 7),
        "with EXIF of 65,535 tags": (CLASSIFIED, avif(
            picture(PICTURE), exif_item(b"II*\0\x08\0\0\0\xff\xff" + _noise(800_000)),
            references=reference(b"cdsc", 2, 1))),
        "with XMP of a billion laughs": (CLASSIFIED, avif(
            picture(PICTURE), Item(b"mime", b"<!DOCTYPE a []><a/>"),
            references=reference(b"cdsc", 2, 1))),
        "of noise for a frame": (EITHER, plain[: start + 20] + _noise(len(plain) - start - 20)),
        "of a HEIC's picture": (UNREADABLE, avif(Item(b"hvc1", _noise(99), (ispe(64, 48),)))),
        "without an owner of its size": (UNREADABLE, plain.replace(b"ipma", b"ipmb")),
        "of tile lists": (UNREADABLE, avif(
            Item(b"av01", b"\x42\x10" + bytes(16), (ispe(64, 48), configuration)))),
    }  # fmt: skip
    for name, (allowed, data) in kinds.items():
        yield Kind(f"an AVIF {name}", allowed, [data])
    turned = [
        avif(picture(PICTURE, box(b"irot", bytes([turns])), box(b"imir", bytes([axis]))))
        for turns in range(4)
        for axis in (0, 1)
    ]
    yield Kind("an AVIF that is turned and mirrored", CLASSIFIED, turned)
    odd = [box(b"irot", b"\xff"), box(b"imir", b"\xff"), box(b"clap", bytes(32)), box(b"irot")]
    yield Kind("an AVIF of odd turns", EITHER, [avif(picture(PICTURE, turn)) for turn in odd])
    yield Kind("an AVIF of 10 or 12 bits", CLASSIFIED, [deep_avif(10), deep_avif(12)])


GROUPS: dict[str, Callable[[], Iterator[Kind]]] = {
    "no image": strangers,
    "cut off": cut,
    "measures": sizes,
    "many pixels": heavy,
    "many frames": frames,
    "metadata": metadata,
    "kinds of JPEG": jpegs,
    "layouts": layouts,
    "kinds of TIFF": tiffs,
    "kinds of AVIF": avifs,
}
