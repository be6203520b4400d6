"""Intervals against published numbers, and by simulation."""

from __future__ import annotations

import math
import random

import pytest

from colllm_bench.evaluation.intervals import (
    mean_interval,
    t_quantile,
    unseen_share,
    wilson,
)


@pytest.mark.parametrize(("successes", "n", "low", "high"), [
    # Newcombe (1998), "Two-sided confidence intervals for the single proportion", table I,
    # method 3
    (81, 263, 0.2553, 0.3662),
    (15, 148, 0.0624, 0.1605),
    (0, 20, 0.0, 0.1611),
    (1, 29, 0.0061, 0.1718),
])
def test_wilson_against_published_intervals(successes, n, low, high):
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


def test_wilson_at_its_ends():
    assert wilson(0, 0) == (0.0, 1.0)
    for n in (1, 7, 200):
        low, high = wilson(0, n)
        assert low == 0.0 and 0.0 < high < 1.0
        mirrored = wilson(n, n)
        assert mirrored[1] == 1.0 and mirrored[0] == pytest.approx(1 - high)
    assert wilson(5, 10, level=0.99)[0] < wilson(5, 10)[0] < wilson(5, 10, level=0.5)[0] < 0.5


@pytest.mark.parametrize(("freedom", "p95", "p975"), [
    # Student's t as in any table (e.g. NIST/SEMATECH e-Handbook, 1.3.6.7.2)
    (1, 6.314, 12.706), (2, 2.920, 4.303), (3, 2.353, 3.182), (4, 2.132, 2.776),
    (5, 2.015, 2.571), (10, 1.812, 2.228), (30, 1.697, 2.042), (100, 1.660, 1.984),
    (59, 1.671, 2.001), (60, 1.671, 2.000),
])
def test_t_quantiles_against_a_table(freedom, p95, p975):
    assert t_quantile(0.95, freedom) == pytest.approx(p95, abs=5e-4)
    assert t_quantile(0.975, freedom) == pytest.approx(p975, abs=5e-4)
    assert t_quantile(0.025, freedom) == pytest.approx(-t_quantile(0.975, freedom))


@pytest.mark.parametrize(("freedom", "expected"), [
    # to twelve digits, by integrating the density with mpmath
    (1, 12.706204736175), (2, 4.302652729749), (9, 2.262157162798), (59, 2.000995378088),
    (60, 2.000297822014), (199, 1.971956544252),
])
def test_t_quantiles_to_many_digits(freedom, expected):
    """The expansion of before was off by 1e-7 at 60 degrees of freedom."""
    assert t_quantile(0.975, freedom) == pytest.approx(expected, rel=1e-10)


def test_mean_interval_by_hand():
    # 1..5: mean 3, standard error sqrt(2.5 / 5), t = 2.776 with 4 degrees of freedom
    mean, low, high = mean_interval([1, 2, 3, 4, 5])
    assert mean == 3.0
    assert (low, high) == pytest.approx((3 - 1.963, 3 + 1.963), abs=0.01)


def test_no_interval_has_zero_width():
    """Of equal values nothing is known but what the range allows."""
    assert mean_interval([2.0, 2.0, 2.0]) == (2.0, -math.inf, math.inf)
    mean, low, high = mean_interval([1.0] * 200, low=0.0, high=1.0)
    assert (mean, high) == (1.0, 1.0)
    assert low == pytest.approx(0.98172, abs=1e-5)  # Clopper and Pearson, 200 of 200
    assert unseen_share(3) == pytest.approx(0.70760, abs=1e-5)  # their 0 of 3


def test_intervals_stay_within_the_range():
    _, low, high = mean_interval([0.1, 0.9, 1.0, 1.0], low=0.0, high=1.0)
    assert low < 0.75 < high == 1.0
    assert mean_interval([0.1, 0.9, 1.0, 1.0])[2] > 1.0


def test_a_single_value_says_nothing_of_the_spread():
    assert mean_interval([0.5]) == (0.5, -math.inf, math.inf)


@pytest.mark.parametrize("n", [2, 3, 10])
def test_mean_interval_covers_as_often_as_it_says(n):
    rng = random.Random(n)
    trials = 4000
    hits = 0
    for _ in range(trials):
        _, low, high = mean_interval([rng.gauss(1.0, 2.0) for _ in range(n)])
        hits += low <= 1.0 <= high
    assert hits / trials == pytest.approx(0.95, abs=0.012)
