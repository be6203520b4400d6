"""What critics know where the truth is known: learned values against exact ones, on ``credit``.

    python results/critics/truth.py            # appends rows to truth.jsonl, minutes; resumes
    python results/critics/table.py            # the page

As measure.py: an untrained team plays and does not learn, each critic learns from 64 episodes an
iteration, seen in one iteration only. After 128, 320, 640, 1,280 and 2,560 episodes its values of
held-out episodes are compared with the exact values of the same policy: of the joint history for
``cc``, ``hier`` and ``seq``, of the agent's own for ``dc``. ``known`` is 1 - E(V - V*)^2 / Var(V*)
over the turns of each third of the episode; the error counts, not its variance alone. ``truth``
is the explained variance of returns that V* itself has.
"""

from __future__ import annotations

import json
import platform
import subprocess

import torch
from measure import HERE, play, team_of, thirds, write_values

from colllm_bench.config import RunConfig
from colllm_bench.learners.oracle_critic import OracleCritic
from colllm_bench.setup.resolve import resolve
from colllm_bench.training.trainer import Trainer

ROWS = HERE / "truth.jsonl"
COUNTS = (128, 320, 640, 1280, 2560)
CRITICS = ("cc", "hier", "seq", "dc")
SEEDS = (77, 78, 79)
TASKS = ((3, "own"), (3, "none"), (8, "own"), (3, "all"))
"""Agents, and whose cues each of them sees (docs/credit.md)."""


def values_in(turns) -> torch.Tensor:
    return torch.tensor([turn.value for turn in turns])


def thirds_of(episodes) -> torch.Tensor:
    """[V] 0, 1 or 2: the third of its episode that a turn is in."""
    return torch.tensor([
        3 * t // len(x.turns) for e in episodes for x in e.trajectories for t in range(len(x.turns))
    ])


def known(values: torch.Tensor, truth: torch.Tensor, third: torch.Tensor) -> list[float]:
    """1 - E(V - V*)^2 / Var(V*), early, middle, late."""
    found = []
    for k in range(3):
        own = third == k
        wrong = (values[own] - truth[own]).square().mean()
        found.append(round(float(1 - wrong / truth[own].var(unbiased=False)), 4))
    return found


def fit(config: RunConfig, algo: str, batches, held) -> dict:
    """A row of truth.jsonl, without what it is of."""
    trainer = Trainer(resolve(RunConfig.of(**{**config.to_dict(), "algo": algo, "lr": None,
                                              "algo_options": {}})))
    gamma = trainer.algorithm.options.gamma
    oracle = OracleCritic.build(
        "local" if algo == "dc" else "joint", trainer.team, trainer.envs[0], trainer.config, gamma,
        trainer.algorithm.critic_input,
    )
    turns, third = write_values(oracle, held), thirds_of(held)
    truth = values_in(turns)
    row = {"truth": thirds(turns, held, gamma), "known": {}, "explained": {}}
    for k, episodes in enumerate(batches, 1):
        trainer.critic.write_values(episodes)
        trainer.algorithm.compute_advantages(episodes)
        trainer.critic.update(episodes)
        if 64 * k in COUNTS:
            turns = write_values(trainer.critic, held)
            row["known"][64 * k] = known(values_in(turns), truth, third)
            row["explained"][64 * k] = thirds(turns, held, gamma)
    trainer.close()
    return row


def main() -> None:
    torch.set_num_threads(1)
    lines = ROWS.read_text().splitlines() if ROWS.exists() else []
    there = {(r["sees"], r["agents"], r["seed"], r["critic"]) for r in map(json.loads, lines)}
    commit = subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], text=True).strip()
    for seed, agents, sees in ((seed, *task) for seed in SEEDS for task in TASKS):
        wanted = [c for c in CRITICS if (sees, agents, seed, c) not in there]
        if not wanted:
            continue
        options = {"reward": "sparse", "sees": sees}
        config = RunConfig.of(env="credit", algo="cc", agents=agents, seed=seed,
                              env_options=options)
        trainer = team_of(config, 0)
        batches, held = play(trainer, COUNTS[-1] // 64, 1_000), play(trainer, 16, 2_000)
        held = [episode for batch in held for episode in batch]
        for algo in wanted:
            row = {"sees": sees, "agents": agents, "seed": seed, "critic": algo, "commit": commit,
                   "machine": platform.machine(), "torch": torch.__version__,
                   "held_out": len(held), **fit(config, algo, batches, held)}
            print(sees, agents, seed, algo, row["known"], row["truth"], flush=True)
            with ROWS.open("a") as file:
                file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
