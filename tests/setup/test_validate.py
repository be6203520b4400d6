"""What is refused before anything is loaded, what is filled in, and what the seeds are."""

from __future__ import annotations

import math
import sys
import textwrap

import pytest
import torch

from colllm_bench import registry
from colllm_bench.config import RunConfig
from colllm_bench.envs.centralized_execution import CentralizedEnv
from colllm_bench.errors import ConfigError
from colllm_bench.seeding import derive, torch_generator
from colllm_bench.setup.environments import make_env
from colllm_bench.setup.resolve import load_algorithm, resolve
from colllm_bench.setup.validate import check_config

ALGORITHMS = sorted(registry.ALGORITHMS)
HELD_OUT = [1154416846, 1150910941, 1708727048]


def algorithm_file(tmp_path, body: str) -> str:
    path = tmp_path / "own.py"
    path.write_text(
        "from colllm_bench.objectives import critic_inputs\n"
        "from colllm_bench.baselines.actor_critic import ActorCritic\n"
        "from colllm_bench.baselines.algorithm import Algorithm\n"
        "from colllm_bench.options import option\n"
        + textwrap.dedent(body)
    )
    return f"{path}:Own"


def refusal(config: RunConfig) -> str:
    with pytest.raises(ConfigError) as caught:
        check_config(resolve(config))
    text = str(caught.value)
    assert "\n" not in text and caught.value.exit_code == 2
    return text


# -- algorithms


def test_an_unknown_algorithm_names_the_nearest():
    with pytest.raises(ConfigError, match="unknown algorithm 'centrl'.*did you mean 'central'"):
        load_algorithm("centrl")


@pytest.mark.parametrize(("body", "message"), [
    ("def Own(config): pass", "is a function; allowed: a class"),
    ("class Own: pass", r"not a subclass .* fix: class Own\(Algorithm\)"),
    ("class Own(Algorithm): pass",
     r"lacks the method compute_advantages\(self, episodes\); fix: define it"),
    ("class Other(Algorithm): pass", "unknown class .*'Own'"),
    ("raise ValueError('oh')", "fails to import: ValueError"),
])
def test_what_is_no_algorithm(tmp_path, body, message):
    with pytest.raises(ConfigError, match=message):
        load_algorithm(algorithm_file(tmp_path, body))


def test_an_algorithm_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match="does not exist"):
        load_algorithm(f"{tmp_path}/none.py:Own")


def test_an_algorithm_of_ones_own(tmp_path):
    name = algorithm_file(tmp_path, """
        class Own(Algorithm):
            defaults = {"lr": 0.25}
            def compute_advantages(self, episodes):
                return {}
    """)
    assert load_algorithm(name).__name__ == "Own"
    config = resolve(RunConfig(algo=name))
    check_config(config)
    assert (config.lr, config.epochs, config.group) == (0.25, 1, 1)
    assert "critic_epochs" not in config.algo_options


def test_a_critic_input_alone_is_enough_to_get_a_critic_that_learns(tmp_path):
    name = algorithm_file(tmp_path, """
        class Own(Algorithm):
            critic_input = critic_inputs.JOINT
            def compute_advantages(self, episodes):
                return {}
    """)
    config = resolve(RunConfig.of(algo=name, critic_warmup=2))
    check_config(config)
    assert config.algo_options["critic_lr"] > 0 and config.algo_options["critic_epochs"] >= 1
    chosen = resolve(RunConfig.of(algo=name, critic_lr=0.5))
    assert chosen.algo_options["critic_lr"] == 0.5
    text = refusal(RunConfig.of(algo=name, gae_lambda=0.35))
    assert "--gae-lambda 0.35 has no effect" in text


@pytest.mark.parametrize("algo", ["seq", "hier"])
def test_an_oracle_of_less_than_all_values_no_actions_of_others(algo):
    text = refusal(RunConfig.of(algo=algo, env="credit", critic="oracle:local"))
    assert f"--algo {algo} needs values that know some of all agents' actions" in text
    assert "allowed: --critic learned, --critic oracle:joint" in text


# -- defaults


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_nothing_stays_open_and_resolving_twice_changes_nothing(algo):
    config = resolve(RunConfig(algo=algo))
    check_config(config)
    still_open = {key for key, value in config.to_dict().items() if value is None}
    still_open |= {key for key, value in config.algo_options.items() if value is None}
    assert still_open <= {
        "critic_from", "critic_model", "chat_template", "micro_batch", "target_kl",
    }
    assert resolve(config) == config


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_without_torch_it_is_known_who_plays_for_all(algo, monkeypatch):
    loaded = load_algorithm(algo)
    monkeypatch.setitem(sys.modules, "torch", None)
    known = load_algorithm(algo)
    assert known is not loaded and known.Options is registry.options_class(algo)
    assert known.centralized_execution == loaded.centralized_execution


def test_what_is_set_wins_over_the_defaults():
    chosen = dict(lr=0.5, epochs=3, group=4, style="full", max_action_tokens=9)
    config = resolve(RunConfig(algo="mc", **chosen))
    assert {key: getattr(config, key) for key in chosen} == chosen


def test_defaults_follow_the_model():
    built_in, other = resolve(RunConfig()), resolve(RunConfig(model="some/model"))
    assert (built_in.style, other.style) == ("brief", "full")
    assert built_in.max_action_tokens < other.max_action_tokens
    assert built_in.lr == load_algorithm("cc").defaults["lr"] > other.lr == 5e-5
    assert resolve(RunConfig(model="some/model", tuning="full")).lr == 5e-6
    assert resolve(RunConfig(model="some/model", lr=0.25)).lr == 0.25
    assert resolve(RunConfig.of(model="some/model", algo="mc")).lr == 5e-5


@pytest.mark.parametrize(("algo", "option", "value"), [
    ("mc", "gae_lambda", 0.35), ("mc", "gae_lambda", 0.8), ("mc", "critic_lr", 1e-3),
    ("mc", "critic_epochs", 2),
    ("mc", "critic_model", "some/model"), ("mc", "critic_warmup", 9), ("cc", "baseline", "loo"),
    ("dc", "baseline", "none"), ("central", "baseline", "max"),
])
def test_an_option_without_effect_is_refused_not_ignored(algo, option, value):
    text = refusal(RunConfig.of(algo=algo, **{option: value}))
    assert f"--{option.replace('_', '-')} {value} has no effect with algorithm {algo!r}" in text
    assert "fix: leave it out" in text


# -- values


@pytest.mark.parametrize(("name", "value"), [
    *[(name, 0) for name in ("agents", "episodes", "batch", "epochs", "group", "max_action_tokens",
                             "minibatches", "lora_rank", "checkpoint_every", "eval_episodes",
                             "micro_batch", "critic_epochs")],
    *[(name, value) for name in ("gamma", "gae_lambda", "critic_gae_lambda")
      for value in (-0.1, 1.1)],
    *[(name, 0.0) for name in ("lr", "clip_range", "temperature", "max_grad_norm", "lora_alpha",
                               "target_kl", "critic_lr")],
    *[(name, -1) for name in ("threads", "critic_warmup", "lr", "agents")],
    *[(name, -1.0) for name in ("kl_coef", "entropy_coef")],
    *[(name, math.nan) for name in ("lr", "gamma", "clip_range", "kl_coef", "critic_lr")],
    *[(name, "x") for name in ("tuning", "share", "importance_ratio", "device", "dtype")],
])
def test_a_value_out_of_range_is_named_with_its_range(name, value):
    text = refusal(RunConfig.of(**{name: value}))
    assert text.startswith(f"{name} {value!r} is ") and "; allowed: " in text


def test_an_unknown_baseline():
    assert "group, loo, max, none" in refusal(RunConfig.of(algo="mc", baseline="mean"))


def test_a_cuda_device_may_have_a_number():
    check_config(resolve(RunConfig(device="cuda:1")))


def test_a_batch_is_whole_groups():
    text = refusal(RunConfig(algo="mc", batch=20, group=8))
    assert text == "batch 20 is no multiple of group 8; fix: --batch 16"
    assert "--batch 8" in refusal(RunConfig(algo="mc", batch=3, group=8))


def test_a_baseline_needs_a_group():
    for baseline in ("group", "loo", "max"):
        assert "group is 1" in refusal(RunConfig.of(algo="mc", group=1, baseline=baseline))
    check_config(resolve(RunConfig.of(algo="mc", group=1, baseline="none")))
    check_config(resolve(RunConfig(algo="cc", group=1)))


@pytest.mark.parametrize(("name", "fix"), [
    ("agents", "--agents"), ("style", "--style"), ("split", "leave it out"),
    ("render_mode", "leave it out"),
])
def test_what_the_harness_sets_is_no_option_of_the_environment(name, fix):
    """split=eval would train on the held-out tasks."""
    text = refusal(RunConfig(env_options={name: "eval"}))
    assert text.startswith(f"env option {name}='eval'") and text.endswith(f"fix: {fix}")


# -- environments


def test_an_environment_is_made_as_the_configuration_says():
    config = resolve(RunConfig(agents=4, env_options={"level": 2, "reward": "dense"}))
    env = make_env(config, "eval")
    assert (len(env.possible_agents), env.level, env.reward) == (4, 2, "dense")
    assert (env.split, env.style) == ("eval", "brief")
    full = config.replace(style="full")
    assert make_env(full, "train").style == "full"
    assert make_env(full, "train", scripted=True).style == "brief"


def test_a_master_stands_before_the_environment_but_not_before_scripted_teams():
    config = resolve(RunConfig(algo="central", agents=3))
    env = make_env(config, "train")
    assert isinstance(env, CentralizedEnv) and env.possible_agents == ["master"]
    assert len(make_env(config, "train", scripted=True).possible_agents) == 3


def test_an_environment_need_not_know_styles_and_splits():
    config = resolve(RunConfig(env="tiny_envs:Relay", env_options={"turns": 5}))
    assert make_env(config, "eval").turns == 5


def test_an_option_that_the_environment_does_not_know():
    with pytest.raises(ConfigError, match=r"no option 'fog'; allowed: turns, level, reward"):
        make_env(resolve(RunConfig(env_options={"fog": 1})), "train")
    with pytest.raises(ConfigError, match="agents"):
        make_env(resolve(RunConfig(agents=99)), "train")


# -- seeds


def test_seeds_are_what_they_always_were():
    """A change here would change the held-out tasks and every published run."""
    assert [derive(0, "held-out", task) for task in range(3)] == HELD_OUT
    assert derive(0, "held-out", 1) != derive(1, "held-out", 0) != derive(0, "held-out", 10)
    for bits in (8, 31):
        assert all(0 <= derive(seed, "x", bits=bits) < 2**bits for seed in range(50))


def test_streams_are_named():
    draws = {
        names: torch.rand(4, generator=torch_generator(*names)).tolist()
        for names in [(0, "a"), (0, "b"), (1, "a"), (0, "a", 1)]
    }
    again = torch.rand(4, generator=torch_generator(0, "a")).tolist()
    assert draws[0, "a"] == again
    assert len({tuple(x) for x in draws.values()}) == 4


@pytest.mark.parametrize(("env", "agents", "algo", "tokens"), [
    ("credit", 3, "cc", 2),
    ("credit", 3, "central", 12),  # "1: blue" and the end of the line, three times
    ("strategy", 8, "central", 32), ("classic", 2, "central", 4),
])
def test_a_controller_has_room_for_a_numbered_line_of_each_agent(env, agents, algo, tokens):
    config = resolve(RunConfig.of(env=env, algo=algo, agents=agents))
    assert config.max_action_tokens == tokens
