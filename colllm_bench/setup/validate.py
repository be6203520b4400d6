"""What can be checked before anything is loaded or played, and the defaults that follow.

Free of torch but for the algorithm's own module.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from colllm_bench import registry
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError

BUILT_IN_ACTION_TOKENS = 4
"""A short order; with its end token, 2 to 3 tokens. Environments may name another length."""
MESSAGE_TOKENS = 24
"""A message of 40 characters, after the order."""
DEFAULT_ACTION_TOKENS = 64


def load_algorithm(name: str) -> Any:
    """The algorithm's class.

    Raises:
        ConfigError: no such algorithm, or a class that is none.
    """
    spec = registry.algorithm_spec(name)
    found = registry.load(spec.entry, "algorithm")
    from colllm_bench.baselines.algorithm import Algorithm

    if not isinstance(found, type):
        raise ConfigError(f"algorithm {name!r} is a {type(found).__name__}", allowed="a class")
    if not issubclass(found, Algorithm):
        raise ConfigError(
            f"algorithm {name!r} is not a subclass of colllm_bench.baselines.algorithm.Algorithm",
            fix=f"class {found.__name__}(Algorithm): with a method credit(self, episodes)",
        )
    if found.credit is Algorithm.credit:
        raise ConfigError(
            f"algorithm {name!r} lacks the method credit(self, episodes)",
            fix="define it: it writes value, return_ and advantage into every turn",
        )
    return found


def resolve(config: RunConfig) -> RunConfig:
    """Fill every open question (None) with the algorithm's or the model's default.

    Raises:
        ConfigError: an option was set that the algorithm does not read.
    """
    algorithm = load_algorithm(config.algo)
    _refuse_ignored(config, algorithm)
    built_in = config.model in registry.MODELS
    filled: dict[str, Any] = {
        key: value for key, value in algorithm.defaults.items() if getattr(config, key) is None
    }
    critic = {"critic_lr": 2e-3, "critic_epochs": 2} if algorithm.view else NO_CRITIC
    defaults = {"lr": 1e-3, "epochs": 1, "group": 1, **critic}
    if config.style is None:
        defaults["style"] = "brief" if built_in else "full"
    if config.max_action_tokens is None:
        spec = registry.env_spec(config.env)
        if built_in:
            one = spec.action_tokens or BUILT_IN_ACTION_TOKENS
        else:
            one = spec.full_action_tokens or DEFAULT_ACTION_TOKENS
        if built_in and config.env_options.get("messages"):
            one += MESSAGE_TOKENS
        # A master writes a line for every agent.
        lines = config.agents if algorithm.centralized_execution else 1
        defaults["max_action_tokens"] = one * lines
    for key, value in defaults.items():
        if getattr(config, key) is None:
            filled.setdefault(key, value)
    if config.threads == 0 and built_in:
        filled["threads"] = 1  # too small to gain from more, and threads that wait cost others
    if algorithm.view and config.batch > 0:
        # A short trial must still train its actors.
        filled["critic_warmup"] = min(config.critic_warmup, config.iterations - 1)
    return config.replace(**filled)


SPECIFIC = frozenset({
    "lam", "critic_lam", "critic_lr", "critic_epochs", "critic_minibatches", "critic_warmup",
    "critic_model", "baseline",
})
"""Fields of RunConfig that only some algorithms read."""
OF_CRITICS = frozenset({
    "critic_lr", "critic_epochs", "critic_minibatches", "critic_warmup", "critic_model",
})
"""Those that the harness reads for every algorithm with a critic."""
NO_CRITIC = {"critic_lr": 0.0, "critic_epochs": 0}
"""What resolve() writes for an algorithm without one."""
RESERVED = ("agents", "style", "split", "render_mode")
"""Options of environments that the harness sets; a run's own options must not."""


def _refuse_ignored(config: RunConfig, algorithm: Any) -> None:
    plain = {f.name: f.default for f in dataclasses.fields(RunConfig)}
    read = algorithm.options | (OF_CRITICS if algorithm.view else frozenset())
    for name in sorted(SPECIFIC - read):
        value = getattr(config, name)
        # Resolving twice must change nothing: what resolve() fills in is no wish of the user's.
        filled_in = name in NO_CRITIC and value == NO_CRITIC[name]
        if value != plain[name] and not filled_in:
            raise ConfigError(
                f"--{name.replace('_', '-')} {value} has no effect with algorithm {config.algo!r}",
                allowed=", ".join(sorted(read)) or "no algorithm-specific option",
                fix="leave it out",
            )


def _need(config: RunConfig, name: str, holds: Callable[[Any], bool], allowed: str) -> None:
    """Refuse a value that is given and for which ``holds`` does not hold (NaN never does)."""
    value = getattr(config, name)
    if value is not None and not holds(value):
        raise ConfigError(f"{name} {value} is out of range", allowed=allowed)


def check_config(config: RunConfig) -> None:
    """Refuse what cannot run, before anything is loaded.

    Raises:
        ConfigError: names the value, what is allowed, and the fix.
    """
    for name in ("agents", "episodes", "batch", "epochs", "group", "max_action_tokens",
                 "minibatches", "critic_minibatches", "lora_rank", "checkpoint_every",
                 "eval_episodes", "micro_batch"):
        _need(config, name, lambda value: value >= 1, "1 or more")
    for name in ("gamma", "lam", "critic_lam"):
        _need(config, name, lambda value: 0.0 <= value <= 1.0, "0 to 1")
    for name in ("lr", "clip", "temperature", "max_grad_norm", "lora_alpha", "target_kl"):
        _need(config, name, lambda value: value > 0, "above 0")
    for name in ("kl", "entropy", "threads", "critic_warmup", "snr_every"):
        _need(config, name, lambda value: value >= 0, "0 or more")
    for name, allowed in {
        "tuning": ("lora", "full"),
        "share": ("none", "all", "role"),
        "ratio": ("token", "turn"),
        "baseline": ("group", "loo", "max", "none"),
        "device": ("auto", "cpu", "cuda"),
        "dtype": ("auto", "float32", "bfloat16"),
    }.items():
        value = getattr(config, name)
        if name == "device":
            value = value.partition(":")[0]  # cuda:1 names a device; whether it is there, later
        if value not in allowed:
            raise ConfigError(
                f"{name} {getattr(config, name)!r} is unknown", allowed=", ".join(allowed)
            )
    for name in RESERVED:
        if name in config.env_options:
            raise ConfigError(
                f"env option {name}={config.env_options[name]!r}: the harness sets {name}",
                fix=f"--{name}" if name in ("agents", "style") else "leave it out",
            )
    _check_algorithm(config, load_algorithm(config.algo))
    if config.group and config.batch % config.group:
        raise ConfigError(
            f"batch {config.batch} is no multiple of group {config.group}",
            fix=f"--batch {config.group * max(1, config.batch // config.group)}",
        )


def _check_algorithm(config: RunConfig, algorithm: Any) -> None:
    """Refuse values of the fields that only this algorithm reads."""
    if algorithm.view is not None:
        _need(config, "critic_lr", lambda value: value > 0, "above 0")
        _need(config, "critic_epochs", lambda value: value >= 1, "1 or more")
    if "baseline" in algorithm.options and config.baseline != "none" and config.group == 1:
        raise ConfigError(
            f"baseline {config.baseline!r} compares episodes of a group, and group is 1",
            allowed="a group of 2 or more; baseline none",
            fix="--group 8",
        )
