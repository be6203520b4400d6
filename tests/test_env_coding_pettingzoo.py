"""PettingZoo's own conformance tests, and ours, for coding_v0 on every team size."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import pytest
from pettingzoo.test import (
    api_test,
    max_cycles_test,
    parallel_api_test,
    parallel_seed_test,
    render_test,
    seed_test,
)

from colllm_bench.envs.central import CentralizedEnv
from colllm_bench.envs.coding import env as coding
from colllm_bench.envs.coding.scripted import Expert, Novice
from colllm_bench.testing import check_env

SIZES = (2, 3, 4, 8, 16)
pytestmark = pytest.mark.filterwarnings(
    "error",
    # Text is neither an array nor a box, and should not be.
    "ignore:Observation is not a NumPy array",
    "ignore:Observation space for each agent probably should be",
    "ignore:Action space for each agent probably should be",
)


@pytest.mark.parametrize("agents", SIZES)
class TestPettingZoo:
    def test_aec_api(self, agents):
        api_test(coding.env(agents=agents), num_cycles=40)

    def test_parallel_api(self, agents):
        parallel_api_test(coding.parallel_env(agents=agents), num_cycles=20)

    def test_seeds(self, agents):
        seed_test(partial(coding.env, agents=agents), num_cycles=40)
        parallel_seed_test(partial(coding.parallel_env, agents=agents), num_cycles=10)

    def test_render(self, agents, capsys):
        render_test(partial(coding.env, agents=agents))

    def test_max_cycles(self, agents):
        """Nobody solves anything in the four turns that this test plays."""
        options = {"agents": agents, "turns": 4}
        max_cycles_test(
            SimpleNamespace(
                parallel_env=partial(coding.parallel_env, **options),
                env=partial(coding.env, **options),
            )
        )


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


@pytest.mark.parametrize("agents", SIZES)
def test_the_centralized_form_conforms_too(agents):
    def make():
        return CentralizedEnv(coding.parallel_env(agents=agents))

    parallel_api_test(make(), num_cycles=10)
    parallel_seed_test(make, num_cycles=6)
    report = check_env(make, hash_seeds=False, seeds=(0,))
    assert report.agents == 1
