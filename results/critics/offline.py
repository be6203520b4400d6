"""A critic that learns as the probe does: many passes over all episodes at once, and early
stopping on a fifth of them. What it then lacks of the probe is what it cannot read."""

from __future__ import annotations

import copy

import torch

PASSES, EPISODES_A_STEP = 25, 32


def fit_offline(trainer, batches) -> None:
    """Fit the trainer's critic to the episodes of ``batches``; its heads are those of the pass
    that was best on the fifth that was held back."""
    critic, episodes = trainer.critic, [episode for batch in batches for episode in batch]
    critic.write_values(batches[0])  # as in a run, the first batch gives the inputs' units
    critic.write_values(episodes)
    trainer.algorithm.compute_advantages(episodes)
    count = len(episodes) // 5
    held_back, learned = episodes[:count], episodes[count:]
    readings = [critic._cache[id(episode)][1] for episode in learned]
    critic._fit_targets([p for reading in readings for p in reading.positions])
    (checked,) = critic._prepare(held_back)
    order, best, chosen = torch.Generator().manual_seed(0), float("inf"), None
    for _ in range(PASSES):
        for rows in torch.randperm(len(learned), generator=order).split(EPISODES_A_STEP):
            critic._step(critic._prepare([learned[i] for i in rows]))
        with torch.no_grad():
            features = checked.features(critic.critic)
            values = critic.critic.values(features, checked.tables)[checked.positions]
            error = float(((values - checked.targets) ** 2).mean())
        if error < best:
            best = error
            chosen = [copy.deepcopy(head.state_dict()) for head in critic.critic.heads]
    for heads in (critic.critic.heads, critic.averaged):
        for head, state in zip(heads, chosen, strict=True):
            head.load_state_dict(state)
