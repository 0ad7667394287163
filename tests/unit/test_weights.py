"""Weights as fine as no pair of neighbours saturates."""

import numpy as np

from tools.exporting.quantised import ranges

KINDS = {"a convolution": (8, 5, 3, 3), "an odd one": (8, 3, 3, 3), "a dense layer": (8, 33)}


def test_no_pair_of_neighbours_leaves_16_bits() -> None:
    """Each is multiplied by 255 at most; read with the inputs last, as the kernel does."""
    random = np.random.default_rng(3)
    for shape in KINDS.values():
        weights = random.standard_t(3, shape).astype(np.float32)
        limits = ranges(weights)
        rows = np.moveaxis(weights, 1, -1).reshape(len(weights), -1)
        steps = np.rint(rows / (limits[:, None] / 127))
        assert np.abs(steps).max() <= 127
        steps = np.pad(steps, ((0, 0), (0, steps.shape[1] % 2)))
        for signed in (steps.clip(0), (-steps).clip(0)):
            assert 255 * (signed[:, ::2] + signed[:, 1::2]).max() < 2**15
        assert (limits >= np.abs(rows).max(axis=1)).all()
        assert (limits < 2 * np.abs(rows).max(axis=1)).any()  # finer than 7 bits


def test_a_depthwise_convolution_has_all_8_bits_and_zeros_a_scale() -> None:
    weights = np.arange(18, dtype=np.float32).reshape(2, 1, 3, 3) - 3
    np.testing.assert_allclose(ranges(weights), [5, 14])
    assert (ranges(np.zeros((2, 4), np.float32)) > 0).all()
    np.testing.assert_allclose(ranges(np.array([[0, 0], [3, 0]], np.float32)), [3e-4, 3])
