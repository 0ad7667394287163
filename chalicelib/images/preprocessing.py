"""The preprocessing of a package: how a picture becomes the network's input."""

from typing import Annotated, Literal

import msgspec

from chalicelib.requests import Resize

Filter = Literal["bilinear", "bicubic", "lanczos", "box", "nearest"]
Channels = Literal["rgb", "bgr", "grey"]
_ForEach = Annotated[tuple[float, ...], msgspec.Meta(min_length=1, max_length=3)]
_Byte = Annotated[int, msgspec.Meta(ge=0, le=255)]

Box = tuple[float, float, float, float]
"""A part of a picture: left, upper, right and lower edge in pixels."""


class Preprocessing(msgspec.Struct, frozen=True):
    """The contents of `preprocessing` in a `model.json`.

    resize: "squash" fits the whole picture to the input, whatever its shape; "crop" takes the
        middle of it, in the shape of the input; "letterbox" fits the whole picture into the input
        and fills what is left.
    crop: the part of the shorter side that "crop" takes, over 0 to 1.
    colour: red, green and blue of the bars of "letterbox", 0..255.
    filter: how pixels are averaged when the size changes.
    channels: their order; "grey" is luma, for a network of one channel or in each of its three.
    mean, std: the network takes (pixel - mean) / std of pixels 0..255: one number for all channels,
        or one for each, in the order of `channels`. None if it takes pixels as they are.
    """

    resize: Resize = "squash"
    crop: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.875
    colour: tuple[_Byte, _Byte, _Byte] = (0, 0, 0)
    filter: Filter = "bilinear"
    channels: Channels = "rgb"
    mean: _ForEach | None = None
    std: _ForEach | None = None

    def __post_init__(self) -> None:
        if (self.mean is None) != (self.std is None):
            raise ValueError("give mean and std together")
        for values in (self.mean or (), self.std or ()):
            if len(values) not in (0, 1, self.depth):
                raise ValueError(
                    f"give one number for mean and std, or {self.depth} for {self.depth}"
                )
        if min(self.std or (1.0,)) <= 0:
            raise ValueError("std must be above 0")

    @property
    def depth(self) -> int:
        """How many different channels the network gets."""
        return 1 if self.channels == "grey" else 3

    def box(self, picture: tuple[int, int], size: tuple[int, int]) -> Box:
        """Returns the part of a picture that the network sees.

        picture, size: width and height in pixels, of the picture and of the input.
        """
        if self.resize != "crop":
            return 0.0, 0.0, float(picture[0]), float(picture[1])
        scale = self.crop * min(picture[0] / size[0], picture[1] / size[1])
        # rounding may give a little more than a side, which no decoder has
        width, height = min(scale * size[0], picture[0]), min(scale * size[1], picture[1])
        left, upper = (picture[0] - width) / 2, (picture[1] - height) / 2
        return left, upper, left + width, upper + height

    def view(self, picture: tuple[int, int], size: tuple[int, int]) -> Box:
        """Returns what the network's input shows, in the picture's pixels, bars included."""
        left, upper, right, lower = self.box(picture, size)
        width, height = self.fitted(picture, size)
        across, down = (right - left) / width, (lower - upper) / height
        left -= (size[0] - width) // 2 * across
        upper -= (size[1] - height) // 2 * down
        return left, upper, left + size[0] * across, upper + size[1] * down

    def fitted(self, picture: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
        """Returns width and height to which the part of `box` is resized."""
        if self.resize != "letterbox":
            return size
        scale = min(size[0] / picture[0], size[1] / picture[1])
        width, height = (max(1, round(scale * side)) for side in picture)
        return width, height


WHOLE = Preprocessing()
"""The whole picture, squashed, with its pixels as they are."""

IMAGENET = Preprocessing("crop", 0.875)
"""How ImageNet's networks are evaluated: on 224 of 256 pixels, whatever their size
(https://github.com/tensorflow/models/tree/master/research/slim/preprocessing)."""
