"""What can be checked before anything is loaded or played, and the defaults that follow.

Free of torch but for the algorithm's own module.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from colllm_bench import registry
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError

BUILT_IN_ACTION_TOKENS = 4
"""An order of the built-in environments is one word; with its end token, 2 to 3 tokens."""
DEFAULT_ACTION_TOKENS = 64


def load_algorithm(name: str) -> Any:
    """The algorithm's class.

    Raises:
        ConfigError: no such algorithm, or a class that is none.
    """
    spec = registry.algorithm_spec(name)
    found = registry.load(spec.entry, "algorithm")
    from colllm_bench.baselines.base import Algorithm

    if not isinstance(found, type):
        raise ConfigError(f"algorithm {name!r} is a {type(found).__name__}", allowed="a class")
    if not issubclass(found, Algorithm):
        raise ConfigError(
            f"algorithm {name!r} is not a subclass of colllm_bench.baselines.base.Algorithm",
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
    defaults = {"lr": 1e-3, "epochs": 1, "group": 1, "critic_lr": 0.0, "critic_epochs": 0}
    if config.style is None:
        defaults["style"] = "brief" if built_in else "full"
    if config.max_action_tokens is None:
        defaults["max_action_tokens"] = (
            BUILT_IN_ACTION_TOKENS if built_in else DEFAULT_ACTION_TOKENS
        )
    for key, value in defaults.items():
        if getattr(config, key) is None:
            filled.setdefault(key, value)
    return config.replace(**filled)


SPECIFIC = frozenset({
    "lam", "critic_lam", "critic_lr", "critic_epochs", "critic_warmup", "critic_model", "baseline",
})
"""Fields of RunConfig that only some algorithms read."""


def _refuse_ignored(config: RunConfig, algorithm: Any) -> None:
    plain = {f.name: f.default for f in dataclasses.fields(RunConfig)}
    for name in sorted(SPECIFIC - algorithm.options):
        value = getattr(config, name)
        # Resolving twice must change nothing: what resolve() fills in is no wish of the user's.
        if value != plain[name] and value != 0:
            raise ConfigError(
                f"--{name.replace('_', '-')} {value} has no effect with algorithm {config.algo!r}",
                allowed=", ".join(sorted(algorithm.options)) or "no algorithm-specific option",
                fix="leave it out",
            )


def check_config(config: RunConfig) -> None:
    """Refuse what cannot run, before anything is loaded.

    Raises:
        ConfigError: names the value, what is allowed, and the fix.
    """
    for name in ("agents", "episodes", "batch", "epochs", "group", "max_action_tokens",
                 "minibatches", "lora_rank", "checkpoint_every", "eval_episodes", "micro_batch"):
        value = getattr(config, name)
        if value is not None and value < 1:
            raise ConfigError(f"{name} {value} is too small", allowed="1 or more")
    for name in ("gamma", "lam", "critic_lam"):
        if not 0.0 <= getattr(config, name) <= 1.0:
            raise ConfigError(f"{name} {getattr(config, name)} is out of range", allowed="0 to 1")
    for name in ("lr", "clip", "temperature", "max_grad_norm", "lora_alpha"):
        if getattr(config, name) is not None and not getattr(config, name) > 0:
            raise ConfigError(f"{name} {getattr(config, name)} is out of range", allowed="above 0")
    for name, allowed in {
        "tuning": ("lora", "full"),
        "share": ("none", "all", "role"),
        "ratio": ("token", "turn"),
        "baseline": ("group", "loo", "max", "none"),
        "device": ("auto", "cpu", "cuda"),
        "dtype": ("auto", "float32", "bfloat16"),
    }.items():
        if getattr(config, name) not in allowed:
            raise ConfigError(f"{name} {getattr(config, name)!r} is unknown", allowed=", ".join(allowed))
    if config.group and config.batch % config.group:
        raise ConfigError(
            f"batch {config.batch} is no multiple of group {config.group}",
            fix=f"--batch {config.group * max(1, config.batch // config.group)}",
        )
