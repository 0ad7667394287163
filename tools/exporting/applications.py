"""What the networks of keras.applications were trained on."""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chalicelib.images.preprocessing import Channels, Preprocessing

Prepare = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def prepare(build: Any) -> Prepare:
    """`preprocess_input` of the application that `build` makes; it leaves its argument as it is."""
    function = sys.modules[build.__module__].preprocess_input
    return lambda pixels: np.asarray(function(pixels.copy()), np.float32)


def preprocessing(prepare: Prepare) -> Preprocessing:
    """The channels, mean and deviation that a `preprocess_input` stands for.

    Told by what it makes of black, white and red; it does not average or move pixels.
    """
    colours = np.array([[[(0, 0, 0), (255, 255, 255), (255, 0, 0)]]], np.float32)
    black, white, red = prepare(colours)[0, 0].astype(np.float64)
    std = 255 / (white - black)
    mean = -black * std
    bgr = bool(red[2] == white[2] and red[0] == black[0])
    channels: Channels = "bgr" if bgr else "rgb"
    if np.allclose(mean, 0) and np.allclose(std, 1):
        return Preprocessing(channels=channels)
    return Preprocessing(channels=channels, mean=_numbers(mean), std=_numbers(std))


def _numbers(values: NDArray[np.float64]) -> tuple[float, ...]:
    """One where all are alike; without the rounding of 32 bits."""
    numbers = tuple(round(float(value), 4) for value in values)
    return numbers[:1] if len(set(numbers)) == 1 else numbers
