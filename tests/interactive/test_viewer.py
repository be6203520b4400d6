"""Screens of a game, and stepping through its turns."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time

import pytest
from paths import ROOT
from rich.console import Console

from colllm_bench.config import RunConfig
from colllm_bench.interactive import panels
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
from colllm_bench.runs.replays import replay_of
from colllm_bench.setup.environments import make_mixed_env
from colllm_bench.teams.scripted import ScriptedTeam

ORDERS = ["march", "scout", "train", "strike", "hold", "send"]


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
