"""What an exported network may lose, and what it may not."""

import numpy as np
import pytest

from chalicelib.errors import ModelInvalid
from tools.exporting.agreement import check_loss
from tools.exporting.photographs import held_back


def agrees(right: int, of: int) -> np.ndarray:
    return np.arange(of) < right


def test_onnx_runtime_may_lose_half_a_point_against_litert() -> None:
    for lite, ort, of in ((200, 199, 200), (100, 100, 100), (90, 95, 100), (8, 8, 8)):
        said = check_loss(agrees(lite, of), agrees(ort, of))
        assert f"the same on {ort} and LiteRT on {lite} of {of}." in said
    for lite, ort, of in ((200, 198, 200), (100, 99, 100), (8, 7, 8)):
        with pytest.raises(
            ModelInvalid, match=r"loses more than half a point, so nothing was inst"
        ):
            check_loss(agrees(lite, of), agrees(ort, of))


def test_pictures_are_held_back_from_all_over() -> None:
    for count, ranges in ((16, 8), (17, 9), (100, 50), (200, 100), (300, 100)):
        pictures = [np.full((1, 1, 3), number % 256, np.uint8) for number in range(count)]
        first, held = held_back(pictures)
        assert (len(first), len(held)) == (ranges, count - ranges)
        assert not {id(image) for image in first} & {id(image) for image in held}
