"""A grid of settings: from flags and from files, and the folders of its runs."""

from __future__ import annotations

import pytest
from sweep_grids import configs_of

from colllm_bench import run
from colllm_bench.config import RunConfig

pytestmark = pytest.mark.usefixtures("results_here")


def test_every_combination_with_seeds_outermost():
    found = configs_of("--env", "strategy", "--algo", "mc,cc", "--agents", "2,4", "--seeds", "0:2")
    assert [(c.seed, c.algo, c.agents) for c in found] == [
        (0, "mc", 2), (0, "mc", 4), (0, "cc", 2), (0, "cc", 4),
        (1, "mc", 2), (1, "mc", 4), (1, "cc", 2), (1, "cc", 4),
    ]


def test_no_settings_are_one_run_of_the_defaults():
    assert configs_of() == [RunConfig()]


def test_options_of_the_environment_and_flags_that_are_switches():
    found = configs_of("--env-option", "level=1,2", "--env-option", "size=[3,4]", "--reward",
                       "dense,sparse", "--env-option", 'mood="a,b"', "--messages")
    options = [c.env_options for c in found]
    assert len(options) == 4 and {o["level"] for o in options} == {1, 2}
    assert all(o["size"] == [3, 4] and o["mood"] == "a,b" and o["messages"] is True
               for o in options)
    found = configs_of("--normalize-advantages", "true,false", "--no-gradient-checkpointing")
    assert [c.normalize_advantages for c in found] == [True, False]
    assert not found[0].gradient_checkpointing


FILE = """
seeds = "0:2"
episodes = 64
level = [1, 2]
[[grid]]
algo = ["cc", "dc"]
critic_lr = [1e-3, 3e-3]
[[grid]]
algo = "mc"
level = 3
env_options = {turns = [20, 30]}
"""


def test_a_file_has_grids_of_their_own_under_what_holds_for_all(tmp_path):
    (tmp_path / "study.toml").write_text(FILE)
    found = configs_of("--config", "study.toml", "--episodes", "128")
    assert {c.episodes for c in found} == {128}
    actor_critic = [c for c in found if c.algo != "mc"]
    assert len(actor_critic) == 2 * 2 * 2 * 2 and len(found) == 16 + 4
    assert {c.algo_options["critic_lr"] for c in actor_critic} == {1e-3, 3e-3}
    assert {(c.env_options["level"], c.env_options["turns"]) for c in found if c.algo == "mc"} == {
        (3, 20), (3, 30)
    }
    assert [c.seed for c in found] == [0] * 10 + [1] * 10


def test_a_file_of_one_run_is_a_grid_of_one(tmp_path, capsys):
    run.main(["--dry-run", "--algo", "mc", "--level", "2"])
    (tmp_path / "one.toml").write_text(capsys.readouterr().out)
    (config,) = configs_of("--config", "one.toml")
    assert (config.algo, config.env_options) == ("mc", {"level": 2})


def test_a_run_that_two_grids_name_is_one_run(tmp_path):
    (tmp_path / "a.toml").write_text('[[grid]]\nalgo = ["mc", "cc"]\n[[grid]]\nalgo = "cc"\n')
    assert [c.algo for c in configs_of("--config", "a.toml")] == ["mc", "cc"]
