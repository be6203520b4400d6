"""What can be checked before anything is loaded or played, and the defaults that follow.

Free of torch but for the algorithm's own module.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.setup.resolve import load_algorithm

RESERVED = ("agents", "style", "split", "render_mode")
"""Options of environments that the harness sets; a run's own options must not."""


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
