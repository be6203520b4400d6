"""What a person sees: moving means, time left, the life of a turn, the tables."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from colllm_bench.display import progress, tables
from colllm_bench.launchers import jobs
from colllm_bench.types import Episode, Trajectory, Turn


def console(**settings) -> Console:
    return Console(file=io.StringIO(), width=120, **settings)


def text_of(shown) -> str:
    out = console()
    out.print(shown)
    return out.file.getvalue()


def test_moving_means_weigh_by_episodes_and_forget():
    moving = progress.MovingAverage()
    moving.add({"episodes": 64, "success": 1.0, "return": 2.0})
    moving.add({"episodes": 128, "success": 0.0, "return": 0.0})
    assert moving.mean("success") == 0.5 and moving.mean("return") == 1.0
    assert str(moving) == "win rate 0.500  return 1.000"
    for k in range(3, 7):
        moving.add({"episodes": 64 * k, "success": 0.25, "return": 0.25})
    assert moving.mean("success") == 0.25, "256 newer episodes push the old ones out"


def test_many_invalid_actions_are_told():
    moving = progress.MovingAverage()
    moving.add({"episodes": 64, "return": 0.0, "invalid": 0.1})
    assert str(moving) == "return 0.000"
    moving.add({"episodes": 128, "return": 0.0, "invalid": 0.9})
    assert str(moving) == "return 0.000  50% of actions invalid"


def test_the_report_tells_of_invalid_actions(tmp_path):
    interval = {"mean": 0.0, "low": 0.0, "high": 0.1, "n": 4}
    summary = {
        "env": "strategy", "agents": 3, "algo": "mc", "seed": 0, "episodes": 64, "score": {},
        "success": {}, "return": {"trained": interval}, "invalid": {"trained": 1.0},
    }
    out = console()
    tables.print_report(out, tmp_path, summary)
    assert "100% of the trained team's actions were invalid" in out.file.getvalue()
    summary["invalid"]["trained"] = 0.01
    out = console()
    tables.print_report(out, tmp_path, summary)
    assert "invalid" not in out.file.getvalue()


def test_moving_means_without_a_verdict():
    moving = progress.MovingAverage()
    assert str(moving) == ""
    moving.add({"episodes": 8, "return": 1.5})
    assert str(moving) == "return 1.500"


@pytest.mark.parametrize(
    ("seconds", "says"),
    [(None, "?"), (0.4, "0 s"), (59.4, "59 s"), (425, "7 min 05 s"), (12000, "3 h 20 min")],
)
def test_durations(seconds, says):
    assert progress.duration(seconds) == says


def test_time_left_is_paced_by_this_process_alone(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    clock = progress.Eta(total=100, done=40)
    assert clock.left(40) is None
    now[0] = 110.0
    assert clock.left(60) == pytest.approx(20.0)


def test_plain_lines_come_now_and_then_and_at_the_end(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    out = console()
    lines = progress.ProgressLines(out, every=10)
    lines.on_start(80, 0)
    for k in range(1, 9):
        now[0] += 4
        lines.on_iteration({"episodes": 10 * k, "success": 0.5, "return": 0.5}, [])
    lines.on_train_end()
    said = out.file.getvalue().splitlines()
    assert said[0].startswith("10/80 episodes  win rate 0.500  return 0.500  28 s left")
    assert [line.split("/")[0] for line in said] == ["10", "40", "70", "80"]


def test_the_bar_shows_episodes_win_rate_return_and_time_left():
    out = console(force_terminal=True)
    (callback,) = progress.make_progress(out)
    assert isinstance(callback, progress.ProgressBar)
    callback.on_start(80, 40)
    callback.on_iteration({"episodes": 60, "success": 0.5, "return": 0.25}, [])
    callback.on_train_end()
    said = out.file.getvalue()
    for part in ("60/80", "episodes", "win rate 0.500", "return 0.250", "left"):
        assert part in said


def test_quiet_shows_nothing_but_a_trace_that_is_asked_for():
    assert progress.make_progress(console(), quiet=True) == []
    (lines,) = progress.make_progress(console())
    assert isinstance(lines, progress.ProgressLines)
    assert len(progress.make_progress(console(), trace=True)) == 2
    (trace,) = progress.make_progress(console(), quiet=True, trace=True)
    turn = Turn("[bold]fort", [1, 2], [3], [-0.123456], "hold", 1.0, True, False, {})
    trace.on_start(1, 0)
    for _ in range(2):
        trace.on_iteration({}, [Episode(0, 0, [Trajectory("north", 0, "", [turn])])])
    trace.on_train_end()
    said = trace.console.file.getvalue()
    assert said.count("The life of a turn: north, turn 1") == 1
    writers = ("Algorithm.compute_advantages", "LanguageModelTeam.act")
    for part in ("[bold]fort", "[-0.1235]", *writers, "None"):
        assert part in said


def test_a_trace_waits_for_an_episode_with_a_reward():
    def episode(reward):
        turn = Turn("fort", [1], [3], [-0.1], "hold", reward, True, False, {})
        return Episode(0, 0, [Trajectory(f"won {reward}", 0, "", [turn])])

    (trace,) = progress.make_progress(console(), quiet=True, trace=True)
    trace.on_iteration({}, [episode(0.0), episode(0.0)])
    assert trace.console.file.getvalue() == ""
    trace.on_iteration({}, [episode(0.0), episode(0.5)])
    trace.on_train_end()
    assert trace.console.file.getvalue().count("The life of a turn: won 0.5") == 1
    (trace,) = progress.make_progress(console(), quiet=True, trace=True)
    trace.on_iteration({}, [episode(0.0)])
    trace.on_train_end()
    assert "The life of a turn: won 0.0" in trace.console.file.getvalue()


def found(mean, low=None, high=None):
    return {"mean": mean, "low": low, "high": high, "n": 4}


SUMMARY = {
    "success": {"trained": found(0.75, 0.3, 0.95), "random": found(0, 0, 0.4)},
    "return": {"trained": found(1.5, 1.0, 2.0), "random": found(-0.00001, -0.1, 0.1)},
    "score": {"trained": found(0.5, 0.4, 0.6), "random": found(0.0, -0.1, 0.1)},
}


def test_the_table_has_the_teams_that_were_played_in_order():
    said = text_of(tables.teams_table(SUMMARY)).splitlines()
    assert said[0].split("  ")[0] == "on held-out tasks"
    assert said[1].split() == ["random", "team", "0.000", "0.000", "to", "0.400", "0.000", "0.000"]
    assert said[2].split()[2:] == ["0.750", "0.300", "to", "0.950", "1.500", "0.500"]


def test_the_table_without_a_verdict_and_without_intervals():
    summary = {"success": {}, "score": {}, "return": {"trained": found(1.5)}}
    said = text_of(tables.teams_table(summary))
    assert "win rate" not in said and "1.500" in said and "None" not in said


def test_seeds_are_launched_without_the_option_that_launched_them():
    argv = ["--seeds", "0:3", "--algo", "mc", "--jobs=2", "--seeds=1", "--lr", "1"]
    assert jobs._without(argv, "--seeds", "--jobs") == ["--algo", "mc", "--lr", "1"]
