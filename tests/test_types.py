"""The datum: fields that are read before they are written are an error, never a zero."""

from __future__ import annotations

import pytest

from colllm_bench.types import Episode, Trajectory, Turn, written


def test_written_passes_values_on_and_refuses_none():
    assert written(0.0) == 0.0 and written(False) is False
    with pytest.raises(ValueError, match="before it was written"):
        written(None)


def test_rewards_that_are_not_there_yet_are_an_error():
    trajectory = Trajectory("a", 0, "", [Turn("seen", reward=1.0), Turn("seen")])
    with pytest.raises(ValueError, match="before it was written"):
        _ = Episode(seed=0, group=0, trajectories=[trajectory]).rewards
