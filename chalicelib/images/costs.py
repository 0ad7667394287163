"""Bound the work and the memory that decoding an image may take."""

from PIL.ImageFile import ImageFile as OpenImage

from chalicelib.errors import ImageTooLarge
from chalicelib.images.formats import ImageFile

MAX_PIXELS = 50_000_000
"""Declared width x height: 50 megapixels, as of the largest phone cameras."""

MAX_SCAN_PIXELS = 1_000_000_000
"""Pixels x scans of a JPEG. Each costs 1 to 2 ns even in an empty scan, so 2 s at most. The
standard progressive script has 10 scans, or 18 in CMYK: 50 megapixels of either pass. For a TIFF,
the pixels of all its strips or tiles, each of which may be listed many times."""

MAX_DECODE_BYTES = 520_000_000
"""Estimated peak of memory while decoding. With interpreter, model and file, the process stays
below 700 MB."""


def check_size(width: int, height: int) -> None:
    """Raises ImageTooLarge for more pixels than MAX_PIXELS."""
    pixels = width * height
    if pixels > MAX_PIXELS:
        raise ImageTooLarge(
            f"The image has {pixels / 1e6:.1f} megapixels ({width} x {height}); "
            f"send one of at most {MAX_PIXELS // 1_000_000}."
        )


def check_work(image: OpenImage, file: ImageFile) -> None:
    """Raises ImageTooLarge for too many pixels, scans or pieces.

    Raises ImageUnreadable for a TIFF whose pieces cannot be counted, or with a rare compression.
    """
    check_size(image.width, image.height)
    if file.format == "TIFF":
        from chalicelib.images import tiffpieces  # Pillow's plugin, which other formats do without

        if tiffpieces.pixels_visited(image, file.data) > MAX_SCAN_PIXELS:
            raise ImageTooLarge(
                "The TIFF has too many strips or scans for its size; save it as a new file."
            )
    elif image.width * image.height * file.scans > MAX_SCAN_PIXELS:
        raise ImageTooLarge(
            "The JPEG has too many scans for its size; save it again, without the progressive "
            "option."
        )


def check_memory(image: OpenImage, file: ImageFile, declared: int) -> int:
    """Returns the estimated peak in bytes. Raises ImageTooLarge above MAX_DECODE_BYTES.

    declared: the pixels at full scale, for a JPEG that is decoded at a smaller scale.
    """
    needed = _memory_needed(image, file, declared)
    if needed > MAX_DECODE_BYTES:
        raise ImageTooLarge(
            "The image takes too much memory to decode; send a smaller one, or a JPEG."
        )
    return needed


def _memory_needed(image: OpenImage, file: ImageFile, declared: int) -> int:
    # in Pillow RGB also takes 4 bytes a pixel, and a row takes 8
    pixels = image.height * (4 * image.width + 8)
    while_decoding = pixels
    if file.format == "JPEG" and file.scans > 1:
        layers: int = image.layers  # type: ignore[attr-defined]
        while_decoding += 2 * declared * layers  # all coefficients, 16 bits each
    elif file.format == "TIFF":
        from chalicelib.images import tiffpieces

        while_decoding += tiffpieces.piece_bytes(image)
    elif file.format == "WEBP":
        while_decoding += 3 * pixels  # two canvases of libwebp, one copy of Pillow's
    elif file.format == "AVIF":
        # libavif's own RGB; its planes live as long as the image
        while_decoding += file.planes + image.width * image.height * len(image.mode)
    return max(while_decoding, 2 * pixels)
