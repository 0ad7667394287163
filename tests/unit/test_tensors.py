import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from chalicelib.models import Scaling
from chalicelib.tensors import Tensor, to_input, to_scores, top


def tensor(dtype: str, scale: float = 0.0, zero_point: int = 0) -> Tensor:
    return Tensor(0, "t", (1, 2, 2, 3), np.dtype(dtype), scale, zero_point)


PIXELS = np.array([[[0, 1, 127], [128, 129, 255]]], np.uint8)


def test_pixels_go_into_an_8_bit_network_as_they_are() -> None:
    assert to_input(PIXELS, tensor("uint8", 1 / 128, 128), None) is PIXELS


def test_signed_8_bit_is_shifted() -> None:
    shifted = to_input(PIXELS, tensor("int8", 1 / 128, 0), None)
    assert shifted.dtype == np.int8
    assert shifted.tolist() == [[[-128, -127, -1], [0, 1, 127]]]


def test_a_float_network_gets_its_own_scaling() -> None:
    scaled = to_input(PIXELS, tensor("float32"), Scaling(127.5, 127.5))
    assert scaled.dtype == np.float32
    assert scaled[0, 0, 0] == -1.0 and scaled[0, 1, 2] == 1.0


def test_scaling_comes_before_quantisation() -> None:
    quantised = to_input(PIXELS, tensor("uint8", 2 / 255, 127), Scaling(127.5, 127.5))
    assert quantised.dtype == np.uint8
    assert quantised[0, 0, 0] == 0 and quantised[0, 1, 2] == 254


def test_8_bit_scores_are_dequantised() -> None:
    raw = np.array([0, 64, 192], np.uint8)
    assert to_scores(raw, tensor("uint8", 1 / 256, 0)).tolist() == [0.0, 0.25, 0.75]


def test_logits_are_put_through_a_softmax() -> None:
    scores = to_scores(np.array([1000.0, 1000.0, -1000.0], np.float32), tensor("float32"), True)
    assert scores.tolist() == [0.5, 0.5, 0.0]


@given(arrays.arrays(np.uint8, st.integers(1, 50)))
def test_8_bit_scores_never_sum_to_more_than_1(raw: np.ndarray) -> None:
    scores = to_scores(raw, tensor("uint8", 1 / 256, 0))
    assert scores.dtype == np.float32
    assert (scores >= 0).all() and scores.sum(dtype=np.float64) <= 1 + 1e-5


@pytest.mark.parametrize("logits", [False, True])
@given(raw=arrays.arrays(np.float32, st.integers(1, 50)))
def test_whatever_a_network_gives_becomes_probabilities(raw: np.ndarray, logits: bool) -> None:
    with np.errstate(all="ignore"):
        scores = to_scores(raw, tensor("float32"), logits)
    assert np.isfinite(scores).all()
    assert (scores >= 0).all() and scores.sum(dtype=np.float64) <= 1 + 1e-5


def test_the_best_come_first_and_ties_keep_class_order() -> None:
    scores = np.array([0.5, 0.1, 0.3, 0.1], np.float32)
    assert top(scores, 4, None) == [0, 2, 1, 3]
    assert top(scores, 2, 0) == [2, 1]
    assert top(scores, 10, 3) == [0, 2, 1]
    assert top(scores, 1, 0) == [2]
