"""One command for all: ``colllm-bench COMMAND`` is ``python -m colllm_bench.COMMAND``."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import pytest
from paths import ROOT

from colllm_bench import __main__ as door
from colllm_bench import __version__, cli


def call(*argv: str, cwd=None) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "colllm_bench", *argv], capture_output=True, text=True, cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.mark.parametrize("name", door.COMMANDS)
def test_every_command_is_a_module(name):
    assert importlib.util.find_spec(f"colllm_bench.{name}") is not None


def test_help_lists_every_command(capsys):
    assert cli.execute(door.dispatch, ["--help"]) == 0
    listed = capsys.readouterr().out
    assert all(f"  {name} " in listed for name in door.COMMANDS)
    assert cli.execute(door.dispatch, ["--version"]) == 0
    assert capsys.readouterr().out.strip() == __version__


def test_an_unknown_command_names_the_nearest(capsys):
    assert cli.execute(door.dispatch, ["evalute"]) == 2
    line = capsys.readouterr().err
    assert "evaluate" in line and "evalute" in line and line.startswith("error: ")


def test_it_does_what_the_module_does(tmp_path):
    argv = ["--env", "coding", "--algo", "mc", "--dry-run"]
    ours = call("run", *argv, cwd=tmp_path)
    theirs = subprocess.run(
        [sys.executable, "-m", "colllm_bench.run", *argv], capture_output=True, text=True,
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    # What a process takes by itself, a part of the estimate of memory, differs a little each time.
    ours_toml, theirs_toml = (out.stdout.split("# memory in MiB")[0] for out in (ours, theirs))
    assert (ours.returncode, ours_toml) == (theirs.returncode, theirs_toml)
    assert "# memory in MiB" in ours.stdout and "# memory in MiB" in theirs.stdout
    assert 'env = "coding"' in ours.stdout
    refused = call("run", "--lr", "nan", cwd=tmp_path)
    assert refused.returncode == 2 and "lr nan is out of range" in refused.stderr
