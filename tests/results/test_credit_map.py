"""The map of credit_v0 (results/credit_map): the page follows from its rows, the closed forms from
exact values, and the verdicts from their rules."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from paths import ROOT
from scripts import importing_from

FOLDER = ROOT / "results" / "credit_map"
scripts = importing_from(FOLDER)


def test_the_page_follows_from_the_committed_rows(scripts):
    assert scripts("page").text_of(FOLDER) == (FOLDER / "README.md").read_text(encoding="utf-8")


def test_every_row_is_of_the_settings_that_the_page_names(scripts):
    learn = scripts("learn")
    rows = learn.read(FOLDER / "learn.jsonl")
    jobs = [(row["cell"], row["learner"], row["lr"], row["seed"]) for row in rows]
    assert len(set(jobs)) == len(jobs) and set(jobs) <= set(learn.jobs(tune=False))
    assert {row["episodes"] for row in rows} == {learn.EPISODES}
    assert {len(row["curve"]) for row in rows} == {learn.EPISODES // learn.BATCH}
    assert not {row["seed"] for row in learn.read(FOLDER / "tune.jsonl")} & set(learn.SEEDS)


def test_runs_that_are_there_are_not_run_again_and_a_cut_line_is(scripts, tmp_path):
    learn = scripts("learn")
    path, jobs = tmp_path / "rows.jsonl", list(learn.jobs(tune=False))
    keys = ("cell", "learner", "lr", "seed")
    lines = [json.dumps(dict(zip(keys, job, strict=True))) for job in jobs[:3]]
    path.write_text("\n".join(lines)[:-5])
    assert learn.missing(path, iter(jobs)) == jobs[2:]


def test_a_run_is_repeated_by_its_seed(scripts):
    learn = scripts("learn")
    first, again = (learn.run(("turns 4", "cc", learn.LR, 7), 64, 8) for _ in range(2))
    timed = {"seconds", "cpu_seconds"}
    assert {k: v for k, v in first.items() if k not in timed} == {
        k: v for k, v in again.items() if k not in timed
    }
    assert len(first["curve"]) == 2 and 0 < first["right"] < 0.5


@pytest.mark.parametrize("name, changed", [
    ("centre", {}), ("delayed", {"reward": "delayed", "delay": 3}), ("dense", {"reward": "dense"}),
    ("luck", {"luck": 0.5}), ("noise", {"noise": 0.2, "reward": "dense"}),
    ("all", {"sees": "all", "luck": 0.5}),
])
def test_closed_forms_are_what_exact_values_give(scripts, name, changed):
    cells, exact = scripts("cells"), scripts("exact")
    own = cells.Cell(3, name, agents=2, changed={"turns": 4, **changed})
    game = exact.CreditEnv(agents=2, **own.options).game
    row = exact.measure(own, "half", exact.half_table(game))
    for key, wanted in row["theory"].items():
        seen = row["estimators"][key]["advantage_variance"]
        assert seen == pytest.approx(wanted, rel=0.06), key
    for knows, wanted in row["theory_explained"].items():
        assert row["explained_variance"][knows] == pytest.approx(wanted, abs=0.03), knows
    for key in ("mc constant", "cc 0", "cc 1", "hier 0.8", "dc 0.8"):
        assert row["estimators"][key]["along"] == pytest.approx(1.0, abs=0.15), key  # no bias


def test_a_cold_critic_shortens_the_gradient_as_the_closed_form_says(scripts):
    cells, exact, theory = (scripts(name) for name in ("cells", "exact", "theory"))
    own = cells.Cell(4, "short", agents=2, changed={"turns": 4})
    game = exact.CreditEnv(agents=2, **own.options).game
    rows = exact.measure(own, "half", exact.half_table(game))["estimators"]
    assert rows["cold 0"]["along"] == pytest.approx(1 / 4, abs=0.03)
    assert rows["cold 0.8"]["along"] == pytest.approx(np.mean(0.8 ** np.arange(4)), abs=0.04)
    efficiency = rows["cold 0.8"]["snr"] / rows["mc constant"]["snr"]
    assert efficiency == pytest.approx(theory.cold_efficiency(own, 0.8), rel=0.1)


def curve(learn, at: float) -> list[float]:
    """Half right after about ``at`` episodes; never within the budget if that is infinite."""
    episodes = learn.BATCH * np.arange(1, learn.EPISODES // learn.BATCH + 1)
    return [0.25] * len(episodes) if math.isinf(at) else list(np.clip(episodes / at / 2, 0, 1))


def a_map(scripts, tmp_path, needs: dict[str, float], **more: float):
    """A map whose every cell has learners that need so many episodes, give or take a seed."""
    learn, analysis, cells = (scripts(name) for name in ("learn", "analysis", "cells"))
    rows = [
        {"cell": own.name, "learner": x, "lr": learn.LR, "seed": seed, "right": 0.9,
         "curve": curve(learn, needs.get(x, 200.0) * (1 + 0.02 * seed)),
         "explained_variance": [0.1] * 16, "bytes_exchanged": more.get(f"{x}_bytes", 1),
         "cpu_seconds": more.get(f"{x}_seconds", 1.0)}
        for own in cells.CELLS for x in own.learners for seed in learn.SEEDS
    ]
    (tmp_path / "learn.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    (tmp_path / "exact.json").write_text((FOLDER / "exact.json").read_text())
    return analysis.Map(tmp_path)


@pytest.mark.parametrize("needs, wanted", [
    ({}, ["shown", "undecided", "refuted", "refuted", "undecided"]),
    ({"mc": 420.0, "cc": 140.0, "dc": math.inf},
     ["refuted", "shown", "shown", "shown", "undecided"]),
    ({"mc": 150.0, "cc": 300.0}, ["refuted", "refuted", "refuted", "undecided", "undecided"]),
])
def test_verdicts_follow_their_rules(scripts, tmp_path, needs, wanted):
    own = a_map(scripts, tmp_path, needs)
    assert [v.verdict for v in scripts("claims").verdicts(own)] == wanted


@pytest.mark.parametrize("seconds, wanted", [(2.0, "shown"), (0.5, "refuted")])
def test_cost_is_judged_by_seconds_and_bytes(scripts, tmp_path, seconds, wanted):
    own = a_map(scripts, tmp_path, {}, cc_seconds=seconds, cc_bytes=seconds)
    assert scripts("claims").verdicts(own)[-1].verdict == wanted


@pytest.mark.parametrize("learner, shown", [("cc", False), ("cc oracle", True)])
def test_a_learner_that_lacks_a_run_is_blank_and_a_cell_that_needs_it_not_shown(
    scripts, tmp_path, learner, shown
):
    whole = a_map(scripts, tmp_path, {})
    path = tmp_path / "learn.jsonl"
    rows = map(json.loads, path.read_text().splitlines())
    kept = [row for row in rows if (row["cell"], row["learner"], row["seed"]) != (
        "turns 16", learner, 3)]
    path.write_text("\n".join(map(json.dumps, kept)) + "\n")
    partly = scripts("analysis").Map(tmp_path)
    assert partly.runs("turns 16", learner) == [] and whole.runs("turns 16", learner)
    assert partly.ratio("turns 16", learner, "mc") is None
    assert ("turns 16" in partly.names) == shown
    assert set(whole.names) - set(partly.names) <= {"turns 16"}


def test_monte_carlo_serves_a_cell_with_another_lambda_too(scripts, tmp_path):
    own = a_map(scripts, tmp_path, {})
    assert own.runs("turns 32, lambda 0.95", "mc") == own.runs("turns 32", "mc") != []
    assert own.predicted("turns 32, lambda 0.95", "cc") < own.predicted("turns 32", "cc")
