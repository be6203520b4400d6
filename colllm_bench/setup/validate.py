"""What can be checked of a configuration before anything is loaded or played."""

from __future__ import annotations

from colllm_bench import registry
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.models.vllm_engine import check_engine
from colllm_bench.options import check_values
from colllm_bench.setup.resolve import load_algorithm

RESERVED = ("agents", "style", "split", "render_mode")
"""Options of environments that the harness sets; a run's own options must not."""


def check_ranges(config: RunConfig) -> None:
    """Refuse values out of their range. Without torch for the built-in algorithms.

    Raises:
        ConfigError: names the setting, its value and what is allowed.
    """
    check_values(RunConfig, vars(config))
    check_values(registry.options_class(config.algo), config.algo_options)


def check_config(config: RunConfig) -> None:
    """Refuse what cannot run, before anything is loaded.

    Args:
        config: resolved.

    Raises:
        ConfigError: names the value, what is allowed, and the fix.
    """
    check_ranges(config)
    check_engine(config)
    for name in RESERVED:
        if name in config.env_options:
            raise ConfigError(
                f"env option {name}={config.env_options[name]!r}: the harness sets {name}",
                fix=f"--{name}" if name in ("agents", "style") else "leave it out",
            )
    algorithm = load_algorithm(config.algo)
    algorithm.check(config, algorithm.Options(**config.algo_options))
