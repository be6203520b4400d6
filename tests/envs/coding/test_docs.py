"""The documentation page says what the code does."""

from __future__ import annotations

import json
import re

from paths import ROOT
from spec_page import SpecPage

from colllm_bench.envs.coding import tasks, text
from colllm_bench.envs.coding.datasets import problems
from colllm_bench.envs.coding.env import TURNS, CodingEnv
from colllm_bench.envs.coding.generator.families import SPLIT_BY
from colllm_bench.envs.coding.grading import reward
from colllm_bench.envs.coding.scripted import Novice
from colllm_bench.envs.splits import SPLITS

PAGE = SpecPage("coding", CodingEnv)
RESULTS = ROOT / "results" / "coding_env"
MEASURED = json.loads((RESULTS / "measured.json").read_text(encoding="utf-8"))


def test_spec_table_of_the_docstring_says_what_the_code_does():
    env = CodingEnv()
    agents = list(tasks.AGENTS)
    names = ", ".join(f"{k} {v}" for k, v in tasks.LEVELS.items())
    assert PAGE.spec == PAGE.rows_of_all(env, reward.REWARDS, text.STYLES, SPLITS) | {
        "Forms": "parallel (all write at once), AEC",
        "Agents": f"{agents[0]} to {agents[-1]}, default {len(env.possible_agents)}: "
        f"{env.possible_agents[0]} to {CodingEnv(agents=agents[-1]).possible_agents[-1]}; "
        "the last writes the entry",
        "Tasks": f"{', '.join(tasks.TASKS)}; default {env.task}; or data=FILE",
        "Levels": f"{names}; default {env.level} (of the families)",
        "Turns": f"{TURNS[0]} to {TURNS[-1]}, default {env.turns}",
        "Feedback": f"{', '.join(text.FEEDBACK)}; default {env.feedback}",
        "Split by": f"{', '.join(SPLIT_BY)}; default {env.split_by} (of the families)",
    }


def test_spec_table_of_the_page_is_the_docstrings():
    PAGE.check_table()


def test_numbers_of_the_page_are_the_codes():
    assert f"{len(problems.load())} hand-written programs" in PAGE.text
    own = " + ".join(f"{reward.WEIGHTS[k]:.2f} `{k}`" for k in ("defined", "parses", "units"))
    assert own in PAGE.text
    assert "(0.40 + 0.10 `not_wrapper` + 0.10 `not_ignored`)" in PAGE.text
    assert [reward.WEIGHTS[k] for k in ("tests", "not_wrapper", "not_ignored")] == [0.4, 0.1, 0.1]
    assert f"in {Novice.forgets:.0%} an entry leaves a helper out" in PAGE.text
    assert f"off by one ({Novice.slips:.0%} in a team of three)" in PAGE.text


def test_the_example_of_the_page_plays():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.text, flags=re.S)
    names: dict = {}
    exec(code.replace('render_mode="human"', 'render_mode="ansi"'), names)
    assert names["infos"]["coder_1"]["score"]["parses"] == 1.0


def test_measured_table_is_the_one_that_was_measured():
    assert (RESULTS / "measured.md").read_text(encoding="utf-8") in PAGE.between("measured")


def test_what_was_measured_is_what_the_benchmark_needs():
    """The untrained model solves 5 to 30% on every level and in teams of up to eight, greedy next
    to nothing; of sixteen functions one is nearly always wrong."""
    rows = {(row["level"], row["agents"]): row["wins"] for row in MEASURED["rows"]}
    for (level, agents), wins in rows.items():
        share = {team: sum(won) / len(won) for team, won in wins.items()}
        assert agents == 16 or 0.05 <= share["model"] <= 0.30
        assert share["greedy model"] <= (0.03 if (level, agents) == (1, 3) else 0.1)
        assert 0.05 <= share["novice"] <= 0.30
    assert MEASURED["machine"]["sandbox"] in ("namespaces", "landlock")
    for wins in rows.values():
        assert sum(wins["random"]) == sum(wins["greedy novice"]) == 0
        assert all(wins["expert"])


def test_learning_table_is_the_one_that_the_runs_give():
    told = (ROOT / "results" / "reference" / "coding" / "README.md").read_text(encoding="utf-8")
    assert PAGE.between("learning").strip() in told
