"""A critic's batch in parts: the same values, and no second copy of what was read."""

from __future__ import annotations

import pytest
import torch
from tiny_runs import LEAVE, trainer_for, turns_of

from colllm_bench.learners import critic_parts

ALGORITHMS = ["cc", "dc", "seq", "hier"]


def all_values(trainer, episodes):
    trainer.critic.write_values(episodes)
    flat = [v for turn in turns_of(episodes) for v in (turn.value, *(turn.values or ()))]
    return flat + [x.final_value or 0.0 for e in episodes for x in e.trajectories]


@pytest.mark.parametrize("width", [64, 0])
@pytest.mark.parametrize("algo", ALGORITHMS)
def test_values_are_the_same_however_many_episodes_are_valued_at_once(
    model_folder, monkeypatch, algo, width
):
    trainer = trainer_for(
        model_folder, algo, env_options={**LEAVE, "cut": True}, critic_width=width
    )
    episodes = trainer.play(0)
    for head in trainer.critic.averaged:  # as after some steps: values are not constant
        for k, tensor in enumerate(head.parameters()):
            tensor.data.copy_(torch.randn(tensor.shape, generator=torch.Generator().manual_seed(k)))
    seen, hidden = [], critic_parts.ValueHead.hidden

    def watched(head, observed, acted, table):
        seen.append(len(observed))
        return hidden(head, observed, acted, table)

    monkeypatch.setattr(critic_parts.ValueHead, "hidden", watched)
    whole = all_values(trainer, episodes)
    cells, at_once = max(seen), len(seen)
    monkeypatch.setattr(critic_parts, "CPU_CELLS", -(-cells // 3))
    seen.clear()
    parts = all_values(trainer, episodes)
    assert len(seen) == 3 * at_once and max(seen) < cells, "three parts"
    largest = max(map(abs, whole))
    assert len(set(whole)) > len(episodes) and parts == pytest.approx(whole, abs=1e-5 * largest)


def test_hidden_states_are_kept_once(model_folder):
    trainer = trainer_for(model_folder, "hier", env_options=LEAVE)
    episodes = trainer.play(0)
    all_values(trainer, episodes)
    trainer.algorithm.compute_advantages(episodes)
    (part,) = trainer.critic._prepare(episodes)
    cache = [trainer.critic._cache[id(e)][2] for e in episodes]
    assert all(a is b for a, b in zip(part.kept, cache, strict=True))
    observed, acted = part.features(trainer.critic.critic)
    assert torch.equal(observed, torch.cat([x for x, _ in cache]))
    assert torch.equal(acted, torch.cat([x for _, x in cache]))
