"""Names and open settings resolved: the algorithm's class, and its and the model's defaults."""

from __future__ import annotations

import dataclasses
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
