"""One iteration (rollout, values, critic, actor) of a random Qwen3-0.6B for 4 agents, and the
same job on CoMLRL 1.4.3 (MAAC), in turn; then what a generated token costs.

Here all agents of all episodes go through the model together, so more episodes are more
samples a second; the peer plays and learns one transcript at a time, so its rate does not
depend on how many there are, and it gets one episode a repeat.
"""

from __future__ import annotations

import importlib.util
import json
import queue
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import torch
from common import Report, device, free, log, peak_gib, seconds_of, token_profile
from game_job import PLAIN, Job
from models import QWEN3_06B, TINY, save_qwen3
from peer import WORKLOAD

AGENTS, EPISODES, REPEATS = 4, 16, 5
SMALL = {"turns": 2, "prompt_tokens": 16, "obs_tokens": 8, "new_tokens": 4}
KEPT_S = 60.0
"""Seconds that are kept for our own repeats while the peer starts."""
PROFILE_S = 25.0
"""Seconds that are kept for the profile."""


def make_case(folder: Path, tiny: bool, agents: int = AGENTS, episodes: int = EPISODES) -> dict:
    """The workload of ``results/benchmarks/peer.py`` with the model in ``folder``."""
    if not (folder / "config.json").exists():
        dtype = torch.float32 if tiny else torch.bfloat16
        save_qwen3(folder, TINY if tiny else QWEN3_06B, device(), dtype)
        (folder / "plain.jinja").write_text(PLAIN)
        free()
    return {
        **WORKLOAD, **(SMALL if tiny else {}), "model": str(folder), "agents": agents,
        "template": str(folder / "plain.jinja"), "items": 2 if tiny else episodes,
        "micro_batch": 1 if tiny else 4, "device": device(),
        "dtype": "float32" if tiny else "bfloat16",
    }


def matmul_flops(size: int) -> float:
    """Floating-point operations a second of a bf16 product of ``size``^3: the median of 20."""
    a, b = (torch.randn(size, size, device=device(), dtype=torch.bfloat16) for _ in range(2))
    for _ in range(3):
        a @ b
    seconds = [seconds_of(lambda: a @ b)[0] for _ in range(20)]
    return 2 * size**3 / statistics.median(seconds)


def arithmetic(case: dict, config: Any) -> dict[str, float]:
    """The least floating-point operations of an iteration, by piece.

    Each token once through every linear layer in the rollout and for the values; twice in an
    update (the base is frozen: forward, and the gradient of the inputs); logits at action
    tokens; attention over the causal half, 3.5 times in an update (backward recomputes the
    scores). Adapters are not counted.
    """
    tokens = transcript_tokens(case)
    heads = config.num_attention_heads * config.head_dim
    keys = config.num_key_value_heads * config.head_dim
    d, layers = config.hidden_size, config.num_hidden_layers
    weights = layers * (2 * d * heads + 2 * d * keys + 3 * d * config.intermediate_size)
    rows = case["agents"] * case["items"]
    linear = 2 * weights * tokens * rows
    logits = 2 * d * config.vocab_size * case["turns"] * case["new_tokens"] * rows
    alone = 2 * layers * heads * tokens**2 * rows
    joint = 2 * layers * heads * (case["agents"] * tokens) ** 2 * case["items"]
    return {
        "rollout": linear + alone + logits,
        "values": linear + joint,
        "critic": 2 * linear + 3.5 * joint,
        "actor": 2 * linear + 3.5 * alone + 2 * logits,
    }


def transcript_tokens(case: dict) -> int:
    turns = case["turns"]
    return (case["prompt_tokens"] + turns * case["new_tokens"]
            + (turns - 1) * case["obs_tokens"])


def timed_iteration(job: Job, number: int, peak: float | None) -> dict[str, Any]:
    """Seconds, rates and shares of ``peak`` of one iteration."""
    case, seconds = job.case, {}
    seconds["rollout"], episodes = seconds_of(lambda: job.play(number))
    seconds["values"], _ = seconds_of(lambda: job.critic.write_values(episodes))
    job.algorithm.compute_advantages(episodes)
    seconds["critic"], _ = seconds_of(lambda: job.critic.update(episodes))
    seconds["actor"], _ = seconds_of(lambda: job.actor.update(episodes, number))
    turns = [turn for e in episodes for x in e.trajectories for turn in x.turns]
    lengths = {len(turn.action_ids) for turn in turns}
    if lengths != {case["new_tokens"]}:
        raise RuntimeError(f"actions of {lengths} tokens, not of {case['new_tokens']}")
    whole = sum(seconds.values())
    training = whole - seconds["rollout"]
    tokens = transcript_tokens(case) * case["agents"] * case["items"]
    result = {
        "samples": len(turns),
        "seconds": seconds,
        "wall_s": whole,
        "samples_per_s": len(turns) / whole,
        "generated_tokens_per_s": len(turns) * case["new_tokens"] / seconds["rollout"],
        "rollout_tokens_per_s": tokens / seconds["rollout"],
        "training_tokens_per_s": tokens / training,
        "peak_memory_gib": peak_gib(),
    }
    if peak:
        flops = arithmetic(case, job.team.model.config)
        learning = flops["values"] + flops["critic"] + flops["actor"]
        result["share_of_matmul"] = {
            **{piece: flops[piece] / seconds[piece] / peak for piece in flops},
            "training": learning / training / peak,
            "whole": sum(flops.values()) / whole / peak,
        }
    return result


class Peer:
    """CoMLRL in a process of its own that runs a repeat when told to."""

    def __init__(self, case: dict):
        command = [sys.executable, str(Path(__file__).with_name("peer_job.py")), json.dumps(case)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.lines: queue.Queue = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout:
            if line.startswith("@"):
                self.lines.put(json.loads(line[1:]))
        self.lines.put({"error": f"the peer ended with code {self.process.wait()}"})

    def answer(self, seconds: float) -> dict:
        """Its next line. Raises RuntimeError where it failed, or says nothing in time."""
        try:
            line = self.lines.get(timeout=max(1.0, seconds))
        except queue.Empty:
            raise RuntimeError(f"the peer said nothing for {seconds:.0f} s") from None
        if "error" in line:
            raise RuntimeError(line["error"])
        return line

    def run(self, seconds: float) -> dict:
        self.process.stdin.write("run\n")
        self.process.stdin.flush()
        return self.answer(seconds)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def measure(report: Report) -> None:
    tiny = report.tiny
    with tempfile.TemporaryDirectory() as folder:
        case = make_case(Path(folder), tiny)
        report.add("case", {k: v for k, v in case.items() if k not in ("model", "template")})
        peer = None
        if importlib.util.find_spec("comlrl") is None:
            report.add("peer_about", {"absent": "comlrl is not installed"})
        else:
            place = "cuda:0" if device() == "cuda" else "cpu"
            peer = Peer(case | {"items": 1, "device": place})
        try:
            report.add("matmul_flops", matmul_flops(256 if tiny else 8192))
            job = Job(case)
            timed_iteration(job, 0, None)  # warm
            repeats(report, job, peer)
            # Last: a profiler that has once run may slow what follows.
            report.part("token", lambda: token_profile(job.team, case["items"], 33, tokens=17))
        finally:
            if peer is not None:
                peer.close()


def repeats(report: Report, job: Job, peer: Peer | None) -> None:
    """Both sides in turn; as many repeats as fit, at least our own."""
    keep = 0.0 if report.tiny else KEPT_S
    rows: dict[str, list[dict]] = {"ours": [], "peer": []}
    alive, longest = peer is not None, 0.0
    try:
        if alive:
            report.add("peer_about", peer.answer(report.left - keep))
    except RuntimeError as error:
        alive = False
        report.data["errors"].append(f"peer: {error}")
    for number in range(1, 1 + (1 if report.tiny else REPEATS)):
        if number > 1 and report.left < 1.3 * longest + PROFILE_S:
            break
        began = time.monotonic()
        free()  # memory for the other side's turn
        if alive:
            try:
                rows["peer"].append(peer.run(report.left - PROFILE_S))
            except RuntimeError as error:
                alive = False
                report.data["errors"].append(f"peer: {error}")
        rows["ours"].append(timed_iteration(job, number, report.data["matmul_flops"]))
        longest = max(longest, time.monotonic() - began)
        report.add("repeats", rows)
        report.add("medians", medians(rows))
        log(f"repeat {number}: {longest:.0f} s")


def medians(rows: dict[str, list[dict]]) -> dict[str, Any]:
    rates = {k: statistics.median(r["samples_per_s"] for r in v) for k, v in rows.items() if v}
    result: dict[str, Any] = {f"{side}_samples_per_s": rate for side, rate in rates.items()}
    if len(rates) == 2:
        result["ratio"] = rates["ours"] / rates["peer"]
    for key in ("generated_tokens_per_s", "training_tokens_per_s", "peak_memory_gib"):
        result[key] = statistics.median(r[key] for r in rows["ours"])
    shares = [r["share_of_matmul"] for r in rows["ours"]]
    result["share_of_matmul"] = {k: statistics.median(s[k] for s in shares) for k in shares[0]}
    if rows["peer"]:
        result["peer_peak_memory_gib"] = statistics.median(
            r["peak_memory_gib"] for r in rows["peer"]
        )
    return result
