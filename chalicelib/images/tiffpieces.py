"""The pieces of a TIFF, which are strips or tiles, and its black and white."""

from PIL import TiffImagePlugin as Tiff
from PIL.ImageFile import ImageFile as OpenImage

from chalicelib.errors import ImageUnreadable

TIFF_COMPRESSIONS = frozenset({1, 2, 3, 4, 5, 7, 8, 32773, 32946})
"""No compression, fax codes, LZW, JPEG, deflate, PackBits. Others are rare and less tested."""


def pixels_visited(image: OpenImage, data: bytes) -> int:
    """Returns the pixels of all listed pieces. A piece that is listed twice counts twice.

    Pillow decodes every raw piece in the list, even more than the image has room for.
    Raises ImageUnreadable if the pieces cannot be counted, or for a rare compression.
    """
    tags = _tags(image)
    compression = tags.get(Tiff.COMPRESSION, 1)
    if compression not in TIFF_COMPRESSIONS:
        raise ImageUnreadable("This TIFF's compression is not supported; save it with LZW or none.")
    offsets = tags.get(Tiff.STRIPOFFSETS) or tags[Tiff.TILEOFFSETS]
    if compression != 7:
        return len(offsets) * _piece_pixels(image)
    lengths = tags.get(Tiff.STRIPBYTECOUNTS) or tags[Tiff.TILEBYTECOUNTS]
    if (
        sum(lengths) > len(data) or min(lengths) <= 0
    ):  # libtiff guesses the length of an empty piece
        raise ImageUnreadable("The TIFF's strips overlap; save it as a new file.")
    pieces = zip(offsets, lengths, strict=True)
    scans = sum(data.count(b"\xff\xda", start, start + length) for start, length in pieces)
    return scans * _piece_pixels(image)


def _piece_pixels(image: OpenImage) -> int:
    """Returns the pixels of the largest piece, a strip or a tile."""
    tags, pixels = _tags(image), 0
    if Tiff.TILEWIDTH in tags:
        pixels = tags[Tiff.TILEWIDTH] * tags[Tiff.TILELENGTH]
    if Tiff.STRIPOFFSETS in tags or not pixels:
        height = tags[Tiff.IMAGELENGTH]
        rows = min(tags.get(Tiff.ROWSPERSTRIP, height), height)
        pixels = max(pixels, rows * tags[Tiff.IMAGEWIDTH])
    return int(pixels)


def piece_bytes(image: OpenImage) -> int:
    """Returns the bytes of the largest piece, decoded."""
    bits = _tags(image).get(Tiff.BITSPERSAMPLE, (1,))
    samples = _tags(image).get(Tiff.SAMPLESPERPIXEL, len(bits))
    return int(_piece_pixels(image) * samples * max(bits) // 8)


def ends(image: OpenImage) -> tuple[int, int]:
    """Returns the values of black and white in a 16-bit grey image."""
    white = 2 ** max(_tags(image).get(Tiff.BITSPERSAMPLE, (16,))) - 1
    return (white, 0) if _tags(image).get(Tiff.PHOTOMETRIC_INTERPRETATION) == 0 else (0, white)


def _tags(image: OpenImage) -> Tiff.ImageFileDirectory_v2:
    assert isinstance(image, Tiff.TiffImageFile), "an image of another format has no pieces"
    return image.tag_v2
