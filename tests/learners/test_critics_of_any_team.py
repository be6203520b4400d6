"""A pooled critic serves any number of agents: trained on 4, it values and learns on 12."""

from __future__ import annotations

import copy

import pytest
import torch
from tiny_runs import shake_critic, trainer_for, turns_of
from trainer_steps import moved, step


@pytest.mark.parametrize("backbone", ["frozen", "adapters"])
@pytest.mark.parametrize("algo", ["hier", "seq", "cc"])
def test_a_critic_of_four_goes_on_with_twelve(model_folder, algo, backbone):
    changes = dict(critic_backbone=backbone, env_options={"turns": 2}, critic_lr=1e-2)
    four = trainer_for(model_folder, algo, agents=4, **changes)
    shake_critic(four)
    step(four, 0)
    twelve = trainer_for(model_folder, algo, agents=12, batch=2, **changes)
    twelve.critic.load_state_dict(copy.deepcopy(four.critic.state_dict()))

    # It is the same critic: what one team played is worth the same to both.
    played = four.play(1)
    values = []
    for trainer in (four, twelve):
        episodes = copy.deepcopy(played)
        trainer.critic.write_values(episodes)
        values.append([v for t in turns_of(episodes) for v in (t.value, *(t.values or ()))])
    assert values[0] == pytest.approx(values[1], abs=1e-4) and len(set(values[0])) > 4

    # It has something to say of twelve agents' histories, and learns from them.
    before = twelve.critic.critic.state_dict()
    row = step(twelve, 1)
    after = twelve.critic.critic.state_dict()
    units = {key for key in before if key.endswith(("_mean", "_std", "fitted"))}
    assert moved(before, after) == before.keys() - units
    assert row["critic_grad_norm"] > 0 and all(torch.isfinite(x).all() for x in after.values())


def test_a_local_critic_is_one_agents(model_folder):
    four, twelve = (trainer_for(model_folder, "dc", agents=n) for n in (4, 12))
    with pytest.raises(Exception, match="other parameters"):
        twelve.critic.load_state_dict(four.critic.state_dict())
