"""Submissions: what is made of finished runs, and what cannot be submitted."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from paths import ROOT
from submission_files import load, save, seal

from colllm_bench import cli
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.leaderboard import __main__ as leaderboard
from colllm_bench.leaderboard.submissions import schema
from colllm_bench.leaderboard.verify import verify

# -- what is made


def test_a_submission_holds_all_that_others_need_and_no_pickle(made, runs):
    data = load(made)
    assert (data["schema"], data["seeds"], data["declared"]) == (1, [0, 1, 2], False)
    assert (data["env"], data["algo"], data["agents"]) == ("strategy_v0", "mc", 2)
    assert data["evaluation"] == {"split": "eval", "episodes": 6, "batch": 8, "temperature": 1.0}
    first = data["runs"][0]
    assert first["summary"] == load(runs / "seed0", "summary.json")
    assert {"commit", "packages", "cpu"} <= first["environment"].keys()
    assert data["base"]["files"]["model.safetensors"]
    there = {p.relative_to(made).as_posix() for p in made.rglob("*") if p.is_file()}
    assert there == {"submission.json", *data["files"]}
    assert {Path(name).suffix for name in there} == {".json", ".jsonl", ".safetensors"}
    texts = "".join(p.read_text() for p in made.rglob("*.json*"))
    assert str(runs.parents[2]) not in texts and str(ROOT) not in texts


def test_a_submission_is_read_as_runs_are(made):
    from colllm_bench.leaderboard.data import read

    found = read(made)
    assert [run.seed for run in found.runs] == [0, 1, 2] and not found.excluded


def test_the_same_runs_make_the_same_submission(made, runs, tmp_path):
    argv = ["submit", *(str(runs / f"seed{k}") for k in (2, 0, 1)), "--name", "short",
            "--out", str(tmp_path), "--by", "A. Author", "--quiet"]
    assert cli.execute(leaderboard.main, argv) == 0
    for path in made.rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "short" / path.relative_to(made)).read_bytes()
    assert not list(tmp_path.glob(".short*"))


def test_verify_plays_again_to_the_same_numbers(made, capsys, tmp_path):
    report = tmp_path / "report.json"
    argv = ["verify", str(made / "submission.json"), "--report", str(report)]
    assert cli.execute(leaderboard.main, argv) == 0
    shown = capsys.readouterr().out
    assert "seeds 0, 1, 2" in shown and "the same numbers: score" in shown
    (found,) = json.loads(report.read_text())["submissions"]
    claimed = {run["seed"]: run["summary"] for run in load(made)["runs"]}
    assert {run["seed"]: run["again"] for run in found["runs"]} == claimed
    assert found["verdict"] == "the same numbers" and found["result"] == load(made)["result"]


def test_files_only_plays_nothing(made, capsys):
    assert cli.execute(leaderboard.main, ["verify", str(made), "--files-only"]) == 0
    assert "files agree" in capsys.readouterr().out


def test_what_an_environment_says_of_itself_is_no_fault(copy):
    data = load(copy)
    for run in data["runs"]:
        run["summary"]["provenance"] = {"sandbox": "landlock"}
        save(copy, run["summary"], f"seed{run['seed']}/summary.json")
    seal(copy, data)
    assert verify(copy, {"files_only": True})["verdict"] == "files agree"


# -- what cannot be submitted


@pytest.mark.parametrize(
    "argv, says",
    [
        ([], "names no run"), (["{runs}"], "needs --name"), (["{runs}", "--name", "../up"], "name"),
        (["{runs}", "--name", ".hidden"], "folder name"),
        (["/no/such", "--name", "x"], "no folder"),
        (["{runs}/seed0", "{runs}/seed2", "--name", "x"], "seed1 is beside"),
        (["{runs}", "--name", "x", "--seeds", "0:5"], "seed 3 is missing"),
        (["{runs}", "--name", "x", "--seeds", "0:2"], "seed 2 is one too many"),
        (["{runs}", "--name", "x", "--seeds", "0,1,2,4"], "leave out 3"),
        (["{runs}/seed0", "{runs}/seed0", "--name", "x"], "twice"),
        (["{runs}", "--name", "x", "--by", "a\nb"], "no line"),
    ],
)
def test_submissions_that_cannot_be(runs, argv, says, capsys, tmp_path):
    argv = [word.format(runs=runs) for word in argv]
    assert cli.execute(leaderboard.main, ["submit", *argv, "--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and says in said and said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_runs_that_are_unfinished_edited_or_differ_are_not_submitted(some_runs):
    (some_runs / "seed1" / "summary.json").rename(some_runs / "kept.json")
    with pytest.raises(ConfigError, match="not finished"):
        schema.read_runs([some_runs])
    (some_runs / "kept.json").rename(some_runs / "seed1" / "summary.json")
    kept = load(some_runs / "seed1", "config.json")
    kept["config"]["lr"] = 0.01
    save(some_runs / "seed1", kept, "config.json")
    with pytest.raises(ConfigError, match="edited"):
        schema.read_runs([some_runs])
    kept["digest"] = RunConfig(**kept["config"]).digest
    save(some_runs / "seed1", kept, "config.json")
    with pytest.raises(ConfigError, match="other settings than .*: lr"):
        schema.read_runs([some_runs])


def test_a_run_without_its_team_is_not_submitted(some_runs, tmp_path):
    shutil.rmtree(some_runs / "seed2" / "team" / "front_2")
    argv = ["submit", str(some_runs), "--name", "x", "--out", str(tmp_path / "out")]
    with pytest.raises(ConfigError, match="front_2.* is missing"):
        leaderboard.main(argv)
    assert not list((tmp_path / "out").iterdir()), "half a submission was left behind"
    shutil.rmtree(some_runs / "seed0" / "team")
    with pytest.raises(ConfigError, match="no trained team"):
        leaderboard.main(argv)


def test_a_submission_is_never_overwritten(made, runs):
    with pytest.raises(ConfigError, match="is there already"):
        leaderboard.main(["submit", str(runs), "--name", "short", "--out", str(made.parent)])


@pytest.mark.parametrize(
    "changes, says",
    [({"env": "./mine.py:Game"}, "code that no verifier runs"),
     ({"chat_template": "my.jinja"}, "others do not have"),
     ({"env": "coding", "env_options": {"sandbox": "unsafe"}}, "sandbox is 'unsafe'.*landlock"),
     ({"env": "coding", "env_options": {"data": "/etc/passwd"}}, "data is .*not given"),
     ({"env": "writing", "env_options": {"fluency": "evil/model"}}, "fluency is .*reference, off")],
)
def test_settings_that_others_cannot_play_are_not_submitted(changes, says):
    with pytest.raises(ConfigError, match=says):
        schema.require_playable({**RunConfig().to_dict(), **changes})


def test_a_jail_of_another_kind_may_be_submitted():
    options = {"sandbox": "landlock", "turns": 1}
    schema.require_playable({**RunConfig(env="coding").to_dict(), "env_options": options})
