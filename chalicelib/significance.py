"""Statistics of right answers, without SciPy, which is larger than the service."""

import math

Z_95 = 1.959963984540054
"""The standard normal quantile of 0.975: two-sided 95%."""


def wilson_interval(right: int, of: int, z: float = Z_95) -> tuple[float, float]:
    """Returns the interval of a proportion: 95% unless `z` differs; (0, 1) without answers.

    It never leaves [0, 1], and is useful for 0 or `of` right answers, where p ± z·sqrt(p·q/n) is a
    point. Wilson (1927), JASA 22, 209-212; recommended by Brown, Cai & DasGupta (2001),
    Statistical Science 16, 101-133, https://doi.org/10.1214/ss/1009213286.
    Raises ValueError unless 0 <= right <= of.
    """
    _check(right, of)
    if of == 0:
        return 0.0, 1.0
    p, zz = right / of, z * z
    centre = p + zz / (2 * of)
    margin = z * math.sqrt(p * (1 - p) / of + zz / (4 * of * of))
    low, high = (centre - margin) / (1 + zz / of), (centre + margin) / (1 + zz / of)
    return (max(low, 0.0) if right else 0.0), (min(high, 1.0) if right < of else 1.0)


def two_proportion_p_value(right_a: int, of_a: int, right_b: int, of_b: int) -> float:
    """Two-sided p-value of the z-test for equal proportions, with the pooled variance.

    1.0 if nothing can be told: an arm without answers, or all answers right or all wrong.
    Valid for one look at counts that were planned before; see `always_valid_p_value`. Fleiss, Levin
    & Paik (2003), Statistical Methods for Rates and Proportions, 3rd ed., section 3.1; equal to the
    chi-squared test of the 2x2 table without correction.
    Raises ValueError unless 0 <= right <= of.
    """
    difference, variance = _difference(right_a, of_a, right_b, of_b)
    return math.erfc(abs(difference) / math.sqrt(2 * variance)) if variance else 1.0


def always_valid_p_value(
    right_a: int, of_a: int, right_b: int, of_b: int, scale: float = 0.05
) -> float:
    """Returns a p-value for equal proportions that may be read after every answer.

    If a model is compared with itself, `two_proportion_p_value`, read every few minutes, falls
    below 0.05 at some time in half of all comparisons. This p-value does so in at most 5%. It
    is 1 / Λ of the mixture sequential probability ratio test, whose alternative is a normal
    distribution of differences with the standard deviation `scale` (0..1, the size of a difference
    worth seeing; choose it before the data). Johari, Koomen, Pekelis & Walsh (2022),
    Always Valid Inference, Operations Research 70, 1806-1821, https://arxiv.org/abs/1512.04922.

    1.0 while an arm is expected to have fewer than five right or five wrong answers, where the
    normal approximation does not hold (Cochran, 1954, Biometrics 10, 417-451).
    Raises ValueError unless 0 <= right <= of.
    """
    difference, variance = _difference(right_a, of_a, right_b, of_b)
    right, of = right_a + right_b, of_a + of_b
    if not variance or min(of_a, of_b) * min(right, of - right) < 5 * of:
        return 1.0
    total = variance + scale**2
    log_ratio = math.log(variance / total) / 2 + (scale * difference) ** 2 / (2 * variance * total)
    return math.exp(min(0.0, -log_ratio))


def single_look_alpha(alpha: float = 0.05, power: float = 0.8) -> float:
    """Returns the level at which one z-test is as strict as the always-valid test at the end.

    For plans: `answers_needed` at this level gives the answers after which a difference of `scale`
    shows with `power`. At that size the difference is z + z_power standard errors, so the
    boundary z² = (1 + 1/r)(2 ln(1/alpha) + ln(1 + r)), where r = scale² / variance, needs no data.
    """
    z, z_power = 3.0, _quantile(power)
    for _ in range(50):  # a contraction: digits settle after a dozen
        r = (z + z_power) ** 2
        z = math.sqrt((1 + 1 / r) * (2 * math.log(1 / alpha) + math.log1p(r)))
    return math.erfc(z / math.sqrt(2))


def answers_needed(
    accuracy_a: float, accuracy_b: float, alpha: float = 0.05, power: float = 0.8
) -> int:
    """Returns the answers per arm after which a two-sided z-test sees a difference.

    n = (z_{alpha/2} sqrt(2 p̄ q̄) + z_power sqrt(p_a q_a + p_b q_b))² / (p_a - p_b)²: Fleiss, Levin &
    Paik (2003), equation 4.14, without continuity correction; R's power.prop.test gives the same.
    Raises ValueError for accuracies outside 0..1, and for equal accuracies.
    """
    if not (0 <= accuracy_a <= 1 and 0 <= accuracy_b <= 1) or accuracy_a == accuracy_b:
        raise ValueError("Give two different accuracies between 0 and 1.")
    mean = (accuracy_a + accuracy_b) / 2
    null = math.sqrt(2 * mean * (1 - mean))
    other = math.sqrt(accuracy_a * (1 - accuracy_a) + accuracy_b * (1 - accuracy_b))
    root = _quantile(1 - alpha / 2) * null + _quantile(power) * other
    return math.ceil((root / (accuracy_a - accuracy_b)) ** 2)


def mcnemar_p_value(only_a: int, only_b: int) -> float:
    """Exact two-sided p-value of McNemar's test: are both equally often right on the same images?

    only_a, only_b: images that only the one, or only the other, got right. Images where both were
    right or both wrong say nothing about the difference. 1.0 if there are none. Twice the smaller
    binomial tail of a fair coin, at most 1: McNemar (1947), Psychometrika 12, 153-157; exact form
    in Agresti (2013), Categorical Data Analysis, 3rd ed., section 11.1.
    Relative error below 1e-8 up to a million pairs; below 1e-300 it may become 0.0.
    Raises ValueError for negative counts.
    """
    if only_a < 0 or only_b < 0:
        raise ValueError("Counts are never negative.")
    pairs, fewer = only_a + only_b, min(only_a, only_b)
    # the tail is its largest term times a sum of quotients, which soon become tiny
    quotient, tail = 1.0, 1.0
    for k in range(fewer, 0, -1):
        quotient *= k / (pairs - k + 1)
        tail += quotient
        if quotient < tail * 1e-17:
            break
    ways = math.lgamma(pairs + 1) - math.lgamma(fewer + 1) - math.lgamma(pairs - fewer + 1)
    return math.exp(min(0.0, ways - (pairs - 1) * math.log(2) + math.log(tail)))


def _difference(right_a: int, of_a: int, right_b: int, of_b: int) -> tuple[float, float]:
    """Returns accuracy b minus a, and its variance if both were equal; zeros without answers."""
    _check(right_a, of_a)
    _check(right_b, of_b)
    if not of_a or not of_b:
        return 0.0, 0.0
    pooled = (right_a + right_b) / (of_a + of_b)
    return right_b / of_b - right_a / of_a, pooled * (1 - pooled) * (1 / of_a + 1 / of_b)


def _check(right: int, of: int) -> None:
    if not 0 <= right <= of:
        raise ValueError(f"{right} right answers of {of} cannot be.")


def _quantile(probability: float) -> float:
    """Returns a quantile of the standard normal distribution."""
    from statistics import NormalDist  # takes 20 ms; only plans need it

    return NormalDist().inv_cdf(probability)
