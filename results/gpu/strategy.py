"""``--env strategy --algo cc`` with the built-in model on the device, in float32 and in bf16,
beside the CPU's reference runs; and what a generated token of it costs."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean
from typing import Any

from common import Report, device, token_profile
from learning import learn

from colllm_bench.config import RunConfig
from colllm_bench.setup.resolve import resolve
from colllm_bench.training.trainer import Trainer

REFERENCE = Path(__file__).resolve().parents[1] / "reference/strategy/cc/default"
SMALL = {"episodes": 16, "batch": 8, "eval_episodes": 8, "critic_warmup": 0}
PROFILE_S = 15.0
"""Seconds that are kept for the profile."""


def measure(report: Report) -> None:
    report.add("reference", reference(report.tiny))
    for place, dtype in enumerate(("float32", "bfloat16")):
        # What is left is shared by the dtypes that are still to come.
        seconds = (report.left - PROFILE_S) / (2 - place)
        report.part(dtype, lambda d=dtype, s=seconds: learn(setting(report.tiny, d), s))
    report.part("token", lambda: token(report.tiny))


def reference(tiny: bool) -> list[dict[str, Any]]:
    """Each seed's curve and held-out win rate on the CPU."""
    seeds = []
    for folder in sorted(REFERENCE.glob("seed*")):
        summary = json.loads((folder / "summary.json").read_text())
        rows = [json.loads(x) for x in (folder / "metrics.jsonl").read_text().splitlines()]
        times = [json.loads(x) for x in (folder / "timing.jsonl").read_text().splitlines()]
        seeds.append({
            "seed": folder.name,
            "held_out": summary["success"]["trained"],
            "iteration_s": fmean(row["rollout"] + row["learn"] for row in times),
            "success": [] if tiny else [row["success"] for row in rows],
        })
    return seeds


def setting(tiny: bool, dtype: str) -> RunConfig:
    return resolve(RunConfig.of(device=device(), dtype=dtype, **(SMALL if tiny else {})))


def token(tiny: bool) -> dict[str, Any]:
    """What a generated token of a batch of the default size costs."""
    config = setting(tiny, "bfloat16")
    return token_profile(Trainer(config).team, config.batch, 13)
