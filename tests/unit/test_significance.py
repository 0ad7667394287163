"""The statistics against SciPy, against published worked examples, and against simulation."""

import math

import numpy as np
import pytest
import scipy  # whose parts are imported when they are used
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.significance import (
    always_valid_p_value,
    answers_needed,
    mcnemar_p_value,
    single_look_alpha,
    two_proportion_p_value,
    wilson_interval,
)

COUNTS = st.integers(0, 5000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))


@pytest.mark.parametrize(
    ("right", "of", "low", "high"),
    [  # Newcombe (1998), Statistics in Medicine 17, 857-872: table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_published(right: int, of: int, low: float, high: float) -> None:
    assert wilson_interval(right, of) == pytest.approx((low, high), abs=5e-5)


@given(COUNTS)
def test_wilson_is_scipys_and_holds_the_proportion(counts: tuple[int, int]) -> None:
    right, of = counts
    low, high = wilson_interval(right, of)
    assert 0 <= low <= high <= 1
    if of:
        theirs = scipy.stats.binomtest(right, of).proportion_ci(method="wilson")
        assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
        assert low <= right / of <= high
        mirrored = wilson_interval(of - right, of)
        assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-12)


def test_wilson_at_the_ends() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)
    assert wilson_interval(0, 7)[0] == 0.0 < wilson_interval(0, 7)[1]
    assert wilson_interval(7, 7)[1] == 1.0 > wilson_interval(7, 7)[0]


@pytest.mark.parametrize(("right", "of"), [(-1, 5), (6, 5), (0, -1)])
def test_impossible_counts_are_refused(right: int, of: int) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        wilson_interval(right, of)
    with pytest.raises(ValueError, match="cannot be"):
        two_proportion_p_value(1, 2, right, of)
    with pytest.raises(ValueError, match="cannot be"):
        always_valid_p_value(right, of, 1, 2)


@pytest.mark.parametrize(
    ("a", "b", "z"),
    [  # a textbook's smokers among women and men, and a poll on a tax on cigarettes
        ((7, 105), (18, 115), 2.0975),
        ((251, 605), (56, 195), 3.19),
    ],
)
def test_two_proportions_worked(a: tuple[int, int], b: tuple[int, int], z: float) -> None:
    assert two_proportion_p_value(*a, *b) == pytest.approx(2 * scipy.stats.norm.sf(z), rel=0.02)


@given(COUNTS, COUNTS)
def test_two_proportions_are_scipys_chi_squared(a: tuple[int, int], b: tuple[int, int]) -> None:
    p = two_proportion_p_value(*a, *b)
    assert p == two_proportion_p_value(*b, *a)
    table = np.array([[a[0], a[1] - a[0]], [b[0], b[1] - b[0]]])
    if table.sum(axis=0).all() and table.sum(axis=1).all():
        theirs = scipy.stats.chi2_contingency(table, correction=False).pvalue
        assert p == pytest.approx(theirs, rel=1e-6, abs=1e-290)
    else:
        assert p == 1.0


@pytest.mark.parametrize("counts", [(0, 0, 3, 5), (3, 5, 0, 0), (0, 9, 0, 4), (9, 9, 4, 4)])
def test_where_nothing_can_be_told_nothing_is(counts: tuple[int, int, int, int]) -> None:
    assert two_proportion_p_value(*counts) == always_valid_p_value(*counts) == 1.0


def test_five_right_and_five_wrong_answers_an_arm_are_enough_to_tell() -> None:
    assert always_valid_p_value(0, 9, 9, 9) == 1.0  # four and a half are expected of each arm
    assert always_valid_p_value(0, 10, 10, 10) < 1.0


def test_equal_accuracies_are_no_difference() -> None:
    assert two_proportion_p_value(30, 60, 300, 600) == always_valid_p_value(30, 60, 300, 600) == 1


@pytest.mark.parametrize(
    ("a", "b", "power", "n"),
    [  # the examples of R's help page of power.prop.test: 76.7, 73.37 and (power 0.740) 50
        (0.50, 0.75, 0.90, 77),
        (0.90, 1.00, 0.80, 74),
        (0.50, 0.75, 0.7400, 50),
    ],
)
def test_answers_needed_published(a: float, b: float, power: float, n: int) -> None:
    assert answers_needed(a, b, power=power) == n == answers_needed(b, a, power=power)


def test_the_answers_needed_give_the_power_they_promise() -> None:
    n, rng = answers_needed(0.80, 0.85), np.random.default_rng(1)
    pairs = zip(rng.binomial(n, 0.80, 4000), rng.binomial(n, 0.85, 4000), strict=True)
    seen = sum(two_proportion_p_value(int(a), n, int(b), n) < 0.05 for a, b in pairs)
    assert seen / 4000 == pytest.approx(0.8, abs=0.03)


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_smaller_difference_needs_no_fewer_answers(a: float, b: float) -> None:
    if abs(a - b) > 1e-3:
        assert answers_needed(a, b) <= answers_needed(a, a + (b - a) / 2)


@pytest.mark.parametrize(("a", "b"), [(0.5, 0.5), (-0.1, 0.5), (0.5, 1.1), (math.nan, 0.5)])
def test_no_number_of_answers_tells_equals_apart(a: float, b: float) -> None:
    with pytest.raises(ValueError, match="different accuracies"):
        answers_needed(a, b)


@given(st.integers(1, 2000), st.integers(1, 2000), st.data())
def test_always_valid_is_one_over_the_mixed_likelihood_ratio(
    of_a: int, of_b: int, data: st.DataObject
) -> None:
    a = data.draw(st.integers(0, of_a))
    near = range(
        max(0, round(of_b * (a / of_a - 0.1))), min(of_b, round(of_b * (a / of_a + 0.1))) + 1
    )
    b = data.draw(st.sampled_from(near))
    p = always_valid_p_value(a, of_a, b, of_b)
    right, of = a + b, of_a + of_b
    if min(of_a, of_b) * min(right, of - right) / of < 5:
        assert p == 1.0
        return
    spread = math.sqrt(right / of * (1 - right / of) * (1 / of_a + 1 / of_b))
    difference = b / of_b - a / of_a

    def integrand(effect: float) -> float:
        prior = float(scipy.stats.norm.pdf(effect, scale=0.05))
        ratio = (difference**2 - (difference - effect) ** 2) / (2 * spread**2)
        return prior * math.exp(ratio)

    peak = difference * 0.05**2 / (0.05**2 + spread**2)
    ratio = scipy.integrate.quad(integrand, -0.6, 0.6, points=[peak], limit=200)[0]
    assert p == pytest.approx(min(1.0, 1 / ratio), rel=1e-4)
    assert p >= two_proportion_p_value(a, of_a, b, of_b)


@pytest.mark.parametrize(("accuracy", "share"), [(0.8, 0.5), (0.9, 0.1), (0.99, 0.1)])
def test_looking_all_the_time_raises_no_false_alarms(accuracy: float, share: float) -> None:
    """A model against itself, looked at after every 20 votes until there are 4,000."""
    rng, runs = np.random.default_rng(2), 300
    alarms = naive = 0
    for _ in range(runs):
        second = rng.random(4000) < share
        right = rng.random(4000) < accuracy
        series = (right & ~second, ~second, right & second, second)
        looks = np.stack([votes.cumsum()[19::20] for votes in series], axis=1).tolist()
        alarms += any(always_valid_p_value(*look) <= 0.05 for look in looks)
        naive += any(two_proportion_p_value(*look) <= 0.05 for look in looks)
    assert alarms / runs <= 0.05
    assert naive / runs >= 0.2


def test_a_plan_at_the_single_looks_level_has_its_power_in_the_always_valid_test() -> None:
    alpha = single_look_alpha()
    assert alpha == pytest.approx(0.0022, abs=1e-4)
    n, rng = answers_needed(0.80, 0.85, alpha), np.random.default_rng(3)
    pairs = zip(rng.binomial(n, 0.80, 2000), rng.binomial(n, 0.85, 2000), strict=True)
    seen = sum(always_valid_p_value(int(a), n, int(b), n) <= 0.05 for a, b in pairs)
    assert seen / 2000 == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize(
    ("b", "c", "p"),
    [  # Fagerland, Lydersen & Laake (2013), BMC Medical Research Methodology 13, 91: the examples
        (1, 7, 0.070),
        (6, 16, 0.053),
    ],
)
def test_mcnemar_published(b: int, c: int, p: float) -> None:
    assert mcnemar_p_value(b, c) == pytest.approx(p, abs=1e-3)


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_mcnemar_is_scipys_binomial_test(b: int, c: int) -> None:
    p = mcnemar_p_value(b, c)
    assert p == mcnemar_p_value(c, b)
    theirs = scipy.stats.binomtest(b, b + c).pvalue if b + c else 1.0
    assert p == pytest.approx(theirs, rel=1e-8, abs=1e-200)  # scipy's smallest are 0


@pytest.mark.parametrize("fewer", [500_000, 499_900, 499_000, 495_000, 490_000, 400_000, 1, 0])
def test_mcnemar_of_a_million_pairs(fewer: int) -> None:
    theirs = min(1.0, 2 * float(scipy.stats.binom.cdf(fewer, 1_000_000, 0.5)))
    assert mcnemar_p_value(fewer, 1_000_000 - fewer) == pytest.approx(theirs, rel=1e-7, abs=1e-290)


def test_mcnemar_where_there_is_nothing_to_tell() -> None:
    assert mcnemar_p_value(0, 0) == mcnemar_p_value(5, 5) == mcnemar_p_value(0, 1) == 1.0
    with pytest.raises(ValueError, match="negative"):
        mcnemar_p_value(-1, 3)
