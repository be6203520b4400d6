"""Curves of ``mc``, ``cc`` and ``dc`` on ``coding``, two agents, SmolLM2-135M-Instruct, 90 s each.

The model is the folder or file that the environment variable SMOLLM2 names (a warm start of
``colllm_bench.pretrain``, or a copy for a machine without a network), or else what
``python -m colllm_bench.models get smollm2`` fetches. Where there is neither, the step says so,
and the others go on. Curves that are there already are kept.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from common import Report, device, log, read
from learning import learn
from models import save_small

from colllm_bench.config import RunConfig
from colllm_bench.models.loading import load_base
from colllm_bench.setup.resolve import resolve

ALGORITHMS = ("mc", "cc", "dc")
SECONDS = 90.0
NAME = "smollm2"
SETTINGS: dict[str, Any] = {
    "env": "coding", "agents": 2, "style": "full", "batch": 32, "eval_episodes": 64, "seed": 0,
}
SMALL = {
    "style": "brief", "batch": 4, "group": 2, "episodes": 8, "eval_episodes": 4,
    "max_action_tokens": 8,
}
FETCH = (sys.executable, "-m", "colllm_bench.models", "get", NAME)
FETCH_S = 100.0
"""Seconds that a download may take."""


def measure(report: Report) -> None:
    earlier = read(report.folder, report.step)
    with tempfile.TemporaryDirectory() as folder:
        report.part("model", lambda: model(report.tiny, Path(folder)))
        name = report.data["model"].get("model")
        if name is None:
            return
        same = all(earlier.get(key) == report.data[key] for key in ("tiny", "commit"))
        same = same and earlier.get("model") == report.data["model"]
        for place, algo in enumerate(ALGORITHMS):
            if same and "rows" in earlier.get(algo, {}):
                report.add(algo, earlier[algo])
                continue
            seconds = min(SECONDS, report.left / (len(ALGORITHMS) - place))
            report.part(algo, lambda a=algo, s=seconds: learn(setting(name, a, report.tiny), s))


def setting(name: str, algo: str, tiny: bool) -> RunConfig:
    changes = SETTINGS | (SMALL if tiny else {})
    return resolve(RunConfig.of(model=name, algo=algo, device=device(), **changes))


def model(tiny: bool, folder: Path) -> dict[str, str]:
    """What ``--model`` is given, and what it is.

    Raises:
        RuntimeError: SmolLM2 is not here, and cannot be fetched.
    """
    if tiny:
        tokenizer = load_base("tiny", device="cpu", env="coding").tokenizer
        return {"model": save_small(folder / "random", "Llama", tokenizer), "is": "random"}
    if own := os.environ.get("SMOLLM2"):
        return {"model": own, "is": f"SMOLLM2={Path(own).name}"}
    try:
        done = subprocess.run(FETCH, capture_output=True, text=True, timeout=FETCH_S, check=False)
        code, told = done.returncode, done.stderr
    except subprocess.TimeoutExpired:
        code, told = 1, f"no answer within {FETCH_S:.0f} s"
    if code:
        last = (told.strip().splitlines() or ["no reason was given"])[-1]
        log(f"SmolLM2 is not here: {last}")
        raise RuntimeError(
            f"SmolLM2 is not here and cannot be fetched ({last}); SMOLLM2=FOLDER names a copy"
        )
    return {"model": NAME, "is": "SmolLM2-135M-Instruct as fetched, no warm start"}
