"""Samples to a threshold: crossings by hand, censored runs, ratios that cover."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

from colllm_bench.errors import ConfigError
from colllm_bench.leaderboard.statistics.samples import (
    Samples,
    crossing,
    episodes_to,
    logrank_p,
    logrank_scores,
    restricted_mean_ratio,
    sample_ratio,
)

EPISODES = np.array([64, 128, 192, 256])
NEVER = math.inf


def samples(values, reached=None, budget=2560.0, grid=64.0):
    reached = reached or (True,) * len(values)
    return Samples(tuple(values), tuple(reached), (budget,) * len(values), grid)


def test_a_crossing_lies_between_iterations():
    values = np.array([0.0, 0.2, 0.6, 1.0])
    # One iteration a point: .5 is three quarters of the way from .2 to .6.
    assert crossing(EPISODES, values, 0.5, look_back=64) == pytest.approx(1.75)
    # Two together: 0, .1, .4, .8.
    assert crossing(EPISODES, values, 0.5, look_back=128) == pytest.approx(2.25)
    assert crossing(EPISODES, values, 0.9, look_back=128) is None
    assert crossing(EPISODES, np.ones(4), 0.5) == 0.0, "not before the first iteration"


def test_few_episodes_are_no_level():
    episodes, values = np.arange(8, 88, 8), np.array([1.0, 0, 0, 0, 0, 0, 0, 0.1, 0.2, 1.0])
    assert crossing(episodes, values, 0.14, look_back=40) == pytest.approx(
        8 + (0.14 - 0.06) / (0.26 - 0.06)
    )
    assert crossing(np.array([8, 16]), np.array([0.0, 1.0]), 0.5) == 1.0, "a short run"


def test_wins_of_an_easier_task_are_no_crossing():
    """Two iterations on an easier task, all won; then the task itself."""
    values = np.array([np.nan, np.nan, 0.2, 0.6])
    assert crossing(EPISODES, np.array([1.0, 1.0, 0.2, 0.6]), 0.5, look_back=64) == 0.0
    assert crossing(EPISODES, values, 0.5, look_back=64) == pytest.approx(2.75)
    assert crossing(EPISODES, values, 0.1) == 2.0, "episodes before it count, of course"
    assert crossing(EPISODES, np.full(4, np.nan), 0.1) is None, "it never came to the task"
    half = np.array([np.nan, 1.0, 0.0, 0.0])
    episodes = np.array([32, 64, 96, 128])
    assert crossing(episodes, half, 0.4, look_back=64) == 2.0, "32 of its own are no level"
    assert episodes_to([32, 64, 96, 128], [None, 1.0, 0.0, 0.0], 0.4, look_back=64) == 96.0


def test_samples_average_on_the_logarithm():
    found = samples((100.0, 400.0)).estimate()
    assert found.value == pytest.approx(200) and found.low < 200 < found.high <= 2560
    assert samples((7.0,), grid=1.0).estimate().low is None, "one run"


def test_equal_samples_have_an_interval():
    """320 (320 to 320) is what the grid of 64 episodes hides."""
    found = samples((320.0, 320.0, 320.0)).estimate()
    assert found.value == pytest.approx(320) and found.low < 310 and found.high > 330
    ratio = sample_ratio(samples((320.0,) * 3), samples((320.0,) * 3))
    assert ratio.value == pytest.approx(1) and ratio.low < 0.99 and ratio.high > 1.01


@pytest.mark.parametrize(("reached", "bound"), [
    ((True, True, True), "exact"), ((True, False, True), "restricted"),
    ((False, False, False), "at least"),
])
def test_censored_runs_count_as_the_budget(reached, bound):
    values = [500.0 if there else 2560.0 for there in reached]
    needed = samples(values, reached)
    assert needed.bound == bound
    found = needed.estimate()
    assert found.value == pytest.approx(math.exp(np.log(values).mean()))
    assert found.low is not None and found.low < found.high <= 2560 * (1 + 1e-9)


def test_a_mean_is_restricted_to_what_all_were_followed_to():
    ours = Samples((900.0, 1000.0), (True, False), (2000.0, 1000.0), 64.0)
    theirs = Samples((1500.0, 1800.0), (True, True), (2000.0, 2000.0), 64.0)
    found = sample_ratio(ours, theirs)
    assert found.budget == 1000 and found.reached == (1, 0)
    assert found.value == pytest.approx(math.sqrt(0.9))


def test_ratios_are_always_defined():
    for ours, theirs in (
        ([100, 200, NEVER], [400, NEVER, NEVER]), ([NEVER] * 3, [500, 600, 700]),
        ([NEVER] * 3, [NEVER] * 3), ([320] * 3, [320] * 3),
    ):
        found = restricted_mean_ratio(ours, theirs, 2560, grid=64)
        expected = np.log(np.minimum(ours, 2560)).mean() - np.log(np.minimum(theirs, 2560)).mean()
        assert math.log(found.value) == pytest.approx(expected)
        assert found.low < found.value < found.high
        assert found.cautious_low <= found.low and found.high <= found.cautious_high
        mirrored = restricted_mean_ratio(theirs, ours, 2560, grid=64)
        assert (mirrored.low, mirrored.high) == pytest.approx((1 / found.high, 1 / found.low))
    assert restricted_mean_ratio([100], [200, 300], 2560).low is None


def test_the_log_rank_test_by_hand():
    """At risk 4, 3, 2, 1: the scores are 1 - 1/4, 1 - 1/4 - 1/3, ..., and add up to 0. Of six
    ways to deal four runs, two are as far apart as the first two against the last two."""
    scores = logrank_scores(np.array([1.0, 2, 3, 4]), np.ones(4, bool))
    assert scores == pytest.approx([3 / 4, 5 / 12, -1 / 12, -13 / 12])
    assert logrank_p([1, 2], [3, 4], 10) == pytest.approx(2 / 6)
    assert logrank_p([1, 4], [2, 3], 10) == pytest.approx(1), "-1/3, the least of the six sums"
    tied = logrank_scores(np.array([5.0, 5, 10, 10]), np.array([True, True, False, False]))
    assert tied == pytest.approx([1 / 2, 1 / 2, -1 / 2, -1 / 2]), "two events of four at risk"
    assert logrank_p([5, 5], [NEVER, NEVER], 10) == pytest.approx(2 / 6)
    assert logrank_p([NEVER, 20], [NEVER, NEVER], 10) is None, "nobody got there"
    assert logrank_p([5, 5], [5, 5], 10) is None, "all runs are alike"
    assert logrank_p([5], [6, 7], 10) is None, "a single run has no test"


@pytest.mark.parametrize("censored", [0, 3])
def test_the_log_rank_test_has_the_statistic_of_scipy_and_the_p_of_all_splits(censored):
    from scipy import stats

    rng = np.random.default_rng(3)
    times = rng.integers(1, 12, 9).astype(float)
    times[rng.permutation(9)[:censored]] = NEVER

    def statistic(chosen):
        sides = [times[list(chosen)], np.delete(times, list(chosen))]
        data = [stats.CensoredData(x[x <= 12], right=np.full((x > 12).sum(), 12)) for x in sides]
        return abs(stats.logrank(*data).statistic)

    def observed_less_expected(chosen):
        scores = logrank_scores(np.minimum(times, 12), times <= 12)
        return abs(scores[list(chosen)].sum())

    splits = list(combinations(range(9), 4))
    ours = splits[17]
    beyond = sum(
        observed_less_expected(split) >= observed_less_expected(ours) - 1e-9 for split in splits
    )
    found = logrank_p(times[list(ours)], np.delete(times, ours), 12)
    assert found == pytest.approx(beyond / len(splits))
    order = np.argsort([statistic(split) for split in splits])
    sums = np.array([observed_less_expected(split) for split in splits])[order]
    assert np.corrcoef(np.sort(sums), sums)[0, 1] > 0.99, "the variance hardly depends on a split"


@pytest.mark.parametrize(("ours", "budget", "grid"), [
    ([], 100, 1), ([0.0], 100, 1), ([-3.0], 100, 1), ([math.nan], 100, 1), ([5.0], 100, 200),
    ([5.0], 100, 0),
])
def test_samples_that_cannot_be_are_refused(ours, budget, grid):
    with pytest.raises(ConfigError, match="fix: pass what each run needed"):
        restricted_mean_ratio(ours, [50.0], budget, grid=grid)


@pytest.mark.parametrize("n", [3, 5, 10])
@pytest.mark.parametrize(("ours", "theirs", "never"), [
    (1000, 1500, 0.0), (1500, 2500, 0.0), (3000, 3000, 0.0), (1000, 1000, 0.2),
], ids=["all there", "half censored", "mostly censored", "a fifth of ours never"])
def test_ratios_cover(ours, theirs, never, n):
    """A ratio of bounds said "at least" too high a number three times in four."""
    rng = np.random.default_rng(n)

    def draw(middle, never, size):
        needed = np.maximum(64, middle * np.exp(rng.normal(0, 0.3, size)))
        return np.where(rng.random(size) < never, NEVER, needed)

    truth = sum(
        sign * np.log(np.minimum(draw(middle, share, 500_000), 2560)).mean()
        for sign, middle, share in ((1, ours, never), (-1, theirs, 0.0))
    )
    found = [
        restricted_mean_ratio(a, b, 2560, grid=64)
        for a, b in zip(draw(ours, never, (300, n)), draw(theirs, 0.0, (300, n)))
    ]
    assert np.mean([math.log(r.low) <= truth <= math.log(r.high) for r in found]) >= 0.9
    assert np.mean([
        math.log(r.cautious_low) <= truth <= math.log(r.cautious_high) for r in found
    ]) >= 0.97
