"""Playing at the terminal: seats, answers, styles side by side, and what is kept of a game."""

from __future__ import annotations

import builtins
import json
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from paths import ROOT
from rich.console import Console
from tiny_envs import Essay

from colllm_bench import cli, play, registry
from colllm_bench.config import RunConfig
from colllm_bench.envs.mixed_styles import MixedStyleEnv
from colllm_bench.errors import ConfigError, RunError
from colllm_bench.interactive import input_parsing, panels
from colllm_bench.interactive.lineup import assign_seats
from colllm_bench.interactive.viewer import (
    BACK,
    NEXT,
    QUIT,
    RUN,
    Viewer,
    ViewerClosed,
    watch_replay,
)
from colllm_bench.rollout import rollout
from colllm_bench.runs.replays import read_replay, replay_of
from colllm_bench.setup.environments import make_mixed_env
from colllm_bench.teams.mixed import MixedTeam
from colllm_bench.teams.scripted import ScriptedTeam

ORDERS = ["march", "scout", "train", "strike", "hold", "send"]


# -- answers


@pytest.mark.parametrize(
    "typed, action",
    [
        ("1", "march"), (" 6 ", "send"), ("MA", "march"), ("st", "strike"), ("hold", "hold"),
        ("2 | at the gate", "scout | at the gate"), ("m|x", "march |x"), ("!s", "s"), ("!", ""),
        ("!march on", "march on"),
    ],
)
def test_a_legal_action_is_found_from_what_was_typed(typed, action):
    assert input_parsing.choose(typed, ORDERS) == (action, "")


@pytest.mark.parametrize(
    "typed, says",
    [
        ("s", "could be scout, strike, send"), ("7", "is none of"), ("0", "is none of"),
        ("go", "!go sends it"), ("", "give one"), ("march on", "only 'march'"), ("|hi", "is none"),
        ("²", "is none of"),
    ],
)
def test_what_is_no_action_is_asked_again(typed, says):
    action, wrong = input_parsing.choose(typed, ORDERS)
    assert action is None and says in wrong


def test_an_action_typed_in_full_is_not_taken_for_the_beginning_of_another():
    assert input_parsing.choose("go", ["go", "go north", "7"]) == ("go", "")
    assert input_parsing.choose("go n", ["go", "go north", "7"]) == ("go north", "")
    assert input_parsing.choose("7", ["go", "go north", "7"]) == ("7", "")


@pytest.mark.parametrize(
    "lines, text",
    [
        (["a", "b", ""], "a\nb"), (["a", "."], "a"), (["", "a", ""], "a"), (["."], ""),
        (["```", "a", "", "b", "```", ""], "```\na\n\nb\n```"), (["```", "a", "."], "```\na"),
        (["def f():\n\n  pass", ""], "def f():\n\n  pass"), (["  a", ""], "  a"),
    ],
)
def test_an_answer_of_many_lines(lines, text):
    assert input_parsing.read_multiline(iter(lines).__next__) == text


def test_a_paste_that_comes_line_by_line_keeps_its_empty_lines():
    lines, waits = iter(["a", "", "b", ""]), iter([True, False])
    assert input_parsing.read_multiline(lambda: next(lines), lambda: next(waits)) == "a\n\nb"


def test_the_editor_gives_the_text(monkeypatch, tmp_path):
    script = tmp_path / "editor"
    script.write_text("#!/bin/sh\nprintf 'one\\n\\ntwo\\n' > \"$1\"\n")
    script.chmod(0o755)
    monkeypatch.setenv("VISUAL", str(script))
    assert input_parsing.from_editor() == "one\n\ntwo"
    monkeypatch.setenv("VISUAL", "/no/such/editor")
    with pytest.raises(OSError):
        input_parsing.from_editor()


# -- one episode in two styles


def essay(style, **options):
    return Essay(agents=2, style=style, **options)


def test_each_agent_reads_its_own_style_of_one_episode():
    env = MixedStyleEnv(
        {"full": essay("full"), "brief": essay("brief")}, {"writer_1": "full", "writer_2": "brief"}
    )
    seen, infos = env.reset(seed=3)
    assert seen["writer_1"]["text"].startswith("This is draft 1")
    assert seen["writer_2"]["text"] == "draft 1"
    assert infos["writer_1"]["instructions"] == "Write about rain."
    assert infos["writer_2"]["instructions"] == "write on rain"
    seen, rewards, ended, cut, infos = env.step({"writer_1": "a\nb\nc", "writer_2": ""})
    assert rewards == {"writer_1": 4 / 6, "writer_2": 4 / 6} and not any(ended.values())
    assert infos["writer_2"]["invalid"] and seen["writer_2"]["text"] == "draft 2"
    with pytest.raises(RunError, match="seed"):
        env.reset()


def test_twins_that_part_are_refused():
    env = MixedStyleEnv(
        {"full": essay("full"), "brief": essay("brief", drift=True)},
        {"writer_1": "full", "writer_2": "brief"},
    )
    env.reset(seed=0)
    with pytest.raises(RunError, match="full, brief"):
        env.step({"writer_1": "a", "writer_2": "b"})


@pytest.mark.parametrize("level, messages", [(1, False), (3, True)])
def test_the_game_is_the_same_in_one_style_and_in_two(level, messages):
    from colllm_bench.envs.strategy.scripted import Novice

    config = RunConfig(env_options={"level": level, "messages": messages})
    mixed = make_mixed_env(config, "eval", ["brief", "full", "brief"])
    plain = make_mixed_env(config, "eval", ["brief"] * 3)
    assert isinstance(mixed, MixedStyleEnv) and not isinstance(plain, MixedStyleEnv)

    class Deaf(Novice):
        def act(self, observation, info):  # says the same whatever it can read
            return f"{self.rng.choice(ORDERS)} | {self.rng.random()}"

    one, two = (rollout([env], [11], [0], ScriptedTeam(Deaf))[0] for env in (plain, mixed))
    assert one.rewards == two.rewards and one.score == two.score
    seen = [[t.observation for t in x.turns] for x in two.trajectories]
    assert seen[0] == [t.observation for t in one.trajectories[0].turns]
    assert all("days are left" in text or "day is left" in text for text in seen[1])


@pytest.mark.parametrize("name", sorted(registry.ENVS))
def test_every_environment_can_be_read_in_two_styles_at_once(name):
    class HumanTeam:
        def reset(self, episodes):
            (self.episode,) = episodes

        def act(self, turns):
            for turn in turns[0]:
                turn.action_text = "hold"

        def keep_running(self, running):
            pass

    config = RunConfig(env=name)
    env = make_mixed_env(config, "train", ["full", "brief", "brief"])
    expert = ScriptedTeam(registry.load(registry.env_spec(name).scripted, "policy"))
    (episode,) = rollout([env], [4], [0], MixedTeam([(HumanTeam(), [0]), (expert, [1, 2])]),
                         frames=1)
    env.close()
    full, brief = (episode.trajectories[i].turns[0].observation for i in (0, 1))
    assert isinstance(env, MixedStyleEnv) and full != brief
    assert len(episode.frames) == len(episode.rewards) + 1
    assert any(turn.action_text != "hold" for turn in episode.trajectories[1].turns)


def test_an_environment_that_knows_no_styles_has_no_twin():
    config = RunConfig(env="tiny_envs:Relay", agents=2)
    assert not isinstance(make_mixed_env(config, "train", ["full", "brief"]), MixedStyleEnv)


# -- seats


def test_seats_by_number_name_and_all():
    config = RunConfig()
    assert assign_seats(config, [], "1").person_seats == [0]
    assert assign_seats(config, [], "front_3, 1").person_seats == [0, 2]
    assert assign_seats(config, [], "all").describe() == "you play everybody"
    lineup = assign_seats(config, ["random", "2=expert"], "1")
    assert [str(team) for team in lineup.teams] == ["None", "scripted", "random"]
    assert lineup.describe() == "front_1: you; front_2: expert; front_3: random"
    assert lineup.labels == ["you", "expert", "random"]
    assert assign_seats(config, []).describe() == "everybody: expert"
    assert str(assign_seats(RunConfig(env="tiny_envs:Essay", agents=2), []).teams[0]) == "untrained"


@pytest.mark.parametrize(
    "teams, seats, says",
    [
        ([], "4", "1 to 3"), ([], "0", "no seat"), ([], "", "no seat"), ([], "1,1", "twice"),
        (["random", "expert"], "1", "both"), (["1=random"], "1", "taken twice"),
        (["2=random", "front_2=expert"], "1", "taken twice"), (["2="], "1", "names no team"),
        (["nobody"], "1", "no such folder"),
    ],
)
def test_seats_that_cannot_be(teams, seats, says):
    with pytest.raises(ConfigError, match=says):
        assign_seats(RunConfig(), teams, seats)


# -- whole games


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


# -- screens


def shown_by(renderable, width=80) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def test_foreign_text_neither_moves_the_cursor_nor_is_markup():
    panel = panels.agent_panel("a\x1b[2J", "x\x1b[31my\x07\r[red]z[/]\x9b1m", heading="turn 1")
    text = shown_by(panel)
    assert "\x1b" not in text and "\x9b" not in text and "\x07" not in text and "[red]z[/]" in text


def test_choices_break_between_actions_only():
    lines = shown_by(panels.choices(ORDERS, 30), 30).rstrip().split("\n")
    assert len(lines) > 1 and all(len(line.rstrip()) <= 30 for line in lines)
    assert all(f"{k} {order}" in " ".join(lines) for k, order in enumerate(ORDERS, 1))
    assert not any(line.rstrip()[-1].isdigit() for line in lines)


@pytest.mark.parametrize("agents, width", [(3, 80), (16, 60)])
def test_everybodys_actions_fit_the_terminal(agents, width):
    env = make_mixed_env(RunConfig(agents=agents), "train", ["brief"] * agents)
    from colllm_bench.envs.strategy.scripted import Expert

    replay = replay_of(rollout([env], [2], [0], ScriptedTeam(Expert), frames=1)[0])
    text = shown_by(panels.actions_summary(replay, width, [0]), width)
    assert all(f"front_{k + 1}" in text for k in range(agents)) and "…" not in text
    assert text.count("turn") == (1 if agents == 3 else 4)


# -- the viewer


@pytest.fixture
def replay():
    from colllm_bench.envs.strategy.scripted import Random

    env = make_mixed_env(RunConfig(), "train", ["brief"] * 3)
    return replay_of(rollout([env], [2], [0], ScriptedTeam(Random), frames=1)[0], env="strategy")


def steps(replay, keys):
    """The titles of the screens that are shown for these keys."""
    console = Console(width=90, height=40, color_system=None, file=open(os.devnull, "w"))
    left, shown = iter(keys), []

    def key(seconds):
        return "" if seconds is not None else next(left)

    viewer = Viewer(console, key=key)
    draw = viewer._draw
    viewer._draw = lambda at: (shown.append(at), draw(at))
    try:
        watch_replay(replay, viewer)
    except ViewerClosed:
        shown.append(QUIT)
    return shown


def test_stepping_back_and_forth_by_key(replay):
    assert steps(replay, [" ", "n", "b", "\x1b[D", "x", "\r", "q"]) == [0, 1, 2, 1, 0, 1, QUIT]
    assert steps(replay, ["b", "\x04"]) == [0, 0, QUIT]


def test_running_on_its_own_to_the_end(replay):
    assert steps(replay, [" ", "a"]) == list(range(len(replay["turns"]) + 1))


def test_the_four_wishes_have_keys():
    from colllm_bench.interactive.viewer import KEYS

    assert set(KEYS.values()) == {NEXT, BACK, RUN, QUIT}


def test_watching_in_a_real_terminal(replay, tmp_path):
    """Keys of a pseudo-terminal, and its settings as they were when it is over."""
    import termios

    path = tmp_path / "r.json"
    path.write_text(json.dumps(replay))
    parent, child = pty.openpty()
    before = termios.tcgetattr(child)
    process = subprocess.Popen(
        [sys.executable, "-m", "colllm_bench.play", "--replay", str(path)], cwd=ROOT,
        stdin=child, stdout=child, stderr=child, close_fds=True,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "90", "LINES": "40"},
    )
    try:
        seen = until(parent, "space next")
        assert "Start" in seen
        os.write(parent, b"\x1b[C")
        assert "Turn 1 of" in until(parent, "space next")
        os.write(parent, b"q")
        assert process.wait(10) == 0
        assert termios.tcgetattr(child)[3] == before[3]
    finally:
        process.kill()
        os.close(parent)
        os.close(child)


def until(descriptor, text, seconds=60):
    """What a terminal shows up to ``text``."""
    seen, end = "", time.monotonic() + seconds
    while text not in seen:
        assert time.monotonic() < end, seen
        if select.select([descriptor], [], [], 0.2)[0]:
            seen += os.read(descriptor, 65536).decode("utf-8", "replace")
    return seen
