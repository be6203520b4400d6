"""Eight families of models: they play, score, learn and criticize alike."""

from __future__ import annotations

import pytest
import torch
from helpers import batch_of, build_team, config_for, play, shake

from colllm_bench.baselines.options import ActorCriticOptions
from colllm_bench.models.critic import Critic
from colllm_bench.models.forward import kv_cache_matches_full_forward
from colllm_bench.objectives import critic_inputs

FAMILIES = ["Llama", "Qwen2", "Qwen3", "GPT2", "Mistral", "Gemma", "Gemma2", "Phi", "OPT"]
WINDOWED = [
    ("Mistral", {"sliding_window": 16}),
    ("Gemma2", {"sliding_window": 16}),
    ("Qwen2", {"use_sliding_window": True, "sliding_window": 16, "max_window_layers": 1}),
]


def parity(team, episodes, **options) -> float:
    batch = batch_of(team, episodes)
    with torch.no_grad():
        scores = team.evaluate_actions(batch, **options)
    turns = [turn for e in episodes for x in e.trajectories for turn in x.turns]
    assert len(scores.logprobs) == sum(len(turn.action_ids) for turn in turns)
    return (scores.logprobs - batch.logprobs).abs().max().item()


@pytest.mark.parametrize("family", FAMILIES)
def test_sampled_equals_scored(model_folder, family):
    team = build_team(model_folder(family), 2)
    shake(team)
    assert team.supports_kv_cache
    assert parity(team, play(team, drop={0: [2, 0]})) < 1e-4
    assert parity(team, play(team, turns=2, cache_policy="none")) < 1e-4


@pytest.mark.parametrize("family,changes", WINDOWED)
def test_windows_shorter_than_transcripts(model_folder, family, changes):
    team = build_team(model_folder(family, **changes), 2)
    wide = build_team(model_folder(family), 2)
    for each in (team, wide):
        shake(each)
    assert team.supports_kv_cache
    episodes = play(team, turns=4, drop={1: [2, 0]})
    assert parity(team, episodes) < 1e-4
    assert parity(wide, episodes) > 1e-2  # the window matters here


UNCACHED = [
    ("Bloom", {"n_layer": 2, "n_head": 4}),  # positions by a bias that needs a plain mask
    ("Mamba", {"state_size": 8}),  # no attention at all
    ("GPTNeo", {"num_layers": 2, "num_heads": 4, "window_size": 16,
                "attention_types": [[["global", "local"], 1]]}),  # windows of its own kind
]


@pytest.mark.parametrize("family,changes", UNCACHED)
def test_families_whose_caches_cannot_hold_rows_are_recomputed(model_folder, family, changes):
    team = build_team(model_folder(family, **changes), 2)
    shake(team)
    with pytest.warns(UserWarning, match="whole transcript"):
        assert not team.supports_kv_cache
    assert parity(team, play(team, turns=4, drop={1: [2, 0]})) < 1e-4


@pytest.mark.parametrize("family,changes", UNCACHED)
def test_their_caches_are_refused_in_half_precision_too(model_folder, family, changes):
    team = build_team(model_folder(family, **changes), 2, dtype="bfloat16")
    with pytest.warns(UserWarning, match="whole transcript"):
        assert not team.supports_kv_cache


@pytest.mark.parametrize("share,kept", [(0.1, True), (0.4, False)])
def test_a_cache_is_not_refused_for_rounding_of_half_precision(model_folder, share, kept):
    """Gemma 3 270M: logits moved by .16 of their spread where a row is read in two pieces, by
    .00002 in float32. Here each pass moves them, so two differ by 1.4 times the share."""
    for dtype, expected in (("bfloat16", kept), ("float32", False)):
        team = build_team(model_folder("Llama"), 2, dtype=dtype)
        (group,) = team.row_groups(torch.tensor([0, 1]))
        assert kv_cache_matches_full_forward(group, team.layout, None)
        generator = torch.Generator().manual_seed(0)

        def moved(_module, _args, output, generator=generator):
            noise = torch.randn(output.shape, generator=generator)
            return output + share * output.std() * noise.to(output.dtype)

        group.model.lm_head.register_forward_hook(moved)
        assert kv_cache_matches_full_forward(group, team.layout, None) == expected


def test_bfloat16_base_keeps_float32_adapters(model_folder):
    team = build_team(model_folder("Qwen3"), 2, dtype="bfloat16")
    shake(team)
    assert team.supports_kv_cache
    batch = batch_of(team, play(team))
    scores = team.evaluate_actions(batch)
    assert scores.logprobs.dtype == torch.float32
    assert (scores.logprobs - batch.logprobs).abs().mean() < 0.05
    scores.logprobs.sum().backward()
    leaves = [leaf for leaves in team.parameters().values() for leaf in leaves]
    assert {leaf.dtype for leaf in leaves} == {torch.float32}
    assert {leaf.grad.dtype for leaf in leaves} == {torch.float32}
    assert team.model.dtype == torch.bfloat16


@pytest.mark.parametrize(("tuning", "backbone"), [
    ("lora", "frozen"), ("lora", "adapters"), ("full", "full"),
])
@pytest.mark.parametrize("family", FAMILIES)
def test_training_moves_what_it_should(model_folder, family, tuning, backbone):
    team = build_team(model_folder(family), 2, critics=backbone == "adapters", tuning=tuning)
    config = config_for(model_folder(family), tuning=tuning)
    critic = Critic.build(config, team, 1, ActorCriticOptions(critic_backbone=backbone))
    batch = batch_of(team, episodes := play(team, turns=3))
    readings = [critic_inputs.joint(e) for e in episodes]
    tables = critic.tables(readings)
    groups = {**team.parameters(), **{f"critic {i}": g for i, g in critic.parameters().items()}}
    tensors = [tensor for group in groups.values() for tensor in group]
    before = [tensor.detach().clone() for tensor in tensors]
    frozen = {n: p.detach().clone() for n, p in team.model.named_parameters()}
    optimizer = torch.optim.Adam(tensors, lr=1e-2)
    for _ in range(3):  # B is zero at first, so A gets a gradient from the second step on
        optimizer.zero_grad()
        loss = (critic.values(critic.features(readings), tables) - 1).pow(2).mean()
        loss = loss - team.evaluate_actions(batch).logprobs.mean()
        loss.backward()
        optimizer.step()
    still = [i for i, (old, new) in enumerate(zip(before, tensors)) if torch.equal(old, new)]
    assert not still
    for name, parameter in team.model.named_parameters():
        assert torch.equal(parameter, frozen[name]), name
