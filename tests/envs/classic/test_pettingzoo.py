"""PettingZoo's conformance tests, and ours, for classic_v0: climb on every team size, the games
of two at two."""

from __future__ import annotations

import pytest
from pettingzoo_conformance import SIZES, WARNINGS, Conformance

from colllm_bench.envs.classic import env as classic
from colllm_bench.envs.classic.games import GAMES
from colllm_bench.envs.classic.scripted import Expert
from colllm_bench.testing import check_env

pytestmark = WARNINGS


class TestPettingZoo(Conformance):
    module = classic
    endless = {"turns": 10}
    cycles = 60


@pytest.mark.parametrize("agents", SIZES)
@pytest.mark.parametrize("options", [
    {"turns": 3}, {"game": "penalty", "turns": 4, "style": "full", "split": "eval",
                   "reward": "sparse"},
], ids=["climb", "penalty"])
def test_rows_of_every_size(agents, options):
    scripted = Expert if options.get("style") != "full" else None
    report = check_env("classic", scripted=scripted, agents=agents, hash_seeds=False, **options)
    assert (report.agents, report.turns) == (agents, options["turns"])


@pytest.mark.parametrize("style", ["brief", "full"])
@pytest.mark.parametrize("game", [name for name, game in GAMES.items() if not game.chain])
def test_whole_episodes_of_two(game, style):
    scripted = Expert if style == "brief" else None
    report = check_env("classic", scripted=scripted, agents=2, game=game, style=style,
                       hash_seeds=game == "dectiger", reward="sparse")
    assert report.turns <= GAMES[game].default
