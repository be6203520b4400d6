"""From a command line to teams with the settings that each plays with."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from colllm_bench import cli, registry
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.evaluation.comparison import Entry, labels, require_same_task
from colllm_bench.runs.folder import read_config
from colllm_bench.setup.environments import make_env
from colllm_bench.setup.resolve import resolve
from colllm_bench.setup.validate import check_config
from colllm_bench.teams.endpoint.client import Endpoint
from colllm_bench.teams.loading import require_same_base, same_base
from colllm_bench.teams.specs import parse_team

OF_A_RUN = ("algo", "chat_template")
"""Of these, what a trained team brings with it."""
OF_ENDPOINTS = tuple(field.name for field in fields(Endpoint) if field.name != "options")
FILE_OPTIONS = ("out", "name")
"""What a --config file may set beside the fields of RunConfig."""


def make_entries(names: Sequence[str], args: Namespace) -> list[Any]:
    """The teams with the settings that each plays with.

    Raises:
        ConfigError: an unknown team, or settings that do not fit.
    """
    given = vars(args)
    specs = [parse_team(name) for name in names]
    runs = [read_config(spec.path) for spec in specs if spec.kind == "run"]
    _refuse_useless(specs, given)
    greedy = "greedy" in given
    if given.get("temperature") == 0.0:
        greedy = True
        del given["temperature"]
    elif greedy and "temperature" in given:
        raise ConfigError("--greedy with --temperature", fix="one of them")
    configs = [_settings(spec, runs[0] if runs else None, args) for spec in specs]
    endpoint = _endpoint(given)
    algos = [c.algo if spec.kind == "run" else None for spec, c in zip(specs, configs)]
    entries = [
        Entry(
            label, spec, config, 0.0 if greedy else config.temperature,
            decentralized="decentralized" in given and spec.kind == "run",
            endpoint=endpoint if spec.kind == "openai" else None,
        )
        for label, spec, config in zip(labels(specs, algos), specs, configs)
    ]
    require_same_task(entries)
    return entries


def _refuse_useless(specs: Sequence[Any], given: dict[str, Any]) -> None:
    """Refuse options that none of the teams reads."""
    kinds = {spec.kind for spec in specs}
    useless = [] if "openai" in kinds else [
        name for name in (*OF_ENDPOINTS, "request_option") if name in given
    ]
    if kinds == {"run"}:
        useless += [name for name in OF_A_RUN if name in given]
        for spec in specs if "model" in given else ():
            require_same_base(spec.path, read_config(spec.path).replace(model=given["model"]))
    if useless:
        flag = useless[0].replace("_", "-")
        raise ConfigError(f"--{flag} has no effect on these teams", fix="leave it out")
    if "decentralized" in given and kinds - {"run"} - {"scripted", "random", "untrained"}:
        raise ConfigError("--decentralized with an endpoint team", fix="leave it out")
    if "decentralized" in given and "run" not in kinds:
        raise ConfigError("--decentralized without a trained team", fix="name a run folder")


def _settings(spec: Any, run: RunConfig | None, args: Namespace) -> RunConfig:
    """A team's settings: its run's (or the first run's), below the file, below the flags."""
    given = vars(args)
    recorded = read_config(spec.path) if spec.kind == "run" else None
    base = recorded or run or RunConfig()
    if "env" in given and registry.env_spec(given["env"]).id != registry.env_spec(base.env).id:
        # Options of one environment say nothing of another's.
        base = base.replace(env_options={}, style=None, max_action_tokens=None)
    if recorded is None and (spec.kind == "openai" or "model" in given):
        base = base.replace(style=None, max_action_tokens=None)  # another model: its own defaults
    if spec.kind == "openai":
        base = base.replace(model=spec.name)
    config, others = cli.build_config(args, FILE_OPTIONS, base)
    for name, value in others.items():
        given.setdefault(name, value)
    own: dict[str, Any] = {"batch": base.batch}
    if "held_out" in given:
        own["eval_episodes"] = given["held_out"]
    if recorded is not None:
        own |= {name: getattr(recorded, name) for name in OF_A_RUN}
        if not same_base(spec.path, config):
            own["model"] = recorded.model
    if spec.kind == "openai":
        own["model"] = spec.name
    config = resolve(config.replace(**own))
    check_config(config)
    # Episodes at a time: here it need not fit a group of training episodes.
    size = config.eval_episodes if spec.kind == "openai" else base.batch
    config = config.replace(batch=given.get("batch", size))
    if config.batch < 1:
        raise ConfigError(f"batch {config.batch} is out of range", allowed="1 or more")
    make_env(config, split="eval", scripted=spec.scripted).close()
    return config


def _endpoint(given: dict[str, Any]) -> Any:
    options = {}
    for pair in given.get("request_option", []):
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise ConfigError(
                f"--request-option {pair!r} is no pair", allowed="KEY=VALUE",
                fix="--request-option top_p=0.9",
            )
        try:
            options[key] = json.loads(value)
        except ValueError:
            options[key] = value
    own = {name: given[name] for name in OF_ENDPOINTS if name in given}
    endpoint = Endpoint(**own, options=options)
    endpoint.check()
    return endpoint
