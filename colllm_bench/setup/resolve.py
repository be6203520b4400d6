"""Names and open settings resolved: the algorithm's class, and its and the model's defaults."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import types
from pathlib import Path
from typing import Any

from colllm_bench import registry
from colllm_bench.config import RENAMED, RunConfig
from colllm_bench.errors import ConfigError, unknown_name
from colllm_bench.options import coerced, kinds_of

BUILT_IN_ACTION_TOKENS = 4
"""A short order; with its end token, 2 to 3 tokens. Environments may name another length."""
NUMBER_TOKENS = 2
"""Before each line of a controller that was cloned from numbered ones: the number, a colon."""
MESSAGE_TOKENS = 24
"""A message of 40 characters, after the order."""
DEFAULT_ACTION_TOKENS = 64
WARM_START = "warm_start.json"
"""In the folder of a warm-started model: what it was made with."""
LARGEST_LR = {"lora": 5e-5, "full": 5e-6}
"""Default learning rates of models that are not built in, by tuning, where the algorithm's is
higher: it was chosen for the built-in model, 3,000 times smaller. 5e-6 is that of arXiv 2601.21972
for full fine-tuning; adapters take about ten times as much (Schulman et al., "LoRA Without
Regret", 2025). Not tuned here (docs/tuning.md)."""


def load_algorithm(name: str) -> Any:
    """The algorithm's class.

    Raises:
        ConfigError: no such algorithm, or a class that is none.
    """
    spec = registry.algorithm_spec(name)
    if spec.options and importlib.util.find_spec("torch") is None:
        return _untrainable(spec)
    loaded = registry.load(spec.entry, "algorithm")
    from colllm_bench.baselines.algorithm import Algorithm  # torch, only where it is needed

    if not isinstance(loaded, type):
        raise ConfigError(f"algorithm {name!r} is a {type(loaded).__name__}", allowed="a class")
    if not issubclass(loaded, Algorithm):
        raise ConfigError(
            f"algorithm {name!r} is not a subclass of colllm_bench.baselines.algorithm.Algorithm",
            fix=f"class {loaded.__name__}(Algorithm): with compute_advantages(self, episodes)",
        )
    if loaded.compute_advantages is Algorithm.compute_advantages:
        raise ConfigError(
            f"algorithm {name!r} lacks the method compute_advantages(self, episodes)",
            fix="define it: it writes return_ and advantage into every turn",
        )
    _check_options_class(name, loaded)
    return loaded


def _untrainable(spec: registry.AlgorithmSpec) -> Any:
    """What is known of a built-in algorithm without torch: enough to judge teams that need none
    (scripted ones, endpoints). Who trains is refused before
    (:func:`colllm_bench.setup.prepare.check_names`)."""
    return types.SimpleNamespace(
        Options=registry.options_class(spec.name), defaults={}, check=lambda config, options: None,
        centralized_execution=spec.centralized_execution,
    )


def _check_options_class(name: str, algorithm: Any) -> None:
    """Refuse options that would stand in the way of the harness's own."""
    from colllm_bench.baselines.algorithm import Algorithm

    options = kinds_of(algorithm.Options)
    for field in dataclasses.fields(RunConfig):
        if field.name in options:
            raise ConfigError(
                f"option {field.name!r} of algorithm {name!r} is a setting of every run",
                fix="give it another name; defaults = {...} sets an algorithm's own defaults",
            )
    inherited = any(
        getattr(algorithm, part) is getattr(Algorithm, part)
        for part in ("loss", "needs_entropy", "needs_reference")
    )
    lacks = [option for option in kinds_of(Algorithm.Options) if option not in options]
    if inherited and lacks:
        raise ConfigError(
            f"the options of algorithm {name!r} lack {', '.join(lacks)}, which its loss reads",
            fix="class Options(Algorithm.Options):",
        )


def resolve(config: RunConfig) -> RunConfig:
    """Fill every open setting (None) with the algorithm's or the model's default.

    ``algo_options`` becomes complete: every option of the algorithm with its value.

    Raises:
        ConfigError: an option was set that the algorithm does not read.
    """
    algorithm = load_algorithm(config.algo)
    built_in = config.model in registry.MODELS
    defaults = {"lr": 1e-3, "epochs": 1, "group": 1, **algorithm.defaults}
    if not built_in:
        defaults["lr"] = min(defaults["lr"], LARGEST_LR[config.tuning])
    defaults["style"] = "brief" if built_in else _style_of(config.model)
    defaults["max_action_tokens"] = _action_tokens(config, algorithm, built_in)
    fields = {field.name for field in dataclasses.fields(RunConfig)}
    options = {field.name for field in dataclasses.fields(algorithm.Options)}
    for name in algorithm.defaults:
        if name not in fields | options:
            raise unknown_name(
                f"setting in {algorithm.__name__}.defaults", name, fields | options
            )
    filled = {
        name: value for name, value in defaults.items()
        if name in fields and getattr(config, name) is None
    }
    if config.threads == 0 and built_in:
        filled["threads"] = 1  # too small to gain from more, and threads that wait cost others
    filled["algo_options"] = complete_options(config.algo, algorithm.Options, config.algo_options)
    return config.replace(**filled)


def _style_of(model: str) -> str:
    """The style that a warm-started model has cloned (:mod:`colllm_bench.warm_start`), or full."""
    try:
        record = json.loads((Path(model).expanduser() / WARM_START).read_text(encoding="utf-8"))
        return str(record["style"])
    except (OSError, ValueError, KeyError, TypeError):
        return "full"


def complete_options(algo: str, options: type, chosen: dict[str, Any]) -> dict[str, Any]:
    """Every option of an algorithm with its value.

    Args:
        algo: the algorithm's name, for the message.
        options: its ``Options``.
        chosen: the options that were set.

    Raises:
        ConfigError: one that it does not read, or of the wrong kind.
    """
    kinds = kinds_of(options)
    chosen = {RENAMED.get(name, name): value for name, value in chosen.items()}
    for name, value in chosen.items():
        if name not in kinds:
            raise ConfigError(
                f"--{name.replace('_', '-')} {value} has no effect with algorithm {algo!r}",
                allowed=", ".join(kinds) or "no option of its own", fix="leave it out",
            )
    values = {name: coerced(name, value, kinds[name]) for name, value in chosen.items()}
    try:
        return dataclasses.asdict(options(**values))
    except TypeError as error:
        raise ConfigError(f"options of algorithm {algo!r}: {error}", fix="give every option "
                          "a default") from error


def _action_tokens(config: RunConfig, algorithm: Any, built_in: bool) -> int:
    """The longest action, where the run does not say."""
    spec = registry.env_spec(config.env)
    if built_in:
        one = spec.action_tokens or BUILT_IN_ACTION_TOKENS
        if spec.action_tokens and spec.masters and algorithm.centralized_execution:
            one += NUMBER_TOKENS
        one += MESSAGE_TOKENS if config.env_options.get("messages") else 0
    else:
        one = spec.full_action_tokens or DEFAULT_ACTION_TOKENS
    # A controller writes a line for every agent.
    return one * (config.agents if algorithm.centralized_execution else 1)
