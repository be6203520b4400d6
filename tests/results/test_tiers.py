"""The tiers: tables and texts say what the recorded episodes give."""

from __future__ import annotations

import json
from statistics import fmean

from paths import ROOT
from scripts import load_script

from colllm_bench.suites import load_suite

FOLDER = ROOT / "results" / "tiers"
PAGE = (FOLDER / "README.md").read_text(encoding="utf-8")


def short(value: float) -> str:
    return f"{value:.2f}".replace("0.", ".", 1)


def test_the_table_of_untrained_teams_is_that_of_their_episodes():
    measure = load_script(FOLDER / "measure.py")
    rows = [measure.line(name, json.loads((FOLDER / f"{name}.json").read_text()))
            for name in measure.TIERS]
    assert (FOLDER / "measured.md").read_text() == measure.HEAD + "\n".join(rows) + "\n"


def test_the_hardest_coding_ends_below_one_half_and_can_be_learned():
    told = json.loads((FOLDER / "coding-hardest-cc-stopped" / "evaluation.json").read_text())
    (played,) = [team for name, team in told["held_out"].items() if name.startswith("cc/")]
    floor, ceiling = (fmean(told["held_out"][team]["returns"]) for team in ("random", "scripted"))
    score = (fmean(played["returns"]) - floor) / (ceiling - floor)
    (own,) = [score for name, score in told["score"].items() if name.startswith("cc/")]
    text = "score {:.3f} ({:.3f} to {:.3f} over episodes)".format(
        score, own["low"], own["high"]).replace("0.", ".")
    assert text in PAGE and own["low"] > 0.088 and own["high"] < 0.5
    assert f"{sum(played['successes'])} programs won" in PAGE
    returns, wins, episodes = {}, {}, {}
    for algo in ("cc", "mc"):
        lines = (FOLDER / f"coding-hardest-{algo}-stopped" / "metrics.jsonl").read_text()
        rows = [json.loads(line) for line in lines.splitlines()]
        returns[algo] = [(row["return"] - floor) / (ceiling - floor) for row in rows]
        wins[algo] = round(sum(row["success"] * 32 for row in rows))
        episodes[algo] = rows[-1]["episodes"]
    for algo, all_of_them in returns.items():
        fives = [fmean(all_of_them[i : i + 5]) for i in range(0, len(all_of_them), 5)]
        assert f"`{algo}` {', '.join(map(short, fives))}" in PAGE
    assert (f"{wins['cc']} of {episodes['cc']:,} training programs" in PAGE
            and wins["mc"] == 0 and f"`mc`'s {episodes['mc']}" in PAGE)


def test_scores_of_the_page_of_suites_are_those_of_the_recorded_runs():
    page = (ROOT / "docs" / "suite.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| `")]
    told = {row[0].strip("| `"): row[1:] for row in rows}
    suite = load_suite("v2")
    lines = (FOLDER / "v2-pilot.jsonl").read_text().splitlines()
    for record in map(json.loads, lines):  # of two of one task the last is the one taken
        if record["task"] not in told or record["episodes"][-1] != (
                suite.task(record["task"]).episodes):
            continue
        assert record["seed"] not in (*suite.seeds, *suite.search.seeds)
        budget, score, _ = told.pop(record["task"])
        assert budget == f"{record['episodes'][-1]:,}"
        assert score.split()[0] == short(record["score"])
    assert not {"credit-16-agents", "credit-all", "credit-noise", "recycling"} & set(told)
