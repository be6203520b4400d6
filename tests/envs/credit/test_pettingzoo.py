"""PettingZoo's conformance tests, and ours, for credit_v0 on every team size."""

from __future__ import annotations

import pytest
from pettingzoo_conformance import SIZES, WARNINGS, Conformance

from colllm_bench.envs.credit import env as credit
from colllm_bench.envs.credit.scripted import Expert
from colllm_bench.testing import check_env

pytestmark = WARNINGS


class TestPettingZoo(Conformance):
    module = credit
    options = {"luck": 1.0, "noise": 0.5}


@pytest.mark.parametrize("agents", SIZES)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"team": "all", "reward": "dense", "sees": "all", "style": "full", "split": "eval"},
        {"team": "pairs", "reward": "delayed", "delay": 3, "turns": 5, "sees": "none"},
        {"team": "any", "luck": 2.0, "noise": 1.0, "base": 0.001, "words": 8, "cues": 8},
    ],
    ids=["mean", "all", "pairs", "any"],
)
def test_whole_episodes(agents, options):
    report = check_env(
        "credit", scripted=Expert, agents=agents, hash_seeds=agents == 3, **options
    )
    assert report.agents == agents and report.turns == options.get("turns", 8)
