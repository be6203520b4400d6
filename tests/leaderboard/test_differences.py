"""One algorithm against another: rliable's numbers, published tests, scipy's, and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from colllm_bench.leaderboard.statistics import differences
from colllm_bench.leaderboard.statistics.differences import (
    compare,
    holm,
    permutation_p,
    probability_of_improvement,
    smallest_p,
    superiority,
)

ANYWHERE = {"low": -math.inf, "high": math.inf}


def test_welch_is_scipys_but_for_the_widening():
    rng = np.random.default_rng(1)
    ours, theirs = rng.normal(1, 1, 9), rng.normal(0, 3, 6)
    found = compare(ours, theirs, **ANYWHERE)
    error, freedom = differences.welch(ours, theirs)
    reference = stats.ttest_ind(ours, theirs, equal_var=False)
    assert freedom == int(reference.df)
    assert found.difference / error == pytest.approx(reference.statistic)
    half = stats.t.ppf(0.975, freedom) * error * (1 + 1.5 / (freedom + 3))
    assert (found.low, found.high) == pytest.approx(
        (found.difference - half, found.difference + half)
    )
    assert found.n == (9, 6)


@pytest.mark.parametrize(("m", "n"), [(2, 3), (3, 3), (4, 6), (5, 5), (7, 5)])
def test_the_permutation_test_is_scipys(m, n):
    rng = np.random.default_rng(m * n)
    ours, theirs = rng.normal(0.5, 1, m), rng.normal(0, 1, n)

    def statistic(x, y, axis):
        return np.abs(x.mean(axis) - y.mean(axis))

    reference = stats.permutation_test(
        (ours, theirs), statistic, n_resamples=np.inf, alternative="greater", vectorized=True
    )
    assert permutation_p(ours, theirs) == pytest.approx(reference.pvalue)


def test_the_least_p_is_that_of_a_clean_sweep():
    for m, n in ((2, 2), (3, 3), (3, 4), (5, 5), (10, 10), (12, 12), (5, 12)):
        assert permutation_p(np.arange(m) + 100.0, np.arange(n) * 1.0) == smallest_p(m, n)
    assert smallest_p(3, 3) == pytest.approx(0.1), "three runs a side decide nothing"
    assert permutation_p(np.ones(1), np.zeros(5)) is None
    assert permutation_p(np.full(4, 0.3), np.full(4, 0.3)) == 1.0


def test_twelve_runs_that_fail_at_times_are_counted_exactly():
    """12 against 12, some of them failed runs, beside a sample of the splits."""
    ours = np.r_[np.full(9, 0.9), 0.1, 0.0, 0.2] + np.arange(12) / 100
    theirs = np.r_[np.full(11, 0.93), 0.1] + np.arange(12) / 90
    reference = stats.permutation_test(
        (ours, theirs), lambda x, y, axis: np.abs(x.mean(axis) - y.mean(axis)),
        n_resamples=40_000, alternative="greater", vectorized=True,
        rng=np.random.default_rng(3),
    )
    assert permutation_p(ours, theirs) == pytest.approx(reference.pvalue, abs=0.01)


def test_ties_count_where_only_few_values_occur():
    """Wins and losses: Fisher's exact test of the table."""
    ours, theirs = np.r_[np.ones(5), np.zeros(4)], np.r_[np.ones(1), np.zeros(6)]
    table = [[5, 4], [1, 6]]
    splits = stats.hypergeom(16, 6, 9)
    far = [k for k in range(7) if abs(k / 9 - (6 - k) / 7) >= abs(5 / 9 - 1 / 7) - 1e-12]
    assert permutation_p(ours, theirs) == pytest.approx(sum(splits.pmf(k) for k in far))
    assert permutation_p(ours, theirs) >= stats.fisher_exact(table).pvalue - 1e-12


def test_many_runs_have_the_t_test():
    rng = np.random.default_rng(5)
    ours, theirs = rng.normal(0.3, 1, 30), rng.normal(0, 1, 30)
    expected = stats.ttest_ind(ours, theirs, equal_var=False).pvalue
    assert permutation_p(ours, theirs) == pytest.approx(expected, rel=0.02)
    assert permutation_p(np.ones(30), np.zeros(30)) == 0.0


def test_the_test_errs_as_often_as_it_says():
    """Also where a fifth of the runs of both sides fail."""
    rng = np.random.default_rng(7)
    runs = np.where(rng.random((2, 1500, 5)) < 0.2, 0.3, 0.93) + rng.normal(0, 0.02, (2, 1500, 5))
    p = np.array([permutation_p(a, b) for a, b in zip(*runs)])
    assert 0.02 < (p < 0.05).mean() <= 0.06


def test_holm_is_his():
    """Holm 1979 by hand: .01 * 4, .02 * 3, .03 * 2 raised to the one before, .04 likewise."""
    assert holm([0.04, 0.01, None, 0.03, 0.02]) == pytest.approx([0.06, 0.04, None, 0.06, 0.06])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == [] and holm([None]) == [None]


def test_an_unseen_failure_is_in_the_cautious_interval():
    ours, theirs = [0.93, 0.92, 0.94], [0.90, 0.91, 0.92]
    found = compare(ours, theirs)
    assert found.cautious_low < found.low < found.difference < found.high < found.cautious_high
    share = 1 - 0.025 ** (1 / 12)
    assert found.difference - found.cautious_low == pytest.approx(
        share * math.hypot(0.93, 1 - 0.91)
    )
    assert found.unseen == pytest.approx(0.6316, abs=1e-4)
    assert found.improvement is None, "three runs a side cannot tell it from a half"
    five = compare([0.93, 0.92, 0.94, 0.95, 0.96], [0.90, 0.91, 0.89, 0.88, 0.87])
    assert five.improvement.value == 1.0 and five.improvement.low > 0.5


def test_sides_that_do_not_vary_have_an_interval():
    found = compare([1.0, 1.0, 1.0], [1.0, 1.0, 1.0])
    assert found.low < 0 < found.high and found.p_value == 1.0
    assert compare([5.0, 5.0], [4.0, 4.0], **ANYWHERE).low is None
    assert compare([5.0, 5.0], [4.0, 4.0], **ANYWHERE, grid=0.5).low < 1 < 4
    assert compare([0.5], [0.1, 0.2]).low is None


@pytest.mark.parametrize("n", [3, 5, 10])
def test_the_cautious_interval_covers_where_one_side_fails(n):
    rng = np.random.default_rng(n)
    ours = np.where(rng.random((1000, n)) < 0.2, 0.30, 0.93) + rng.normal(0, 0.02, (1000, n))
    theirs = 0.93 + rng.normal(0, 0.02, (1000, n))
    found = [compare(a, b, low=0, high=1.1) for a, b in zip(ours, theirs)]
    held = np.mean([f.cautious_low <= -0.126 <= f.cautious_high for f in found])
    assert held >= 0.9


# -- how often one is better


def test_superiority_counts_pairs():
    assert superiority(np.array([1, 2]), np.array([0, 1.5, 2])) == pytest.approx(
        (1 + 0 + 0 + 1 + 1 + 0.5) / 6
    )


def test_a_clean_sweep_is_not_certain():
    """Three runs all above three others: 20 orders were possible, so 1 in 20 by chance."""
    found = probability_of_improvement([(np.array([3, 4, 5]), np.array([0, 1, 2]))])
    assert found.value == 1.0 and found.high == 1.0 and 0.2 < found.low < 0.6
    mirrored = probability_of_improvement([(np.array([0, 1, 2]), np.array([3, 4, 5]))])
    assert mirrored.low == 0.0 and mirrored.high == pytest.approx(1 - found.low)
    more = probability_of_improvement([(np.arange(10) + 20, np.arange(10))])
    assert more.low > found.low


def test_an_interval_of_the_probability_solves_its_equation():
    theta, n = 0.8, 5
    for bound in differences._newcombe(theta, n, n, 0.95):
        factor = (n - 1) * ((1 - bound) / (2 - bound) + bound / (1 + bound))
        spread = bound * (1 - bound) * (1 + factor) / n**2
        z = 2.3060  # Student's t, 8 degrees of freedom
        assert abs(bound - theta) == pytest.approx(z * math.sqrt(spread), rel=1e-3)


def test_several_settings_narrow_the_interval():
    pair = (np.array([1.0, 3.0, 5.0]), np.array([0.0, 2.0, 4.0]))
    one, three = (probability_of_improvement([pair] * k) for k in (1, 3))
    assert three.value == pytest.approx(one.value)
    assert three.high - three.low == pytest.approx((one.high - one.low) / math.sqrt(3), rel=0.05)


def test_the_probability_of_improvement_is_rliables():
    """Made with rliable 1.2.0: 5 and 4 runs of two algorithms on 3 tasks."""
    ours = [[0.809, 0.784, 0.938, 0.755, 0.564], [0.727, 0.927, 0.879, 0.942, 0.735],
            [0.658, 0.627, 0.561, 0.506, 0.787]]
    theirs = [[0.437, 0.71, 0.426, 0.405], [0.801, 0.771, 0.516, 0.848],
              [0.289, 0.737, 0.6, 0.667]]
    found = probability_of_improvement([
        (np.array(a), np.array(b)) for a, b in zip(ours, theirs)
    ])
    assert found.value == pytest.approx(0.7166666666666667)
    assert found.low < found.value < found.high
