"""What critics know: explained variance of fresh episodes' returns at frozen teams.

    python results/critics/measure.py                     # every policy and critic, resumes
    python results/critics/measure.py --policies strategy-3-untrained --critics cc,dc,hier

A team plays, and does not learn. Each critic learns from its episodes as in a run: 64 an
iteration, each seen in one iteration only. After 2, 5, 10, 20, 40 iterations it is asked for the
values of held-out episodes (written to critics.jsonl: early, middle and late third). The probe
beside it is what can be reached: a recurrent network over the same tokens, trained on the same
episodes for many epochs with early stopping. Rows are added; what is there is not made again.
Variants of a critic (:data:`VARIANTS`, :data:`LONG`) are asked for by name; the former learn
from 20 iterations.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import subprocess
import time
from pathlib import Path

import torch
from offline import fit_offline
from probe import by_third, probe_rows

from colllm_bench.config import RunConfig
from colllm_bench.learners.value_metrics import fit_metrics
from colllm_bench.setup.resolve import resolve
from colllm_bench.training.trainer import Trainer

HERE = Path(__file__).parent
ROWS = HERE / "critics.jsonl"
SEED = 77
"""No run of results/ has it."""

OLD = {"critic_backbone": "adapters", "critic_readout": "last", "critic_width": 0,
       "critic_epochs": 1, "critic_average": 0.0, "critic_history": False,
       "critic_embeddings": False}
"""The critics up to commit ce7469f."""
CRITICS = {"cc": ("cc", {}), "dc": ("dc", {}), "hier": ("hier", {}), "seq": ("seq", {})}
VARIANTS = {
    "cc old": ("cc", OLD), "dc old": ("dc", OLD),
    "cc last token": ("cc", {"critic_readout": "last"}),
    "cc linear": ("cc", {"critic_width": 0}),
    "cc one pass": ("cc", {"critic_epochs": 1}),
    "cc no average": ("cc", {"critic_average": 0.0}),
    "cc no history": ("cc", {"critic_history": False}),
    "cc no embeddings": ("cc", {"critic_embeddings": False}),
    "hier no embeddings": ("hier", {"critic_embeddings": False}),
    "dc no embeddings": ("dc", {"critic_embeddings": False}),
    "hier no history": ("hier", {"critic_history": False}),
    "cc adapters": ("cc", {"critic_backbone": "adapters"}),
    "cc old + raw units": ("cc", {**OLD, "raw": True}),
    "cc raw units": ("cc", {"raw": True}),
    "cc old + mean": ("cc", {**OLD, "critic_readout": "mean"}),
    "cc old + head": ("cc", {**OLD, "critic_width": 64}),
    "cc old + frozen": ("cc", {**OLD, "critic_backbone": "frozen"}),
    "cc old + 4 passes": ("cc", {**OLD, "critic_epochs": 4}),
    "dc no average": ("dc", {"critic_average": 0.0}),
    "dc no history": ("dc", {"critic_history": False}),
    "dc adapters": ("dc", {"critic_backbone": "adapters"}),
    "cc rate / 10": ("cc", {"critic_lr": 3e-4}),
    "cc rate / 3": ("cc", {"critic_lr": 1e-3}),
    "cc rate x 3": ("cc", {"critic_lr": 1e-2}),
    "cc old + rate / 3": ("cc", {**OLD, "critic_lr": 1e-3}),
    "cc old + rate x 3": ("cc", {**OLD, "critic_lr": 1e-2}),
    "cc adapters of rank 2": ("cc", {"critic_backbone": "adapters", "rank": 2}),
    "cc adapters of rank 32": ("cc", {"critic_backbone": "adapters", "rank": 32}),
    "cc old + rank 2": ("cc", {**OLD, "rank": 2}),
    "cc old + rank 32": ("cc", {**OLD, "rank": 32}),
    "cc old + replay 3": ("cc", {**OLD, "replay": 3}),
    "cc replay 3": ("cc", {"replay": 3}), "dc replay 3": ("dc", {"replay": 3}),
    "hier replay 3": ("hier", {"replay": 3}), "seq replay 3": ("seq", {"replay": 3}),
}
"""One setting changed each; ``rank`` is that of adapters, 8 else. With ``replay`` a step is made
from the last three iterations' episodes, all ratios 1: the team is the same."""
LONG = {f"{algo} counts": (algo, {"critic_counts": 1024}) for algo in CRITICS} | {
    "cc as the probe": ("cc", {"offline": True}),
    "cc counts as the probe": ("cc", {"critic_counts": 1024, "offline": True}),
}
"""Words are counted, too (``--critic-counts``); learned as the probe learns (``offline.py``)."""
POINTS = (2, 5, 10, 20, 40)
"""Iterations after which a critic is asked."""


def policies() -> dict[str, tuple[RunConfig, int, int]]:
    """Name to (configuration, iterations of training before, iterations to learn from)."""
    found = {}
    for agents, stages in ((3, (0, 12, 40)), (8, (0, 12, 40))):
        for stage, name in zip(stages, ("untrained", "half", "trained")):
            config = RunConfig.of(env="strategy", algo="cc", agents=agents, seed=SEED, lr=3e-3)
            found[f"strategy-{agents}-{name}"] = (config, stage, 40 if agents == 3 else 20)
    for sees in ("own", "none", "all"):
        options = {"reward": "sparse", "sees": sees}
        config = RunConfig.of(env="credit", algo="cc", agents=3, seed=SEED, env_options=options)
        found[f"credit-3-sees-{sees}"] = (config, 0, 40)
    eight = {"untrained": 10, "half": 20, "trained": 20}
    for agents in (3, 8):
        two = {"env_options": {"turns": 2}}
        for env, options in (("writing", two), ("coding", {})):
            config = RunConfig.of(env=env, algo="cc", agents=agents, seed=SEED, **options)
            for stage, name in zip((0, 12, 40), ("untrained", "half", "trained")):
                iterations = 40 if agents == 3 else eight[name]
                found[f"{env}-{agents}-{name}"] = (config, stage, iterations)
    return found


def team_of(config: RunConfig, iterations: int) -> Trainer:
    """A trainer whose team has been trained for ``iterations``."""
    trainer = Trainer(resolve(config))
    for k in range(iterations):
        trainer.learn(trainer.play(k), k)
    return trainer


def play(trainer: Trainer, iterations: int, start: int) -> list:
    """``iterations`` batches of episodes of the trainer's frozen team."""
    batches = [trainer.play(start + k) for k in range(iterations)]
    for turn in (turn for b in batches for e in b for x in e.trajectories for turn in x.turns):
        turn.info = None  # nothing here reads it
    return batches


def write_values(critic, episodes) -> list:
    """The turns of held-out episodes, with the critic's values in them."""
    for k in range(0, len(episodes), 64):
        critic.write_values(episodes[k : k + 64])
    return [turn for e in episodes for x in e.trajectories for turn in x.turns]


def thirds(turns, episodes, gamma: float) -> list[float | None]:
    """Explained variance of fresh episodes' returns, early, middle, late; over all critics."""
    for turn in turns:
        turn.return_ = turn.value  # only the metric's mean squared error reads it
    return by_third(fit_metrics(turns, episodes, gamma))


def fit_critic(config: RunConfig, name: str, batches, held) -> dict:
    """A row of critics.jsonl, without policy and machine."""
    algo, options = (CRITICS | LONG | VARIANTS)[name]
    own = {k: v for k, v in options.items() if k not in ("raw", "rank", "offline")}
    changed = RunConfig.of(**{**config.to_dict(), "algo": algo, "algo_options": own, "lr": None,
                              "lora_rank": options.get("rank", config.lora_rank)})
    trainer = Trainer(resolve(changed))
    if options.get("raw"):  # as before: inputs and targets in their own units
        for head in (*trainer.critic.critic.heads, *trainer.critic.averaged):
            head.fitted.fill_(True)
    explained, spent = {}, 0.0
    steps = [batches] if options.get("offline") else [
        batches[max(0, k - own.get("replay", 1)) : k] for k in range(1, len(batches) + 1)
    ]
    for k, step in enumerate(steps, 1 + len(batches) - len(steps)):
        began = time.process_time()
        (fit_offline if options.get("offline") else learn)(trainer, step)
        spent += time.process_time() - began
        if k in POINTS:
            turns = write_values(trainer.critic, held)
            explained[64 * k] = thirds(turns, held, trainer.algorithm.options.gamma)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"critic": name, "options": options, "explained": explained,
            "seconds_an_iteration": round(spent / len(batches), 3), "peak_mib": peak // 1024}


def learn(trainer: Trainer, batches) -> None:
    """The critic's part of an iteration: the last batch is fresh, those before are replayed."""
    for k, batch in enumerate(batches):
        for episode in batch:
            episode.replayed = k < len(batches) - 1
            for turn in (turn for x in episode.trajectories for turn in x.turns):
                turn.log_ratio = 0.0 if episode.replayed else None
    episodes = [episode for batch in batches for episode in batch]
    trainer.critic.write_values(episodes)
    trainer.algorithm.compute_advantages(episodes)
    trainer.critic.update(episodes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--policies", default=",".join(policies()))
    parser.add_argument("--critics", default=",".join(CRITICS), help="of VARIANTS and LONG, too")
    parser.add_argument("--no-probes", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    lines = ROWS.read_text().splitlines() if ROWS.exists() else []
    there = {(row["policy"], row["critic"]) for row in map(json.loads, lines)}
    commit = subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], text=True).strip()
    for policy in args.policies.split(","):
        config, before, iterations = policies()[policy]
        wanted = [c for c in args.critics.split(",") if (policy, c) not in there]
        probes = (policy, "probe joint") not in there and not args.no_probes
        if not set(wanted) & set(CRITICS | LONG) and not probes:
            iterations = min(iterations, 20)  # a variant's row
        if not wanted and not probes:
            continue
        trainer = team_of(config, before)
        batches, held = play(trainer, iterations, 1_000), play(trainer, 16, 2_000)
        held = [episode for batch in held for episode in batch]
        about = {"policy": policy, "commit": commit, "machine": platform.machine(),
                 "torch": torch.__version__, "held_out": len(held)}
        rows = (fit_critic(config, name, batches, held) for name in wanted)
        vocabulary = len(trainer.team.tokenizer)
        for row in rows:
            _append(about | row)
        if probes:
            for row in probe_rows(batches, held, vocabulary, config.agents):
                _append(about | row)


def _append(row: dict) -> None:
    print(row["policy"], row["critic"], row["explained"], flush=True)
    with ROWS.open("a") as file:
        file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
