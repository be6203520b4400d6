"""The documentation page of writing_v0 says what the code does and what was measured."""

from __future__ import annotations

import json
import re
from statistics import fmean

from paths import ROOT
from spec_page import SpecPage

from colllm_bench.envs.splits import SPLITS
from colllm_bench.envs.writing import tasks, text
from colllm_bench.envs.writing.env import MILESTONES, REWARDS, WritingEnv
from colllm_bench.envs.writing.language import words
from colllm_bench.envs.writing.language.premise_lists import LISTS
from colllm_bench.envs.writing.scoring import comlrl_reward, rewards

PAGE = SpecPage("writing", WritingEnv)
SAMPLES = (ROOT / "docs" / "writing_samples.md").read_text(encoding="utf-8")
RESULTS = ROOT / "results" / "writing_env"
MEASURED = json.loads((RESULTS / "measured.json").read_text(encoding="utf-8"))


def test_spec_table_of_the_docstring_says_what_the_code_does():
    env = WritingEnv()
    agents, drafts, lengths = list(tasks.AGENTS), list(tasks.DRAFTS), list(tasks.LENGTHS)
    assert PAGE.spec == PAGE.rows_of_all(env, REWARDS, text.STYLES, SPLITS) | {
        "Forms": "parallel (all write at the same time), AEC",
        "Agents": f"{agents[0]} to {agents[-1]}, default {len(env.possible_agents)}: "
        f"{env.possible_agents[0]} to {WritingEnv(agents=agents[-1]).possible_agents[-1]}",
        "Tasks": f"{', '.join(tasks.TASKS)}; default {env.task}",
        "Turns": f"{drafts[0]} to {drafts[-1]} drafts; default {env.turns}",
        "Words": f"{lengths[0]} to {lengths[-1]} a section of a story; default {env.words}",
        "Premises": f"{', '.join(LISTS)}; default {env.premises} (of stories)",
        "Components": "ten and quality, each from 0 to 1",
    }
    assert len(rewards.COMPONENTS) == 10


def test_spec_table_of_the_page_is_the_docstrings():
    PAGE.check_table()


def test_the_page_has_every_component_with_its_weight():
    rows = dict(re.findall(r"^\| `(\w+)` \| ([\w.]+) \|", PAGE.between("score"), flags=re.M))
    assert rows == {name: "gate" for name in rewards.GATES} | {
        name: f"{weight:.2f}" for name, weight in rewards.MERITS.items()
    }
    for number in (*MILESTONES, rewards.SUCCESS):
        assert str(number) in PAGE.text
    for name in comlrl_reward.COMPONENTS:
        assert f"`{name}`" in PAGE.text
    assert len(words.MARKERS) == 12


def test_the_example_of_the_page_is_what_an_author_reads():
    env = WritingEnv(turns=2)
    _, infos = env.reset(seed=0)
    assert infos["writer_1"]["instructions"] in PAGE.text


def test_measured_tables_are_those_that_were_measured():
    assert PAGE.between("measured") == (RESULTS / "measured.md").read_text(encoding="utf-8")


def test_what_was_measured_is_what_the_benchmark_needs():
    means = {(r["team"], r["agents"]): fmean(r["qualities"]) for r in MEASURED["teams"]}
    for agents in (2, 3, 4, 8, 16):
        low, high = means["random", agents], means["expert", agents]
        assert low < 0.02 and high > 0.93
        assert means["novice, greedy", agents] < 0.1
    assert all(fmean(values) < 0.1 for values in MEASURED["gaming"].values())
    fluent = {name: fmean(values) for name, values in MEASURED["fluency"].items()}
    assert fluent["expert"] > 0.95 and fluent["expert, shuffled"] < 0.07
    assert fluent["stories no script wrote"] > 0.85 and fluent["the same, shuffled"] < 0.15
    assert all(cost < 2000 for *_, cost in MEASURED["cost"])


def test_three_samples_of_each_team():
    for team in ("untrained", "trained", "expert"):
        part = SAMPLES.split(f"## {team.capitalize()}")[1].split("\n## ")[0]
        assert len(re.findall(r"^\*\*Premise\.\*\*", part, flags=re.M)) == 3
