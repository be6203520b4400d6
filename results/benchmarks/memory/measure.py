"""What a run of a shape takes, phase by phase, beside what was estimated before it started.

    python results/benchmarks/memory/measure.py            # all cases into memory.json, the table
    python results/benchmarks/memory/measure.py --case tiny-strategy     # one, printed

Each case is a process of its own: the estimate first, then one iteration (two where the first
trains no actor), the peak of resident memory after each phase. Linux: the peak is reset between
phases by /proc/self/clear_refs. Weights are random: what is measured depends on shapes alone.
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SMOLLM2_135M = {
    "vocab_size": 49_152, "hidden_size": 576, "num_hidden_layers": 30, "num_attention_heads": 9,
    "num_key_value_heads": 3, "intermediate_size": 1536,
}
"""The shape of SmolLM2-135M (config.json on the hub); tied embeddings."""
QWEN3_06B = {
    "vocab_size": 151_936, "hidden_size": 1024, "num_hidden_layers": 28,
    "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128,
    "intermediate_size": 3072,
}
"""The shape of Qwen3-0.6B (config.json on the hub); tied embeddings."""
SMALL = {"style": "brief", "agents": 2, "eval_episodes": 2, "threads": 1}
CASES: dict[str, dict[str, Any]] = {
    "tiny-strategy": {"env": "strategy", "algo": "cc", "agents": 3},
    "tiny-strategy-8": {"env": "strategy", "algo": "cc", "agents": 8},
    "tiny-strategy-8-counts": {
        "env": "strategy", "algo": "cc", "agents": 8, "algo_options": {"critic_counts": 1024},
    },
    "tiny-coding": {"env": "coding", "algo": "mc", "agents": 4},
    "smollm2-mc": {
        **SMALL, "shape": "smollm2", "env": "coding", "algo": "mc", "batch": 4, "group": 4,
        "env_options": {"turns": 2}, "max_action_tokens": 8, "minibatches": 1,
    },
    "smollm2-cc": {
        **SMALL, "shape": "smollm2", "env": "credit", "algo": "cc", "batch": 16,
        "env_options": {"turns": 4}, "max_action_tokens": 4, "critic_warmup": 0,
        "minibatches": 1, "stored": "float32",
    },
    "smollm2-checkpointing": {
        **SMALL, "shape": "smollm2", "env": "coding", "algo": "mc", "batch": 4, "group": 4,
        "env_options": {"turns": 2}, "max_action_tokens": 8, "minibatches": 1,
        "gradient_checkpointing": True,
    },
    "qwen3-mc": {
        **SMALL, "shape": "qwen3", "env": "credit", "algo": "mc", "batch": 4, "group": 4,
        "env_options": {"turns": 2}, "max_action_tokens": 4, "minibatches": 1,
    },
}


def save_model(folder: Path, shape: str, env: str, stored: str = "bfloat16") -> None:
    """A random model of a shape, with the tokenizer of the environment's built-in model."""
    import torch
    from transformers import (
        AutoTokenizer,
        LlamaConfig,
        LlamaForCausalLM,
        Qwen3Config,
        Qwen3ForCausalLM,
    )

    from colllm_bench.models.base_files import find_source

    tokenizer = AutoTokenizer.from_pretrained(find_source("tiny", env))
    kinds = {"smollm2": (LlamaConfig, LlamaForCausalLM, SMOLLM2_135M),
             "qwen3": (Qwen3Config, Qwen3ForCausalLM, QWEN3_06B)}
    make_config, make_model, numbers = kinds[shape]
    torch.manual_seed(0)
    config = make_config(
        **numbers, tie_word_embeddings=True, max_position_embeddings=4096,
        pad_token_id=tokenizer.pad_token_id, eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None, dtype=getattr(torch, stored),
    )
    make_model(config).to(config.dtype).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def reset_peak() -> None:
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")


def peak_mib() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmHWM")


def measure(case: dict[str, Any], model: str | None) -> dict[str, Any]:
    """Estimate and peaks of a case, in MiB, in this process."""
    from colllm_bench.config import RunConfig
    from colllm_bench.setup.resolve import resolve
    from colllm_bench.training import memory
    from colllm_bench.training.trainer import Trainer

    settings = {name: case[name] for name in case if name not in ("shape", "stored")}
    config = resolve(RunConfig.of(device="cpu", **settings, **({"model": model} if model else {})))
    estimate = memory.estimate(config)
    peaks, seconds, began = {}, {}, time.perf_counter()

    def note(phase: str) -> None:
        nonlocal began
        peaks[phase] = round(max(peak_mib(), peaks.get(phase, 0)), 1)
        seconds[phase] = round(time.perf_counter() - began, 1)
        reset_peak()
        began = time.perf_counter()

    reset_peak()
    trainer = Trainer(config)
    trainer.begin()
    note("load")
    warmup = getattr(trainer.algorithm.options, "critic_warmup", 0)
    for iteration in range(warmup, warmup + 1):
        episodes = trainer.play(iteration)
        note("rollout")
        if trainer.critic is not None:
            trainer.critic.write_values(episodes)
            note("values")
        trainer.algorithm.compute_advantages(episodes)
        if trainer.critic is not None:
            trainer.critic.update(episodes)
            note("critic")
        trainer.actor.update(episodes, iteration)
        note("actor")
    lengths = [
        sum(len(t.prompt_ids) + len(t.action_ids) for t in x.turns)
        for e in episodes for x in e.trajectories
    ]
    return {
        "settings": case, "estimate_mib": round(estimate.total / 2**20, 1),
        "measured_mib": max(peaks.values()), "peaks_mib": peaks, "seconds": seconds,
        "estimate": {name: round(size / 2**20, 1) for name, size in estimate.parts.items()},
        "estimate_phases": {name: round(size / 2**20, 1) for name, size in estimate.phases.items()},
        "tokens": estimate.tokens, "longest_transcript": max(lengths),
    }


def run_case(name: str) -> dict[str, Any]:
    """A case in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        case = CASES[name]
        command = [sys.executable, __file__, "--here", name]
        if "shape" in case:
            make = [sys.executable, __file__, "--make", name, folder]
            subprocess.run(make, check=True)
            command += [folder]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def on_the_h100() -> dict[str, dict[str, Any]]:
    """The Qwen3-0.6B job of results/gpu (4 agents, 16 episodes, ``cc``, bfloat16), whose peaks of
    GPU memory are committed there, beside what is estimated for its shapes and lengths."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    from colllm_bench.config import RunConfig
    from colllm_bench.models.outline import Outline
    from colllm_bench.setup.resolve import resolve
    from colllm_bench.training.memory_shapes import Shapes
    from colllm_bench.types import Episode, Trajectory, Turn

    data = HERE.parents[1] / "gpu" / "data"
    job = json.loads((data / "iteration.json").read_text())
    sizes = json.loads((data / "sizes.json").read_text())["4 agents, micro-batch by itself"]
    case = job["case"]
    with torch.device("meta"):
        config = Qwen3Config(**QWEN3_06B, tie_word_embeddings=True, dtype=torch.bfloat16)
        base = Outline(Qwen3ForCausalLM(config).to(torch.bfloat16), None, None, 0)
    lengths = [case["prompt_tokens"] + 1, *[case["obs_tokens"] + 1] * (case["turns"] - 1)]
    episode = Episode(0, 0, [
        Trajectory(str(a), a, "", [
            Turn("", [0] * n, [0] * case["new_tokens"]) for n in lengths
        ]) for a in range(case["agents"])
    ])
    found = {}
    for size, peak in ((case["micro_batch"], job["medians"]["peak_memory_gib"]),
                       (sizes["micro_batch"], sizes["peak_memory_gib"])):
        settings = resolve(RunConfig.of(
            algo="cc", agents=case["agents"], batch=case["items"], micro_batch=size,
            critic_backbone="adapters",  # as critics were at that commit
        ))
        shapes = Shapes(settings, base, torch.device("cpu"), [episode])
        shapes.holes = 1.0  # there is no GPU here to ask for its memory
        parts = {"base": shapes.base, **shapes.trained()}
        phases = {"rollout": shapes.rollout(), **shapes.learning()}
        mib = {name: round(n / 2**20, 1) for name, n in parts.items()}
        over = {name: round(n / 2**20, 1) for name, n in phases.items()}
        found[f"h100, {size} episodes at once"] = {
            "settings": {**case, "micro_batch": size},
            "estimate_mib": round(sum(mib.values()) + max(over.values()), 1),
            "measured_mib": round(1024 * peak, 1),
            "peaks_mib": {"whole job": round(1024 * peak, 1)},
            "estimate": mib, "estimate_phases": over,
        }
    return found


def table(results: dict[str, dict[str, Any]]) -> str:
    lines = ["| case | estimated MiB | measured MiB | estimated / measured | decided by |",
             "|---|---|---|---|---|"]
    for name, row in results.items():
        peak = max(row["peaks_mib"], key=row["peaks_mib"].get)
        ratio = row["estimate_mib"] / row["measured_mib"]
        lines.append(f"| `{name}` | {row['estimate_mib']:,.0f} | {row['measured_mib']:,.0f} "
                     f"| {ratio:.2f} | {peak} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", choices=CASES, action="append")
    parser.add_argument("--make", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--here", nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.make:
        name, folder = args.make
        case = CASES[name]
        kept = {key: case[key] for key in ("shape", "env", "stored") if key in case}
        return save_model(Path(folder), **kept)
    if args.here:
        name, *folder = args.here
        return print(json.dumps(measure(CASES[name], folder[0] if folder else None)))
    path = HERE / "memory.json"
    from colllm_bench.runs.provenance import environment

    results = json.loads(path.read_text())["cases"] if path.exists() else {}
    for name in args.case or CASES:
        results[name] = run_case(name)
        print(json.dumps(results[name]), flush=True)
        data = {"machine": environment(), "cases": results}
        path.write_text(json.dumps(data, indent=1) + "\n")
    results |= on_the_h100()
    results = {name: results[name] for name in [*CASES, *on_the_h100()] if name in results}
    path.write_text(json.dumps({"machine": environment(), "cases": results}, indent=1) + "\n")
    print(table(results))


if __name__ == "__main__":
    main()
