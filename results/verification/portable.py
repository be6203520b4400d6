"""Does training drift between processors, and what does arithmetic without drift cost?

    python results/verification/portable.py

trains the same short run once under each of :data:`VARIANTS`, each in a process of its own, and
compares the trained weights byte by byte with those of the first variant of its mode; then times
:data:`REPEATS` pairs of the two modes, in turn, in CPU seconds of whole iterations. Writes
``portable.json`` beside this file after every process, and goes on with what is there; without
that file all is measured.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
FILE = HERE / "portable.json"
REPEATS = 5
LIKE_AVX2 = {"MKL_ENABLE_INSTRUCTIONS": "AVX2",
             "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512DQ,-AVX512BW"}
LIKE_SSE = {"MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
            "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512DQ,-AVX512BW,"
                              "-AVX2,-FMA,-FMA4,-AVX"}
"""What MKL and the C library can be told to leave out. torch's and oneDNN's own switches are
those of the mode itself."""
VARIANTS = {
    "native": {},
    "native, again": {},
    "native, as on a processor with AVX2 only": {
        "ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", **LIKE_AVX2},
    "portable": {"PORTABLE": "1"},
    "portable, again": {"PORTABLE": "1"},
    "portable, as on a processor with AVX2 only": {"PORTABLE": "1", **LIKE_AVX2},
    "portable, as on a processor with SSE4.2 only": {"PORTABLE": "1", **LIKE_SSE},
}
SETTINGS = {"env": "strategy", "algo": "cc", "agents": 2, "episodes": 384, "batch": 64, "seed": 0,
            "threads": 1, "device": "cpu", "eval_episodes": 8}


def train_once() -> dict:
    """CPU seconds of each iteration, and the digest of the trained weights, of this process."""
    if os.environ.pop("PORTABLE", None):
        from colllm_bench.runs.arithmetic import PORTABLE

        os.environ.update(PORTABLE)
    import time

    from colllm_bench.config import RunConfig
    from colllm_bench.runs.provenance import environment
    from colllm_bench.training import train
    from colllm_bench.training.callbacks import Callback

    marks, returns = [], []

    class Clock(Callback):
        def on_start(self, total, done):
            marks.append(time.process_time())

        def on_iteration(self, row, episodes):
            marks.append(time.process_time())
            returns.append(row["return"])

    trainer = train(RunConfig(**SETTINGS), callback=Clock())
    digest = hashlib.sha256()
    for name, tensor in sorted(trainer.team.state_dict().items()):
        digest.update(name.encode() + tensor.detach().numpy().tobytes())
    return {"weights": digest.hexdigest(), "returns": returns, "environment": environment(),
            "seconds": [b - a for a, b in zip(marks, marks[1:])]}


def main() -> None:
    data = {"command": "python results/verification/portable.py", "settings": SETTINGS,
            "rows": [], "timing": []}
    if FILE.exists():
        data = json.loads(FILE.read_text())
        if data["settings"] != SETTINGS:
            sys.exit(f"{FILE.name} is of other settings: move it away")
    for variant, variables in list(VARIANTS.items())[len(data["rows"]):]:
        data["rows"].append({"variant": variant, **_in_process(variables)})
        _write(data)
        first = next(r for r in data["rows"] if r["variant"] == variant.partition(",")[0])
        same = data["rows"][-1]["weights"] == first["weights"]
        print(variant, "the same bytes" if same else "other bytes", sep=": ", flush=True)
    for repeat in range(len(data["timing"]), REPEATS):
        pair = {}
        for mode in ("native", "portable"):
            run = _in_process(VARIANTS[mode])
            # The first iteration also pays for what is made once.
            pair[mode] = sum(run["seconds"][1:])
        pair["commit"] = run["environment"]["commit"]
        data["timing"].append(pair)
        _write(data)
        print(repeat, pair["portable"] / pair["native"], flush=True)
    ratios = [pair["portable"] / pair["native"] for pair in data["timing"]]
    print("ratio, median and range:", median(ratios), min(ratios), max(ratios))


def _write(data: dict) -> None:
    FILE.write_text(json.dumps(data, indent=1) + "\n")


def _in_process(variables: dict[str, str]) -> dict:
    done = subprocess.run(
        [sys.executable, __file__, "--one"], check=True, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(HERE.parents[1])} | variables,
    )
    return json.loads(done.stdout)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(train_once()))
    else:
        main()
