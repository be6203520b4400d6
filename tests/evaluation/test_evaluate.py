"""`python -m colllm_bench.evaluate` as a user meets it: tables, records, refusals."""

from __future__ import annotations

import json
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest
from finished_runs import finished_run

import colllm_bench
from colllm_bench import cli
from colllm_bench.evaluate import main
from colllm_bench.evaluation.contestants import make_contestants
from colllm_bench.evaluation.intervals import mean_interval
from colllm_bench.runs.files import read_json
from colllm_bench.runs.replays import read_replay


@pytest.fixture(scope="module")
def runs(tmp_path_factory, model_folder) -> Path:
    """mc/one/seed0, mc/two/seed0 (other weights) and mc/open/seed0, which is not finished."""
    root, model = tmp_path_factory.mktemp("results"), model_folder("Llama")
    finished_run(root / "mc/one/seed0", model)
    finished_run(root / "mc/two/seed0", model, shaken=2)
    finished_run(root / "mc/open/seed0", model, shaken=2, done=False)
    return root / "mc"


def evaluate(*argv: str | Path, out: Path, code: int = 0) -> dict | None:
    """Run the command; its record."""
    assert cli.execute(main, [*map(str, argv), "--out", str(out)]) == code
    found = sorted(out.rglob("evaluation.json"), key=lambda path: path.stat().st_mtime_ns)
    return read_json(found[-1]) if found else None


def refused(capsys, *argv: str | Path, code: int = 2) -> str:
    assert cli.execute(main, [*map(str, argv)]) == code
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    return said.err


def test_teams_side_by_side_on_the_same_tasks(tmp_path, capsys):
    record = evaluate("untrained", "scripted", "--agents", "2", "--turns", "16", "--episodes", "3",
                      "--reward", "milestone", "--name", "side", out=tmp_path)
    said = capsys.readouterr().out
    lines = [line for line in said.splitlines() if "   " in line]
    assert [line.split("   ")[0] for line in lines[:4]] == [
        "on held-out tasks", "random team", "untrained model", "scripted expert"
    ]
    assert "strategy_v0, 2 agents, 3 held-out tasks, sampled at temperature 1" in said
    assert list(record["held_out"]) == ["untrained", "scripted", "random"]
    returns = {name: team["returns"] for name, team in record["held_out"].items()}
    floor, ceiling = (sum(returns[name]) / 3 for name in ("random", "scripted"))
    scores = [(x - floor) / (ceiling - floor) for x in returns["untrained"]]
    mean, low, high = mean_interval(scores, low=min(0.0, *scores), high=max(1.0, *scores))
    assert record["score"]["untrained"] == pytest.approx(
        {"mean": mean, "low": low, "high": high, "n": 3}
    )
    means = [record["score"][name]["mean"] for name in ("random", "scripted")]
    assert means == pytest.approx([0.0, 1.0])
    assert record["env_options"] == {"reward": "milestone", "turns": 16}
    folder = tmp_path / "evaluations" / "strategy" / "side"
    assert "--- turn 1 ---" in (folder / "transcripts" / "untrained-0.txt").read_text()
    assert read_replay(folder / "replays" / "untrained-2.json")["team"] == "untrained"


def test_all_play_the_held_out_tasks_also_a_run_that_chose_settings(model_folder, tmp_path):
    run = finished_run(tmp_path / "mc/dev/seed0", model_folder("Llama"), eval_split="dev")
    (contestant,) = make_contestants([str(run)], Namespace())
    assert contestant.config.eval_split == "eval"


def test_what_decides_the_numbers_and_what_does_not(runs, tmp_path):
    """Not the batch, not whether there is a batch at all; but the weights, the seed, greed."""
    def actions(*argv):
        record = evaluate(*argv, out=tmp_path)
        return next(iter(record["held_out"].values()))["actions"]

    one = actions(runs / "one/seed0")
    assert actions(runs / "one/seed0", "--batch", "3") == one
    others = [
        actions(runs / "two/seed0"), actions(runs / "one/seed0", "--seed", "9"),
        actions(runs / "one/seed0", "--greedy"), actions(runs / "one/seed0", "--temperature", "2"),
    ]
    assert len({one, *others}) == 5
    assert actions(runs / "one/seed0", "--temperature", "0") == others[2]
    assert actions(runs / "open/seed0") == others[0], "the same weights, from a checkpoint"


def test_each_agent_alone_in_a_process_does_the_same(tmp_path, capsys, model_folder):
    """The actions of the batch, sampled ones, to the last one."""
    run = finished_run(tmp_path / "mc/pair/seed0", model_folder("Llama"), agents=2)
    batch = evaluate(run, out=tmp_path / "out")
    alone = evaluate(run, "--decentralized", out=tmp_path / "out")
    assert alone["held_out"] == batch["held_out"]
    assert alone["teams"]["mc/pair/seed0"]["decentralized"]
    assert alone["digest"] != batch["digest"]
    assert "every agent alone in a process of its own" in capsys.readouterr().out


def test_a_record_says_what_was_evaluated(runs, tmp_path, capsys):
    record = evaluate(runs / "open/seed0", runs / "two/seed0", out=tmp_path)
    teams = record["teams"]
    assert list(teams) == ["mc/open/seed0", "mc/two/seed0"]
    assert teams["mc/open/seed0"]["weights"] == teams["mc/two/seed0"]["weights"]
    assert not teams["mc/open/seed0"]["finished"] and teams["mc/two/seed0"]["finished"]
    assert "not finished; this is its last checkpoint's team" in capsys.readouterr().out
    assert record["complete"] and record["episodes"] == 4 and record["environment"]["python"]
    assert record["score"] == {}, "an environment without references has returns only"


def test_the_same_call_gives_the_same_record(runs, tmp_path):
    first = evaluate(runs / "one/seed0", out=tmp_path)
    assert evaluate(runs / "one/seed0", out=tmp_path) == first
    assert len(list(tmp_path.rglob("evaluation.json"))) == 1
    evaluate(runs / "one/seed0", "--episodes", "2", out=tmp_path)
    assert len(list(tmp_path.rglob("evaluation.json"))) == 2


def test_what_an_interrupted_call_has_finished_is_not_played_again(runs, tmp_path, monkeypatch):
    from colllm_bench.evaluation import comparison

    whole = evaluate(runs / "one/seed0", runs / "two/seed0", "--name", "a", out=tmp_path)
    play, played = comparison.Contestant.play, []

    def interrupted(self, *args):
        played.append(self.label)
        if len(played) == 2:
            raise KeyboardInterrupt
        return play(self, *args)

    monkeypatch.setattr(comparison.Contestant, "play", interrupted)
    argv = (runs / "one/seed0", runs / "two/seed0", "--name", "b")
    evaluate(*argv, out=tmp_path, code=130)
    record = evaluate(*argv, out=tmp_path)
    assert played == ["mc/one/seed0", "mc/two/seed0", "mc/two/seed0"]
    assert record == whole


def test_refusals(runs, tmp_path, capsys):
    one = runs / "one/seed0"
    for argv, told in {
        (): "no team to evaluate; allowed: a run folder",
        (tmp_path / "nothing",): "is unknown: no such folder",
        (one, one): "is named twice",
        (one, "--model", "tiny"): "is not the base that",
        (one, "--rpm", "5"): "--rpm has no effect",
        ("untrained", "--decentralized"): "--decentralized without a trained team",
        (one, "--greedy", "--temperature", "1"): "--greedy with --temperature; fix: one of them",
        (one, "--temperature", "-1"): "temperature -1.0 is out of range",
        (one, "--episodes", "0"): "eval_episodes 0 is out of range",
        (one, "--batch", "0"): "batch 0 is out of range",
        (one, "--agents", "4"): "has no trained agent 'a_3'; allowed: a_0, a_1, a_2",
        (one, "--env-option", "colour=red"): "has no option 'colour'",
        (one, "--env", "strategie"): "did you mean 'strategy'?",
        (one, "--name", "a/b"): "is no folder name",
        (one, "--greddy"): "did you mean --greedy?",
        ("openai:m", "--request-option", "top_p"): "is no pair",
        (one, "--row-seats", "1"): "--row-seats without --cross-play",
    }.items():
        assert told in refused(capsys, *argv, "--out", tmp_path), argv
    assert not list(tmp_path.rglob("*.json")), "nothing is left of a refused call"


def test_teams_of_different_tasks_are_not_compared(runs, tmp_path, capsys, model_folder):
    other = finished_run(tmp_path / "mc/longer/seed0", model_folder("Llama"), done=False,
                         env_options={"turns": 3, "vary": 2})
    said = refused(capsys, runs / "one/seed0", other, "--out", tmp_path / "out")
    assert "plays env_options {'turns': 2, 'vary': 2} and mc/longer/seed0 {'turns': 3" in said


def test_a_folder_with_something_else_in_it_stays(runs, tmp_path, capsys):
    mine = tmp_path / "evaluations" / "relay" / "mine"
    mine.mkdir(parents=True)
    (mine / "thesis.txt").write_text("precious")
    argv = (runs / "one/seed0", "--out", tmp_path, "--name")
    assert "holds files already" in refused(capsys, *argv, "mine")
    evaluate(*argv[:-3], "--name", "his", out=tmp_path)
    capsys.readouterr()
    said = refused(capsys, runs / "two/seed0", *argv[1:], "his")
    assert "holds an evaluation with other settings; fix: --name NAME" in said
    assert (mine / "thesis.txt").read_text() == "precious"


def test_help_is_quick_and_loads_nothing_heavy():
    code = (
        "import runpy, sys\n"
        "sys.argv[1:] = ['--help']\n"
        "try: runpy.run_module('colllm_bench.evaluate', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "heavy = ('torch', 'transformers', 'pettingzoo', 'numpy', 'rich', 'openai')\n"
        "sys.exit(', '.join(m for m in heavy if m in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--cross-play TEAM" in done.stdout and "--price-in X" in done.stdout


@pytest.mark.parametrize("first", [
    "import colllm_bench.evaluate", "from colllm_bench import evaluate",
    "import importlib; importlib.import_module('colllm_bench.evaluate')",
])
def test_the_command_is_a_module_however_it_is_loaded(first):
    code = (
        f"{first}\n"
        "import colllm_bench, importlib, json\n"
        "from colllm_bench import evaluate\n"
        "module = importlib.import_module('colllm_bench.evaluate')\n"
        "import colllm_bench.evaluate as bound\n"
        "print(json.dumps([evaluate is module, colllm_bench.evaluate is module, bound is module]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert json.loads(done.stdout) == [True, True, True], done.stderr


def test_the_old_name_of_evaluate_team_works_with_a_warning(monkeypatch):
    monkeypatch.setattr(
        "colllm_bench.evaluation.held_out.evaluate_team", lambda config, team: (config, team)
    )
    with pytest.warns(DeprecationWarning, match="evaluate_team"):
        assert colllm_bench.evaluate("config", "team") == ("config", "team")
