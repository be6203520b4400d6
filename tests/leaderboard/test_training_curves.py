"""Numbers of training curves, against cases worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from colllm_bench.leaderboard.statistics import training_curves as curves
from colllm_bench.leaderboard.statistics.training_curves import Samples, sample_ratio

EPISODES = np.array([10, 20, 30, 40])


def test_smoothing_looks_back_on_so_many_episodes():
    values = np.array([0.0, 1.0, 2.0, 3.0])
    np.testing.assert_allclose(curves.smooth(EPISODES, values, 20), [0, 0.5, 1.5, 2.5])
    np.testing.assert_allclose(curves.smooth(EPISODES, values, 25), [0, 0.5, 1.0, 2.0])
    np.testing.assert_allclose(curves.smooth(EPISODES, values, 10), values)
    np.testing.assert_allclose(curves.smooth(EPISODES, values, 999), [0, 0.5, 1.0, 1.5])
    uneven = np.array([10, 40])
    np.testing.assert_allclose(curves.smooth(uneven, np.array([0.0, 1.0]), 999), [0, 0.75])


def test_the_area_is_the_mean_over_episodes():
    assert curves.area_under(EPISODES, np.array([0.0, 0.5, 1.0, 1.0])) == 0.625
    assert curves.area_under(np.array([10, 40]), np.array([0.0, 1.0])) == 0.75


def test_a_threshold_is_reached_when_the_smoothed_curve_is_there():
    values = np.array([0.9, 0.2, 0.8, 1.0])
    assert curves.reached(EPISODES, values, 0.5, 20) == 1  # (.9 + .2) / 2; one point is no window
    assert curves.reached(EPISODES, values, 0.6, 20) == 3
    assert curves.reached(EPISODES, values, 0.95, 20) is None
    assert curves.reached(EPISODES, values, 0.9, 10) == 0
    assert curves.reached(EPISODES, values, 0.7, 999) == 3, "a short run's window is the run"


def test_samples_average_on_the_logarithm():
    found = Samples((100.0, 400.0), (True, True))
    assert found.exact and found.typical == pytest.approx(200)
    interval = found.estimate()
    assert interval.low * interval.high == pytest.approx(200**2)
    # log-spread: half of log 4 each way; t(1 d.f.) 12.706, widened by 1 + 1.5 / 4.
    half = math.log(4) / 2 * 12.7062 * 1.375
    assert math.log(interval.high / 200) == pytest.approx(half, rel=1e-4)


def test_a_censored_run_makes_a_bound_and_no_interval():
    found = Samples((100.0, 400.0), (True, False))
    assert not found.exact and found.typical == pytest.approx(200)
    assert found.estimate().low is None
    assert Samples((7.0,), (True,)).estimate().low is None


@pytest.mark.parametrize(("ours", "theirs", "bound", "value"), [
    ((True, True), (True, True), "exact", 2.0),
    ((True, False), (True, True), "at least", 2.0),
    ((True, True), (False, True), "at most", 2.0),
    ((False, True), (True, False), "unknown", None),
])
def test_ratios_say_what_they_are(ours, theirs, bound, value):
    found = sample_ratio(Samples((200.0, 800.0), ours), Samples((100.0, 400.0), theirs))
    assert found.bound == bound
    assert found.value == (value and pytest.approx(value))
    assert (found.low is None) == (bound != "exact")


def test_the_interval_of_a_ratio():
    ours, theirs = Samples((200.0, 220.0, 180.0), (True,) * 3), Samples((100.0,) * 3, (True,) * 3)
    found = sample_ratio(ours, theirs)
    assert found.low < found.value < found.high
    assert found.low * found.high == pytest.approx(found.value**2)
    same = sample_ratio(theirs, theirs)
    assert (same.value, same.low, same.high) == (1.0, 1.0, 1.0)
    assert sample_ratio(Samples((5.0,), (True,)), theirs).low is None


# -- Chan et al. 2020


def test_dispersion_across_time_leaves_the_trend_out():
    assert curves.dispersion_across_time(np.arange(30.0)) == 0.0
    # Steps +1, -1, +1, -1, ...: quartiles of any ten are -1 and 1.
    assert curves.dispersion_across_time(np.array([0.0, 1.0] * 15)) == 2.0
    # Steps 0, 2, 4 in one window: quartiles 1 and 3.
    assert curves.dispersion_across_time(np.array([0.0, 0.0, 2.0, 6.0])) == 2.0
    assert curves.dispersion_across_time(np.array([0.0, 1.0])) is None


def test_risk_is_the_mean_of_the_worst():
    values = np.arange(100.0)
    assert curves.worst_mean(values) == 2.0  # 0..4, the 5% quantile being 4.95
    assert curves.worst_mean(np.array([3.0, 1.0, 2.0])) == 1.0
    assert curves.short_term_risk(np.array([0.0, 5.0, 3.0, 4.0])) == -2.0
    # Drawdowns 0, 0, -2, -1, 0: the worst 5% is the -2.
    assert curves.long_term_risk(np.array([0.0, 5.0, 3.0, 4.0, 6.0])) == -2.0
    assert curves.long_term_risk(np.arange(5.0)) == 0.0
    assert curves.short_term_risk(np.array([1.0])) is None


def test_dispersion_and_risk_across_runs():
    lines = [np.full(5, level) for level in (0.0, 1.0, 2.0, 3.0, 4.0)]
    assert curves.dispersion_across_runs(lines) == 2.0
    lines[0] = lines[0][:3]
    assert curves.dispersion_across_runs(lines) == 2.0
    assert curves.dispersion_across_runs(lines[:1]) is None
    assert curves.risk_across_runs(np.array([0.9, 0.5, 0.8])) == 0.5
    assert curves.risk_across_runs(np.array([0.9])) is None
