"""PettingZoo's own conformance tests, and ours, on every team size that the issue names."""

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
from colllm_bench.envs.strategy import env as strategy
from colllm_bench.envs.strategy.scripted import Expert
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
        api_test(strategy.env(agents=agents), num_cycles=200)

    def test_parallel_api(self, agents):
        parallel_api_test(strategy.parallel_env(agents=agents), num_cycles=100)

    def test_seeds(self, agents):
        seed_test(partial(strategy.env, agents=agents), num_cycles=200)
        parallel_seed_test(partial(strategy.parallel_env, agents=agents), num_cycles=40)

    def test_render(self, agents, capsys):
        render_test(partial(strategy.env, agents=agents))

    def test_max_cycles(self, agents):
        """At the hard level nobody wins in the four days that this test plays."""
        options = {"agents": agents, "level": 3}
        max_cycles_test(
            SimpleNamespace(
                parallel_env=partial(strategy.parallel_env, **options),
                env=partial(strategy.env, **options),
            )
        )


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


@pytest.mark.parametrize("agents", SIZES)
def test_the_centralized_form_conforms_too(agents):
    def make():
        return CentralizedEnv(strategy.parallel_env(agents=agents))

    parallel_api_test(make(), num_cycles=60)
    parallel_seed_test(make, num_cycles=20)
    report = check_env(make, hash_seeds=False)
    assert report.agents == 1
