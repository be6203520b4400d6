"""Run folders made by hand: the files of a complete run, without any training."""

from __future__ import annotations

import json
import random
from pathlib import Path
from statistics import fmean

from colllm_bench.config import RunConfig


def make_run(
    root, env="strategy", algo="cc", name="default", seed=0, *, agents=3, iterations=10, batch=64,
    rise=0.5, final=None, version="0.1.0", held_out=40, success=True, rng=None, **changes,
) -> Path:
    """A folder ``root/env/algo/name/seedK``.

    The return of iteration i of I is about ``i / (I - 1)`` to the power ``rise``. Held-out
    episodes are won or lost, a share ``final`` of them won (drawn where None).
    """
    rng = rng or random.Random(f"{env}/{algo}/{name}/{agents}/{seed}")
    path = Path(root) / env / algo / name / f"seed{seed}"
    path.mkdir(parents=True)
    config = RunConfig(
        env=env, algo=algo, agents=agents, seed=seed, episodes=iterations * batch, batch=batch,
        lr=0.003, **changes,
    )
    write(path / "config.json", {
        "version": version, "digest": config.digest, "config": config.to_dict()
    })
    write(path / "environment.json", {"colllm_bench": version, "commit": "c0ffee", "resumed": []})
    rows, timing = [], []
    for i in range(iterations):
        level = (i / max(1, iterations - 1)) ** rise
        won = fmean(rng.random() < level for _ in range(batch))
        row = {
            "iteration": i, "episodes": (i + 1) * batch, "return": won, "length": 12.0,
            "invalid": rng.random() / 10, "agent_turns": batch * agents * 12,
            "tokens": batch * agents * 24 + rng.randrange(9), "sampled_entropy": 1.2 - level,
            "explained_variance": level / 2 if algo != "mc" else None,
            "policy_loss": rng.gauss(0, 0.01), "actor_grad_norm": rng.random(),
            "advantage_std": 0.1 + rng.random() / 10, "bytes_exchanged": agents * 1000,
            "advantage_variance": 0.05 + rng.random() / 50,
            "gradient_signal": rng.random() if i % 2 == 0 else None,
            "gradient_noise": 0.5 + rng.random() if i % 2 == 0 else None,
        }
        rows.append(row | ({"success": won} if success else {}))
        timing.append({
            "iteration": i, "rollout": 1 + rng.random(), "learn": 2 + rng.random(),
            "memory_mib": 600.0 + i,
        })
    lines(path / "metrics.jsonl", rows)
    lines(path / "timing.jsonl", timing)
    share = rng.uniform(0.6, 0.95) if final is None else final
    write(path / "summary.json", summary_of(config, {
        "trained": won_of(held_out, share), "untrained": won_of(held_out, 0.1),
        "random": won_of(held_out, 0.0), "scripted": won_of(held_out, 1.0),
    }, success))
    return path


def won_of(episodes: int, share: float) -> list[float]:
    wins = round(share * episodes)
    return [1.0] * wins + [0.0] * (episodes - wins)


def summary_of(config: RunConfig, returns: dict[str, list[float]], success: bool) -> dict:
    from colllm_bench.evaluation.held_out import summarize_teams

    return summarize_teams(config, {
        name: {
            "returns": own, "successes": [int(r) for r in own] if success else None,
            "turns": [12] * len(own), "invalid": 0.0,
        }
        for name, own in returns.items()
    })


def write(path: Path, data) -> None:
    path.write_text(json.dumps(data, indent=2))


def lines(path: Path, rows) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
