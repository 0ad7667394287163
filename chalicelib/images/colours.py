"""Convert pixels of every mode of Pillow to RGB on white."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL.ImageFile import ImageFile as OpenImage

_AVERAGEABLE = {"1": "L", "P": "RGB", "LA": "La", "RGBA": "RGBa", "CMYK": "RGB"}
_KEY_SCALE = {"L;2": 85, "L;4": 17, "RGB;16B": 1 / 256}
"""The scale of the transparent colour by PNG layout: Pillow scales only the samples."""


def averageable(image: OpenImage) -> Pillow.Image:
    """Decodes an image, and converts modes whose values cannot be averaged."""
    key = _transparency(image)
    image.load()
    if image.mode.startswith("I;16") and key is not None:
        return _keyed_16_bit_grey(image, key)
    if image.mode == "PA" or key is not None:
        rgba = image.convert("RGBA")
        image.close()  # three copies of 50 megapixels would take too much memory
        return rgba.convert("RGBa")
    target = _AVERAGEABLE.get(image.mode)
    return image.convert(target) if target else image


def _transparency(image: OpenImage) -> Any:
    """Returns the transparency: a palette's alphas, or a colour scaled like the samples."""
    key = image.info.get("transparency")
    if key is not None and image.format == "PNG":
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


def rgb_on_white(image: Pillow.Image, ends: tuple[int, int] | None) -> NDArray[np.uint8]:
    """Return [height, width, 3], 0..255, of a small image; `ends` as of `black_and_white`."""
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
    """Scales black and white to 0 and 255; without `ends`, by the smallest scale that fits."""
    values[~np.isfinite(values)] = 0
    highest = float(values.max())
    full_scales = (1.0, 255.0, 65_535.0, 2.0**32 - 1, highest)
    black, white = ends or (0.0, next(scale for scale in full_scales if scale >= highest))
    return (np.clip((values - black) / (white - black), 0, 1) * 255 + 0.5).astype(np.uint8)


def black_and_white(image: OpenImage) -> tuple[int, int] | None:
    """Returns the values of black and white in a 16-bit grey image; None for other modes."""
    if not image.mode.startswith("I;16"):
        return None
    if image.format != "TIFF":
        return 0, 65_535
    from chalicelib.images import tiffpieces  # Pillow's plugin, which other formats do without

    return tiffpieces.ends(image)
