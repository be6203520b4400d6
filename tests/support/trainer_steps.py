"""One iteration of a trainer, and what it moved."""

from __future__ import annotations

import torch

from colllm_bench.training.recording import describe
from colllm_bench.training.trainer import Trainer


def step(trainer: Trainer, iteration: int) -> dict:
    episodes = trainer.play(iteration)
    return describe(episodes) | trainer.learn(episodes, iteration)


def actors(trainer):
    return {
        (name, k): tensor.detach().clone()
        for name, tensors in trainer.team.parameters().items()
        for k, tensor in enumerate(tensors)
    }


def critics(trainer):
    return trainer.critic.critic.state_dict() if trainer.critic else {}


def moved(before, after):
    return {key for key in before if not torch.equal(before[key], after[key])}


def same(one: dict, other: dict) -> bool:
    """Equal to the bit, NaN included."""
    return repr(one) == repr(other)
