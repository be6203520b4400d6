"""The team: what it samples is what it scores, whatever the batch, padding or cache."""

from __future__ import annotations

import pytest
import torch

from colllm_bench.errors import ConfigError
from helpers import batch_of, build_team, play, shake


def gap(team, episodes, **options):
    batch = batch_of(team, episodes)
    with torch.no_grad():
        scores = team.action_scores(batch, **options)
    assert len(scores.logprobs) == len(batch.logprobs) > 0
    return (scores.logprobs - batch.logprobs).abs().max().item()


@pytest.mark.parametrize("tuning", ["lora", "full"])
@pytest.mark.parametrize("share", ["none", "all", "role"])
def test_scores_equal_sampled(model_folder, tuning, share):
    team = build_team(
        model_folder(), 3, roles=["a", "b", "a"], tuning=tuning, share=share
    )
    shake(team)
    assert gap(team, play(team, drop={0: [2, 0], 1: [1]})) < 1e-4
    assert gap(team, play(team, temperature=0.7), temperature=0.7) < 1e-4
