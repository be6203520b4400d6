"""How far equal evaluations differ when the arithmetic rounds differently.

    python results/verification/measure.py RUN [RUN ...]

plays each run's untrained and trained team on 200 held-out tasks, in float32 and in bfloat16,
once as the machine would and once under each of :data:`VARIANTS`, which stand for other
processors (other instruction sets add up in another order) and for another number of threads.
Writes ``measured.json`` beside this file and prints a table.
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
    """Results of both teams in this process."""
    from colllm_bench.leaderboard.claims import playable
    from colllm_bench.leaderboard.submission import agents_of
    from colllm_bench.record import read_config
    from colllm_bench.verification import play_again

    config = playable(read_config(run), "decentralized").replace(
        eval_episodes=EPISODES, dtype=dtype, threads=int(os.environ.get("THREADS", "1"))
    )
    again = play_again(config, run / "team", agents_of(run))
    return {name: again.teams[name] for name in ("untrained", "trained")}


def main(runs: list[str]) -> None:
    from colllm_bench.leaderboard import replayed
    from colllm_bench.provenance import environment

    rows = []
    print("run, dtype, variant, team: episodes of 200 that differ, mean return before and after")
    for run in map(Path, runs):
        for dtype in ("float32", "bfloat16"):
            base = _in_process(run, dtype, {})
            for variant, variables in VARIANTS.items():
                if dtype == "bfloat16" and variant not in QUICK:
                    continue
                found = _in_process(run, dtype, variables)
                for team in found:
                    apart = len(replayed.unequal(base[team], found[team]))
                    taken = not replayed.disagreements(
                        {team: base[team]}, {team: found[team]}, exact=False,
                        half=dtype == "bfloat16",
                    )
                    means = [sum(x[team]["returns"]) / EPISODES for x in (base, found)]
                    rows.append({"run": "/".join(run.parts[-3:]), "dtype": dtype, "team": team,
                                 "variant": variant, "apart": apart, "returns": means,
                                 "invalid": [x[team]["invalid"] for x in (base, found)],
                                 "taken": taken})
                    print(*(rows[-1][k] for k in ("run", "dtype", "variant", "team", "apart",
                                                  "returns", "taken")), sep=", ", flush=True)
    data = {"command": "python results/verification/measure.py RUN ...", "episodes": EPISODES,
            "environment": environment(), "rows": rows}
    (HERE / "measured.json").write_text(json.dumps(data, indent=1) + "\n")


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
        main(sys.argv[1:])
