"""A kind of team is one file: evaluated, cross-played, played and recorded without any other."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT

from colllm_bench import cli, play, register_team
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.evaluate import main
from colllm_bench.evaluation.held_out import play_held_out
from colllm_bench.runs.files import read_json
from colllm_bench.teams import Team, TeamKind, load_team, parse_team, team_config
from colllm_bench.teams.specs import KINDS, allowed_teams, team_help

KIND = '''
from colllm_bench.teams import Team, TeamKind


class Constant(Team):
    """Writes the same action every turn."""

    def __init__(self, action):
        self.action, self.turns = action, 0

    def reset(self, episodes):
        pass

    def act(self, turns):
        for episode_turns in turns:
            for turn in episode_turns:
                if turn is not None:
                    turn.action_text = self.action
                    self.turns += 1


class ConstantKind(TeamKind):
    word = "constant"
    argument = "ACTION"
    help = "writes ACTION every turn"
    title = "constant team"
    rank = 1

    def load(self, name, config, options):
        return Constant(name)

    def usage_of(self, team):
        return {"turns": team.turns}

    def describe(self, name, config, options):
        return {"action": name, **super().describe(name, config, options)}
'''
TASK = ("--env", "strategy", "--agents", "2", "--turns", "16", "--style", "brief")


@pytest.fixture
def team(tmp_path) -> str:
    """How the command line names the kind of a user's file."""
    path = tmp_path / "my_team.py"
    path.write_text(KIND)
    return f"{path}:ConstantKind:hold"


def test_a_kind_in_a_file_is_evaluated_and_recorded(team, tmp_path, capsys):
    argv = [team, *TASK, "--episodes", "2", "--out", str(tmp_path), "--name", "mine"]
    assert cli.execute(main, argv) == 0
    folder = tmp_path / "evaluations" / "strategy" / "mine"
    record = read_json(folder / "evaluation.json")
    about = record["teams"]["constant:hold"]
    assert about["team"] == team and about["kind"] == "constant" and about["action"] == "hold"
    assert not about["centralized"] and about["style"] == "brief"
    turns = sum(record["held_out"]["constant:hold"]["turns"]) * 2
    assert record["usage"] == {"constant:hold": {"turns": turns}}
    assert "hold" in (folder / "transcripts" / "constant-hold-0.txt").read_text()
    shown = capsys.readouterr().out
    assert f"constant:hold: turns {turns}\n" in shown
    rows = [line.split("  ")[0] for line in shown.splitlines() if "   " in line]
    assert rows[1:4] == ["random team", "constant team", "scripted expert"]


def test_a_kind_in_a_file_is_cross_played(team, tmp_path):
    argv = ["--cross-play", team, "scripted", *TASK, "--episodes", "2", "--out", str(tmp_path),
            "--name", "m"]
    assert cli.execute(main, argv) == 0
    record = read_json(next(tmp_path.rglob("crossplay.json")))
    assert list(record["teams"]) == ["constant:hold", "scripted"]
    assert record["matrix"][0][0]["score"]["mean"] < record["matrix"][1][1]["score"]["mean"] == 1
    assert len({cell["actions"] for cell in record["cells"].values()}) == 4


def test_a_kind_in_a_file_is_played_beside_others(team, tmp_path, capsys):
    path = tmp_path / "game.json"
    argv = ["--watch", "--team", "random", "--team", f"2={team}", "--turns", "16", "--seed", "3",
            "--record", str(path)]
    assert cli.execute(play.main, argv) == 0
    assert "front_2: constant team" in capsys.readouterr().out
    turns = json.loads(path.read_text())["turns"]
    assert {turn["agents"][1]["action"] for turn in turns} == {"hold"}
    assert {turn["agents"][0]["action"] for turn in turns} != {"hold"}


def test_a_registered_kind_has_a_word_of_its_own(monkeypatch):
    monkeypatch.setattr("colllm_bench.teams.specs.KINDS", dict(KINDS))

    class Silent(Team):
        def reset(self, episodes):
            pass

        def act(self, turns):
            for turn in filter(None, sum(map(list, turns), [])):
                turn.action_text = ""

    @register_team
    class SilentKind(TeamKind):
        word, aliases, help = "silent", ("mute",), "says nothing"

        def load(self, name, config, options):
            return Silent()

    assert issubclass(SilentKind, TeamKind) and "silent" in allowed_teams()
    assert "silent | mute     says nothing" in team_help()
    assert parse_team("mute") == parse_team("silent") and str(parse_team("mute")) == "silent"
    config = team_config("silent", RunConfig(env="tiny_envs:Relay", agents=2, eval_episodes=1))
    (episode,) = play_held_out(config, load_team("silent", config))
    assert {turn.action_text for x in episode.trajectories for turn in x.turns} == {""}


def test_an_installed_package_brings_a_kind(tmp_path, monkeypatch):
    """By the entry-point group, as environments and algorithms come."""
    (tmp_path / "my_package.py").write_text(KIND)
    info = tmp_path / "my_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[colllm_bench.teams]\nconstant = my_package:ConstantKind\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    spec = parse_team("constant:hold")
    assert spec.kind.word == "constant" and spec.name == "hold" and str(spec) == "constant:hold"
    assert parse_team("my_package:ConstantKind:go").kind is spec.kind
    sys.modules.pop("my_package")


def test_names_that_spell_markup_are_shown_as_they_are(team, tmp_path, capsys):
    argv = [team.replace(":hold", ":[/red]hold"), *TASK, "--episodes", "1", "--name", "m",
            "--out", str(tmp_path / "[bold]out")]
    assert cli.execute(main, [*argv]) == 0
    shown = capsys.readouterr().out
    assert "constant:[/red]hold: turns" in shown and "[bold]out/evaluations" in shown
    argv = ["--cross-play", *argv[:1], "random", *argv[1:]]
    assert cli.execute(main, argv[:-4] + ["--out", str(tmp_path), "--name", "x"]) == 0
    assert "1  constant:[/red]hold" in capsys.readouterr().out


@pytest.mark.parametrize("cross", [False, True])
def test_a_team_that_fails_is_named_and_what_was_finished_is_kept(team, tmp_path, capsys, cross):
    path = Path(team.partition(":")[0])
    path.write_text(KIND.replace("turn.action_text = self.action", "turn.action_text = 1 / 0"))
    teams = ["--cross-play", "random", team] if cross else ["scripted", team]
    argv = [*teams, *TASK, "--episodes", "1", "--out", str(tmp_path), "--name", "m"]
    assert cli.execute(main, argv) == 1
    line = capsys.readouterr().err
    label = "random with constant:hold" if cross else "constant:hold"
    failure = f"error: playing {label} failed: ZeroDivisionError: division by zero, "
    assert line.startswith(failure + "raised by Constant.act (my_team.py, line ")
    assert line.count("\n") == 1 and "--debug" in line
    record = read_json(next((tmp_path / "evaluations").rglob("*.json")))
    assert not record["complete"]
    assert list(record["cells" if cross else "held_out"]) == ["0,0" if cross else "scripted"]


@pytest.mark.parametrize("text, words", [
    ("{file}:Constant", "is no subclass of colllm_bench.teams.kinds.TeamKind; fix: class MyKind"),
    ("{file}:ConstantKind", "is not complete; fix: {file}:ConstantKind:ACTION"),
    ("{file}:NoKind", "NoKind"), ("no_such_module:Kind", "no module 'no_such_module'"),
    ("./none.py:Kind", "does not exist"), ("untrained:x", "no module 'untrained'"),
])
def test_names_of_kinds_that_cannot_be(text, words, team):
    path = team.partition(":")[0]
    with pytest.raises(ConfigError) as caught:
        parse_team(text.format(file=path))
    assert words.format(file=path) in str(caught.value)


def test_a_kind_that_loads_no_team(monkeypatch):
    class Broken(TeamKind):
        word = "broken"

        def load(self, name, config, options):
            return "a team"

    monkeypatch.setitem(KINDS, "broken", Broken())
    config = team_config("broken", RunConfig(env="tiny_envs:Relay", agents=2))
    with pytest.raises(ConfigError, match="is a str, not a colllm_bench.teams.Team; fix: a class"):
        load_team("broken", config)
    with pytest.raises(ConfigError, match="with the word ''; allowed: letters"):
        register_team(TeamKind)


def test_the_words_of_kinds_stand_in_no_other_module():
    """A chain of comparisons with kinds' words would have to know a stranger's kind."""
    room = Path(ROOT) / "colllm_bench"
    allowed = {room / "teams" / "builtin_kinds.py"}
    for folder in ("teams", "evaluation", "interactive"):
        for path in set((room / folder).rglob("*.py")) - allowed:
            text = path.read_text()
            for word in ("run", "untrained", "openai"):
                assert f'== "{word}"' not in text and f'"{word}" in' not in text, path
            assert '"central"' not in text, path


def test_the_example_of_the_documentation_works(tmp_path):
    text = (Path(ROOT) / "docs" / "evaluation.md").read_text()
    code = next(part for part in text.split("```python\n") if part.startswith("# my_team.py"))
    (tmp_path / "my_team.py").write_text(code.partition("```")[0])
    team = f"{tmp_path}/my_team.py:ConstantKind:hold"
    config = team_config(team, RunConfig(env="tiny_envs:Relay", agents=2, eval_episodes=1))
    (episode,) = play_held_out(config, load_team(team, config))
    assert {turn.action_text for x in episode.trajectories for turn in x.turns} == {"hold"}


def test_help_lists_the_kinds_and_stays_light():
    code = (
        "import runpy, sys\n"
        "sys.argv[1:] = ['--help']\n"
        "try: runpy.run_module('colllm_bench.play', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "sys.exit(', '.join(m for m in ('torch', 'numpy', 'openai') if m in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert all(f"  {kind.usage}" in done.stdout for kind in KINDS.values())


def test_a_misspelt_word_before_a_name_is_answered_by_the_nearest():
    with pytest.raises(ConfigError, match="no module 'scriptd'.*Did you mean 'scripted'"):
        parse_team("scriptd:x")
