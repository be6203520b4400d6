"""The documentation page says what the code does and what was measured."""

from __future__ import annotations

import itertools
import json

import pytest
from paths import ROOT
from scipy.stats import beta
from spec_page import SpecPage

from colllm_bench.envs.splits import SPLITS
from colllm_bench.envs.strategy import rules, tasks, text
from colllm_bench.envs.strategy.env import REWARDS, StrategyEnv
from colllm_bench.evaluation.intervals import wilson

PAGE = SpecPage("strategy", StrategyEnv)
RESULTS = ROOT / "results" / "strategy_env"
MEASURED = json.loads((RESULTS / "measured.json").read_text(encoding="utf-8"))


def test_spec_table_of_the_docstring_says_what_the_code_does():
    env = StrategyEnv()
    agents, levels = list(tasks.AGENTS), tasks.LEVELS
    days = ", ".join(str(tasks.settings(level, 3).turns) for level in levels)
    names = ", ".join(f"{k} {v}" for k, v in levels.items() if k not in tasks.TIERS)
    names += f", {', '.join(tasks.TIERS)}"
    assert PAGE.spec == PAGE.rows_of_all(env, REWARDS, text.STYLES, SPLITS) | {
        "Forms": "parallel (simultaneous orders), AEC",
        "Agents": f"{agents[0]} to {agents[-1]}, default {len(env.possible_agents)}: "
        f"{env.possible_agents[0]} to {StrategyEnv(agents=agents[-1]).possible_agents[-1]}",
        "Levels": f"{names}; default {env.level}",
        "Turns": f"{tasks.TURNS[0]} to {tasks.TURNS[-1]}; default by level and agents: "
        f"{days} for three",
        "Orders": ", ".join(rules.ORDERS),
    }


def test_spec_table_of_the_page_is_the_docstrings():
    PAGE.check_table()


def test_the_page_has_every_order_sight_and_the_example():
    for word in (*rules.ORDERS, *text.SIGHTS):
        assert f"`{word}`" in PAGE.text
    env = StrategyEnv()
    _, infos = env.reset(seed=0)
    assert PAGE.text.count(infos["front_1"]["instructions"]) == 2


def test_measured_table_is_the_one_that_was_measured():
    table = (RESULTS / "measured.md").read_text(encoding="utf-8").split("\n\n", 1)[1]
    assert PAGE.between("measured") == table
    for row in MEASURED["rows"]:
        cells = [f"{100 * wins / n:.1f} [" for wins, n in row["wins"].values()]
        line = next(
            x for x in table.split("\n") if x.startswith(f"| {row['level']} | {row['agents']} |")
        )
        assert all(cell in line for cell in cells)


def test_every_level_and_size_was_measured_as_it_is_calibrated_now():
    measured = {(row["level"], row["agents"]): row["turns"] for row in MEASURED["rows"]}
    assert measured == {
        (level, agents): tasks.settings(level, agents).turns
        for level, agents in itertools.product((1, 2, 3), (2, 3, 4, 8))
    }


@pytest.mark.parametrize("level, target", [("hard", 0.01), ("brutal", 0.001)])
def test_tiers_of_the_page_are_those_that_were_measured_and_near_their_target(level, target):
    row = json.loads((ROOT / "results" / "tiers" / f"strategy-{level}.json").read_text())
    wins, n = sum(row["successes"]), len(row["successes"])
    low, high = (float(beta.ppf(q, wins + k, n - wins + 1 - k)) for q, k in ((.025, 0), (.975, 1)))
    line = f"| {level} | {n} | {wins} | {wins / n:.4f} ({low:.4f} to {high:.4f}) |"
    assert line in PAGE.between("tiers").splitlines() and low <= target <= high
    assert all(row["scripted_successes"]) and row["env_options"] == {"level": level}


@pytest.mark.parametrize("row", MEASURED["rows"], ids=lambda r: f"{r['level']}-{r['agents']}")
def test_what_was_measured_is_what_the_benchmark_needs(row):
    share = {team: wins / n for team, (wins, n) in row["wins"].items()}
    assert share["random"] <= 0.01 and share["greedy"] == 0.0
    low, high = wilson(*row["wins"]["novice"])
    assert 0.05 <= low and high <= 0.20
    assert share["expert"] >= 0.9 and share["improved"] >= 0.8
    assert row["microseconds"] <= 50
    if row["agents"] >= 3:
        joint, local = row["explained_variance"]["joint"], row["explained_variance"]["local"]
        assert joint[1] > local[1] + 0.05 and joint[2] > local[2] + 0.1
