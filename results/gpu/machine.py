"""Which card, driver, versions and commit the figures are of."""

from __future__ import annotations

import subprocess

from common import Report


def measure(report: Report) -> None:
    import torch

    from colllm_bench.runs.provenance import environment

    about = environment()
    report.add("environment", about)
    report.add("commit", report.data.get("commit") or about["commit"])
    report.add("torch", {"version": torch.__version__, "cuda": torch.version.cuda})
    if torch.cuda.is_available():
        report.part("card", card)


def card() -> dict[str, str]:
    fields = ("name", "driver_version", "memory.total", "clocks.max.sm", "power.limit")
    line = subprocess.run(
        ["nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader"],
        capture_output=True, text=True, check=True, timeout=20,
    ).stdout.splitlines()[0]
    return dict(zip(fields, (value.strip() for value in line.split(",")), strict=True))
