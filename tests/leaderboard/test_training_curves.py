"""Numbers of training curves, against cases worked by hand."""

from __future__ import annotations

import numpy as np

from colllm_bench.leaderboard.statistics import training_curves as curves

EPISODES = np.array([10, 20, 30, 40])


def test_smoothing_looks_back_on_so_many_episodes():
    values = np.array([0.0, 1.0, 2.0, 3.0])
    np.testing.assert_allclose(curves.smooth(EPISODES, values, 20), [0, 0.5, 1.5, 2.5])
    np.testing.assert_allclose(curves.smooth(EPISODES, values, 25), [0, 0.5, 1.0, 2.0])
    np.testing.assert_allclose(curves.smooth(EPISODES, values, 10), values)
    np.testing.assert_allclose(curves.smooth(EPISODES, values, 999), [0, 0.5, 1.0, 1.5])
    uneven = np.array([10, 40])
    np.testing.assert_allclose(curves.smooth(uneven, np.array([0.0, 1.0]), 999), [0, 0.75])


def test_smoothing_passes_over_iterations_without_a_value():
    values = np.array([np.nan, 1.0, np.nan, 3.0])
    np.testing.assert_allclose(curves.smooth(EPISODES, values, 20), [np.nan, 1.0, 1.0, 3.0])
    np.testing.assert_allclose(curves.smooth(EPISODES, values, 10), values)
    uneven = np.array([10, 40, 50])  # of 40 episodes that have a value 30 have 0
    found = curves.smooth(uneven, np.array([np.nan, 0.0, 1.0]), 999)
    np.testing.assert_allclose(found, [np.nan, 0.0, 0.25])


def test_the_area_is_the_mean_over_episodes():
    assert curves.area_under(EPISODES, np.array([0.0, 0.5, 1.0, 1.0])) == 0.625
    assert curves.area_under(np.array([10, 40]), np.array([0.0, 1.0])) == 0.75


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
