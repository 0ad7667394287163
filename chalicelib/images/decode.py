"""Decode image bytes to the upright RGB array that a package's preprocessing asks for."""

import logging
import math
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from io import BytesIO
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL.ImageFile import ImageFile as OpenImage

from chalicelib.errors import ImageTooLarge, ImageUnreadable, InceptionError
from chalicelib.images.colours import averageable, black_and_white, rgb_on_white
from chalicelib.images.costs import MAX_PIXELS, check_memory, check_size, check_work
from chalicelib.images.formats import ACCEPTED, Format, ImageFile, inspect
from chalicelib.images.preprocessing import WHOLE, Box, Filter, Preprocessing
from chalicelib.images.tiff import orientation

LARGE_DECODE_BYTES = 16_000_000
"""Images above this are decoded one at a time, so that their peaks do not add up."""

LEAST_ROWS = 0.8
"""The share of rows that a JPEG without its last bytes must have. With a fifth of the rows grey,
MobileNet v2 is right on 84.0% of 200 ImageNet photographs instead of 89.5%; with half of them grey
on 54.0% (docs/models.md)."""

Pillow.MAX_IMAGE_PIXELS = (
    MAX_PIXELS // 2
)  # Pillow raises above twice this limit, before it allocates
warnings.filterwarnings("ignore", module=r"PIL\.")
# glibc returns blocks over 32 MB at once; it would keep Pillow's blocks of 16 MB for each thread
# (https://pillow.readthedocs.io/en/stable/reference/block_allocator.html).
Pillow.core.set_block_size(64 * 1024 * 1024)  # type: ignore[attr-defined]
logging.getLogger("PIL").setLevel(logging.CRITICAL)

_PLUGINS: dict[Format, str] = {
    "JPEG": "Jpeg", "PNG": "Png", "GIF": "Gif", "WEBP": "WebP", "BMP": "Bmp", "TIFF": "Tiff",
    "AVIF": "Avif",
}  # fmt: skip
"""Pillow's names for its plugins. Each takes 1 to 5 ms to import, an image needs one of them, and
Image.open would import a dozen."""

_large_decode = threading.Lock()


class Image(msgspec.Struct, frozen=True, eq=False):
    """A decoded image, with facts about the original.

    pixels: uint8 [height, width, 3] of the model's input size, RGB 0..255, C-contiguous, read-only.
    width, height: of the upright original, in pixels.
    truncated: whether it is a JPEG without its last bytes. Up to a fifth of its rows may be grey,
        or details may be missing.
    """

    pixels: NDArray[np.uint8]
    width: int
    height: int
    format: Format
    truncated: bool = False


def decode(data: bytes, size: tuple[int, int], how: Preprocessing = WHOLE) -> Image:
    """Decodes an image file to `size`, (width, height) in pixels.

    how: says which part of the picture is taken, and how pixels are averaged.
        `chalicelib.inference.tensors` sees to channels and scale.
    Takes the first frame or page, upright by EXIF or by an AVIF's own properties, with alpha on
    white. Safe to call from several threads.

    Raises ImageUnreadable for an unknown format or a file that is damaged or cut off, and
    ImageTooLarge for more pixels, scans or memory than the limits of `chalicelib.images.costs`.
    """
    with _domain_errors():
        file = inspect(data)
        image = _opened(file)
        exif = image.info.get("exif", b"") if file.exif is None else file.exif
        turn = orientation(exif)
        raw = image.size
        upright = raw[::-1] if turn >= 5 else raw
        box, fitted = how.box(upright, size), how.fitted(upright, size)
        if turn >= 5:
            box, fitted = (box[1], box[0], box[3], box[2]), (fitted[1], fitted[0])
        check_work(image, file)
        box = _reduced(image, box, fitted)
        needed = check_memory(image, file, raw[0] * raw[1])
        with _large_decode if needed > LARGE_DECODE_BYTES else nullcontext():
            if file.truncated:
                _check_rows(image)
            small = _resize(averageable(image), box, fitted, how.filter)
            ends = black_and_white(image)
            image.close()
            # before the next large image begins; an AVIF decoder lives as long as its image
            del image
        pixels = _upright(rgb_on_white(small, ends), turn)
        pixels = np.ascontiguousarray(_framed(pixels, size, how))
        pixels.flags.writeable = False
        return Image(pixels, *upright, file.format, file.truncated)


def _opened(file: ImageFile) -> OpenImage:
    if file.size is not None:
        check_size(*file.size)  # checked before libavif, which has limits of its own
    name = _PLUGINS[file.format]
    plugin: Any = import_module(f"PIL.{name}ImagePlugin")
    if file.format == "AVIF":
        plugin.DEFAULT_MAX_THREADS = 1  # two threads were no faster at 12 megapixels
    image: OpenImage = getattr(plugin, f"{name}ImageFile")(BytesIO(file.data))
    return image


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
    # Pillow's decoders raise all kinds of errors: SyntaxError, struct.error, TypeError, ….
    except Exception as error:
        raise ImageUnreadable(
            f"The image is damaged or cut off and cannot be decoded; send {ACCEPTED}."
        ) from error


def _check_rows(image: OpenImage) -> None:
    """Refuses a JPEG that lacks its end and too many rows.

    Missing pixels have the middle of the scale, 127 or 128 in every channel. A JPEG is read in rows
    of blocks from left to right: if the last pixel of a row is there, so is everything before it.
    """
    image.load()
    width, height = image.size
    least = min(math.ceil(LEAST_ROWS * height), height - 1)
    extrema = image.crop((width - 1, least, width, height)).getextrema()
    channels = extrema if isinstance(extrema[0], tuple) else (extrema,)
    if all(low >= 127 and high <= 128 for low, high in channels):
        raise ImageUnreadable(
            f"The JPEG is cut off: less than {LEAST_ROWS:.0%} of it is there; send the whole file."
        )


def _reduced(image: OpenImage, box: Box, size: tuple[int, int]) -> Box:
    """Sets a JPEG to the smallest scale at which `box` has `size` pixels; returns `box` there.

    Blocks of 8x8 can be decoded to 4x4, 2x2 or 1x1 in less time. The resized pixels differ little.
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
    # Reduced by whole factors first if that pays: a 720p image is resized faster, and exactly,
    # without. 16-bit integers cannot be.
    gap = None if image.mode.startswith("I;16") else 3.0
    return image.resize(size, Pillow.Resampling[filter_.upper()], box, gap)


def _framed(
    pixels: NDArray[np.uint8], size: tuple[int, int], how: Preprocessing
) -> NDArray[np.uint8]:
    """Puts the fitted picture into the middle of one of `size`, on one colour."""
    height, width = pixels.shape[:2]
    if (width, height) == size:
        return pixels
    whole = np.empty((size[1], size[0], 3), np.uint8)
    whole[:] = how.colour
    left, upper = (size[0] - width) // 2, (size[1] - height) // 2
    whole[upper : upper + height, left : left + width] = pixels
    return whole


def _upright(pixels: NDArray[np.uint8], turn: int) -> NDArray[np.uint8]:
    """Undoes EXIF orientation `turn`, 1 to 8 (CIPA DC-008, section 4.6.5)."""
    if turn >= 5:
        pixels = pixels.swapaxes(0, 1)
    if turn in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if turn in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels
