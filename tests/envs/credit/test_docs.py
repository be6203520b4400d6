"""The documentation page says what the code does."""

from __future__ import annotations

from spec_page import SpecPage

from colllm_bench.envs.credit import rules, text
from colllm_bench.envs.credit.env import REWARDS, SPLITS, CreditEnv

PAGE = SpecPage("credit", CreditEnv)


def test_spec_table_of_the_docstring_says_what_the_code_does():
    env = CreditEnv()
    assert PAGE.spec == PAGE.rows_of_all(env, REWARDS, text.STYLES, SPLITS) | {
        "Forms": "parallel (simultaneous answers), AEC",
        "Agents": f"2 to 16, default {len(env.possible_agents)}: {env.possible_agents[0]} to "
        f"{CreditEnv(agents=16).possible_agents[-1]}",
        "Turns": f"1 to 64; default {env.turns}",
        "Words": ", ".join(text.WORDS),
        "Teams": f"{', '.join(rules.TEAMS)}; default {env.game.team}",
    }


def test_spec_table_of_the_page_is_the_docstrings():
    PAGE.check_table()


def test_the_example_of_the_page_shows_what_is_shown():
    env = CreditEnv()
    observations, infos = env.reset(seed=0)
    assert f"# {infos['agent_1']['instructions']}\n" in PAGE.text
    assert f"# {observations['agent_1']['text']}\n" in PAGE.text
