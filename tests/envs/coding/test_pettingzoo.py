"""PettingZoo's conformance tests, and ours, for coding_v0 on every team size."""

from __future__ import annotations

import pytest
from pettingzoo_conformance import SIZES, WARNINGS, Conformance

from colllm_bench.envs.coding import env as coding
from colllm_bench.envs.coding.scripted import Expert, Novice
from colllm_bench.testing import check_env

pytestmark = WARNINGS


class TestPettingZoo(Conformance):
    module = coding
    endless = {"turns": 4}  # what the test plays solves nothing
    central_seeds = (0,)


@pytest.mark.parametrize("agents", SIZES)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"level": 2, "reward": "sparse", "style": "full", "split": "eval", "turns": 3},
        {"level": 3, "reward": "milestone", "feedback": "passed", "turns": 4},
    ],
    ids=["easy", "normal", "hard"],
)
def test_whole_episodes(agents, options):
    scripted = Novice if options.get("style") != "full" else None
    report = check_env(
        "coding", scripted=scripted, agents=agents, hash_seeds=agents == 3, **options
    )
    assert report.agents == agents and 1 <= report.turns <= options.get("turns", 2)


@pytest.mark.parametrize("agents", (2, 3))
def test_problems_conform_too(agents):
    check_env("coding", scripted=Expert, agents=agents, task="problems", seeds=(0,))


def test_the_published_task_conforms_too():
    check_env("coding", scripted=Expert, agents=2, task="published", hash_seeds=False, seeds=(0,))
