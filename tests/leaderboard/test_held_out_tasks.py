"""What the tasks add to an interval: by hand, against a simulation, and from summaries."""

from __future__ import annotations

import math

import numpy as np
import pytest

from colllm_bench.leaderboard.statistics.estimators import Estimate, estimate
from colllm_bench.leaderboard.statistics.held_out_tasks import (
    measurement_noise,
    of_team,
    on_such_tasks,
    over_runs,
    span,
    task_error,
)

ANYWHERE = {"low": -math.inf, "high": math.inf}


def summary(trained, random=(0.0, 0.2), scripted=(1.0, 1.0), successes=None):
    teams = {"trained": trained, "random": random, "scripted": scripted}
    held_out = {name: {"returns": list(values), "successes": None}
                for name, values in teams.items()}
    held_out["trained"]["successes"] = successes
    floor, ceiling = np.mean(random), np.mean(scripted)
    mean = float(np.mean(trained))
    return {"held_out": held_out, "return": {"trained": {"mean": mean}},
            "score": {"trained": {"mean": (mean - floor) / (ceiling - floor)}}}


def test_a_table_of_two_runs_and_two_tasks_by_hand():
    """Rows .4 .8 and .6 .6: means .6 and .6, tasks .5 and .7; left over -.1 .1 .1 -.1."""
    scores = np.array([[0.4, 0.8], [0.6, 0.6]])
    assert measurement_noise(scores) == pytest.approx(math.sqrt(0.04 / 1 / 2))
    # Variance of the tasks' means .02, less .04 / 2 of chance: nothing is left.
    assert task_error(scores) == 0.0
    apart = np.array([[0.2, 0.8], [0.2, 0.8]])
    assert measurement_noise(apart) == 0.0 and task_error(apart) == pytest.approx(0.3)
    assert measurement_noise(None) == measurement_noise(apart[:1]) == 0.0
    assert task_error(apart[:1]) == pytest.approx(0.3), "one run: chance cannot be told apart"


def test_a_normalized_score_is_a_ratio_of_means():
    """Tasks that are as much easier for the expert as for the team add nothing."""
    expert, floor = np.array([0.5, 1.0, 1.5, 1.0]), np.zeros(4)
    scores = 0.6 * np.stack([expert, expert])
    assert task_error(scores) > 0.1
    assert task_error(scores, np.stack([floor, expert])) == pytest.approx(0.0, abs=1e-12)


def test_scores_come_from_summaries():
    two = [summary([0.1, 0.55]), summary([1.0, 1.0])]
    np.testing.assert_allclose(of_team(two, "score"), [[0.0, 0.5], [1.0, 1.0]], atol=1e-12)
    np.testing.assert_allclose(of_team(two, "return"), [[0.1, 0.55], [1.0, 1.0]])
    np.testing.assert_allclose(of_team(two, "score", "random"), [[-1 / 9, 1 / 9]] * 2)
    assert of_team(two, "success") is None
    assert of_team([*two, summary([1.0])], "score") is None, "another number of tasks"
    assert of_team([summary([0.1], (1.0,), (0.0,))], "score") is None, "the expert is no better"


def test_the_range_is_that_of_all_episodes():
    assert span([summary([0.1, 0.55])], "score") == pytest.approx((-1 / 9, 1.0))
    assert span([summary([0.1, 1.36])], "score") == pytest.approx((-1 / 9, 1.4))
    assert span([summary([0.1, 1.36])], "return") == pytest.approx((0.0, 1.36))
    assert span([summary([0.1])], "success") == (0.0, 1.0)
    lone = summary([0.1, 0.3])
    del lone["held_out"]["scripted"]
    assert span([lone], "return") == (-math.inf, math.inf)


def test_equal_runs_have_an_interval_within_the_range():
    found = over_runs([summary([1.0, 1.0])] * 3, "score")
    assert found.value == found.high == 1.0 and 0.6 < found.low < 0.8


def test_such_tasks_are_wider_on_both_sides():
    rng = np.random.default_rng(0)
    scores = np.clip(rng.normal(0.5, 0.1, 200) + rng.normal(0, 0.02, (3, 200)), 0, 1)
    these = estimate(scores.mean(1), **ANYWHERE)
    such = on_such_tasks(these, scores, **ANYWHERE)
    assert such.value == these.value and such.low < these.low and these.high < such.high
    half = 1.97196 * task_error(scores)  # Student's t, 199 degrees of freedom
    assert such.high - such.value == pytest.approx(
        math.hypot(these.high - these.value, half), rel=1e-4
    )
    ceiling = on_such_tasks(Estimate(1.0, 0.9, 1.0, 3), np.ones((3, 200)))
    assert ceiling.high == 1.0 and ceiling.low < 0.9, "a kind of tasks may be missing"
    alone = Estimate(0.5, n=1)
    assert on_such_tasks(alone, scores[:1]) == alone


@pytest.mark.parametrize("n", [3, 5, 10])
def test_both_intervals_cover_what_they_name(n):
    """The one on these tasks is far too narrow for a claim about such tasks."""
    rng = np.random.default_rng(n)
    held = {"these": 0, "such": 0, "these for such": 0}
    for _ in range(300):
        task = rng.normal(0, 0.15, 100)
        scores = 0.5 + rng.normal(0, 0.005, n)[:, None] + task + rng.normal(0, 0.05, (n, 100))
        these = estimate(scores.mean(1), noise=measurement_noise(scores), **ANYWHERE)
        such = on_such_tasks(these, scores, **ANYWHERE)
        held["these"] += these.low <= 0.5 + task.mean() <= these.high
        held["such"] += such.low <= 0.5 <= such.high
        held["these for such"] += these.low <= 0.5 <= these.high
    assert held["these"] >= 270 and held["such"] >= 270
    assert held["these for such"] < 260
