"""One training iteration of a real model, part by part: whole rows against shared beginnings.

    OMP_NUM_THREADS=1 python results/benchmarks/real_model/speed.py --model FOLDER --layers 4

``--layers`` keeps the first so many of the model's layers, so that a repeat takes seconds; logits
then weigh more than in the whole model. CPU seconds of one thread; the ways are interleaved, every
repeat starts from the same parameters and plays the same tasks; medians and all values. Writes
``NAME.json`` beside this file and prints a table.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent.parent))
from throughput import machine

CASE = {"algo": "cc", "agents": 2, "batch": 4, "minibatches": 1, "max_action_tokens": 24,
        "device": "cpu", "threads": 1, "seed": 0}
PARTS = ("prefill", "decode", "rest of the rollout", "values", "critic", "actor")


class Clock:
    """CPU seconds by part; what a part encloses is not counted in it."""

    def __init__(self):
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self.tokens = dict.fromkeys(PARTS, 0)
        self.open: list[str] = []
        self.since = 0.0

    @contextmanager
    def part(self, name: str):
        self._book()
        self.open.append(name)
        try:
            yield
        finally:
            self._book()
            self.open.pop()

    def _book(self) -> None:
        now = time.process_time()
        if self.open:
            self.seconds[self.open[-1]] += now - self.since
        self.since = now


def watch(model, clock: list[Clock]) -> None:
    """Count the tokens that the transformer reads, padding included, and split a rollout's
    passes in two."""
    inner = model.base_model.forward

    def forward(*args, **kwargs):
        ids, part = kwargs["input_ids"], clock[0].open[-1]
        if part == "rest of the rollout":
            part = "decode" if ids.shape[1] == 1 else "prefill"
        clock[0].tokens[part] += ids.numel()
        with clock[0].part(part):
            return inner(*args, **kwargs)

    model.base_model.forward = forward


def peak_mib(reset: bool = False) -> float:
    """The process's largest resident size since the last reset (Linux)."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


class Job:
    """A trainer that can be put back to its start, and the way in which it computes."""

    def __init__(self, model: str, case: dict, ways: list[str]):
        from colllm_bench.config import RunConfig
        from colllm_bench.setup.resolve import resolve
        from colllm_bench.training.trainer import Trainer

        critic = {"critic_warmup": 0} if case["algo"] != "mc" else {}
        self.trainer = Trainer(resolve(RunConfig.of(model=model, **case, **critic)))
        self.start, self.ways = self.trainer.state_dict(), ways
        self.sizes = self.trainer.actor.micro_batch
        self.clock = [Clock()]
        watch(self.trainer.team.model, self.clock)

    def run(self, way: str) -> dict:
        """One iteration. ``whole rows`` is how all rows ran before beginnings were shared,
        ``MKL`` how products were computed before they were oneDNN's."""
        t, sharing = self.trainer, "whole rows" not in way
        t.load_state_dict(self.start)
        use_onednn(t.team, "MKL" not in way)
        t.team.shares_prefixes = sharing
        t.actor.micro_batch = (
            self.sizes if sharing else dataclasses.replace(self.sizes, tokens=4096)
        )
        if t.critic is not None:
            t.critic.critic.shares_prefixes = sharing
        clock = self.clock[0] = Clock()
        before = peak_mib(reset=True)
        with clock.part("rest of the rollout"):
            episodes = t.play(0)
        if t.critic is not None:
            with clock.part("values"):
                t.critic.write_values(episodes)
        t.algorithm.compute_advantages(episodes)
        if t.critic is not None:
            with clock.part("critic"):
                t.critic.update(episodes)
        with clock.part("actor"):
            metrics = t.actor.update(episodes, 0)
        turns = [turn for e in episodes for x in e.trajectories for turn in x.turns]
        return {
            "cpu_s": clock.seconds, "cpu_s_in_all": sum(clock.seconds.values()),
            "tokens_read": clock.tokens, "samples": len(turns),
            "resident_before_mib": before, "peak_mib": peak_mib(),
            "actor_grad_norm": metrics["actor_grad_norm"],
            "ids": [list(turn.action_ids) for turn in turns],
            "logprobs": [list(turn.logprobs) for turn in turns],
            "values": [turn.value for turn in turns if turn.value is not None],
        }


def use_onednn(team, on: bool) -> None:
    """Products of ``team``'s base by oneDNN (see ``models/onednn.py``), or as torch makes them."""
    from torch.nn import functional as F

    from colllm_bench.models import onednn

    layers = team.adapters.layers.values()
    on = on and onednn.pays(team.model, team.device)
    for layer in layers:
        layer.linear = onednn.linear if on else F.linear
    team.adapters._mergeable = not on and next(iter(layers)).weight.dtype == torch.float32
    output = team.model.get_output_embeddings()
    output.__class__ = onednn.FrozenLinear if on else torch.nn.Linear


def bound(model, tokens: dict[str, int], written: int) -> tuple[float, dict[str, float]]:
    """(GFLOP/s of this CPU's matrix product, least seconds of each part at that speed).

    Linear layers of the blocks for every token read (twice in the actor's update: forward, and
    the gradient of the inputs; also for a beginning's first reading, which takes none), logits of
    ``written`` tokens; no attention, no norms, no Python.
    """
    head = model.get_output_embeddings().weight
    linear = sum(
        p.numel() for name, p in model.named_parameters()
        if p.ndim == 2 and p.shape != head.shape and "embed" not in name
    )
    width, inner = model.config.hidden_size, model.config.intermediate_size
    x, weight = torch.randn(1024, width), torch.randn(inner, width)
    best = float("inf")
    for _ in range(10):
        began = time.process_time()
        torch.nn.functional.linear(x, weight)
        best = min(best, time.process_time() - began)
    speed = 2 * 1024 * width * inner / best
    flops = {part: 2 * linear * n for part, n in tokens.items()}
    flops["actor"] *= 2
    flops["decode"] += 2 * head.numel() * written
    flops["actor"] += 3 * 2 * head.numel() * written
    return speed / 1e9, {part: n / speed for part, n in flops.items()}


def cut(model: str, layers: int, folder: str) -> str:
    """The model with its first ``layers`` only, saved in ``folder``."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    AutoModelForCausalLM.from_pretrained(
        model, num_hidden_layers=layers, dtype=torch.float32
    ).save_pretrained(folder)
    AutoTokenizer.from_pretrained(model).save_pretrained(folder)
    return folder


def measure(model: str, args: argparse.Namespace) -> dict:
    case = CASE | {"env": args.env, "algo": args.algo, "batch": args.batch}
    jobs = [Job(model, case, args.ways.split("+"))]
    if args.bf16:
        half = case | {"dtype": "bfloat16"}
        jobs.append(Job(model, half, ["shared beginnings, bfloat16"]))
    runs: dict[str, list[dict]] = {way: [] for job in jobs for way in job.ways}
    for repeat in range(args.repeats):
        for job in jobs:
            for way in job.ways:
                runs[way].append(job.run(way))
                done = {k: v for k, v in runs[way][-1].items() if not isinstance(v, list)}
                print(repeat, way, json.dumps(done), file=sys.stderr, flush=True)
    whole, shared = (runs[way][0] for way in (jobs[0].ways[0], jobs[0].ways[-1]))
    speed, least = bound(
        jobs[0].trainer.team.model, shared["tokens_read"], sum(map(len, shared["ids"]))
    )
    # A draw that falls between two roundings of one probability is another token, and all that
    # follows is another text: only equal actions can be compared.
    same = [k for k, ids in enumerate(whole["ids"]) if ids == shared["ids"][k]]
    equal = {
        "same_actions": f"{len(same)} of {len(whole['ids'])}",
        "largest_difference_of_logprobs": max(
            (gap(whole["logprobs"][k], shared["logprobs"][k]) for k in same), default=0.0
        ),
        "largest_difference_of_values": gap(whole["values"], shared["values"]),
        "actor_grad_norms": [whole["actor_grad_norm"], shared["actor_grad_norm"]],
    }
    for own in runs.values():
        for run in own:
            run["cpu_s"] = {k: round(v, 3) for k, v in run["cpu_s"].items()}
            for name in ("ids", "logprobs", "values"):
                del run[name]
    return {"case": CASE | vars(args) | {"model": Path(args.model).name}, "machine": machine(),
            "gflops_of_matrix_product": speed, "least_s_of_shared": least, "equal": equal,
            "runs": runs}


def reported(args: argparse.Namespace, measure: Callable[..., dict]) -> dict:
    """What ``measure`` found on one thread, of the model or of ``--layers`` of it; written beside
    this script as ``--name``."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        model = cut(args.model, args.layers, folder) if args.layers else args.model
        report = measure(model, args)
    path = Path(__file__).with_name(f"{args.name}.json")
    path.write_text(json.dumps(report, indent=1) + "\n")
    return report


def gap(one: list[float], other: list[float]) -> float:
    return max((abs(a - b) for a, b in zip(one, other, strict=True)), default=0.0)


def table(report: dict) -> str:
    ways = report["runs"]
    lines = ["| CPU s | " + " | ".join(ways) + " | bound of shared |",
             "|---" * (len(ways) + 2) + "|"]
    for part in PARTS:
        cells = [f"{statistics.median(r['cpu_s'][part] for r in runs):.2f}"
                 for runs in ways.values()]
        lines.append(f"| {part} | " + " | ".join(cells)
                     + f" | {report['least_s_of_shared'][part]:.2f} |")
    for name, key in (("in all", "cpu_s_in_all"), ("peak MiB", "peak_mib")):
        cells = [f"{statistics.median(r[key] for r in runs):.1f} ("
                 + ", ".join(f"{r[key]:.1f}" for r in runs) + ")" for runs in ways.values()]
        least = sum(report["least_s_of_shared"].values()) if key == "cpu_s_in_all" else None
        lines.append(f"| {name} | " + " | ".join(cells)
                     + (f" | {least:.2f} |" if least else " | |"))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, help="a folder of save_pretrained")
    parser.add_argument("--layers", type=int, help="keep so many layers; default: all")
    parser.add_argument("--env", default="coding")
    parser.add_argument("--algo", default="cc")
    parser.add_argument("--batch", type=int, default=CASE["batch"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--ways", default="whole rows, MKL+shared beginnings, MKL+shared beginnings",
        help="what to compare, joined by +",
    )
    parser.add_argument("--bf16", action="store_true", help="a third way: --dtype bfloat16")
    parser.add_argument("--name", default="speed")
    args = parser.parse_args()
    print(table(reported(args, measure)))


if __name__ == "__main__":
    main()
