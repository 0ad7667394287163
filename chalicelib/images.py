"""Image bytes -> the upright RGB array that a model wants; the only module that imports Pillow."""

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from io import BytesIO
from typing import Any

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

from chalicelib.errors import ImageTooLarge, ImageUnreadable, InceptionError
from chalicelib.imagefiles import ACCEPTED, ImageFile, inspect
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


def decode(data: bytes, size: tuple[int, int]) -> Image:
    """Decode an image file and squash the whole of it to `size`, (width, height) in pixels.

    The first frame or page; upright by its EXIF orientation; alpha composited on white. Safe to
    call from several threads.

    Raises ImageUnreadable for bytes that are no accepted format or are damaged or cut off, and
    ImageTooLarge for more pixels, scans or memory than the limits of this module.
    """
    with _domain_errors():
        file = inspect(data)
        image = _PLUGINS[file.format](BytesIO(file.data))
        width, height = image.size
        turn = orientation(image.info.get("exif", b"") if file.format == "WEBP" else file.exif)
        raw_size = size[::-1] if turn >= 5 else size
        _check_work(image, file)
        image.draft("RGB", (2 * raw_size[0], 2 * raw_size[1]))
        needed = _memory_needed(image, file, width * height)
        if needed > MAX_DECODE_BYTES:
            raise ImageTooLarge(
                "The image takes too much memory to decode; send it smaller or as JPEG."
            )
        with _large_decode if needed > LARGE_DECODE_BYTES else nullcontext():
            small = _resize(_averageable(image), raw_size)
            image.close()  # before the next large one begins
        pixels = np.ascontiguousarray(_upright(_rgb_on_white(small, _black_and_white(image)), turn))
        pixels.flags.writeable = False
        return Image(pixels, *((height, width) if turn >= 5 else (width, height)), file.format)


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


_AVERAGEABLE = {
    "1": "L",
    "P": "RGB",
    "LA": "La",
    "RGBA": "RGBa",
    "CMYK": "RGB",
}
_KEY_SCALE = {"L;2": 85, "L;4": 17, "RGB;16B": 1 / 256}
"""By PNG sample layout: Pillow scales samples to 8 bits, but not the transparent colour."""


def _averageable(image: OpenImage) -> Pillow.Image:
    """Decode, and convert at full size the modes whose values cannot be averaged."""
    key = _transparency(image)
    image.load()
    if image.mode.startswith("I;16") and key is not None:
        return _keyed_16_bit_grey(image, key)
    if image.mode == "PA" or key is not None:
        rgba = image.convert("RGBA")
        image.close()  # three copies of 50 megapixels would be too many
        return rgba.convert("RGBa")
    target = _AVERAGEABLE.get(image.mode)
    return image.convert(target) if target else image


def _transparency(image: OpenImage) -> Any:
    """Return what is transparent: alphas of a palette, or a colour, scaled as the samples are."""
    key = image.info.get("transparency")
    if key is not None and isinstance(image, PngImagePlugin.PngImageFile):
        scale = _KEY_SCALE.get(str(image.tile[0].args), 1)
        if isinstance(key, tuple):
            key = tuple(int(value * scale) for value in key)
        elif isinstance(key, int):
            key = int(key * scale)
        image.info["transparency"] = key
    return key


def _keyed_16_bit_grey(image: Pillow.Image, key: int) -> Pillow.Image:
    values = np.asarray(image)
    image.close()
    opaque = (values != key).view(np.uint8)
    grey = Pillow.fromarray((values >> 8).astype(np.uint8) * opaque)
    del values
    return Pillow.merge("La", (grey, Pillow.fromarray(opaque * np.uint8(255))))


def _resize(image: Pillow.Image, size: tuple[int, int]) -> Pillow.Image:
    # Reduced by whole factors first where that pays: a 720p image is resized sooner, and exactly,
    # without. 16-bit integers cannot be.
    gap = None if image.mode.startswith("I;16") else 3.0
    return image.resize(size, Pillow.Resampling.BILINEAR, reducing_gap=gap)


def _rgb_on_white(image: Pillow.Image, ends: tuple[int, int] | None) -> NDArray[np.uint8]:
    """Return [height, width, 3], 0..255, of a small image; `ends` as of `_black_and_white`."""
    values = np.asarray(image)
    if image.mode == "RGB":
        return values
    if image.mode in ("La", "RGBa"):  # premultiplied, so what is not covered shows white
        over = values[..., :-1].astype(np.uint16) + (255 - values[..., -1:])
        values = np.minimum(over, 255).astype(np.uint8)
        return np.broadcast_to(values, (*values.shape[:2], 3))
    if image.mode.startswith("I") or image.mode == "F":
        image = Pillow.fromarray(_to_8_bits(values.astype(np.float64), ends))
    return np.asarray(image.convert("RGB"))


def _to_8_bits(values: NDArray[np.float64], ends: tuple[float, float] | None) -> NDArray[np.uint8]:
    """Scale black and white to 0 and 255; without `ends`, by the smallest usual scale that fits."""
    values[~np.isfinite(values)] = 0
    highest = float(values.max())
    full_scales = (1.0, 255.0, 65_535.0, 2.0**32 - 1, highest)
    black, white = ends or (0.0, next(scale for scale in full_scales if scale >= highest))
    return (np.clip((values - black) / (white - black), 0, 1) * 255 + 0.5).astype(np.uint8)


def _black_and_white(image: OpenImage) -> tuple[int, int] | None:
    """Return the values of black and white of a 16-bit grey image; None for other modes."""
    if not image.mode.startswith("I;16"):
        return None
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return 0, 65_535
    white = 2 ** max(image.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, (16,))) - 1
    white_is_zero = image.tag_v2.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0
    return (white, 0) if white_is_zero else (0, white)


def _upright(pixels: NDArray[np.uint8], turn: int) -> NDArray[np.uint8]:
    """Undo EXIF orientation `turn`, 1 to 8 (CIPA DC-008, section 4.6.5)."""
    if turn >= 5:
        pixels = pixels.swapaxes(0, 1)
    if turn in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if turn in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels
