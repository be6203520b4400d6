"""leaderboard build, as a person starts it."""

from __future__ import annotations

import subprocess
import sys

from paths import ROOT


def build(*argv):
    return subprocess.run(
        [sys.executable, "-m", "colllm_bench.leaderboard", "build", *map(str, argv)],
        capture_output=True, text=True, cwd=ROOT,
    )
