"""From a command line to teams with the settings that each plays with."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from colllm_bench import cli, registry
from colllm_bench.config import RunConfig, fields_with
from colllm_bench.errors import ConfigError
from colllm_bench.evaluation.comparison import Contestant, labels, require_same_task
from colllm_bench.setup.environments import make_env
from colllm_bench.setup.resolve import resolve
from colllm_bench.setup.validate import check_config
from colllm_bench.teams.endpoint.options import ENDPOINT_OPTIONS, endpoint_of
from colllm_bench.teams.loading import require_same_base, same_base
from colllm_bench.teams.specs import TeamSpec, parse_team

FILE_OPTIONS = ("out", "name")
"""What a --config file may set beside the fields of RunConfig."""


def make_contestants(names: Sequence[str], args: Namespace) -> list[Contestant]:
    """The teams with the settings that each plays with.

    Args:
        args: the options of the command line; ``out`` and ``name`` of a --config file are
            added where the command line lacks them.

    Raises:
        ConfigError: an unknown team, or settings that do not fit.
    """
    options = vars(args)
    specs = [parse_team(name) for name in names]
    _refuse_unused(specs, options)
    greedy = "greedy" in options
    if options.get("temperature") == 0.0:
        greedy = True
        del options["temperature"]
    elif greedy and "temperature" in options:
        raise ConfigError("--greedy with --temperature", fix="one of them")
    runs = [spec.kind.recorded(spec.name) for spec in specs]
    first_run = next((run for run in runs if run is not None), None)
    configs = [_settings(spec, first_run, args) for spec in specs]
    endpoint = endpoint_of(options)
    contestants = [
        Contestant(
            label, spec, config, 0.0 if greedy else config.temperature,
            decentralized="decentralized" in options and spec.kind.is_run,
            endpoint=endpoint if spec.kind.takes_endpoint_options else None,
        )
        for label, spec, config in zip(labels(specs), specs, configs)
    ]
    require_same_task(contestants)
    return contestants


def _refuse_unused(specs: Sequence[TeamSpec], options: dict[str, Any]) -> None:
    """Refuse options that none of the teams reads."""
    kinds = [spec.kind for spec in specs]
    with_endpoint = any(kind.takes_endpoint_options for kind in kinds)
    unused = [] if with_endpoint else [name for name in ENDPOINT_OPTIONS if name in options]
    if all(kind.is_run for kind in kinds):
        unused += [name for name in fields_with(role="trained") if name in options]
        for spec in specs if "model" in options else ():
            recorded = spec.kind.recorded(spec.name)
            require_same_base(Path(spec.name), recorded.replace(model=options["model"]))
    if unused:
        flag = unused[0].replace("_", "-")
        raise ConfigError(f"--{flag} has no effect on these teams", fix="leave it out")
    if "decentralized" in options and with_endpoint:
        raise ConfigError("--decentralized with an endpoint team", fix="leave it out")
    if "decentralized" in options and not any(kind.is_run for kind in kinds):
        raise ConfigError("--decentralized without a trained team", fix="name a run folder")


def _settings(spec: TeamSpec, first_run: RunConfig | None, args: Namespace) -> RunConfig:
    """A team's settings: its run's (or the first run's), then the file's, then the flags'."""
    options, kind = vars(args), spec.kind
    recorded, fixed = kind.recorded(spec.name), kind.fixed(spec.name)
    base = recorded or first_run or RunConfig()
    if "env" in options and registry.env_spec(options["env"]).id != registry.env_spec(base.env).id:
        # Options of one environment do not apply to another.
        base = base.replace(env_options={}, style=None, max_action_tokens=None)
    if recorded is None and ("model" in fixed or "model" in options):
        base = base.replace(style=None, max_action_tokens=None)  # another model: its own defaults
    config, others = cli.build_config(args, FILE_OPTIONS, base.replace(**fixed))
    for name, value in others.items():
        options.setdefault(name, value)
    # Held-out tasks are the same for all, also for a run that was made to choose settings.
    changes: dict[str, Any] = {"batch": base.batch, "eval_split": "eval", **fixed}
    if "held_out" in options:
        changes["eval_episodes"] = options["held_out"]
    if kind.is_run and "model" in options and same_base(Path(spec.name), config):
        changes["model"] = config.model  # the run's base, at another place
    config = resolve(config.replace(**changes))
    check_config(config)
    # Episodes at a time: here it need not fit a group of training episodes.
    size = config.eval_episodes if kind.whole_batch else base.batch
    config = config.replace(batch=options.get("batch", size))
    if config.batch < 1:
        raise ConfigError(f"batch {config.batch} is out of range", allowed="1 or more")
    make_env(config, split="eval", scripted=kind.brief_only).close()
    return config
