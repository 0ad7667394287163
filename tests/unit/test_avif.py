"""What an AVIF holds, and what its headers claim."""

import struct
import subprocess
import sys

import pytest
from PIL import Image as Pillow

from chalicelib.errors import ImageTooLarge, ImageUnreadable
from chalicelib.images import av1
from chalicelib.images.decode import decode
from tests.avifboxes import Item, avif, box, exif_item, full, grid, ispe, picture, reference, stream
from tests.conftest import ROOT
from tests.sampleimages import BLUE, GREEN, RED, WHITE, exif, file, quadrants
from tests.unit.test_images import TURNED, assert_colours, corners

PICTURE = quadrants()
COLOURS = (RED, GREEN, BLUE, WHITE)
TILES = [picture(Pillow.new("RGB", (64, 64), colour)) for colour in COLOURS]
FOUR = reference(b"dimg", 1, 2, 3, 4, 5)
LARGE, CONFIGURATION = stream(Pillow.new("RGB", (4096, 4096), RED))
LARGE_TILE = Item(b"av01", LARGE, (ispe(4096, 4096), CONFIGURATION))
WHOLE = avif(picture(PICTURE))


@pytest.mark.parametrize("inside", [False, True])
def test_tiles_are_put_together(inside: bool) -> None:
    data = avif(grid(2, 2, (128, 128)), *TILES, references=FOUR, inside=inside)
    image = decode(data, (16, 16))
    assert (image.width, image.height, image.format) == (128, 128, "AVIF")
    assert_colours(corners(data), COLOURS)


@pytest.mark.parametrize(
    "brands", [b"mif1\0\0\0\0mif1avifmiaf", b"avif\0\0\0\0", b"miaf\0\0\0\0avif"]
)
def test_its_brand_may_be_any_of_those_it_names(brands: bytes) -> None:
    assert decode(avif(picture(PICTURE), brands=brands), (8, 8)).format == "AVIF"


IROT = {1: (None, None), 2: (None, 1), 3: (2, None), 4: (None, 0), 5: (1, 0), 6: (3, None),
        7: (3, 0), 8: (1, None)}  # fmt: skip
"""EXIF's orientation as quarters to the left, and then an exchange of the sides (1) or ends (0)."""


@pytest.mark.parametrize("turn", TURNED)
@pytest.mark.parametrize("told", [None, 1, 6])
def test_it_is_turned_once_by_its_own_properties(turn: int, told: int | None) -> None:
    """EXIF is for information: its orientation is in the pixels or the properties already."""
    turns = [box(kind, bytes([value])) for kind, value in zip((b"irot", b"imir"), IROT[turn],
             strict=True) if value is not None]  # fmt: skip
    items = [picture(PICTURE, *turns)] + ([exif_item(exif(told))] if told else [])
    data = avif(*items, references=reference(b"cdsc", 2, 1) if told else b"")
    assert decode(data, (8, 8)).width == (48 if turn >= 5 else 64)
    colours = dict(zip("abcd", COLOURS, strict=True))
    assert_colours(corners(data, (20, 16)), [colours[c] for c in TURNED[turn]], 12)


def test_metadata_is_not_parsed() -> None:
    """Pillow would spend seconds on 65,535 tags in Python."""
    entry = struct.pack("<HHII", 0x9286, 7, 60_000, 8)
    block = b"II*\0\x08\0\0\0\xff\xff" + entry * 65_535
    data = avif(picture(PICTURE), exif_item(block), references=reference(b"cdsc", 2, 1))
    assert_colours(corners(data), COLOURS, 12)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (file(PICTURE, "AVIF", save_all=True, append_images=[PICTURE.rotate(180)]), "animated"),
        (WHOLE + box(b"moov"), "animated"),
        (avif(Item(b"hvc1", b"x", (ispe(64, 48),))), "kind of AVIF"),
        (avif(Item(b"av01", LARGE, (ispe(64, 64), CONFIGURATION))), "damaged"),
        (avif(grid(2, 2, (128, 128), ispe(64, 64)), *TILES, references=FOUR), "damaged"),
        (avif(grid(2, 3, (192, 128)), *TILES, references=FOUR), "damaged"),
        (avif(picture(PICTURE), more=full(b"pitm", b"\0\1")), "damaged"),
        (WHOLE.replace(b"ispe", b"isqe"), "damaged"),
        (WHOLE.replace(b"pitm\0\0\0\0\0\1", b"pitm\0\0\0\0\0\2"), "kind of AVIF"),
        (WHOLE[:-1], "cut off"),
        (b"\0\0\0\x18ftypavif" + bytes(16), "damaged"),
        (b"\0\0\0\x18ftypavif", "damaged"),
        (b"\0\0\x08\x10ftypavif" + b"mif1" * 513 + WHOLE[32:], "damaged"),
    ],
)  # fmt: skip
def test_what_is_not_decoded_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(ImageUnreadable, match=says):
        decode(data, (8, 8))


def large(count: int, references: bytes = b"") -> bytes:
    return avif(*[LARGE_TILE] * count, references=references)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (avif(Item(b"av01", LARGE, (ispe(20_000, 20_000), CONFIGURATION))), "damaged|megapixels"),
        (avif(grid(2, 2, (8192, 8192)), *[LARGE_TILE] * 4, references=FOUR), r"\(8192 x 8192\)"),
        (large(6), "work"),
        (avif(Item(b"av01", LARGE * 6, (ispe(4096, 4096), CONFIGURATION))), "work"),
        (large(2, references=reference(b"auxl", 2, 1)), None),
        (avif(picture(PICTURE), more=full(b"iref", bytes(200_000))), "parts"),
        (avif(picture(PICTURE), more=box(b"free") * 5000), "parts"),
    ],
)  # fmt: skip
def test_what_would_cost_too_much_is_refused(data: bytes, says: str | None) -> None:
    """Two pictures of 16 megapixels are not."""
    if says is None:
        assert decode(data, (8, 8)).width == 4096
        return
    with pytest.raises((ImageTooLarge, ImageUnreadable), match=says):
        decode(data, (8, 8))


def test_an_extent_may_not_be_read_again_and_again() -> None:
    """Each of a few bytes' entries could stand for the whole file."""
    extents = struct.pack(">HHH", 1, 0, 400) + struct.pack(">II", 0, 300) * 400
    iloc = full(b"iloc", b"\x44\0", struct.pack(">H", 1), extents)
    start = WHOLE.index(b"iloc") - 4
    (size,) = struct.unpack_from(">I", WHOLE, start)
    meta = WHOLE.index(b"meta") - 4
    (whole,) = struct.unpack_from(">I", WHOLE, meta)
    longer = struct.pack(">I", whole + len(iloc) - size)
    data = WHOLE[:meta] + longer + WHOLE[meta + 4 : start] + iloc + WHOLE[start + size :]
    with pytest.raises(ImageUnreadable, match="damaged"):
        decode(data, (8, 8))


def sequence(bits: str) -> bytes:
    """A sequence header's unit, of bits as the specification lists them."""
    text = bits.replace(" ", "")
    content = int(text.ljust(-(-len(text) // 8) * 8, "0"), 2).to_bytes(-(-len(text) // 8), "big")
    return bytes([0x0A, len(content)]) + content


FRAME = b"\x32\1\0"
SHORT = "000 1 1 00000 0111 0111 11111111 11111111 000 000"
"""Of a still picture of 256 x 256 pixels."""
LONG = "000 0 0 0 0 00000 000000000000 00000 0111 0111 11000111 11000111 0 000 0000 0 1 1 "
"""Of 200 x 200 pixels, any frame of up to 256 x 256."""


@pytest.mark.parametrize(
    ("header", "size", "expected"),
    [
        (SHORT + "0 0 0 0 00 0 0", 256, (256 * 256, 256 * 256 * 5 // 2)),
        (SHORT + "0 1 0 0 0 0", 256, (256 * 256, 256 * 256 * 2)),
        (SHORT + "1 0 0 0 00 0 0", 256, (256 * 256, 256 * 256 * 4)),
        (SHORT + "0 0 0 0 00 0 1", 256, (256 * 256, 256 * 256 * 4)),
        ("001" + SHORT[3:] + "0 0 0 0 0", 256, (256 * 256, 256 * 256 * 4)),
        ("010" + SHORT[3:] + "1 1 0 0 0 0 0 0", 256, (256 * 256, 256 * 256 * 7)),
        ("010" + SHORT[3:] + "0 0 0 0 0 0", 256, (256 * 256, 256 * 256 * 3)),
        (LONG + "0 0 0 0 0 0 0 00 0 0", 200, (256 * 256, 256 * 256 * 5 // 2)),
    ],
)
def test_frames_take_what_their_sequence_header_allows(
    header: str, size: int, expected: tuple[int, int]
) -> None:
    """A byte a pixel more than the samples: 8 bits or 16, grey, 4:2:0, 4:2:2 or 4:4:4."""
    frames = av1.frames_of(sequence(header) + FRAME, (size, size))
    assert frames[:2] == expected
    twice = av1.frames_of(sequence(header) + FRAME * 2, (size, size))
    assert twice[:2] == (2 * expected[0], 2 * expected[1])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        FRAME,
        sequence(SHORT + "0 0 0 0 00 0 0"),
        sequence(SHORT),
        sequence(SHORT + "0 0 0 0 00 0 0") + b"\x32\x7f\0",
        sequence(SHORT + "0 0 0 0 00 0 0") + b"\x32" + b"\xff" * 9,
        sequence(SHORT + "0 0 0 0 00 0 0") + FRAME + b"\x12\0" * 10_000,
        sequence("000 0 0 1" + "0" * 64 + "1" + "0" * 99),
    ],
)
def test_streams_that_tell_no_size_for_sure(data: bytes) -> None:
    with pytest.raises((ValueError, IndexError)):
        av1.frames_of(data, (256, 256))


def test_real_streams_of_many_frames_are_read() -> None:
    data = file(PICTURE, "AVIF", save_all=True, append_images=[PICTURE.rotate(180)] * 2)
    frames = av1.frames_of(data[data.index(b"mdat") + 4 :], (64, 48))
    assert frames.pixels == 3 * 64 * 64  # its numbers have 6 bits


@pytest.mark.parametrize("lost", [65, 600])
def test_a_download_that_broke_off_and_was_filled_with_zeros_is_refused(lost: int) -> None:
    data = file(PICTURE.resize((640, 480)), "AVIF", quality=95)
    with pytest.raises(ImageUnreadable, match="cut off: its end is zeros"):
        decode(data[:-lost] + bytes(lost), (8, 8))


@pytest.mark.parametrize("colour", ["black", "white", "red"])
def test_a_whole_file_does_not_end_in_zeros(colour: str) -> None:
    for side, speed in ((16, 10), (1000, 10), (1000, 6)):
        data = file(Pillow.new("RGB", (side, side), colour), "AVIF", speed=speed)
        assert decode(data, (8, 8)).width == side


def test_its_decoder_is_imported_for_the_first_one_only() -> None:
    code = (
        "import sys; from chalicelib.images.decode import decode; data = sys.stdin.buffer.read()\n"
        "print('PIL._avif' in sys.modules, 'chalicelib.images.avif' in sys.modules)\n"
        "print(decode(data, (8, 8)).format, 'PIL._avif' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, input=WHOLE, capture_output=True, check=True)
    assert done.stdout.split() == b"False False AVIF True".split()
