"""A run's environments, as its configuration describes them."""

from __future__ import annotations

import inspect
from typing import Any

from colllm_bench import registry
from colllm_bench.checks import RESERVED, load_algorithm
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError


def make_env(config: RunConfig, split: str, *, scripted: bool = False) -> Any:
    """One environment of the run; for centralized execution, behind its single master.

    Args:
        split: ``train`` or ``eval``; passed on where the environment knows splits.
        scripted: for scripted players: brief style, everyone for himself.

    Raises:
        ConfigError: the environment does not take an option, or a value is out of its range.
    """
    factory = registry.env_class(config.env)
    options = dict(config.env_options)
    known = inspect.signature(factory).parameters
    open_ended = any(p.kind is p.VAR_KEYWORD for p in known.values())
    style = "brief" if scripted else config.style
    # An environment of a user's own need not know styles and splits, nor vary its team.
    for name, value in {"agents": config.agents, "style": style, "split": split}.items():
        if name in known or open_ended:
            options[name] = value
    for name in options:
        if name not in known and not open_ended:
            raise ConfigError(
                f"environment {config.env!r} has no option {name!r}",
                allowed=", ".join(k for k in known if k not in RESERVED) or "none",
            )
    env = factory(**options)
    if len(env.possible_agents) != config.agents:
        raise ConfigError(
            f"environment {config.env!r} has {len(env.possible_agents)} agents, not "
            f"{config.agents}",
            fix=f"--agents {len(env.possible_agents)}",
        )
    if load_algorithm(config.algo).centralized_execution and not scripted:
        from colllm_bench.envs.central import CentralizedEnv

        env = CentralizedEnv(env)
    return env
