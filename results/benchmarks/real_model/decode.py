"""What a generated token of a real model costs: products by MKL and by oneDNN, and compiled.

    OMP_NUM_THREADS=1 python results/benchmarks/real_model/decode.py --model FOLDER --layers 6

CPU seconds of one thread. Each way plays the same two turns of 2 agents in 4 episodes, made-up
prompts of SmolLM2's vocabulary, and is timed from its first generated token of a turn to the last.
The ways are interleaved; every value is kept. Writes ``NAME.json`` beside this file.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent))
from speed import gap, reported, use_onednn
from throughput import machine

from colllm_bench.runs.provenance import environment

AGENTS, EPISODES, PROMPT, LATER = 2, 4, 300, 60
WAYS = ("MKL", "oneDNN", "oneDNN, compiled")


def feeds(length: int) -> list[list[int]]:
    """Rows that differ in length by one."""
    rows = range(AGENTS * EPISODES)
    return [[5 + (7 * row + 13 * i) % 20_000 for i in range(length + row)] for row in rows]


def play(team, tokens: int) -> dict:
    """Two turns; seconds a token behind the first of each turn."""
    session = team.session(
        EPISODES, generator=torch.Generator().manual_seed(0), temperature=1.0,
        max_action_tokens=tokens, end_ids=(),
    )
    began: list[float] = []
    inner = session._cached_logits

    def logits(ids, *args):
        if ids.shape[1] == 1 and len(began) % 2 == 0:
            began.append(time.process_time())
        return inner(ids, *args)

    session._cached_logits = logits
    actions = []
    for length in (PROMPT, LATER):
        actions += session.generate(feeds(length))
        began.append(time.process_time())
    spent = began[1] - began[0] + began[3] - began[2]
    return {
        "ms_a_token": 1000 * spent / (2 * (tokens - 1)),
        "ids": [i for ids, _ in actions for i in ids],
        "logprobs": [x for _, own in actions for x in own],
    }


def teams(model: str, dtype: str) -> dict:
    """A team for each way, with the same adapters; not those that they begin with."""
    from colllm_bench.config import RunConfig
    from colllm_bench.models.team_policy import TeamPolicy

    found = {}
    for way in WAYS:
        config = RunConfig.of(
            model=model, device="cpu", dtype=dtype, compile_decoding="compiled" in way
        )
        names = [f"agent_{i}" for i in range(AGENTS)]
        team = TeamPolicy.build(config, names, generator=torch.Generator().manual_seed(0))
        use_onednn(team, way != "MKL")
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for tensors in team.parameters().values():
                for tensor in tensors:
                    tensor.add_(0.01 * torch.randn(tensor.shape, generator=generator))
        found[way] = team
    return found


def measure(model: str, args: argparse.Namespace) -> dict:
    found, runs, first = teams(model, args.dtype), {way: [] for way in WAYS}, {}
    for way, team in found.items():  # warm; here the compiled way compiles
        began = time.process_time(), time.perf_counter()
        first[way] = play(team, args.tokens)
        seconds = time.process_time() - began[0], time.perf_counter() - began[1]
        first[way]["cpu_s"], first[way]["wall_s"] = (round(x, 1) for x in seconds)
    for repeat in range(args.repeats):
        for way, team in found.items():
            runs[way].append(round(play(team, args.tokens)["ms_a_token"], 2))
            print(repeat, way, runs[way][-1], file=sys.stderr, flush=True)
    plain = first["MKL"]
    case = vars(args) | {"model": Path(args.model).name}
    flags = " ".join(f"--{name} {value}" for name, value in case.items() if value is not None)
    return {
        "command": f"decode.py {flags}", "machine": machine(), "commit": environment()["commit"],
        "case": case,
        "ms_a_token": runs,
        "first_play": {w: {k: x[k] for k in ("cpu_s", "wall_s")} for w, x in first.items()},
        "same_actions_as_mkl": {w: x["ids"] == plain["ids"] for w, x in first.items()},
        "largest_difference_of_logprobs": {
            w: gap(plain["logprobs"], x["logprobs"]) for w, x in first.items()
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, help="a folder of save_pretrained")
    parser.add_argument("--layers", type=int, help="keep so many layers; default: all")
    parser.add_argument("--tokens", type=int, default=24)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--name", default="decode")
    args = parser.parse_args()
    for way, values in reported(args, measure)["ms_a_token"].items():
        print(f"{way}: {statistics.median(values):.1f} ms a token {values}")


if __name__ == "__main__":
    main()
