"""Paths and names with brackets, which rich would read as markup, are printed as they are."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys

import pytest
from paths import ROOT
from rich.console import Console
from rich.progress import Progress

from colllm_bench import cli, evaluate, play, run, sweep
from colllm_bench.display import console, job_table, tables
from colllm_bench.launchers.jobs import Job
from colllm_bench.leaderboard import __main__ as leaderboard

OUT = "a[b]c[/x]:fire:"
"""A folder: c[ and x] are separated by its slash."""
SMALL = "--algo mc --group 2 --batch 4 --episodes 4 --eval-episodes 2 --agents 2".split()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a run below :data:`OUT`, and what the run printed."""
    where = tmp_path_factory.mktemp("brackets")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(where)
        shown = io.StringIO()
        patch.setattr("sys.stdout", shown)
        assert cli.execute(run.main, [*SMALL, "--out", OUT, "--name", "n"]) == 0
    return where, shown.getvalue()


@pytest.fixture
def inside(trained, monkeypatch):
    monkeypatch.chdir(trained[0])


PATH = f"{OUT}/strategy/mc/n/seed0"


def test_run(trained):
    assert re.search(rf"^run folder +{re.escape(PATH)}$", trained[1], re.M)


def test_run_without_evaluation_names_the_command_that_goes_on(inside, capsys):
    assert cli.execute(run.main, [*SMALL, "--out", OUT, "--name", "m", "--no-eval"]) == 0
    again = f"--resume '{OUT}/strategy/mc/m/seed0' does"
    assert again in capsys.readouterr().out


def test_run_with_seeds(inside, capsys):
    argv = [*SMALL, "--out", OUT, "--name", "n", "--seeds", "0:1", "--resume"]
    assert cli.execute(run.main, argv) == 0
    assert PATH in capsys.readouterr().out


def test_sweep(inside, capsys):
    argv = [*SMALL, "--out", OUT, "--name", "n", "--env-option", "level=1", "--dry-run"]
    assert cli.execute(sweep.main, argv) == 2
    assert f"{PATH} was started with another configuration" in capsys.readouterr().out
    assert cli.execute(sweep.main, [*argv[:-1]]) == 2
    said = capsys.readouterr().err
    assert f"{PATH} was started with another" in said
    assert f"  python -m colllm_bench.run --resume '{PATH}'" in said


def test_evaluate(inside, capsys):
    argv = [PATH, "random", "--episodes", "2", "--out", OUT]
    assert cli.execute(evaluate.main, argv) == 0
    said = capsys.readouterr().out
    assert re.search(rf"^record +{re.escape(OUT)}/evaluations/strategy/", said, re.M)


def test_evaluate_cross_play(inside, capsys):
    argv = ["--cross-play", PATH, "untrained", "--episodes", "2", "--out", OUT, "--agents", "2"]
    assert cli.execute(evaluate.main, argv) == 0, capsys.readouterr().err
    assert f"{OUT}/evaluations/strategy/" in capsys.readouterr().out


def test_play(inside, capsys, tmp_path):
    record = tmp_path / "r[b].json"
    argv = ["--watch", "--delay", "0", "--team", PATH, "--seed", "3", "--record", str(record)]
    assert cli.execute(play.main, argv) == 0, capsys.readouterr().err
    assert "r[b].json" in capsys.readouterr().out.replace("\n", "")
    assert cli.execute(play.main, ["--replay", str(record), "--delay", "0"]) == 0
    assert "r[b].json" in capsys.readouterr().out.replace("\n", "")


def test_leaderboard(inside, capsys):
    argv = ["build", OUT, "--out", f"{OUT}/site", "--no-plots"]
    assert cli.execute(leaderboard.main, argv) == 0
    assert f"{OUT}/site/index.html" in capsys.readouterr().out


def test_a_terminal_that_knows_ascii_alone_is_not_the_end_of_a_finished_run(tmp_path):
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "colllm_bench.run", *SMALL, "--out", "caf\u00e9", "--name", "n"],
        capture_output=True, text=True, cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": path},
    )
    assert done.returncode == 0, done.stderr
    assert "run folder      caf\\xe9/strategy/mc/n/seed0" in done.stdout
    assert (tmp_path / "caf\u00e9/strategy/mc/n/seed0/summary.json").exists()


def test_a_folder_whose_name_is_no_utf_8_is_refused_at_once(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    argv = [*SMALL, "--out", os.fsdecode(b"no\xffutf")]
    assert cli.execute(run.main, argv) == 2
    assert r"error: --out 'no\udcffutf' is not valid UTF-8" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("made", [
    console.make_console(file=io.StringIO(), width=200),
    Console(file=io.StringIO(), width=200),  # somebody else's
], ids=["ours", "any"])
def test_tables(made, tmp_path):
    job = Job(("[red]mc", "[/x]"), tmp_path / "[b]", [])
    job.fail(1, "error: [/nothing] :fire:")
    titles = ("[algo]", "seed")
    for table in (
        job_table.failures_table([job], titles), job_table.results_table([job], titles),
        job_table.progress_table([job], titles), job_table.settings_table([job], titles),
        tables.plain_table("[a]", "[/b]"),
    ):
        made.print(table)
    shown = made.file.getvalue()
    for text in ("[red]mc", "[/x]", "[algo]", "error: [/nothing] :fire:", "/[b]", "[a]", "[/b]"):
        assert text in shown


def test_consoles_and_spinners():
    out = console.make_console(file=io.StringIO(), width=200)
    with out.status("loading") as status:
        status.update(console.plain("[/x]"))
    out.print("a[b]c[/x] :fire: 1.5")
    assert out.file.getvalue() == "a[b]c[/x] :fire: 1.5\n"
    wide = console.make_wide_console(file=io.StringIO())
    assert wide.width == console.WIDE
    assert Progress(console=wide)
