import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from chalicelib.errors import ModelInvalid
from chalicelib.images.preprocessing import WHOLE, Channels, Preprocessing
from chalicelib.inference.tensors import (
    Tensor,
    check_classifier,
    check_fits,
    to_input,
    to_scores,
    top,
)


def tensor(
    dtype: str, scale: float = 0.0, zero_point: int = 0, shape: tuple[int, ...] = (1, 2, 2, 3)
) -> Tensor:
    return Tensor(0, "t", shape, np.dtype(dtype), scale, zero_point)


SIGNED = Preprocessing(mean=(127.5,), std=(127.5,))
PIXELS = np.array([[[0, 1, 127], [128, 129, 255]]], np.uint8)


def test_pixels_go_into_an_8_bit_network_as_they_are() -> None:
    assert to_input(PIXELS, tensor("uint8", 1 / 128, 128), WHOLE) is PIXELS


def test_signed_8_bit_is_shifted() -> None:
    shifted = to_input(PIXELS, tensor("int8", 1 / 128, 0), WHOLE)
    assert shifted.dtype == np.int8
    assert shifted.tolist() == [[[-128, -127, -1], [0, 1, 127]]]


def test_a_float_network_gets_its_own_scaling() -> None:
    scaled = to_input(PIXELS, tensor("float32"), SIGNED)
    assert scaled.dtype == np.float32
    assert scaled[0, 0, 0] == -1.0 and scaled[0, 1, 2] == 1.0


def test_scaling_comes_before_quantisation() -> None:
    quantised = to_input(PIXELS, tensor("uint8", 2 / 255, 127), SIGNED)
    assert quantised.dtype == np.uint8
    assert quantised[0, 0, 0] == 0 and quantised[0, 1, 2] == 254


def test_quantisation_takes_the_nearest_step() -> None:
    how = Preprocessing(mean=(0.0,), std=(1.0,))
    assert to_input(PIXELS, tensor("uint8", 3.0), how).tolist() == [[[0, 0, 42], [43, 43, 85]]]


COLOURS = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)


def test_blue_comes_first_with_a_mean_and_a_deviation_of_its_own() -> None:
    how = Preprocessing(channels="bgr", mean=(1.0, 2.0, 3.0), std=(2.0, 4.0, 8.0))
    row = to_input(COLOURS, tensor("float32"), how)[0].tolist()
    assert row == [[-0.5, -0.5, 31.5], [-0.5, 63.25, -0.375], [127.0, -0.5, -0.375]]
    assert to_input(COLOURS, tensor("uint8"), how)[0, 0].tolist() == [0, 0, 255]


@pytest.mark.parametrize("channels", ["rgb", "grey"])
def test_one_channel_is_grey_as_pillow_has_it(channels: Channels) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (7, 5, 3), np.uint8)
    grey = to_input(pixels, tensor("uint8", shape=(1, 7, 5, 1)), Preprocessing(channels=channels))
    assert grey.shape == (7, 5, 1)
    np.testing.assert_array_equal(grey[..., 0], Image.fromarray(pixels).convert("L"))


def test_grey_fills_three_channels_where_that_is_said() -> None:
    grey = to_input(COLOURS, tensor("uint8"), Preprocessing(channels="grey"))
    assert grey.tolist() == [[[76] * 3, [150] * 3, [29] * 3]]


@pytest.mark.parametrize("depth", [1, 3])
def test_channels_first_are_transposed(depth: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (7, 5, 3), np.uint8)
    first, last = (
        tensor("float32", shape=(1, depth, 7, 5)),
        tensor("float32", shape=(1, 7, 5, depth)),
    )
    assert first.channels_first and first.size == last.size == (5, 7)
    raw = to_input(pixels, first, SIGNED)
    assert raw.shape == (depth, 7, 5) and raw.flags.c_contiguous
    np.testing.assert_array_equal(raw.transpose(1, 2, 0), to_input(pixels, last, SIGNED))


@pytest.mark.parametrize("shape", [(1, 8, 8, 2), (1, 8, 8), (1, 8, 8, 4), (1, 2, 8, 8)])
def test_what_takes_no_image_is_no_classifier(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelInvalid, match="not an image classifier"):
        check_classifier("m", [tensor("uint8", shape=shape)], [tensor("uint8", shape=(1, 5))])


@pytest.mark.parametrize(
    "how",
    [Preprocessing(channels="bgr"), Preprocessing(mean=(1.0, 2.0, 3.0), std=(1.0,))],
)
def test_one_channel_has_no_order_and_one_mean(how: Preprocessing) -> None:
    check_fits("m", how, tensor("float32"))
    with pytest.raises(ModelInvalid, match="m takes one channel"):
        check_fits("m", how, tensor("float32", shape=(1, 8, 8, 1)))


def test_8_bit_scores_are_dequantised() -> None:
    raw = np.array([0, 64, 192], np.uint8)
    assert to_scores(raw, tensor("uint8", 1 / 256, 0), 3).tolist() == [0.0, 0.25, 0.75]


def test_logits_are_put_through_a_softmax() -> None:
    raw = np.array([1000.0, 1000.0, -1000.0], np.float32)
    assert to_scores(raw, tensor("float32"), 3, logits=True).tolist() == [0.5, 0.5, 0.0]


def test_labels_judged_one_by_one_have_no_sum() -> None:
    raw = np.array([2000.0, 0.0, -2000.0], np.float32)
    judged = to_scores(raw, tensor("float32"), 3, logits=True, multi_label=True)
    assert judged.tolist() == [1.0, 0.5, 0.0]
    raw = np.array([1.0, 1.0, 0.9, 0.0, -0.1], np.float32)
    judged = to_scores(raw, tensor("float32"), 5, multi_label=True)
    assert judged.tolist() == pytest.approx([1.0, 1.0, 0.9, 0.0, 0.0])


@pytest.mark.parametrize("logits", [False, True])
def test_one_unit_of_two_labels_is_the_second_s(logits: bool) -> None:
    raw = np.array([np.log(0.8 / 0.2) if logits else 0.8], np.float32)
    scores = to_scores(raw, tensor("float32"), 2, logits)
    assert scores.dtype == np.float32 and scores.tolist() == pytest.approx([0.2, 0.8])
    assert to_scores(raw, tensor("float32"), 1, logits).tolist() == pytest.approx([0.8])


@given(arrays.arrays(np.uint8, st.integers(1, 50)))
def test_8_bit_scores_never_sum_to_more_than_1(raw: np.ndarray) -> None:
    scores = to_scores(raw, tensor("uint8", 1 / 256, 0), raw.size)
    assert scores.dtype == np.float32
    assert (scores >= 0).all() and scores.sum(dtype=np.float64) <= 1 + 1e-5


@pytest.mark.parametrize("multi_label", [False, True])
@pytest.mark.parametrize("logits", [False, True])
@given(raw=arrays.arrays(np.float32, st.integers(1, 50)))
def test_whatever_a_network_gives_becomes_probabilities(
    raw: np.ndarray, logits: bool, multi_label: bool
) -> None:
    labels = raw.size + (raw.size == 1 and not multi_label)
    with np.errstate(all="ignore"):
        scores = to_scores(raw, tensor("float32"), labels, logits, multi_label)
    assert np.isfinite(scores).all() and scores.shape == (labels,)
    assert (scores >= 0).all() and (scores <= 1).all()
    assert multi_label or scores.sum(dtype=np.float64) <= 1 + 1e-5


def test_the_best_come_first_and_ties_keep_class_order() -> None:
    scores = np.array([0.5, 0.1, 0.3, 0.1], np.float32)
    assert top(scores, 4, None) == [0, 2, 1, 3]
    assert top(scores, 2, 0) == [2, 1]
    assert top(scores, 10, 3) == [0, 2, 1]
    assert top(scores, 1, 0) == [2]
