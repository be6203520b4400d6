"""Trainers on hand-made environments, one step of them, and the gradients it would take."""

from __future__ import annotations

import torch
from helpers import shake
from tiny_envs import tiny_config

from colllm_bench.training.trainer import Trainer

LEAVE = {"turns": 2, "vary": 2, "leave": {1: 1}}


def trainer_for(model_folder, algo="mc", **changes) -> Trainer:
    folder = model_folder("Llama", max_position_embeddings=1024)
    trainer = Trainer(tiny_config(folder, algo, **changes))
    shake(trainer.team)  # with B = 0 no gradient would reach A
    return trainer


@torch.no_grad()
def shake_critic(trainer, seed=5):
    generator = torch.Generator().manual_seed(seed)
    for tensors in trainer.critic.groups.values():
        for tensor in tensors:
            tensor.add_(torch.randn(tensor.shape, generator=generator) * 0.1)
    for mean, head in zip(trainer.critic.averaged, trainer.critic.critic.heads, strict=True):
        mean.load_state_dict(head.state_dict())  # values are the averaged heads'


def credited(trainer, seed=3):
    """Episodes of the trainer's team with made-up advantages and returns."""
    episodes = trainer.play(0)
    generator = torch.Generator().manual_seed(seed)
    for turn in turns_of(episodes):
        turn.advantage, turn.return_ = torch.randn(2, generator=generator).tolist()
    return episodes


def turns_of(episodes):
    return [turn for e in episodes for x in e.trajectories for turn in x.turns]


def gradients(learner, improve):
    """({owner: gradients}, metrics) of one step that is computed, but not taken."""
    learner.optimizer.step = lambda: None
    metrics = improve()
    return {
        name: [torch.zeros_like(t) if t.grad is None else t.grad.clone() for t in tensors]
        for name, tensors in learner.groups.items()
    }, metrics


def assert_same(found, expected, **tolerance):
    assert found.keys() == expected.keys()
    for name in expected:
        for one, other in zip(found[name], expected[name], strict=True):
            torch.testing.assert_close(one, other, **tolerance)


def largest(grads):
    return max(float(g.abs().max()) for own in grads.values() for g in own)
