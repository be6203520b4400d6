"""Rollouts of a random Qwen3-0.6B for 4 agents with and without ``--compile-decoding``, in turn.

On a CPU (``--tiny``) the step is traced, but run by torch itself: what is shown there is that it
plays the same.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from common import Report, device, free, seconds_of
from game_job import Job
from iteration import make_case
from torch._dynamo.utils import counters

from colllm_bench.models import compiled_decoding

REPEATS = 5
WAYS = ("plain", "compiled")


def measure(report: Report) -> None:
    if device() == "cpu":
        compiled_decoding.BACKEND = "aot_eager"
    with tempfile.TemporaryDirectory() as folder:
        case = make_case(Path(folder), report.tiny)
        jobs = {way: Job(case | {"compile": way == "compiled"}) for way in WAYS}
        first, played = {}, {}
        for way, job in jobs.items():
            first[way], played[way] = seconds_of(lambda job=job: job.play(0))
            report.add("first_rollout_s", first)
        report.add("play", compare(played["plain"], played["compiled"]))
        free()
        seconds: dict[str, list[float]] = {way: [] for way in WAYS}
        for number in range(1, 1 + (1 if report.tiny else REPEATS)):
            for way, job in jobs.items():
                seconds[way].append(seconds_of(lambda job=job, n=number: job.play(n))[0])
            report.add("rollout_s", seconds)
            if report.left < 2 * sum(own[-1] for own in seconds.values()):
                break
    report.add("graphs", counters["stats"]["unique_graphs"])
    report.add("cuda_graphs_skipped", counters["inductor"]["cudagraph_skips"])


def compare(plain: list, compiled: list) -> dict[str, Any]:
    """Tokens of the first turns up to the first that differs: by rounding, in half precision."""
    gaps, whole = [], 0
    turns = [[x.turns[0] for e in episodes for x in e.trajectories]
             for episodes in (plain, compiled)]
    for one, other in zip(*turns, strict=True):
        pairs = list(zip(one.action_ids, other.action_ids))
        equal = next((i for i, (a, b) in enumerate(pairs) if a != b), len(pairs))
        whole += one.action_ids == other.action_ids
        gaps += [abs(a - b) for a, b in zip(one.logprobs[:equal], other.logprobs[:equal])]
    return {"rows": len(turns[0]), "same_first_actions": whole, "tokens_compared": len(gaps),
            "largest_difference_of_logprobs": max(gaps, default=0.0)}
