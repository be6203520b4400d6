"""Teams that need no torch are judged without it: scripted ones, and models behind an endpoint."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT
from servers import Scripted, completion

WITHOUT = """
import sys
for name in ("torch", "transformers", "peft", "tokenizers", "safetensors"):
    sys.modules[name] = None
from colllm_bench import cli, evaluate, run
command = {"evaluate": evaluate.main, "run": run.main}[sys.argv[1]]
sys.exit(cli.execute(command, sys.argv[2:]))
"""


def call(where: Path, *argv: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT, *argv], capture_output=True, text=True, cwd=where,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OPENAI_API_KEY": "none"},
    )


@pytest.mark.parametrize("env", ["strategy", "writing"])
def test_scripted_teams(tmp_path, env):
    done = call(tmp_path, "evaluate", "scripted", "random", "--env", env, "--episodes", "2")
    assert done.returncode == 0, done.stderr
    assert "scripted expert" in done.stdout and "random team" in done.stdout


def test_a_model_behind_an_endpoint(tmp_path):
    pytest.importorskip("openai")
    with Scripted(lambda number, body: (200, completion("red"))) as server:
        done = call(tmp_path, "evaluate", "openai:M", "--base-url", server.url, "--env", "credit",
                    "--turns", "1", "--episodes", "2")
    assert done.returncode == 0, done.stderr
    assert "M" in done.stdout and len(server.bodies) == 2 * 3


def test_training_says_what_is_missing(tmp_path):
    done = call(tmp_path, "run")
    assert done.returncode == 2 and not list(tmp_path.iterdir())
    assert done.stderr == (
        "error: training needs torch, which is not installed; fix: pip install -e '.[train]' in "
        "the checkout\n"
    )
