"""Large matrices by oneDNN: the same numbers and gradients, and small models left alone."""

from __future__ import annotations

import pytest
import torch
from helpers import batch_of, build_team, play, shake
from torch.nn import functional as F

from colllm_bench.models import adapters, onednn


@pytest.fixture
def of_any_size(monkeypatch):
    if not onednn.is_here():
        pytest.skip("this torch has no such operator")
    monkeypatch.setattr(onednn, "LEAST_PARAMETERS", 0)


def test_a_small_model_keeps_torchs_own_product(model_folder):
    team = build_team(model_folder())
    assert all(layer.linear is F.linear for layer in team.adapters.layers.values())
    assert type(team.model.get_output_embeddings()) is torch.nn.Linear


@pytest.mark.parametrize("architecture", ["Llama", "GPT2"])
def test_play_scores_and_gradients_are_the_same(model_folder, monkeypatch, architecture):
    if not onednn.is_here():
        pytest.skip("this torch has no such operator")
    monkeypatch.setattr(adapters, "MERGE_LIMIT", 0)
    teams, found = [], []
    for least in (10**9, 0):
        monkeypatch.setattr(onednn, "LEAST_PARAMETERS", least)
        team = build_team(model_folder(architecture), 2)
        shake(team)
        episodes = play(team)
        scores = team.evaluate_actions(batch_of(team, episodes), with_entropy=True)
        (scores.logprobs.square().sum() + scores.entropy.sum()).backward()
        grads = [x.grad for own in team.parameters().values() for x in own]
        turns = [turn for e in episodes for x in e.trajectories for turn in x.turns]
        teams.append(team)
        found.append((turns, scores.logprobs.detach(), grads))
    layers = teams[1].adapters.layers.values()
    assert all(layer.linear is onednn.linear for layer in layers)
    (turns, scores, grads), (own_turns, own_scores, own_grads) = found
    assert [t.action_ids for t in turns] == [t.action_ids for t in own_turns]
    torch.testing.assert_close(own_scores, scores, atol=1e-4, rtol=0)
    for mine, theirs in zip(own_grads, grads, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=1e-3)


def test_a_matrix_that_learns_gets_its_gradient(of_any_size):
    x, weight = torch.randn(3, 5, requires_grad=True), torch.randn(4, 5, requires_grad=True)
    onednn.linear(x, weight).sum().backward()
    torch.testing.assert_close(weight.grad, x.detach().sum(0).expand(4, 5))
    frozen, bias = torch.randn(4, 5), torch.randn(4)
    y = onednn.linear(x, frozen, bias)
    torch.testing.assert_close(y, F.linear(x, frozen, bias))
    x.grad = None
    y.square().sum().backward()
    torch.testing.assert_close(x.grad, 2 * y.detach() @ frozen)
    assert onednn.linear(x[:0], frozen).shape == (0, 4)


def test_compiled_code_calls_it_too(of_any_size):
    x, weight = torch.randn(2, 3, 5), torch.randn(5, 4).T
    compiled = torch.compile(lambda x: onednn.linear(x, weight) + 1, backend="aot_eager")
    with torch.no_grad():
        torch.testing.assert_close(compiled(x), F.linear(x, weight) + 1)
