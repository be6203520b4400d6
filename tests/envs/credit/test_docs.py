"""The documentation page says what the code does."""

from __future__ import annotations

import re

from paths import ROOT

from colllm_bench.envs.credit import rules, text
from colllm_bench.envs.credit.env import REWARDS, SPLITS, CreditEnv

PAGE = (ROOT / "docs" / "credit.md").read_text(encoding="utf-8")
SPEC = dict(re.findall(r"^    (\w[\w ]*?) {2,}([^=\s].*)$", CreditEnv.__doc__, flags=re.M))


def test_spec_table_of_the_docstring_says_what_the_code_does():
    env = CreditEnv()
    assert SPEC == {
        "Id": 'credit_v0 (``pettingzoo.make("parallel", "colllm/credit-v0")``)',
        "Import": "from colllm_bench.envs.credit.env import parallel_env",
        "Forms": "parallel (simultaneous answers), AEC",
        "Agents": f"2 to 16, default {len(env.possible_agents)}: {env.possible_agents[0]} to "
        f"{CreditEnv(agents=16).possible_agents[-1]}",
        "Turns": f"1 to 64; default {env.turns}",
        "Action": repr(env.action_space("agent_1")),
        "Observation": f"Dict(text: {env.observation_space('agent_1')['text']!r})",
        "Words": ", ".join(text.WORDS),
        "Rewards": f"{', '.join(REWARDS)}; default {env.reward}",
        "Teams": f"{', '.join(rules.TEAMS)}; default {env.game.team}",
        "Styles": f"{', '.join(text.STYLES)}; default {env.style}",
        "Splits": f"{', '.join(SPLITS)}; default {env.split}",
        "Render modes": ", ".join(env.metadata["render_modes"]),
    }
    assert env.metadata["name"] == "credit_v0"


def test_spec_table_of_the_page_is_the_docstrings():
    table = PAGE.split("<!-- spec: begin -->\n")[1].split("<!-- spec: end -->")[0]
    rows = dict(re.findall(r"^\| ([^|]+) \| (.+) \|$", table, flags=re.M))
    assert rows == {key: value.replace("``", "`") for key, value in SPEC.items()}


def test_the_example_of_the_page_shows_what_is_shown():
    env = CreditEnv()
    observations, infos = env.reset(seed=0)
    assert f"# {infos['agent_1']['instructions']}\n" in PAGE
    assert f"# {observations['agent_1']['text']}\n" in PAGE
