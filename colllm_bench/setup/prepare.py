"""Checks of a run's settings before anything is loaded or written."""

from __future__ import annotations

import importlib.util

from colllm_bench import registry
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.options import check_values


def check_names(config: RunConfig) -> None:
    """What can be checked in milliseconds: names, ranges, and whether anything here can train.

    Raises:
        ConfigError: an unknown environment or algorithm, or no torch.
    """
    registry.env_spec(config.env)
    registry.algorithm_spec(config.algo)
    check_values(RunConfig, vars(config))
    for package in ("torch", "transformers"):
        if importlib.util.find_spec(package) is None:
            raise ConfigError(
                f"training needs {package}, which is not installed",
                fix="pip install -e '.[train]' in the checkout",
            )


def prepare(config: RunConfig) -> RunConfig:
    """The resolved configuration, after every check that needs no model.

    Raises:
        ConfigError: the configuration cannot be run. Nothing has been written.
    """
    # Here, because the algorithm's module may load torch, and check_names must be quick.
    from colllm_bench.setup.curriculum import Curriculum
    from colllm_bench.setup.environments import make_env, provenance_of
    from colllm_bench.setup.resolve import resolve
    from colllm_bench.setup.validate import check_config

    config = resolve(config)
    check_config(config)
    env = make_env(config, split="train")
    provenance_of(env)
    Curriculum(config, env)
    env.close()
    return config
