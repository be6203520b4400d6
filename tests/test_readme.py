"""README and docs/runs.md say what is so: its commands parse, its code runs, its files exist."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import pytest
from paths import ROOT

from colllm_bench import cli, registry, run
from colllm_bench.runs import files

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.S)
COMMANDS = re.findall(r"^python -m colllm_bench\.run ([^#>\n]*)", README, re.M)
OTHERS = re.findall(r"^python -m colllm_bench\.(?!run\b)(\w+) ([^#>\n]*)", README, re.M)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_parse(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("my.toml").write_text("lr = 0.1\n")
    args = run.parser().parse(shlex.split(command))
    config, _ = cli.build_config(args, run.RUN_OPTIONS)
    assert registry.algorithm_spec(config.algo) and registry.env_spec(config.env)


def test_there_are_commands():
    assert len(COMMANDS) >= 10
    assert {module for module, _ in OTHERS} == {
        "sweep", "evaluate", "leaderboard", "play", "suite", "models", "pretrain",
    }


@pytest.mark.parametrize("module, command", OTHERS)
def test_other_commands_parse(module, command):
    words = shlex.split(command)
    if module in ("leaderboard", "suite", "models"):
        module = f"{module}.{words.pop(0)}"
    if module == "pretrain" and "--model" in words:
        module = "warm_start.command"
    importlib.import_module(f"colllm_bench.{module}").parser().parse(words)


def test_the_snippet_of_an_algorithm_runs(tmp_path):
    code = next(text for kind, text in BLOCKS if "class MeanBaseline" in text)
    (tmp_path / "mine.py").write_text(code)
    argv = f"--algo {tmp_path}/mine.py:MeanBaseline --agents 2 --episodes 4 --batch 4"
    argv += f" --eval-episodes 2 --threads 1 --quiet --out {tmp_path}/out"
    assert cli.execute(run.main, argv.split()) == 0


def test_the_snippet_of_python_runs():
    code = BLOCKS[-1][1]
    changes = "episodes=8, batch=8, agents=2, eval_episodes=3, threads=1"
    small = code.replace("episodes=640", changes)
    assert small != code
    names: dict = {}
    exec(compile(small, "README.md", "exec"), names)
    assert len(names["episodes"]) == 3 and len(names["env"].possible_agents) == 3


def test_the_run_folder_is_as_described(tmp_path):
    argv = "--algo mc --group 2 --agents 2 --episodes 4 --batch 4 --eval-episodes 2 --threads 1"
    assert cli.execute(run.main, [*argv.split(), "--quiet", "--out", str(tmp_path)]) == 0
    folder = next(tmp_path.glob("strategy/mc/*/seed0"))
    page = (ROOT / "docs" / "runs.md").read_text()
    table = page.partition("<!-- run folder: begin -->")[2].partition("<!-- run folder: end -->")[0]
    named = {name.rstrip("/") for name in re.findall(r"^\| `([\w./]+)` \|", table, re.M)}
    assert named == {path.name for path in folder.iterdir()} - {"untrained.json"}
    summary = files.read_json(folder / "summary.json")
    for key in ("score", "return", "success"):
        assert summary[key].keys() == {"trained", "untrained", "random", "scripted"}
        for found in summary[key].values():
            assert found.keys() == {"mean", "low", "high", "n"}


def test_the_files_that_it_names_exist():
    for path in re.findall(r"\]\(([\w./]+)\)", README):
        assert (ROOT / path).exists(), path
    for path in re.findall(r"\b(?:docs|examples|tests|baselines|colllm_bench)/[\w/]+\.\w+", README):
        assert (ROOT / path).exists(), path
