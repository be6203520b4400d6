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

from colllm_bench.envs.central import MASTER, CentralizedEnv, join_actions
from colllm_bench.envs.writing import env as writing
from colllm_bench.envs.writing.scripted import Expert, play
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
        api_test(writing.env(agents=agents, turns=4), num_cycles=60)

    def test_parallel_api(self, agents):
        parallel_api_test(writing.parallel_env(agents=agents, turns=4), num_cycles=30)

    def test_seeds(self, agents):
        seed_test(partial(writing.env, agents=agents, turns=2), num_cycles=40)
        parallel_seed_test(partial(writing.parallel_env, agents=agents), num_cycles=10)

    def test_render(self, agents, capsys):
        render_test(partial(writing.env, agents=agents))

    def test_max_cycles(self, agents):
        options = {"agents": agents, "turns": 4}
        max_cycles_test(
            SimpleNamespace(
                parallel_env=partial(writing.parallel_env, **options),
                env=partial(writing.env, **options),
            )
        )


@pytest.mark.parametrize("agents", SIZES)
@pytest.mark.parametrize(
    "options",
    [
        {"turns": 1},
        {"turns": 2, "reward": "milestone", "style": "full", "split": "eval"},
        {"turns": 4, "reward": "sparse", "words": 60, "fluency": "off"},
    ],
    ids=["one draft", "two drafts", "four drafts"],
)
def test_whole_episodes(agents, options):
    scripted = Expert if options.get("style") != "full" else None
    report = check_env(
        "writing", scripted=scripted, agents=agents, hash_seeds=agents == 3, **options
    )
    assert report.agents == agents and report.turns == options["turns"]


@pytest.mark.parametrize("task", ["summary", "introduction"])
def test_whole_episodes_of_the_published_tasks(task):
    report = check_env("writing", task=task, agents=2, turns=2, scripted=Expert, hash_seeds=False)
    assert report.turns == 2


@pytest.mark.parametrize("agents", SIZES)
def test_the_centralized_form_conforms_too(agents):
    def make():
        return CentralizedEnv(writing.parallel_env(agents=agents, turns=2))

    parallel_api_test(make(), num_cycles=10)
    parallel_seed_test(make, num_cycles=4)
    report = check_env(make, hash_seeds=False)
    assert report.agents == 1


def test_the_master_writes_the_same_story():
    """A master that writes the experts' sections gets what the experts get."""
    inner = writing.parallel_env(agents=4, turns=2)
    outer = CentralizedEnv(writing.parallel_env(agents=4, turns=2))
    _, infos = outer.reset(seed=7)
    assert infos[MASTER]["instructions"].startswith("master of 4\n1: section 1 of 4 opening")
    for _, _, actions in play(inner, [Expert() for _ in range(4)], 7):
        seen, _, terminated, _, infos = outer.step({MASTER: join_actions(list(actions.values()))})
        assert outer.observation_space(MASTER).contains(seen[MASTER])
    assert outer.state() == inner.state() and terminated[MASTER]
    assert infos[MASTER]["success"] is True
