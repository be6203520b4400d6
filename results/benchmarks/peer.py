"""The same training job here and on CoMLRL (MAAC, its CC), run as it is, interleaved.

A *sample* is one agent's action in one turn. Both sides run in processes of their own, so
that peak memory is each one's own.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

WORKLOAD = {"turns": 8, "prompt_tokens": 128, "obs_tokens": 32, "new_tokens": 16, "seed": 0}
MODES = {
    # On a CPU one episode at a time is as fast as several: its tensors stay in the cache.
    "fast": {"micro_batch": 1},
    "lean": {"micro_batch": 1, "checkpointing": True},
}
LEAN_ENVIRONMENT = {"MALLOC_MMAP_THRESHOLD_": str(2**20)}
"""glibc gives large blocks back at once instead of hoarding them: slower, and leaner."""


def ours(case: dict, mode: str) -> dict:
    script = Path(__file__).with_name("game_job.py")
    environment = dict(os.environ) | (LEAN_ENVIRONMENT if mode == "lean" else {})
    job = case | MODES[mode]
    if mode == "lean":  # fewer keys and values at once, but enough rows to share a pass
        job["wave"] = max(4, 32 // case["agents"])
    return run([sys.executable, str(script), json.dumps(job)], environment)


def theirs(args: argparse.Namespace, case: dict) -> dict:
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        command = [
            args.peer_python, args.peer, "--model", args.peer_model, "--algos", "maac",
            "--tasks", "game", "--agents", str(case["agents"]), "--items", str(case["items"]),
            "--turns", str(case["turns"]), "--history", "growing", "--repeats", "1",
            "--prompt-tokens", str(case["prompt_tokens"]), "--obs-tokens",
            str(case["obs_tokens"]), "--game-new", str(case["new_tokens"]), "--out", out.name,
        ]
        run(command, dict(os.environ) | {"WANDB_MODE": "disabled"}, parse=False)
        found = json.loads(Path(out.name).read_text())["results"][0]["runs"][0]
    if "error" in found:
        raise SystemExit(f"the peer failed: {found['error']}")
    return found


def run(command: list[str], environment: dict, parse: bool = True):
    child = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if child.returncode:
        raise SystemExit(f"{command[:2]} failed:\n{child.stderr[-2000:]}")
    return json.loads(child.stdout.strip().splitlines()[-1]) if parse else None


def compare(args: argparse.Namespace) -> dict:
    from game_job import PLAIN

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        template = Path(folder) / "plain.jinja"
        template.write_text(PLAIN)
        for agents in map(int, args.peer_agents.split(",")):
            case = {**WORKLOAD, "agents": agents, "items": args.peer_items,
                    "model": str(Path(args.peer_model).resolve()), "template": str(template)}
            runs: dict[str, list[dict]] = {"peer": [], "fast": [], "lean": []}
            for _ in range(args.peer_repeats):
                runs["peer"].append(theirs(args, case))
                for mode in MODES:
                    runs[mode].append(ours(case, mode))
            rows.append({"agents": agents, **{k: summary(v) for k, v in runs.items()}})
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return {"workload": {**WORKLOAD, "items": args.peer_items}, "repeats": args.peer_repeats,
            "rows": rows, "bound": bound(args.peer_model)}


def summary(runs: list[dict]) -> dict:
    keys = ("cpu_ms_per_sample", "peak_rss_mib", "wall_s")
    out = {key: statistics.median(r[key] for r in runs) for key in keys}
    out["all_cpu_ms_per_sample"] = [round(r["cpu_ms_per_sample"], 1) for r in runs]
    if "cpu_ms_per_sample_by_piece" in runs[0]:
        pieces = runs[0]["cpu_ms_per_sample_by_piece"]
        out["pieces"] = {
            name: statistics.median(r["cpu_ms_per_sample_by_piece"][name] for r in runs)
            for name in pieces
        }
    return out


def bound(model: str) -> dict:
    """The least arithmetic of one sample of the job, in GFLOP, and the time it takes at the
    speed of this CPU's own matrix product: no kernel can beat it without skipping work.

    Counted: each token once through every linear layer in the rollout, twice in an update
    with frozen weights (forward, and the gradient of the inputs), logits at action tokens;
    attention over the causal half, three and a half times in an update (backward recomputes
    the scores). The critic reads each episode once for values and once in its update.
    """
    import time

    import torch
    from transformers import AutoConfig

    c = AutoConfig.from_pretrained(model)
    d, inner, layers, vocabulary = (
        c.hidden_size, c.intermediate_size, c.num_hidden_layers, c.vocab_size)
    w = WORKLOAD
    length = w["prompt_tokens"] + w["turns"] * w["new_tokens"] + (w["turns"] - 1) * w["obs_tokens"]
    linear = 2 * layers * (4 * d * d + 3 * d * inner)
    head = 2 * d * vocabulary * w["turns"] * w["new_tokens"]
    x = torch.randn(4096, d)
    weight = torch.randn(inner, d)
    best = float("inf")
    for _ in range(20):
        began = time.process_time()
        torch.nn.functional.linear(x, weight)
        best = min(best, time.process_time() - began)
    speed = 2 * 4096 * d * inner / best
    rows = {}
    for agents in (2, 4, 8):
        attention = 2 * layers * d * length**2
        joint = 2 * layers * d * (agents * length) ** 2 / agents
        rollout = length * linear + attention + head
        actor = 2 * length * linear + 3.5 * attention + 3 * head
        critic = (1 + 2) * length * linear + (1 + 3.5) * joint
        flops = (rollout + actor + critic) / w["turns"]
        rows[agents] = {"gflop_per_sample": flops / 1e9, "cpu_ms_per_sample": 1000 * flops / speed}
    return {"gflops_of_matrix_product": speed / 1e9, "agents": rows}


def _repeats(count: int) -> str:
    """What the numbers are, in words: few runs have no median worth the name."""
    if count == 1:
        return "of a single run each: no spread is known, so read the ratios as rough"
    return f"medians of {count} interleaved runs" + (" (few)" if count < 5 else "")


def markdown(report: dict) -> list[str]:
    w, b = report["workload"], report["bound"]
    lines = [
        "",
        "## The same training job on CoMLRL 1.4.3",
        "",
        f"Game of {w['turns']} turns, growing history: {w['prompt_tokens']} prompt tokens, "
        f"{w['obs_tokens']} observed and {w['new_tokens']} written a turn, {w['items']} episodes, "
        f"one pass of centralized-critic training (MAAC; `cc` here); CPU ms a sample, "
        f"{_repeats(report['repeats'])}. Updates go one episode at a time; "
        "`lean` adds activation checkpointing, plays 32 transcripts at a time and has glibc give "
        "freed blocks back at once.",
        "",
        "| agents | CoMLRL | here | ratio | here, lean | ratio | bound, ms | peak MiB: CoMLRL "
        "| here | lean |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for r in report["rows"]:
        peer, fast, lean = r["peer"], r["fast"], r["lean"]
        least = b["agents"].get(r["agents"]) or b["agents"].get(str(r["agents"]))
        lines.append(
            f"| {r['agents']} | {peer['cpu_ms_per_sample']:.0f} | {fast['cpu_ms_per_sample']:.1f} "
            f"| {peer['cpu_ms_per_sample'] / fast['cpu_ms_per_sample']:.1f}x "
            f"| {lean['cpu_ms_per_sample']:.1f} "
            f"| {peer['cpu_ms_per_sample'] / lean['cpu_ms_per_sample']:.1f}x "
            f"| {least['cpu_ms_per_sample'] if least else float('nan'):.1f} "
            f"| {peer['peak_rss_mib']:.0f} | {fast['peak_rss_mib']:.0f} "
            f"| {lean['peak_rss_mib']:.0f} |"
        )
    if report["repeats"] > 1:
        lines += ["", "Ratio (CoMLRL to here) of each repeat: " + "; ".join(
            f"{r['agents']} agents " + ", ".join(
                f"{theirs / ours:.1f}" for theirs, ours in zip(
                    r["peer"]["all_cpu_ms_per_sample"], r["fast"]["all_cpu_ms_per_sample"]
                )
            ) for r in report["rows"]
        ) + "."]
    lines += [
        "",
        f"The bound is the arithmetic alone at {b['gflops_of_matrix_product']:.0f} GFLOP/s, what "
        "this CPU's matrix product does: no softmax, no norms, no Python. A batch here takes few "
        "optimizer steps where the peer takes many: this is throughput, not learning per second.",
    ]
    return lines
