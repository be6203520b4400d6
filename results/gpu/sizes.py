"""The random Qwen3-0.6B for 2, 4 and 8 agents: speed and memory, gradient checkpointing on and
off, the micro-batch that the package chooses by itself, and the default batch."""

from __future__ import annotations

import tempfile
from pathlib import Path

from common import Report
from game_job import Job
from iteration import make_case, matmul_flops, timed_iteration, transcript_tokens

CASES = {
    "4 agents, micro-batch by itself": (4, 16, False, None),
    "4 agents, 64 episodes": (4, 64, False, 4),
    "8 agents": (8, 16, False, 4),
    "8 agents, checkpointing": (8, 16, True, 4),
    "2 agents": (2, 16, False, 4),
    "2 agents, checkpointing": (2, 16, True, 4),
}
"""Agents, episodes, gradient checkpointing, micro-batch (None: left to the package)."""


def measure(report: Report) -> None:
    with tempfile.TemporaryDirectory() as folder:
        make_case(Path(folder), report.tiny)
        report.add("matmul_flops", matmul_flops(256 if report.tiny else 8192))
        cases = list(CASES.items())[:: 3 if report.tiny else 1]
        for name, (agents, episodes, checkpointing, micro_batch) in cases:
            case = make_case(Path(folder), report.tiny, agents, episodes)
            case |= {"checkpointing": checkpointing, "micro_batch": micro_batch}
            report.part(name, lambda case=case: one(case, report.data["matmul_flops"]))


def one(case: dict, peak: float) -> dict:
    job = Job(case)
    timed_iteration(job, 0, None)  # warm
    measured = timed_iteration(job, 1, peak)
    sizes = job.actor.micro_batch
    tokens = transcript_tokens(case) * case["agents"]
    actions = case["turns"] * case["new_tokens"] * case["agents"]
    return {
        "micro_batch": min(sizes.episodes(tokens, actions), case["items"]),
        **measured,
    }
