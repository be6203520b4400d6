"""A run's environments, as its configuration describes them."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from colllm_bench import registry
from colllm_bench.config import RunConfig
from colllm_bench.envs.contract import check_agents
from colllm_bench.errors import ConfigError
from colllm_bench.setup.resolve import load_algorithm
from colllm_bench.setup.validate import RESERVED


def provenance_of(env: Any) -> dict[str, Any]:
    """What an environment says of the machine that belongs to the results (coding: what confines
    the programs); {} for most.

    Raises:
        ConfigError: the environment cannot be played here.
    """
    tell = getattr(getattr(env, "env", env), "provenance", None)
    return dict(tell()) if callable(tell) else {}


def make_env(config: RunConfig, split: str, *, scripted: bool = False) -> Any:
    """One environment of the run; for centralized execution, behind its single master.

    Args:
        split: ``train``, ``dev`` or ``eval``; passed on where the environment knows splits.
        scripted: for scripted players: brief style, everyone for himself.

    Raises:
        ConfigError: the environment does not take an option, or a value is out of its range.
    """
    env = _bare_env(config, split, "brief" if scripted else config.style)
    if not scripted and load_algorithm(config.algo).centralized_execution:
        from colllm_bench.envs.centralized_execution import CentralizedEnv

        env = CentralizedEnv(env)
    return env


def close_all(envs: Sequence[Any]) -> None:
    """End environments: one of a user's own may hold a process or a connection."""
    for env in envs:
        if hasattr(env, "close"):
            env.close()


def make_mixed_env(config: RunConfig, split: str, styles: Sequence[str | None]) -> Any:
    """One environment that each agent reads in a style of its own, and that can be watched.

    Args:
        styles: an entry an agent; None: the environment's default.

    Raises:
        ConfigError: as :func:`make_env`; or another number of styles than agents.
    """
    from colllm_bench.envs.mixed_styles import MixedStyleEnv

    known, open_ended = _options_of(registry.env_class(config.env))
    distinct = list(dict.fromkeys(styles)) if "style" in known or open_ended else [None]
    replicas = {style: _bare_env(config, split, style, watched=True) for style in distinct}
    first = replicas[distinct[0]]
    if len(replicas) == 1:
        return first
    return MixedStyleEnv(replicas, dict(zip(first.possible_agents, styles, strict=True)))


def _bare_env(config: RunConfig, split: str, style: str | None, *, watched: bool = False) -> Any:
    """The environment itself, each agent for itself."""
    factory = registry.env_class(config.env)
    options = dict(config.env_options)
    known, open_ended = _options_of(factory)
    # An environment of a user's own need not know styles and splits, nor vary its team.
    given = {"agents": config.agents, "split": split} | ({"style": style} if style else {})
    if watched and "ansi" in getattr(factory, "metadata", {}).get("render_modes", ()):
        given["render_mode"] = "ansi"
    for name, value in given.items():
        if name in known or open_ended:
            options[name] = value
    for name in options:
        if name not in known and not open_ended:
            raise ConfigError(
                f"environment {config.env!r} has no option {name!r}",
                allowed=", ".join(k for k in known if k not in RESERVED) or "none",
            )
    env = factory(**options)
    check_agents(env)
    if len(env.possible_agents) != config.agents:
        raise ConfigError(
            f"environment {config.env!r} has {len(env.possible_agents)} agents, not "
            f"{config.agents}",
            fix=f"--agents {len(env.possible_agents)}",
        )
    return env


def _options_of(factory: Any) -> tuple[list[str], bool]:
    """The names that an environment's constructor takes, and whether it takes any other."""
    parameters = inspect.signature(factory).parameters
    return list(parameters), any(p.kind is p.VAR_KEYWORD for p in parameters.values())
