"""The documentation page says what the code does and what is known."""

from __future__ import annotations

import re

from paths import ROOT

from colllm_bench.envs.classic import env as classic
from colllm_bench.envs.classic import known, text
from colllm_bench.envs.classic.env import ClassicEnv
from colllm_bench.envs.classic.games import GAMES

PAGE = (ROOT / "docs" / "classic.md").read_text(encoding="utf-8")
SPEC = dict(re.findall(r"^    (\w[\w ]*?) {2,}([^=\s].*)$", ClassicEnv.__doc__, flags=re.M))


def between(name: str) -> str:
    return PAGE.split(f"<!-- {name}: begin -->\n")[1].split(f"<!-- {name}: end -->")[0]


def values_table() -> str:
    """Every game and horizon, as the page shows them."""
    lines = ["| game | turns | random | blind | decentralized | joint | state |",
             "|---|---|---|---|---|---|---|"]
    for game in GAMES.values():
        for turns in game.turns[:1] if game.chain else game.turns:
            v = known.values(game.name, turns)
            cells = (v.random, v.blind, v.decentralized, v.joint, v.state)
            note = " (k -30)" if game.name == "penalty" else ""
            shown = " | ".join(f"{round(cell, 6):.10g}" for cell in cells)
            lines.append(f"| `{game.name}`{note} | {turns} | {shown} |")
    return "\n".join(lines) + "\n"


def test_spec_table_of_the_docstring_says_what_the_code_does():
    env = ClassicEnv()
    rows = [name for name, game in GAMES.items() if game.chain]
    agents = classic.AGENTS
    assert SPEC == {
        "Id": 'classic_v0 (``pettingzoo.make("parallel", "colllm/classic-v0")``)',
        "Import": "from colllm_bench.envs.classic.env import parallel_env",
        "Forms": "parallel (simultaneous actions), AEC",
        "Games": f"{', '.join(GAMES)}; default {env.game.name}",
        "Agents": f"2; {' and '.join(rows)} {agents[0]} to {agents[-1]}; default "
        f"{len(env.possible_agents)}: {env.possible_agents[0]} to "
        f"{ClassicEnv(agents=agents[-1]).possible_agents[-1]}",
        "Turns": "as solved for the game; default by game",
        "Action": repr(env.action_space("player_1")),
        "Observation": f"Dict(text: {env.observation_space('player_1')['text']!r})",
        "Rewards": f"{', '.join(classic.REWARDS)}; default {env.reward}",
        "Styles": f"{', '.join(text.STYLES)}; default {env.style}",
        "Splits": f"{', '.join(classic.SPLITS)}; default {env.split}",
        "Render modes": ", ".join(env.metadata["render_modes"]),
    }
    assert env.metadata["name"] == "classic_v0"


def test_spec_table_of_the_page_is_the_docstrings():
    rows = dict(re.findall(r"^\| ([^|]+) \| (.+) \|$", between("spec"), flags=re.M))
    assert rows == {key: value.replace("``", "`") for key, value in SPEC.items()}


def test_the_table_of_values_is_what_is_known():
    assert between("values") == values_table()


def test_the_page_has_every_game_and_its_words():
    for game in GAMES.values():
        row = next(line for line in PAGE.split("\n") if line.startswith(f"| `{game.name}` |"))
        assert all(f"`{word}`" in row for word in game.actions)


def test_the_example_is_what_the_environment_says():
    env = ClassicEnv(game="dectiger", turns=3)
    seen, infos = env.reset(seed=0)
    assert f"# {infos['player_1']['instructions']}\n" in PAGE
    assert f"# {seen['player_1']['text']}\n" in PAGE
    seen, *_ = env.step(dict.fromkeys(env.agents, "listen"))
    assert seen["player_1"]["text"] in ("left=2 hear=left", "left=2 hear=right")
