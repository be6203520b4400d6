"""The matrix of teams: who sits where, what must agree, and the pictures and files of it."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from finished_runs import finished_run
from PIL import Image

from colllm_bench import cli
from colllm_bench.evaluate import main
from colllm_bench.evaluation import cross_play
from colllm_bench.evaluation.held_out import play_held_out, raw_results
from colllm_bench.leaderboard.plots.cross_play import heatmap
from colllm_bench.runs.files import read_json
from colllm_bench.teams.specs import load_team, team_config


@pytest.fixture(scope="module")
def runs(tmp_path_factory, model_folder) -> list[str]:
    root, model = tmp_path_factory.mktemp("results"), model_folder("Llama")
    return [str(finished_run(root / f"mc/two/seed{k}", model, shaken=k + 1)) for k in range(2)]


def matrix(*argv: str, out: Path) -> dict:
    assert cli.execute(main, ["--cross-play", *argv, "--out", str(out), "--name", "m"]) == 0
    return read_json(next(out.rglob("crossplay.json")))


def returns(team, config, **options):
    return raw_results(play_held_out(config, load_team(team, config, **options)))["returns"]


def test_the_first_seats_are_the_rows_and_the_rest_the_columns(runs, tmp_path, capsys):
    record = matrix(*runs, out=tmp_path)
    config = team_config(runs[0])
    said = {key: cell["actions"] for key, cell in record["cells"].items()}
    assert len(set(said.values())) == 4, "who sits where matters"
    # Self-play on the diagonal: what each team does on its own, to the last number.
    for k, run in enumerate(runs):
        assert record["cells"][f"{k},{k}"]["returns"] == returns(run, config)
        mean = sum(returns(run, config)) / config.eval_episodes
        assert record["matrix"][k][k]["return"]["mean"] == pytest.approx(mean)
    assert record["row_seats"] == 1 and record["value"] == "return"
    means = [[cell["return"]["mean"] for cell in line] for line in record["matrix"]]
    assert record["self_play"] == pytest.approx((means[0][0] + means[1][1]) / 2)
    assert record["cross_play"] == pytest.approx((means[0][1] + means[1][0]) / 2)
    assert record["gap"] == pytest.approx(record["self_play"] - record["cross_play"])
    shown = capsys.readouterr().out
    assert f"1  mc/two/seed0   {means[0][0]:.3f}   {means[0][1]:.3f}" in shown
    assert "return of 1 seat from the row's team and 2 from the column's" in shown


def test_more_seats_for_the_rows(runs, tmp_path):
    """Two seats of three: the cell (0, 1) of one matrix is what (1, 0) of the other is not."""
    one = matrix(*runs, out=tmp_path / "one")
    two = matrix(*runs, "--row-seats", "2", out=tmp_path / "two")
    assert two["row_seats"] == 2
    for place in ("0,0", "1,1"):
        assert one["cells"][place] == two["cells"][place]
    assert one["cells"]["0,1"] != two["cells"]["0,1"]


def test_files_of_a_matrix(runs, tmp_path):
    record = matrix(*runs, out=tmp_path)
    folder = next(tmp_path.rglob("crossplay.json")).parent
    rows = list(csv.DictReader(io.StringIO((folder / "crossplay.csv").read_text())))
    assert [(row["row"][-1], row["column"][-1]) for row in rows] == [
        ("0", "0"), ("0", "1"), ("1", "0"), ("1", "1")
    ]
    for k, row in enumerate(rows):
        cell = record["matrix"][k // 2][k % 2]["return"]
        assert float(row["return_mean"]) == cell["mean"] and int(row["n"]) == cell["n"] == 4
        assert row["score_mean"] == ""  # this environment has no references
    picture = Image.open(folder / "crossplay.png")
    assert picture.width > 400 and picture.convert("L").getextrema()[0] < 80
    again = heatmap(folder / "crossplay.json", tmp_path / "again.png")
    assert again.read_bytes() == (folder / "crossplay.png").read_bytes()


def test_scores_are_normalized_where_there_are_references(tmp_path):
    record = matrix("scripted", "random", "--agents", "2", "--episodes", "3", "--turns", "16",
                    out=tmp_path)
    assert record["value"] == "score"
    assert record["matrix"][0][0]["score"]["mean"] == 1.0
    assert record["matrix"][1][1]["score"]["mean"] == 0.0


def test_cells_that_are_done_are_not_played_again(runs, tmp_path, monkeypatch):
    whole = matrix(*runs, out=tmp_path / "whole")
    cell, played = cross_play._play_cell, []

    def interrupted(row, column, *rest):
        played.append((row.label[-1], column.label[-1]))
        if len(played) == 3:
            raise KeyboardInterrupt
        return cell(row, column, *rest)

    monkeypatch.setattr(cross_play, "_play_cell", interrupted)
    argv = ["--cross-play", *runs, "--out", str(tmp_path / "cut"), "--name", "m"]
    assert cli.execute(main, argv) == 130
    assert matrix(*runs, out=tmp_path / "cut") == whole
    assert played == [("0", "0"), ("0", "1"), ("1", "0"), ("1", "0"), ("1", "1")]


def test_refusals(runs, tmp_path, capsys, model_folder):
    model = model_folder("Llama", max_position_embeddings=1024)

    def other(name, folder=model, **changes):
        return str(finished_run(tmp_path / name / "seed0", folder, done=False, **changes))

    master = other("master", algo="central")
    for argv, told in {
        (runs[0],): "--cross-play with one team; fix: name two or more",
        (master, other("b", algo="central")): "has one controller for all seats: nothing to mix",
        (runs[0], other("fewer", agents=2)): "plays agents 3 and mc/fewer/seed0 2",
        (runs[0], other("else")): "has model ",
        (runs[0], other("full", style="full", folder=model_folder("Llama"))): "has style 'brief'",
        (*runs, "--row-seats", "3"): "--row-seats 3 of 3; allowed: 1 to 2",
        (*runs, "--row-seats", "0"): "--row-seats 0 of 3; allowed: 1 to 2",
        (*runs, "--team", "untrained"): "--cross-play with other teams",
    }.items():
        code = cli.execute(main, ["--cross-play", *argv, "--out", str(tmp_path / "out")])
        said = capsys.readouterr()
        assert code == 2 and told in said.err and said.err.count("\n") == 1, (argv, said.err)
    assert not list((tmp_path / "out").rglob("*.json"))


def test_a_centralized_algorithm_of_ones_own_is_recorded_and_refused_as_such(
    runs, tmp_path, capsys, model_folder
):
    """It is known by its class, not by the name of the built-in one."""
    (tmp_path / "mine.py").write_text(
        "from colllm_bench.baselines.centralized import CentralizedExecution\n\n\n"
        "class MyCentral(CentralizedExecution):\n    pass\n"
    )
    model = model_folder("Llama", max_position_embeddings=1024)
    run = str(finished_run(tmp_path / "mine/seed0", model, algo=f"{tmp_path}/mine.py:MyCentral"))
    assert cli.execute(main, [run, "--out", str(tmp_path), "--name", "m"]) == 0
    (about,) = read_json(next(tmp_path.rglob("evaluation.json")))["teams"].values()
    assert about["centralized"] is True
    capsys.readouterr()
    assert cli.execute(main, ["--cross-play", run, runs[0], "--out", str(tmp_path)]) == 2
    assert "has one controller for all seats: nothing to mix" in capsys.readouterr().err
