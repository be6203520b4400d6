"""How far equal evaluations differ when the arithmetic rounds differently.

    python results/verification/measure.py RUN

plays a run's trained team on 200 tasks, in float32 and in bfloat16, once as the machine
would and once under each of :data:`VARIANTS`, which stand for other processors (other instruction
sets add up in another order) and for another number of threads. Writes ``measured.json`` beside
this file after every variant, and prints what it finds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
EPISODES = 200
VARIANTS = {
    "again": {},
    "no vector instructions in torch": {"ATEN_CPU_CAPABILITY": "default"},
    "AVX2 in torch": {"ATEN_CPU_CAPABILITY": "avx2"},
    "SSE4.2 in MKL": {"MKL_ENABLE_INSTRUCTIONS": "SSE4_2"},
    "AVX2 in MKL and oneDNN": {"MKL_ENABLE_INSTRUCTIONS": "AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
    "none of them": {"ATEN_CPU_CAPABILITY": "default", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
                     "ONEDNN_MAX_CPU_ISA": "SSE41"},
    "two threads": {"THREADS": "2"},
}
QUICK = ("again", "AVX2 in torch", "two threads")
"""Variants in which bfloat16, which processors lack without them, takes less than minutes."""


def play(run: Path, dtype: str) -> dict:
    """Results of the trained team in this process."""
    from colllm_bench.evaluation.held_out import evaluate_team, raw_results
    from colllm_bench.leaderboard.submissions.reading import playable
    from colllm_bench.leaderboard.submissions.replay import load_team
    from colllm_bench.runs.folder import read_config

    config = playable(read_config(run), "decentralized").replace(
        eval_episodes=EPISODES, dtype=dtype, threads=int(os.environ.get("THREADS", "1"))
    )
    return raw_results(evaluate_team(config, load_team(config, run / "team"), split="train"))


def main(run: Path) -> None:
    from colllm_bench.leaderboard.submissions import tolerance
    from colllm_bench.runs.provenance import environment

    data = {"command": "python results/verification/measure.py RUN", "episodes": EPISODES,
            "run": json.loads((run / "config.json").read_text()), "environment": environment(),
            "rows": []}
    for dtype in ("float32", "bfloat16"):
        base = _in_process(run, dtype, {})
        for variant, variables in VARIANTS.items():
            if dtype == "bfloat16" and variant not in QUICK:
                continue
            found = _in_process(run, dtype, variables)
            refused = tolerance.disagreements({"trained": base}, {"trained": found}, exact=False,
                                             half=dtype == "bfloat16")
            row = {"dtype": dtype, "variant": variant, "variables": variables,
                   "episodes_apart": len(tolerance.unequal(base, found)),
                   "returns": [base["returns"], found["returns"]],
                   "invalid": [base["invalid"], found["invalid"]], "refused": refused}
            data["rows"].append(row)
            (HERE / "measured.json").write_text(json.dumps(data) + "\n")
            means = [sum(returns) / EPISODES for returns in row["returns"]]
            print(dtype, variant, row["episodes_apart"], *means, refused, sep=", ", flush=True)


def _in_process(run: Path, dtype: str, variables: dict[str, str]) -> dict:
    done = subprocess.run(
        [sys.executable, __file__, "--one", str(run), dtype], check=True, capture_output=True,
        text=True, env=os.environ | {"PYTHONPATH": str(HERE.parents[1])} | variables,
    )
    return json.loads(done.stdout)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(play(Path(sys.argv[2]), sys.argv[3])))
    else:
        sys.path.insert(0, str(HERE.parents[1]))
        main(Path(sys.argv[1]))
