"""A finished run's team, loaded from files alone and evaluated again.

The same settings, seed and machine give the same numbers to the byte: every random stream of
the evaluation derives from the run's seed, and the team's files hold its exact weights.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.evaluation.held_out import evaluate_team, reference_teams, results
from colllm_bench.seeding import torch_generator
from colllm_bench.setup.environments import make_env


@dataclass(frozen=True)
class Again:
    """What a run's ``summary.json`` is made of, found anew.

    Attributes:
        teams: ``held_out``: :func:`colllm_bench.evaluation.held_out.results` by team.
        parameters: :meth:`colllm_bench.models.team_policy.TeamPolicy.parameter_counts`.
    """

    teams: dict[str, dict[str, Any]]
    parameters: dict[str, int]


def play_again(
    config: RunConfig,
    folder: Path,
    agents: Sequence[str],
    *,
    split: str = "eval",
    date: str | None = None,
) -> Again:
    """Load a trained team and evaluate it, the untrained one and the reference teams.

    Args:
        config: of the run, resolved; its ``algo`` decides only whether a master acts.
        folder: the trained team, a folder an agent
            (:meth:`colllm_bench.models.team_policy.TeamPolicy.save`).
        agents: their names, as the environment has them.
        date: the run's, by its ``environment.json``: what chat templates print as today's.
        split: ``train`` plays the trained team alone, on tasks that are not held out.

    Raises:
        ConfigError: the files are no team of this model and these settings.
    """
    team = _build(config, agents, datetime.date.fromisoformat(date) if date else None)
    found = {}
    if split == "eval":
        found["untrained"] = results(evaluate_team(config, team))
    _load(team, folder)
    found["trained"] = results(evaluate_team(config, team, split=split))
    if split == "eval":
        found |= {name: results(played) for name, played in reference_teams(config).items()}
    return Again(found, team.parameter_counts())


def _build(config: RunConfig, agents: Sequence[str], date: datetime.date | None) -> Any:
    """The team as its run began: the untrained model."""
    import torch

    from colllm_bench.models.team_policy import TeamPolicy

    if config.threads:
        torch.set_num_threads(config.threads)
    env = make_env(config, split="eval")
    roles = getattr(env, "roles", None)
    env.close()
    return TeamPolicy.build(
        config, agents, generator=torch_generator(config.seed, "adapters"),
        roles=roles and [roles[agent] for agent in agents],
        date=date,
    )


def _load(team: Any, folder: Path) -> None:
    """The trained weights, from safetensors only."""
    from safetensors import SafetensorError

    for agent, slot in zip(team.agents, team.slot_of_agent):
        own, first = folder / agent, folder / team.policy_names()[slot]
        try:
            _require_finite(own)
            if own == first:
                _load_slot(team, own, slot)
            elif not _same_weights(own, first):
                raise ConfigError(
                    f"{agent} and {first.name} share a policy, and their files differ"
                )
        except (SafetensorError, OSError, KeyError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ConfigError(f"the weights of {agent} cannot be loaded: {reason}") from error


def _load_slot(team: Any, own: Path, slot: int) -> None:
    if team.adapters is not None:
        team.adapters.load_peft(own, slot)
        return
    from safetensors.torch import load_file

    model, given = team.policy_models[slot], load_file(str(own / "model.safetensors"))
    state = model.state_dict()
    # A tied tensor is written once: its other names are found by where they lie.
    there = {state[name].data_ptr() for name in given if name in state}
    lacking = [name for name in state.keys() - given.keys() if state[name].data_ptr() not in there]
    more = sorted(given.keys() - state.keys())
    odd = sorted([*lacking, *more])
    if odd:
        raise ConfigError(f"the weights do not fit the model: {odd[0]!r} differs")
    model.load_state_dict(given, strict=False)


def _weights(own: Path) -> Path:
    return next(iter(sorted(own.glob("*.safetensors"))))


def _same_weights(own: Path, first: Path) -> bool:
    return _weights(own).read_bytes() == _weights(first).read_bytes()


def _require_finite(own: Path) -> None:
    import torch
    from safetensors import safe_open

    with safe_open(str(_weights(own)), framework="pt") as file:
        for name in file.keys():
            tensor = file.get_tensor(name)
            if not tensor.is_floating_point() or not bool(torch.isfinite(tensor).all()):
                raise ConfigError(f"the weights of {own.name} hold no finite numbers in {name!r}")
