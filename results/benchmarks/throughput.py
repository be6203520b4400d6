"""How fast and how lean training is, piece by piece and beside a peer.

    OMP_NUM_THREADS=1 python results/benchmarks/throughput.py
    OMP_NUM_THREADS=1 python results/benchmarks/throughput.py \\
        --peer comlrl_bench.py --peer-python peervenv/bin/python --peer-model tinymodel

Writes ``throughput.json`` and ``throughput.md`` beside this file (``--out`` elsewhere). CPU
seconds in one thread; alternatives are interleaved and medians reported.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from pathlib import Path

for _name, _value in {
    "OMP_NUM_THREADS": "1",
    # Spinning threads on shared cores inflate wall and CPU time tenfold.
    "OMP_WAIT_POLICY": "PASSIVE",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_OFFLINE": "1",
}.items():
    os.environ.setdefault(_name, _value)
sys.path.insert(0, str(Path(__file__).parent))


def machine() -> dict:
    import torch
    import transformers

    return {
        "processor": platform.processor() or platform.machine(),
        "cpus": os.cpu_count(),
        "threads": int(os.environ["OMP_NUM_THREADS"]),
        "load": [round(x, 1) for x in os.getloadavg()],
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }


def measure(args: argparse.Namespace) -> dict:
    import pieces
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    report: dict = {"machine": machine(), "model": args.model, "repeats": args.repeats}
    if "pieces" in args.parts:
        report["parity"] = pieces.parity(args.model)
        report["reuse"] = pieces.reuse_of_keys(args.model, 192, 130, args.repeats)
        report["updates"] = [
            pieces.update_ways(args.model, agents, 32 // agents, 9, args.repeats)
            for agents in (2, 4, 8)
        ]
    if "iteration" in args.parts:
        report["iteration"] = pieces.iteration(args.repeats)
    if args.peer:
        import peer

        report["peer"] = peer.compare(args)
    return report


def markdown(report: dict) -> str:
    """The report as tables."""
    m = report["machine"]
    lines = [
        "# Throughput",
        "",
        f"{m['processor']}, {m['threads']} thread, torch {m['torch']}, transformers "
        f"{m['transformers']}, load {m['load'][0]} when started. CPU time; medians of "
        f"{report['repeats']} interleaved repeats. Written by `throughput.py`.",
    ]
    if "reuse" in report:
        r, p = report["reuse"], report["parity"]
        lines += [
            "",
            f"Rollout of {r['rows']} rows of the `{report['model']}` model at "
            f"{r['history_tokens']} tokens of history: {r['agent_turns_per_s_with_reuse']:.0f} "
            f"agent-turns/s with kept keys and values, "
            f"{r['agent_turns_per_s_within_turns_only']:.0f} with every turn encoding the history "
            f"anew (**{r['ratio_to_within_turns_only']:.1f}x**), "
            f"{r['agent_turns_per_s_without']:.0f} without any cache "
            f"({r['ratio_to_without']:.1f}x).",
            "",
            f"Log-probabilities as sampled and recomputed differ by at most "
            f"{p['largest_gap']:.1e} (fp32, {p['tokens']} tokens).",
            "",
            "Forward and backward over all agents' transcripts, CPU ms:",
            "",
            "| agents | rows | mixed, merged | mixed, factored | one after another | "
            "PEFT `set_adapter` | PEFT / mixed |",
            "|---|---|---|---|---|---|---|",
        ]
        for u in report["updates"]:
            ms = u["cpu_ms"]
            lines.append(
                f"| {u['agents']} | {u['rows']} | {ms['mixed']:.0f} | {ms['mixed_factored']:.0f} "
                f"| {ms['one_after_another']:.0f} | {ms['peft_set_adapter']:.0f} "
                f"| {ms['peft_set_adapter'] / ms['mixed']:.2f} |"
            )
    if "iteration" in report:
        i = report["iteration"]
        lines += [
            "",
            f"One iteration of `--env strategy --algo cc` ({i['episodes']} episodes, "
            f"{i['agents']} agents, {i['agent_turns']} agent-turns): "
            f"{i['iteration_cpu_s']:.1f} s, of which rollout {i['rollout_cpu_s']:.1f} s.",
        ]
    if "peer" in report:
        import peer

        lines += peer.markdown(report["peer"])
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="tiny", help="model of the pieces")
    parser.add_argument("--parts", default="pieces,iteration", help="which parts, or 'none'")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    group = parser.add_argument_group("the same training job on a peer")
    group.add_argument("--peer", help="its benchmark script, comlrl_bench.py")
    group.add_argument("--peer-python", help="an interpreter that has the peer installed")
    group.add_argument("--peer-model", help="a folder made by make_tiny_model.py")
    group.add_argument("--peer-agents", default="2,4,8")
    group.add_argument("--peer-items", type=int, default=16, help="episodes")
    group.add_argument("--peer-repeats", type=int, default=5)
    args = parser.parse_args()
    if args.peer and not (args.peer_python and args.peer_model):
        parser.error("--peer needs --peer-python and --peer-model")
    report = measure(args)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "throughput.json").write_text(json.dumps(report, indent=1) + "\n")
    text = markdown(report)
    (args.out / "throughput.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
