"""Aggregates over several settings."""

from __future__ import annotations

import numpy as np
import pytest

from colllm_bench.leaderboard.statistics import comparisons, estimators, finals, measures

SCORES = {"coding": [0.90, 0.95, 1.0], "strategy": [0.85, 0.97, 1.0], "writing": [0.5, 0.55, 0.6]}
SPANS = {"coding": (-0.1, 1.0), "strategy": (0.0, 1.0), "writing": (-0.2, 1.3)}


@pytest.fixture
def row(monkeypatch):
    """The aggregates of a method's runs in three settings, in one of which scores go up to 1.3."""
    monkeypatch.setattr(measures, "main_measure", lambda group: "score")
    monkeypatch.setattr(measures, "span", lambda group, measure: SPANS[group])
    monkeypatch.setattr(finals, "final_scores", lambda group: np.array(SCORES[group]))
    places = [({"env": env, "method": "cc", "setting": env}, env) for env in SCORES]
    return comparisons.aggregates(places)[0]


@pytest.mark.parametrize("name", estimators.AGGREGATES)
def test_an_interval_ends_where_every_setting_does(row, name):
    runs = [np.full(3, SPANS[env][1]) for env in SCORES]
    best = float(estimators.AGGREGATES[name](np.concatenate(runs)))
    found = row[name]
    assert found["low"] < found["value"] < found["high"]
    if name == "optimality_gap":
        assert found["low"] >= best == 0.0
    else:
        assert found["high"] <= best + 1e-12
        assert name != "median" or best == 1.0 and found["high"] == 1.0, "1.3 is writing's alone"


def test_without_the_settings_own_ends_it_would_lie_beyond(row):
    wide = estimators.estimate(
        [np.array(scores) for scores in SCORES.values()], "median", low=-0.2, high=1.3,
        rng=np.random.default_rng(0),
    )
    assert wide.high > 1.0 == row["median"]["high"]
