"""Critics carried over (results/head_starts): the page follows from its rows, and rows are of the
settings that the script names."""

from __future__ import annotations

from paths import ROOT
from scripts import importing_from

FOLDER = ROOT / "results" / "head_starts"
scripts = importing_from(FOLDER)


def test_the_page_follows_from_the_committed_rows(scripts):
    assert scripts("page").text() == (FOLDER / "README.md").read_text(encoding="utf-8")


def test_every_row_is_a_whole_run_of_a_named_setting(scripts):
    learn = scripts("learn")
    rows = learn.rows()
    jobs = [(row["study"], row["condition"], row["seed"]) for row in rows]
    assert len(set(jobs)) == len(jobs) > 0
    for row in rows:
        study = learn.STUDIES[row["study"]]
        assert row["condition"] in study.conditions
        assert row["episodes"] == study.target["episodes"] == row["batch"] * len(row["curve"])


def test_what_a_condition_adds(scripts, tmp_path, monkeypatch):
    learn = scripts("learn")
    monkeypatch.setattr(learn, "source", lambda name, seed, critics: critics / f"{name}{seed}")
    study = "cc, 8 turns to 16"
    usual, carried = (learn.config_of((study, name, 3), tmp_path)
                      for name in ("as usual", "carried over"))
    assert carried.algo_options["critic_from"] == str(tmp_path / f"{study}3")
    assert carried.replace(algo_options=usual.algo_options) == usual, "nothing else differs"
    names = ("none", "levels", "backward", "anneal")
    assert [learn.config_of(("curriculum", name, 0), tmp_path).curriculum for name in names] == [
        *names]
    changed = learn.config_of(("algorithms", "mc, levels", 0), tmp_path)
    plain = learn.config_of(("curriculum", "levels", 0), tmp_path)
    assert changed == plain.replace(algo="mc") and plain.algo == "cc"


def test_a_curriculum_counts_what_was_played_on_the_full_task(scripts):
    count = scripts("page").full_task
    assert count({"curve": [0.0] * 6}) == 6
    assert count({"curriculum_weight": [1.0, 0.5, 0.0, 0.0]}) == 2
    for condition in ("levels", "dc, levels"):
        assert count({"condition": condition, "curriculum_stage": [0, 1, 2, 3, 3, 3]}) == 3
