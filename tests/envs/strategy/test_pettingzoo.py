"""PettingZoo's conformance tests, and ours, for strategy_v0 on every team size."""

from __future__ import annotations

import pytest
from pettingzoo_conformance import SIZES, WARNINGS, Conformance

from colllm_bench.envs.strategy import env as strategy
from colllm_bench.envs.strategy.scripted import Expert
from colllm_bench.testing import check_env

pytestmark = WARNINGS


class TestPettingZoo(Conformance):
    module = strategy
    endless = {"level": 3}  # nobody wins the hard level in four days
    cycles = 200


@pytest.mark.parametrize("agents", SIZES)
@pytest.mark.parametrize(
    "options",
    [
        {"level": 1},
        {"level": 2, "reward": "dense", "style": "full", "split": "eval"},
        {"level": 3, "reward": "milestone", "messages": True},
    ],
    ids=["easy", "normal", "hard"],
)
def test_whole_episodes(agents, options):
    scripted = Expert if options.get("style") != "full" else None
    report = check_env(
        "strategy", scripted=scripted, agents=agents, hash_seeds=agents == 3, **options
    )
    assert report.agents == agents and 16 <= report.turns <= 40
