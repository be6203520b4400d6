"""Games at the terminal, played and watched, and what is kept of them."""

from __future__ import annotations

import builtins
import json
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT

from colllm_bench import cli, play
from colllm_bench.config import RunConfig
from colllm_bench.errors import RunError
from colllm_bench.rollout import rollout
from colllm_bench.runs.replays import read_replay
from colllm_bench.setup.environments import make_mixed_env
from colllm_bench.teams.scripted import ScriptedTeam


@pytest.fixture
def game(monkeypatch, capsys, tmp_path):
    """``game(lines, *argv)`` plays with these lines typed; (exit code, what was shown)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def call(lines, *argv, code=0):
        left = iter(lines)

        def read(prompt=""):
            print(prompt, end="")
            line = next(left, EOFError)
            if isinstance(line, type):
                raise line
            return line

        monkeypatch.setattr(builtins, "input", read)
        got = cli.execute(play.main, [*argv, "--debug"] if code == 0 else [*argv])
        captured = capsys.readouterr()
        assert got == code, captured.err
        return captured.out if code == 0 else captured.err

    return call


def test_a_game_beside_experts_to_its_end(game):
    from colllm_bench.envs.strategy.scripted import RIGHT, situation

    class Twin:  # plays what the expert in that seat would
        def reset(self, *_):
            pass

        def act(self, observation, info):
            return RIGHT[situation(observation)]

    env = make_mixed_env(RunConfig(), "eval", ["brief"] * 3)
    whole = rollout([env], [5], [0], ScriptedTeam(Twin))[0]
    typed = [turn.action_text[:3] for turn in whole.trajectories[1].turns]
    shown = game(typed, "--seat", "front_2", "--seed", "5", "--split", "eval",
                 "--record", "mine.json")
    assert "You are commander 2 of 3" in shown and "left=" not in shown
    assert "1 march" in shown and "front_1, front_3: expert" in shown
    assert f"Success after {len(typed)} turns" in shown and "win 1" in shown
    assert "--watch --replay mine.json" in shown
    replay = read_replay(Path("mine.json"))
    assert replay["success"] and replay["seed"] == 5 and replay["split"] == "eval"
    own, other = replay["turns"][0]["agents"][1], replay["turns"][0]["agents"][0]
    assert "days are left" in own["observation"] and other["observation"].startswith("left=")
    assert [t["agents"][0]["action"] for t in replay["turns"]] == [
        turn.action_text for turn in whole.trajectories[0].turns
    ]
    assert len(replay["frames"]) == len(replay["turns"]) + 1
    watched = game([], "--watch", "--replay", "mine.json")
    assert "Siege under fog" in watched and f"Turn 1 of {len(typed)}" in watched
    assert "is there already" in game([], "--record", "mine.json", code=2)


@pytest.mark.parametrize("end", [EOFError, KeyboardInterrupt])
def test_leaving_ends_cleanly_and_keeps_what_was_played(game, end):
    shown = game(["?", "s", "1", "!what now", end], "--seed", "5", "--record", "mine.txt")
    assert "Left after 2 turns" in shown and "could be scout, strike, send" in shown
    assert shown.count("You are commander 1 of 3") == 2, "at the start and after ?"
    assert "what now (invalid)" in shown
    text = Path("mine.txt").read_text()
    assert "--- turn 2 ---" in text and "--- turn 3 ---" not in text
    assert "nothing was played" in game([end], "--seed", "5")


def test_several_seats_are_asked_in_turn_and_told_once(game):
    shown = game(["1"] * 4, "--seat", "1,3", "--agents", "4", "--seed", "1", "--messages")
    assert shown.index("front_1> ") < shown.index("front_3> ")
    assert shown.count("march: move one cell") == 1 and "(the rest as for front_1)" in shown
    assert "commander 3 of 4" in shown


def test_texts_of_many_lines_beside_a_model_that_reads_brief(game):
    shown = game(
        ["?", "one", "two", "three", "", "."], "--env", "tiny_envs:Essay", "--agents", "2",
        "--seed", "3", "--max-action-tokens", "2", "--team", "model", "--threads", "1",
        "--record", "essay.json",
    )
    assert "an empty line, or a dot" in shown and "[bold]boldly[/]" in shown
    assert "Over after 2 turns" in shown and "reward +" in shown
    first, second = json.loads(Path("essay.json").read_text())["turns"][0]["agents"]
    assert first["action"] == "one\ntwo\nthree" and first["observation"].startswith("This is")
    assert second["observation"] == "draft 1" and second["action"]
    agents = json.loads(Path("essay.json").read_text())["turns"][1]["agents"]
    assert agents[0]["action"] == "" and agents[0]["invalid"]


def test_a_failure_keeps_what_was_played(game, monkeypatch):
    from colllm_bench.envs.strategy.scripted import Expert

    act, calls = Expert.act, []

    def fail(self, *given):
        calls.append(1)
        if len(calls) > 4:
            raise RunError("the endpoint is gone")
        return act(self, *given)

    monkeypatch.setattr(Expert, "act", fail)
    said = game(["1"] * 9, "--seed", "5", "--record", "kept.json", code=1)
    assert said.strip() == "error: the endpoint is gone"
    assert len(json.loads(Path("kept.json").read_text())["turns"]) == 2


def test_watching_without_a_terminal_shows_every_turn(game):
    shown = game([], "--watch", "--team", "random", "--team", "2=expert", "--seed", "3")
    assert "Turn 1\n" in shown and "No success after 19 turns" in shown
    assert "random" in shown and "expert" in shown and "Siege under fog   day 19 of 19" in shown


@pytest.mark.parametrize(
    "argv, says",
    [
        (["--watch", "--seat", "1"], "no seat"), (["--delay", "1"], "without --watch"),
        (["--watch", "--delay", "-1"], "out of range"), (["--seed", "-1"], "out of range"),
        (["--record", "a.pkl"], ".json, .txt"), (["--record", "no/a.json"], "no folder"),
        pytest.param(["--record", "/proc/a.json"], "nothing can be written to /proc",
                     marks=pytest.mark.skipif(not Path("/proc").is_dir(), reason="no /proc")),
        (["--replay", "none.json"], "does not exist"), (["--replay", "."], "no replay"),
        (["--team", "x", "--replay", "y"], "who played"), (["--lr", "1"], "unknown option"),
        (["--temperature", "-1"], "greedy"), (["--env", "strategi"], "did you mean 'strategy'"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(game, argv, says):
    said = game([], *argv, code=2).strip()
    assert said.startswith("error: ") and says in said and "\n" not in said


def test_playing_with_experts_loads_no_torch():
    code = (
        "import sys; from colllm_bench import cli, play\n"
        "assert cli.execute(play.main, ['--seed', '1']) == 0\n"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], stdin=subprocess.DEVNULL, cwd=ROOT,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
