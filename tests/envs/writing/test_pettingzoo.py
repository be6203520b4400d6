"""PettingZoo's conformance tests, and ours, for writing_v0 on every team size."""

from __future__ import annotations

import pytest
from pettingzoo_conformance import SIZES, WARNINGS, Conformance

from colllm_bench.envs.centralized_execution import MASTER, CentralizedEnv, join_actions
from colllm_bench.envs.writing import env as writing
from colllm_bench.envs.writing.scripted import Expert, play
from colllm_bench.testing import check_env

pytestmark = WARNINGS


class TestPettingZoo(Conformance):
    module = writing
    options = {"turns": 4}
    cycles = 60


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
