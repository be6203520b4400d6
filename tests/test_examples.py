"""The examples run as their own first lines say, and so do entry points."""

from __future__ import annotations

import re
import sys

import pytest
from paths import ROOT
from tiny_runs import shake_critic, trainer_for, turns_of

from colllm_bench import cli, run
from colllm_bench.config import RunConfig
from colllm_bench.evaluation.held_out import raw_results, reference_teams, summarize_teams
from colllm_bench.runs import files
from colllm_bench.setup.resolve import resolve
from colllm_bench.testing import check_env

EXAMPLES = {
    "my_algorithm.py": "LuckFree", "my_critic.py": "ActionByAction", "my_env.py": "Rendezvous",
}
SHORT = "--episodes 16 --batch 8 --eval-episodes 4 --threads 1 --quiet".split()


@pytest.fixture(autouse=True)
def from_the_root(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_command_in_the_docstring_works(name, tmp_path):
    source = (ROOT / "examples" / name).read_text()
    command = re.search(r"python -m colllm_bench\.run (.+)", source)[1].split()
    assert f"./examples/{name}:{EXAMPLES[name]}" in command
    argv = [*command, *SHORT, "--out", str(tmp_path)]
    argv += [] if "--agents" in command else ["--agents", "2"]
    assert cli.execute(run.main, argv) == 0
    summary = files.read_json(next(tmp_path.rglob("summary.json")))
    assert 0 <= summary["success"]["trained"]["mean"] <= 1
    assert len(files.read_lines(next(tmp_path.rglob("metrics.jsonl")))) == 2


def test_they_are_short():
    for name in EXAMPLES:
        lines = (ROOT / "examples" / name).read_text().splitlines()
        assert len([line for line in lines if line.strip()]) <= 65


@pytest.mark.parametrize("options", [
    {"turns": 2, "vary": 3}, {"turns": 3, "cut": True, "leave": {1: 1}},
])
def test_the_critic_of_the_example_is_the_built_in(model_folder, options):
    """``seq`` through the plug-in interface alone: the same values, advantages and targets."""
    found = []
    for algo in ("seq", "./examples/my_critic.py:ActionByAction"):
        trainer = trainer_for(model_folder, algo, env_options=options, agent_lambda=0.7)
        shake_critic(trainer)
        episodes = trainer.play(0)
        trainer.critic.write_values(episodes)
        trainer.algorithm.compute_advantages(episodes)
        found.append([
            [turn.value, *(turn.values or ()), turn.advantage, turn.return_]
            for turn in turns_of(episodes)
        ])
    assert len({turn[-2] for turn in found[0]}) > len(found[0]) // 2, "each agent has its own"
    for mine, built_in in zip(*found, strict=True):
        assert mine == pytest.approx(built_in, abs=1e-6)


@pytest.mark.parametrize("agents", [2, 5])
def test_the_environment_keeps_the_contract(agents):
    report = check_env("./examples/my_env.py:Rendezvous", agents=agents)
    assert report.turns == 3 and report.agents == agents


def test_the_environment_has_a_score():
    config = resolve(RunConfig(env="./examples/my_env.py:Rendezvous", agents=2, eval_episodes=8))
    teams = {name: raw_results(each) for name, each in reference_teams(config).items()}
    assert teams["scripted"]["returns"] == [1.0] * 8
    assert min(teams["random"]["returns"]) == 0.0
    score = summarize_teams(config, teams)["score"]
    assert score["scripted"]["mean"] == 1.0 and score["random"]["mean"] == 0.0


def test_the_environment_can_be_learned(tmp_path):
    argv = "--env ./examples/my_env.py:Rendezvous --algo ./examples/my_algorithm.py:LuckFree"
    argv += " --episodes 640 --batch 64 --eval-episodes 64 --agents 2 --threads 1 --quiet"
    assert cli.execute(run.main, [*argv.split(), "--out", str(tmp_path)]) == 0
    success = files.read_json(next(tmp_path.rglob("summary.json")))["success"]
    assert success["trained"]["low"] > success["untrained"]["high"]


@pytest.fixture
def installed_plugin(tmp_path, monkeypatch):
    """A package with entry points, as pip would lay it down."""
    info = tmp_path / "plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[colllm_bench.envs]\nmeeting = plugin_env:Rendezvous\n"
        "[colllm_bench.algorithms]\nfair = plugin_algorithm:LuckFree\n"
    )
    for name, kind in {"my_env.py": "env", "my_algorithm.py": "algorithm"}.items():
        (tmp_path / f"plugin_{kind}.py").write_text((ROOT / "examples" / name).read_text())
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for kind in ("env", "algorithm"):
        sys.modules.pop(f"plugin_{kind}", None)


def test_entry_points_of_installed_packages(installed_plugin, tmp_path, capsys):
    assert run.main(["--list"]) == 0
    text = capsys.readouterr().out
    assert re.search(r"^  meeting +from plugin$", text, re.M)
    assert re.search(r"^  fair +from plugin$", text, re.M)
    argv = ["--env", "meeting", "--algo", "fair", "--agents", "2", *SHORT]
    assert cli.execute(run.main, [*argv, "--name", "a", "--out", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out/meeting/fair/a/seed0/summary.json").exists()
