"""The pictures that doodle learns from."""

from __future__ import annotations

import itertools
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from tools.doodle.data import MouseDrawing, on_canvas, squashed, training_seeds
from tools.doodle.drawings import (
    LABELS,
    SIZE,
    TEST_SEEDS,
    TRAIN_SEEDS,
    VALIDATION_SEEDS,
    draw,
    example,
)
from tools.doodle.styles import Style, random_style

PLAIN = Style("white", (27, 31, 36), 0.036, fraction=0.8, wobble=0.01)


def _pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image, np.int16)


def test_there_are_enough_labels_and_they_are_lower_case_names() -> None:
    assert len(LABELS) == len(set(LABELS)) >= 28
    assert list(LABELS) == sorted(LABELS)
    assert all(label == label.lower().strip() and label for label in LABELS)


def test_the_things_that_must_be_known_are() -> None:
    assert {
        "star",
        "house",
        "fish",
        "umbrella",
        "tree",
        "flower",
        "sun",
        "heart",
        "mushroom",
        "banana",
        "sailboat",
        "cup",
    } <= set(LABELS)


def test_every_label_draws_something_inside_the_frame(subtests: pytest.Subtests) -> None:
    for label, seed in itertools.product(LABELS, range(6)):
        with subtests.test(label=label, seed=seed):
            image = draw(label, np.random.default_rng(seed), 96, PLAIN)
            assert image.mode == "RGB" and image.size == (96, 96)
            dark = np.argwhere(_pixels(image).mean(axis=2) < 128)
            assert 40 < len(dark) < 96 * 96 / 2
            assert np.ptp(dark, axis=0).max() > 96 * 0.6


def test_a_seed_draws_the_same_picture_again(subtests: pytest.Subtests) -> None:
    for label in LABELS:
        with subtests.test(label=label):
            first, again, other = (
                _pixels(draw(label, np.random.default_rng(seed))) for seed in (7, 7, 8)
            )
            assert np.array_equal(first, again)
            assert not np.array_equal(first, other)


def test_consecutive_seeds_go_through_all_labels() -> None:
    start = TEST_SEEDS.start
    indices = [example(seed)[1] for seed in range(start, start + len(LABELS))]
    assert sorted(indices) == list(range(len(LABELS)))


@pytest.mark.parametrize("size", [32, SIZE, 200])
def test_pictures_have_the_size_asked_for(size: int) -> None:
    assert example(3, size)[0].size == (size, size)


def test_an_unknown_label_is_refused() -> None:
    with pytest.raises(KeyError):
        draw("no such thing", np.random.default_rng(0))


def test_no_seed_is_in_two_sets() -> None:
    ranges = sorted((TRAIN_SEEDS, VALIDATION_SEEDS, TEST_SEEDS), key=lambda r: r.start)
    assert all(a.stop <= b.start for a, b in pairwise(ranges))


def test_training_runs_share_no_seeds_and_stay_in_their_range() -> None:
    runs = [training_seeds(run, 1_000_000) for run in range(10)]
    assert all(a.stop <= b.start for a, b in pairwise(runs))
    assert runs[0].start >= TRAIN_SEEDS.start and runs[-1].stop <= TRAIN_SEEDS.stop


@pytest.mark.parametrize(("run", "count"), [(-1, 5), (10, 5), (0, 0), (0, 1_000_001)])
def test_a_run_without_seeds_is_refused(run: int, count: int) -> None:
    with pytest.raises(ValueError, match=r"A run is 0\.\.9"):
        training_seeds(run, count)


def test_a_good_share_is_drawn_as_with_a_mouse() -> None:
    styles = [random_style(np.random.default_rng(seed)) for seed in range(1000)]
    mouse = [
        s
        for s in styles
        if s.paper == "white"
        and s.fill == "none"
        and not s.pressure
        and max(s.ink) < 100
        and not s.twice
    ]
    assert len(mouse) >= 400
    assert min(s.fraction for s in mouse) < 0.45 and max(s.fraction for s in mouse) > 0.9


def test_a_mouse_drawing_is_a_round_dark_stroke_on_white() -> None:
    image = on_canvas(MouseDrawing("line", [[(100, 140), (180, 140)]]))
    assert image.size == (280, 280)
    pixels = _pixels(image)
    assert tuple(pixels[140, 140]) == (27, 31, 36) and tuple(pixels[10, 10]) == (255, 255, 255)
    column = pixels[:, 140].mean(axis=1) < 128
    assert 9 <= column.sum() <= 11
    assert pixels[140, 97].mean() < 128 < pixels[136, 96].mean()
    assert squashed(image).shape == (SIZE, SIZE, 3)
