"""Bound the size of an AV1 stream's frames, and the cost of decoding them.

https://aomediacodec.github.io/av1-spec/, sections 5.3 to 5.5.
"""

from typing import NamedTuple

MAX_UNITS = 10_000
"""Units (OBUs) in one stream: a still picture has about four."""

_SEQUENCE_HEADER = 1
_FRAMES = (3, 6, 7)
"""Kinds of unit that can begin a frame: frame header, frame, repeated frame header."""

_BLOCK = 128
"""Side of a block in pixels. Decoders allocate whole blocks."""


class Frames(NamedTuple):
    """The cost of frames.

    pixels: of all frames. planes: bytes to decode them. pixel_bytes: of two pixels, at most.
    """

    pixels: int = 0
    planes: int = 0
    pixel_bytes: int = 0

    def joined(self, other: "Frames") -> "Frames":
        """Adds other frames to these."""
        return Frames(
            self.pixels + other.pixels,
            self.planes + other.planes,
            max(self.pixel_bytes, other.pixel_bytes),
        )


class _Sequence(NamedTuple):
    """What a sequence header says about every frame.

    declared: the largest width and height. largest: the most that a frame's own header can set.
    pixel_bytes: bytes of two pixels in the planes of a decoded frame. copies: planes of a frame.
    """

    declared: tuple[int, int]
    largest: tuple[int, int]
    pixel_bytes: int
    copies: int


def frames_of(stream: bytes, size: tuple[int, int]) -> Frames:
    """Returns the largest cost that the frames of a picture's stream can have.

    size: width and height in pixels that the file declares for the picture.
    Raises ValueError or IndexError if the stream's own headers say another size or end too early,
    or if it has too many units.
    """
    frames, sequence = Frames(), None
    position = 0
    for _ in range(MAX_UNITS):
        if position == len(stream):
            if not frames.pixels:
                raise ValueError("no frame")
            return frames
        kind, start, position = _unit(stream, position)
        if kind == _SEQUENCE_HEADER:
            sequence = _sequence(_Bits(stream[start:position]))
            if sequence.declared != size:
                raise ValueError("another size than the file declares")
        elif kind in _FRAMES:
            if sequence is None:
                raise ValueError("a frame before any sequence header")
            frames = frames.joined(_of_sequence(sequence))
    raise ValueError("too many units")


def _of_sequence(sequence: _Sequence) -> Frames:
    width, height = sequence.largest
    area = -(-width // _BLOCK) * -(-height // _BLOCK) * _BLOCK**2
    # a decoder's notes on blocks, beside the pixels: dav1d was seen to need less than a byte
    planes = area * sequence.pixel_bytes * sequence.copies // 2 + area
    return Frames(width * height, planes, sequence.pixel_bytes)


def _unit(stream: bytes, position: int) -> tuple[int, int, int]:
    """Returns the kind of the unit at `position`, and the start and end of its content."""
    header = stream[position]
    start = position + 1 + (header >> 2 & 1)
    if not header & 2:  # a unit without a size is the last
        return header >> 3 & 15, start, len(stream)
    size = 0
    for place in range(8):
        byte = stream[start]
        start += 1
        size |= (byte & 127) << 7 * place
        if byte < 128:
            break
    if start + size > len(stream):
        raise ValueError("a unit ends beyond the stream")
    return header >> 3 & 15, start, start + size


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data[:256], "big"), 8 * len(data[:256])

    def __call__(self, count: int = 1) -> int:
        self._left -= count
        if self._left < 0:
            raise ValueError("a header ends too early")
        return self._value >> self._left & (1 << count) - 1


def _sequence(bits: _Bits) -> _Sequence:
    profile, _still, reduced = bits(3), bits(), bits()
    if reduced:
        bits(5)
    else:
        _skip_timing(bits)
    width_bits, height_bits = bits(4) + 1, bits(4) + 1
    declared = bits(width_bits) + 1, bits(height_bits) + 1
    if not reduced and bits():
        bits(7)  # lengths of frame numbers
    bits(3)
    if not reduced:
        _skip_tools(bits)
    superres = bits()
    bits(2)
    pixel_bytes = _pixel_bytes(bits, profile)
    film_grain = bits()
    largest = declared if reduced else (1 << width_bits, 1 << height_bits)
    return _Sequence(declared, largest, pixel_bytes, 1 + superres + film_grain)


def _skip_timing(bits: _Bits) -> None:
    """Skips timing and operating points."""
    model = length = 0
    if bits():
        bits(64)
        if bits():
            _skip_uvlc(bits)
        model = bits()
        if model:
            length = bits(5) + 1
            bits(42)
    delay = bits()
    for _ in range(bits(5) + 1):
        bits(12)
        if bits(5) > 7:
            bits()
        if model and bits():
            bits(2 * length + 1)
        if delay and bits():
            bits(4)


def _skip_uvlc(bits: _Bits) -> None:
    zeros = 0
    while not bits():
        zeros += 1
    if zeros >= 32:  # decoders differ in how they continue
        raise ValueError("a number of more than 32 bits")
    bits(zeros)


def _skip_tools(bits: _Bits) -> None:
    """Skips the tools for frames that refer to other frames."""
    bits(4)
    order = bits()
    if order:
        bits(2)
    screen = 1 if bits() else bits()
    if screen and not bits():
        bits()
    if order:
        bits(3)


def _pixel_bytes(bits: _Bits, profile: int) -> int:
    """Returns the bytes of two pixels with their chroma."""
    deep = bits()
    twelve = profile == 2 and deep and bits()
    grey = profile != 1 and bits()
    described = (bits(8), bits(8), bits(8)) if bits() else ()
    if grey:
        bits()
        samples = 2
    elif described == (1, 13, 0):  # sRGB as it is
        samples = 6
    else:
        bits()
        across = down = profile == 0
        if profile == 2:
            across = bool(bits()) if twelve else True
            down = bool(twelve and across and bits())
        if across and down:
            bits(2)
        samples = 2 + 4 // ((1 + across) * (1 + down))
    if not grey:
        bits()
    return samples * (2 if deep else 1)
