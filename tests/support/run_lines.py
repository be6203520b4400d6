"""A run folder's settings, lines and states."""

from __future__ import annotations

from colllm_bench.config import RunConfig
from colllm_bench.runs.folder import RunFolder

CONFIG = RunConfig(lr=1e-3, env_options={"level": 2})


def line(iteration: int) -> dict:
    return {"iteration": iteration, "return": iteration / 3}


def play(folder: RunFolder, first: int, last: int) -> None:
    for i in range(first, last):
        folder.append_metrics(line(i))
        folder.append_timing({"iteration": i, "rollout": 1.0})
        folder.append_episodes([{"iteration": i, "seed": k} for k in range(3)])


def state(k: int) -> dict:
    import torch

    return {"weights": torch.full((1000,), float(k)), "scale": None, "steps": [k, 0.5, "x"]}
