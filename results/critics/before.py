"""The same measurement with the critics as they were: run it in a checkout of commit ce7469f.

    git worktree add --detach ../before ce7469f
    cd ../before && PYTHONPATH=. python ../colllm_bench/results/critics/before.py >> critics.jsonl

Prints a row of critics.jsonl for ``cc`` and for ``dc`` on strategy, 3 agents, untrained team.
"""

from __future__ import annotations

import json
import platform
import resource
import time

import torch

from colllm_bench.config import RunConfig
from colllm_bench.objectives import losses
from colllm_bench.objectives.returns import discounted_returns
from colllm_bench.setup.resolve import resolve
from colllm_bench.training.trainer import Trainer


def thirds(critic, episodes) -> list[float]:
    """Explained variance of fresh episodes' returns, early, middle, late."""
    for k in range(0, len(episodes), 64):
        critic.write_values(episodes[k : k + 64])
    values, returns = ([], [], []), ([], [], [])
    longest = max(len(x.turns) for e in episodes for x in e.trajectories)
    for episode in episodes:
        to_go = discounted_returns(episode.rewards, 1.0)
        for trajectory in episode.trajectories:
            for t, turn in enumerate(trajectory.turns):
                values[3 * t // longest].append(turn.value)
                returns[3 * t // longest].append(to_go[t])
    return [
        round(losses.explained_variance(torch.tensor(v), torch.tensor(g)), 4)
        for v, g in zip(values, returns)
    ]


def main() -> None:
    torch.set_num_threads(1)
    base = RunConfig.of(env="strategy", algo="cc", agents=3, seed=77, lr=3e-3)
    team = Trainer(resolve(base))
    batches = [team.play(1_000 + k) for k in range(20)]
    held = [episode for k in range(16) for episode in team.play(2_000 + k)]
    for algo in ("cc", "dc"):
        changed = RunConfig.of(**{**base.to_dict(), "algo": algo, "algo_options": {}, "lr": None})
        trainer, explained, spent = Trainer(resolve(changed)), {}, 0.0
        for k, episodes in enumerate(batches, 1):
            began = time.process_time()
            trainer.critic.write_values(episodes)
            trainer.algorithm.compute_advantages(episodes)
            trainer.critic.update(episodes)
            spent += time.process_time() - began
            if k in (5, 10, 20):
                explained[64 * k] = thirds(trainer.critic, held)
        print(json.dumps({
            "policy": "strategy-3-untrained", "commit": "ce7469f", "machine": platform.machine(),
            "torch": torch.__version__, "held_out": len(held), "critic": f"{algo} at ce7469f",
            "options": {}, "explained": explained, "seconds_an_iteration": round(spent / 20, 3),
            "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        }), flush=True)


if __name__ == "__main__":
    main()
