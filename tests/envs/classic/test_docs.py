"""The documentation page says what the code does and what is known."""

from __future__ import annotations

from spec_page import SpecPage

from colllm_bench.envs.classic import env as classic
from colllm_bench.envs.classic import known, text
from colllm_bench.envs.classic.env import ClassicEnv
from colllm_bench.envs.classic.games import GAMES

PAGE = SpecPage("classic", ClassicEnv)


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
    assert PAGE.spec == PAGE.rows_of_all(env, classic.REWARDS, text.STYLES, classic.SPLITS) | {
        "Forms": "parallel (simultaneous actions), AEC",
        "Games": f"{', '.join(GAMES)}; default {env.game.name}",
        "Agents": f"2; {' and '.join(rows)} {agents[0]} to {agents[-1]}; default "
        f"{len(env.possible_agents)}: {env.possible_agents[0]} to "
        f"{ClassicEnv(agents=agents[-1]).possible_agents[-1]}",
        "Turns": "as solved for the game; default by game",
    }


def test_spec_table_of_the_page_is_the_docstrings():
    PAGE.check_table()


def test_the_table_of_values_is_what_is_known():
    assert PAGE.between("values") == values_table()


def test_the_page_has_every_game_and_its_words():
    for game in GAMES.values():
        row = next(line for line in PAGE.text.split("\n") if line.startswith(f"| `{game.name}` |"))
        assert all(f"`{word}`" in row for word in game.actions)


def test_the_example_is_what_the_environment_says():
    env = ClassicEnv(game="dectiger", turns=3)
    seen, infos = env.reset(seed=0)
    assert f"# {infos['player_1']['instructions']}\n" in PAGE.text
    assert f"# {seen['player_1']['text']}\n" in PAGE.text
    seen, *_ = env.step(dict.fromkeys(env.agents, "listen"))
    assert seen["player_1"]["text"] in ("left=2 hear=left", "left=2 hear=right")
