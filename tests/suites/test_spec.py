"""Suite files: what is read, what is refused, and what their digest names."""

from __future__ import annotations

from pathlib import Path

import pytest
from suite_files import SUITE, make_suite

from colllm_bench import registry
from colllm_bench.envs.classic import known
from colllm_bench.errors import ConfigError
from colllm_bench.suite.options import known_settings
from colllm_bench.suites.spec import load_suite, shipped


def suite_of(tmp_path, text=SUITE, **changes):
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new)
    return make_suite(tmp_path, text)


def test_a_file_is_read_as_it_says(tmp_path):
    suite = suite_of(tmp_path)
    assert (suite.name, suite.seeds) == ("mine", (0, 1, 2))
    assert [(t.id, t.agents, t.episodes) for t in suite.tasks] == [("a", 2, 640), ("b", 3, 640)]
    assert suite.tasks[0].stated.untrained == (0.1, 0.05, 0.2)
    config = suite.config(suite.task("a"), "mc", 7, {"lr": 0.002, "clip_range": 0.1})
    assert (config.env, config.seed, config.lr) == ("strategy", 7, 0.002)
    assert (config.episodes, config.eval_episodes, config.eval_split) == (640, 20, "eval")
    assert config.algo_options == {"clip_range": 0.1} and config.env_options == {"level": 1}


@pytest.mark.parametrize("change", [
    ("episodes = 640", "episodes = 256"), ('seeds = "0:3"', 'seeds = "0:4"'),
    ("high = 1e-2", "high = 2e-2"), ("threshold = 0.4", "threshold = 0.5"),
    ("eval_episodes = 20", "eval_episodes = 40"),
])
def test_whatever_decides_a_number_changes_the_digest(tmp_path, change):
    assert suite_of(tmp_path, change=change).digest != suite_of(tmp_path).digest


@pytest.mark.parametrize("change", [
    ("blind = 0.0", "blind = 0.1"), ('isolates = "something"', 'isolates = "more"'),
    ('title = "two tasks"', 'title = "2 tasks"'),
])
def test_what_is_only_said_of_a_task_does_not(tmp_path, change):
    assert suite_of(tmp_path, change=change).digest == suite_of(tmp_path).digest


@pytest.mark.parametrize("change, message", [
    (("rungs = [0.5, 1.0]", "rungs = [0.5]"), "growing shares up to 1"),
    (("keep = 0.5", "keep = 1.0"), "keep between 0 and 1"),
    (('seeds = [900]', 'seeds = [900, 1]'), r"seeds and search.seeds share \[1\]"),
    (("low = 1e-3", "low = 0.0"), "above 0 with log"),
    (('id = "b"', 'id = "a"'), "two of one id"),
    (("eval_episodes = 20", "lr = 0.1"), "allowed: model, eval_episodes, lr_schedule"),
    (("threshold = 0.4", "treshold = 0.4"), "task 'b' has treshold"),
    (('title = "two tasks"', ""), "no 'title'"),
    (("threshold = 0.4", 'threshold = "x"'), "task 'b': threshold is 'x'; allowed: a number"),
    (("agents = 3", "agents = true"), "task 'b': agents is True"),
    (("low = 1e-3", 'low = "small"'), "search.ranges.lr: low = 'small'"),
])
def test_faults_are_named(tmp_path, change, message):
    with pytest.raises(ConfigError, match=message):
        suite_of(tmp_path, change=change)


def test_what_a_suite_fixes_cannot_be_chosen(tmp_path):
    suite = suite_of(tmp_path)
    for name in ("episodes", "eval_split", "model"):
        with pytest.raises(ConfigError, match=f"'{name}' is fixed by suite mine"):
            suite.config(suite.tasks[0], "mc", 0, {name: 1})


def test_the_suite_that_the_page_shows(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "suite.md").read_text(encoding="utf-8")
    suite = make_suite(tmp_path, page.partition("```toml\n")[2].partition("```")[0])
    assert [task.id for task in suite.tasks] == ["short", "siege"]
    assert [one.name for one in suite.search.ranges] == ["lr", "batch"]


def test_an_environment_of_a_file_keeps_its_path(tmp_path):
    suite = suite_of(tmp_path, change=('env = "strategy_v0"', 'env = "./mine.py:Duo"'))
    assert suite.config(suite.tasks[0], "mc", 0, {}).env == "./mine.py:Duo"


def test_unknown_names_have_a_nearest():
    with pytest.raises(ConfigError, match="did you mean 'v1-mini'"):
        load_suite("v1-mine")
    with pytest.raises(ConfigError, match="unknown task of suite v1-mini"):
        load_suite("v1-mini").task("nothing")


@pytest.mark.parametrize("name", shipped())
def test_shipped_suites_can_be_played(name):
    suite = load_suite(name)
    assert not set(suite.seeds) & set(suite.search.seeds)
    assert {one.name for one in suite.search.ranges} <= known_settings("cc")
    for task in suite.tasks:
        config = suite.config(task, "mc", 0, {})
        env = registry.make(config.env, agents=task.agents, split="dev", **task.env_options)
        assert len(env.possible_agents) == task.agents
        assert registry.env_spec(task.env).scripted and registry.env_spec(task.env).random


def test_tasks_of_v2_need_eyes_and_leave_room():
    """A team that sees only the clock, and one that was never trained, are below each threshold;
    a classic game's best blind team is worth less than its best team."""
    suite = load_suite("v2")
    assert {task.env for task in suite.tasks} == {
        "strategy_v0", "coding_v0", "writing_v0", "credit_v0", "classic_v0"}
    for task in suite.tasks:
        stated = task.stated
        assert stated.untrained[2] < task.threshold < 0.9, task.id
        if task.env == "classic_v0":
            values = known.values(task.env_options["game"], task.env_options["turns"])
            assert values.blind < values.decentralized
        else:
            assert stated.blind < task.threshold


def test_a_search_may_be_on_some_of_the_tasks(tmp_path):
    on_b = ("keep = 0.5", 'keep = 0.5\ntasks = ["b"]')
    assert suite_of(tmp_path, change=on_b).search.tasks == ("b",)
    assert suite_of(tmp_path, change=on_b).digest != suite_of(tmp_path).digest
    with pytest.raises(ConfigError, match="search.tasks has c"):
        suite_of(tmp_path, change=("keep = 0.5", 'keep = 0.5\ntasks = ["c"]'))
