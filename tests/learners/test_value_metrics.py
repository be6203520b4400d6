"""How well values foretold returns, and the warning when they never do."""

from __future__ import annotations

import math
import warnings

import pytest
from handmade_episodes import episode

from colllm_bench.learners.value_metrics import EXPLAINED, PATIENCE, SilenceWatch, fit_metrics


def played(lengths, values, **rewards):
    """Episodes of one agent, with values and a reward at the end."""
    episodes = []
    for k, (length, own, reward) in enumerate(zip(lengths, values, rewards["last"], strict=True)):
        made = episode(k, [length])
        for turn, value in zip(made.trajectories[0].turns, own, strict=True):
            turn.value, turn.return_, turn.reward = value, 0.25, 0.0
        made.trajectories[0].turns[-1].reward = reward
        episodes.append(made)
    return [turn for e in episodes for turn in e.trajectories[0].turns], episodes


def test_thirds_by_hand():
    """Two episodes of three turns, returns 0 and 1: early values know nothing, middle ones the
    outcome by half, late ones all of it."""
    values = [[0.5, 0.25, 0.0], [0.5, 0.75, 1.0]]
    metrics = fit_metrics(*played([3, 3], values, last=[0.0, 1.0]), 1.0)
    assert metrics["explained_variance_early"] == pytest.approx(0.0)
    assert metrics["explained_variance_middle"] == pytest.approx(0.75)  # 1 - 0.25^2 / 0.5^2
    assert metrics["explained_variance_late"] == pytest.approx(1.0)
    # errors 0, .25, .5 with either sign, of returns that spread by 0.5
    left = (0.5**2 + 0.25**2 + 0.0) / 3
    assert metrics["explained_variance"] == pytest.approx(1 - left / 0.25)
    error = sum((v - 0.25) ** 2 for own in values for v in own) / 6
    assert metrics["value_loss"] == pytest.approx(error), "the loss is that of the targets"


def test_thirds_are_of_the_longest_episode():
    """A short episode's turns lie at the beginning."""
    values = [[0.0, 0.0], [1.0] + [7.0] * 5]
    metrics = fit_metrics(*played([2, 6], values, last=[0.0, 1.0]), 1.0)
    assert metrics["explained_variance_early"] < 0.0  # of turns 0 and 1: one is far off
    assert math.isnan(metrics["explained_variance_middle"]), "one episode: nothing varies"


def test_returns_are_discounted():
    values = [[0.25, 0.5, 1.0], [0.0, 0.0, 0.0]]
    turns, episodes = played([3, 3], values, last=[1.0, 0.0])
    assert fit_metrics(turns, episodes, 0.5)["explained_variance"] == pytest.approx(1.0)
    assert fit_metrics(turns, episodes, 1.0)["explained_variance"] < 0.9


def test_a_game_of_one_turn_has_no_later_thirds():
    metrics = fit_metrics(*played([1, 1], [[0.0], [1.0]], last=[0.0, 1.0]), 1.0)
    assert metrics["explained_variance_early"] == pytest.approx(1.0)
    assert math.isnan(metrics["explained_variance_middle"])
    assert math.isnan(metrics["explained_variance_late"])


def test_within_a_turn_what_all_episodes_have_in_common_does_not_count():
    """Values that know who wins, and expect .8 less than comes at turn 0 and 2 more at turn 1."""
    values = [[-0.8, 2.0], [0.2, 3.0]]
    metrics = fit_metrics(*played([2, 2], values, last=[0.0, 1.0]), 1.0)
    assert metrics["explained_variance_in_turn"] == pytest.approx(1.0)
    assert metrics["explained_variance"] < -4
    half = fit_metrics(*played([2, 2], [[0.25, 0.0], [0.75, 0.0]], last=[0.0, 1.0]), 1.0)
    assert half["explained_variance_in_turn"] == pytest.approx(1 - (0.25**2 + 0.5**2) / 2 / 0.25)


def told(explained, in_turn=-1.0):
    """Metrics of an iteration."""
    return {"explained_variance": explained, "explained_variance_in_turn": in_turn}


def test_silence_is_told_once_and_with_what_helps():
    watch = SilenceWatch()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(PATIENCE - 1):
            watch.note(told(EXPLAINED / 2))
        watch.note(told(math.nan, math.nan))  # counts neither way
    with pytest.warns(UserWarning, match="critic has explained nothing") as warned:
        for _ in range(3 * PATIENCE):
            watch.note(told(-0.5))
    assert len(warned) == 1
    text = str(warned[0].message)
    for lever in ("--critic-epochs", "--critic-lr", "--gae-lambda", "--batch", "--algo mc"):
        assert lever in text


def test_a_critic_that_explains_something_starts_the_count_anew():
    watch = SilenceWatch()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            for _ in range(PATIENCE - 1):
                watch.note(told(0.0))
            watch.note(told(2 * EXPLAINED))
        for _ in range(2 * PATIENCE):  # behind its policy, and right about who does better
            watch.note(told(-3.0, in_turn=0.2))
