"""One list of metrics: a line in it is seen in every table, on the page and in a figure."""

from __future__ import annotations

import csv
import json

import pytest
from made_runs import make_run

from colllm_bench.leaderboard import metrics
from colllm_bench.leaderboard.build import write
from colllm_bench.leaderboard.data import read
from colllm_bench.leaderboard.metrics import Metric
from colllm_bench.leaderboard.page.payload import page_view
from colllm_bench.leaderboard.plots.render import figures
from colllm_bench.leaderboard.statistics.variability import mean_of, per_run

EPISODE_LENGTH = Metric(
    "episode_length", "episode length", "Turns of a training episode.",
    per_run(mean_of("length"), low=0.0), unit="turns", better="low", in_table="interval",
)


@pytest.fixture
def runs(tmp_path):
    for algo in ("cc", "mc"):
        for seed in range(2):
            make_run(tmp_path / "in", "strategy", algo, seed=seed, iterations=12)
    return read(tmp_path / "in")


def test_a_new_metric_is_one_line(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(metrics, "METRICS", [*metrics.METRICS, EPISODE_LENGTH])
    out = tmp_path / "out"
    data = write(runs, out, formats=())
    expected = [run.metrics["length"].mean() for run in runs.groups[0].runs]
    head, _, *lines = (out / "tables" / "strategy.md").read_text().splitlines()
    assert "| episode length, turns |" in head and len(lines) >= 2
    with open(out / "tables" / "strategy.csv", newline="") as file:
        row = next(csv.DictReader(file))
    assert float(row["episode_length"]) == pytest.approx(sum(expected) / 2)
    assert row["episode_length_low"] == "", "of equal runs without a range nothing is known"
    with open(out / "tables" / "seeds.csv", newline="") as file:
        assert float(next(csv.DictReader(file))["episode_length"]) == expected[0]
    view = page_view(data)
    (listed,) = [metric for metric in view["metrics"] if metric["id"] == "episode_length"]
    assert (listed["title"], listed["help"]) == ("Episode length", EPISODE_LENGTH.help)
    for group in view["groups"]:
        assert group["numbers"]["episode_length"]["seeds"] == pytest.approx(expected)
    drawn = dict(figures(data))["strategy-agents3-variance"]
    (axis,) = [axis for axis in drawn.axes if axis.get_xlabel() == "episode length, turns"]
    hollow = [line for line in axis.lines if line.get_markerfacecolor() == "none"]
    assert [len(line.get_xdata()) for line in hollow] == [2, 2], "every seed of both methods"


def test_without_its_line_the_metric_is_nowhere(runs, tmp_path):
    write(runs, tmp_path / "out", formats=())
    for path in (tmp_path / "out").rglob("*.*"):
        assert "episode_length" not in path.read_text(), path


def test_no_two_numbers_share_a_name():
    """The score of training and that of held-out tasks were both called "score"."""
    listed = metrics.all_metrics([0.5, 0.8])
    ids, titles = [m.id for m in listed], [m.title for m in listed]
    titles += [curve.title for curve in metrics.CURVES]
    assert len(set(ids)) == len(ids) and len(set(titles)) == len(titles)


def test_every_metric_says_how_it_is_shown():
    for metric in metrics.all_metrics([0.5]):
        assert metric.help.endswith(".") and metric.title[0].islower(), metric.id
        assert metric.in_table in (None, "value", "interval", "seeds"), metric.id
        assert metric.in_page in ("column", "strip", "detail"), metric.id
        assert set(metric.in_plot) <= {"finals", "samples", "variance", "scaling"}, metric.id
        assert metric.better in ("high", "low", None), metric.id


def test_data_json_is_json_and_says_each_metric(runs, tmp_path):
    data = write(runs, tmp_path / "out", formats=())
    assert json.loads((tmp_path / "out" / "data.json").read_text()) == json.loads(json.dumps(data))
    ids = {metric.id for metric in metrics.all_metrics(data["thresholds"])}
    assert all(group["metrics"].keys() == ids for group in data["groups"])
