"""Image bytes -> the upright RGB array that a package's preprocessing asks for."""

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

# All plugins by name: Image.open would import others on first use, a dozen of them at once.
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
from PIL import Image as Pillow
from PIL.ImageFile import ImageFile as OpenImage

from chalicelib.colours import averageable, black_and_white, rgb_on_white
from chalicelib.errors import ImageTooLarge, ImageUnreadable, InceptionError
from chalicelib.imagefiles import ACCEPTED, ImageFile, inspect
from chalicelib.preprocessing import WHOLE, Box, Filter, Preprocessing
from chalicelib.tiffdirectory import orientation

MAX_PIXELS = 50_000_000
"""Declared width x height: 50 megapixels, what the largest phone cameras take."""

MAX_SCAN_PIXELS = 1_000_000_000
"""Pixels x scans of a JPEG: each costs 1 to 2 ns even if the scan is empty, so 2 s at most. The
standard progressive script has 10 scans, 18 in CMYK: 50 megapixels of either pass. Of a TIFF, the
pixels of all its strips or tiles, each of which may be listed many times."""

MAX_DECODE_BYTES = 520_000_000
"""Estimated peak of memory while decoding: with the interpreter, a model and the file itself the
process stays below 700 MB."""

LARGE_DECODE_BYTES = 16_000_000
"""Images that need more than this are decoded one at a time, so that the peaks do not add up."""

TIFF_COMPRESSIONS = frozenset({1, 2, 3, 4, 5, 7, 8, 32773, 32946})
"""None, the fax codes, LZW, JPEG, deflate and PackBits; other codecs are rare and less tried."""

Pillow.MAX_IMAGE_PIXELS = MAX_PIXELS // 2  # Pillow raises above twice this, before allocating
warnings.filterwarnings("ignore", module=r"PIL\.")
# glibc gives blocks over 32 MB back at once; Pillow's 16 MB it would keep, for each thread anew
# (https://pillow.readthedocs.io/en/stable/reference/block_allocator.html).
Pillow.core.set_block_size(64 * 1024 * 1024)  # type: ignore[attr-defined]
logging.getLogger("PIL").setLevel(logging.CRITICAL)

_PLUGINS: dict[str, type[OpenImage]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
}
_large_decode = threading.Lock()


@dataclass(frozen=True, eq=False)
class Image:
    """An image as a model takes it, and what it was.

    pixels: uint8 [height, width, 3] of the model's input size, RGB 0..255, C-contiguous, read-only.
    width, height: of the upright original, in pixels.
    format: "JPEG", "PNG", "GIF", "WEBP", "BMP" or "TIFF".
    """

    pixels: NDArray[np.uint8]
    width: int
    height: int
    format: str


def decode(data: bytes, size: tuple[int, int], how: Preprocessing = WHOLE) -> Image:
    """Decode an image file to `size`, (width, height) in pixels.

    how: which part of the picture is taken, and what averages its pixels. Their channels and scale
        are left to `chalicelib.tensors`.
    The first frame or page; upright by its EXIF orientation; alpha composited on white. Safe to
    call from several threads.

    Raises ImageUnreadable for bytes that are no accepted format or are damaged or cut off, and
    ImageTooLarge for more pixels, scans or memory than the limits of this module.
    """
    with _domain_errors():
        file = inspect(data)
        image = _PLUGINS[file.format](BytesIO(file.data))
        turn = orientation(image.info.get("exif", b"") if file.format == "WEBP" else file.exif)
        raw = image.size
        upright = raw[::-1] if turn >= 5 else raw
        box, fitted = how.box(upright, size), how.fitted(upright, size)
        if turn >= 5:
            box, fitted = (box[1], box[0], box[3], box[2]), (fitted[1], fitted[0])
        _check_work(image, file)
        box = _reduced(image, box, fitted)
        needed = _memory_needed(image, file, raw[0] * raw[1])
        if needed > MAX_DECODE_BYTES:
            raise ImageTooLarge(
                "The image takes too much memory to decode; send it smaller or as JPEG."
            )
        with _large_decode if needed > LARGE_DECODE_BYTES else nullcontext():
            small = _resize(averageable(image), box, fitted, how.filter)
            image.close()  # before the next large one begins
        pixels = _upright(rgb_on_white(small, black_and_white(image)), turn)
        pixels = np.ascontiguousarray(_framed(pixels, size, how))
        pixels.flags.writeable = False
        return Image(pixels, *upright, file.format)


@contextmanager
def _domain_errors() -> Iterator[None]:
    try:
        yield
    except InceptionError:
        raise
    except (MemoryError, Pillow.DecompressionBombError) as error:
        raise ImageTooLarge(
            f"The image has more than {MAX_PIXELS // 1_000_000} megapixels; send a smaller one."
        ) from error
    # Pillow raises what its decoders happen upon: SyntaxError, struct.error, TypeError, ….
    except Exception as error:
        raise ImageUnreadable(
            f"The image is damaged or cut off and cannot be decoded; send {ACCEPTED}."
        ) from error


def _check_work(image: OpenImage, file: ImageFile) -> None:
    pixels = image.width * image.height
    if pixels > MAX_PIXELS:
        raise ImageTooLarge(
            f"The image has {pixels / 1e6:.1f} megapixels ({image.width} x {image.height}); "
            f"send one of at most {MAX_PIXELS // 1_000_000}."
        )
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        if _tiff_pixels_visited(image, file.data) > MAX_SCAN_PIXELS:
            raise ImageTooLarge(
                "The TIFF has too many strips or scans for its size; save it as a new file."
            )
    elif pixels * file.scans > MAX_SCAN_PIXELS:
        raise ImageTooLarge("The JPEG has too many scans for its size; save it not progressive.")


def _tiff_pixels_visited(image: TiffImagePlugin.TiffImageFile, data: bytes) -> int:
    """Return the pixels of all pieces, those of a piece that is listed twice twice.

    Pillow decodes every raw piece that is listed, however many the image has room for.
    """
    tags = image.tag_v2
    compression = tags.get(TiffImagePlugin.COMPRESSION, 1)
    if compression not in TIFF_COMPRESSIONS:
        raise ImageUnreadable("This TIFF's compression is not supported; save it with LZW or none.")
    offsets = tags.get(TiffImagePlugin.STRIPOFFSETS) or tags[TiffImagePlugin.TILEOFFSETS]
    if compression != 7:
        return len(offsets) * _tiff_piece_pixels(image)
    lengths = tags.get(TiffImagePlugin.STRIPBYTECOUNTS) or tags[TiffImagePlugin.TILEBYTECOUNTS]
    if sum(lengths) > len(data) or min(lengths) <= 0:  # libtiff guesses the length of an empty one
        raise ImageUnreadable("The TIFF's strips overlap; save it as a new file.")
    pieces = zip(offsets, lengths, strict=True)
    scans = sum(data.count(b"\xff\xda", start, start + length) for start, length in pieces)
    return scans * _tiff_piece_pixels(image)


def _tiff_piece_pixels(image: TiffImagePlugin.TiffImageFile) -> int:
    """Return the pixels of the largest piece, strip or tile, that is decoded at once."""
    tags = image.tag_v2
    pixels = 0
    if TiffImagePlugin.TILEWIDTH in tags:
        pixels = tags[TiffImagePlugin.TILEWIDTH] * tags[TiffImagePlugin.TILELENGTH]
    if TiffImagePlugin.STRIPOFFSETS in tags or not pixels:
        height = tags[TiffImagePlugin.IMAGELENGTH]
        rows = min(tags.get(TiffImagePlugin.ROWSPERSTRIP, height), height)
        pixels = max(pixels, rows * tags[TiffImagePlugin.IMAGEWIDTH])
    return int(pixels)


def _memory_needed(image: OpenImage, file: ImageFile, declared: int) -> int:
    """Estimate the peak in bytes, `declared` being the pixels before JPEG's reduced scale."""
    pixels = image.height * (4 * image.width + 8)  # RGB too takes 4 bytes in Pillow, a row 8
    while_decoding = pixels
    if isinstance(image, JpegImagePlugin.JpegImageFile) and file.scans > 1:
        while_decoding += 2 * declared * image.layers  # all coefficients, 16 bits each
    elif isinstance(image, TiffImagePlugin.TiffImageFile):
        bits = image.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, (1,))
        samples = image.tag_v2.get(TiffImagePlugin.SAMPLESPERPIXEL, len(bits))
        while_decoding += _tiff_piece_pixels(image) * samples * max(bits) // 8
    elif file.format == "WEBP":
        while_decoding += 3 * pixels  # two canvases of libwebp, one copy of Pillow's
    return max(while_decoding, 2 * pixels)


def _reduced(image: OpenImage, box: Box, size: tuple[int, int]) -> Box:
    """Have a JPEG decoded at the smallest scale at which `box` has `size` pixels; `box` there.

    Its blocks of 8x8 can be decoded to 4x4, 2x2 or 1x1, for a part of the time; what the pixels
    come to then differs little.
    """
    width, height = image.size
    ratio = min((box[2] - box[0]) / size[0], (box[3] - box[1]) / size[1])
    scale = next((scale for scale in (8, 4, 2) if scale <= ratio), 1)
    reduced = image.draft("RGB", (max(1, width // scale), max(1, height // scale)))
    if reduced is None:  # another format
        return box
    right, lower = reduced[1][2:]
    left, upper = box[0] * right / width, box[1] * lower / height
    return left, upper, box[2] * right / width, box[3] * lower / height


def _resize(image: Pillow.Image, box: Box, size: tuple[int, int], filter_: Filter) -> Pillow.Image:
    # Reduced by whole factors first where that pays: a 720p image is resized sooner, and exactly,
    # without. 16-bit integers cannot be.
    gap = None if image.mode.startswith("I;16") else 3.0
    return image.resize(size, Pillow.Resampling[filter_.upper()], box, gap)


def _framed(
    pixels: NDArray[np.uint8], size: tuple[int, int], how: Preprocessing
) -> NDArray[np.uint8]:
    """Put what was fitted into a picture of `size`, in the middle of one colour."""
    height, width = pixels.shape[:2]
    if (width, height) == size:
        return pixels
    whole = np.empty((size[1], size[0], 3), np.uint8)
    whole[:] = how.colour
    left, upper = (size[0] - width) // 2, (size[1] - height) // 2
    whole[upper : upper + height, left : left + width] = pixels
    return whole


def _upright(pixels: NDArray[np.uint8], turn: int) -> NDArray[np.uint8]:
    """Undo EXIF orientation `turn`, 1 to 8 (CIPA DC-008, section 4.6.5)."""
    if turn >= 5:
        pixels = pixels.swapaxes(0, 1)
    if turn in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if turn in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels
