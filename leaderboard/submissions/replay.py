"""Loads a finished run's team from its files and evaluates it again.

The same settings, seed and machine give the same numbers to the byte: every random stream of
the evaluation derives from the run's seed, and the team's files hold its exact weights.
"""

from __future__ import annotations

import contextlib
import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.evaluation.held_out import evaluate_team, raw_results, reference_teams
from colllm_bench.runs.naming import agent_folder
from colllm_bench.setup.environments import make_env
from colllm_bench.teams.loading import build_policy
from colllm_bench.types import Episode


@dataclass(frozen=True)
class Reevaluation:
    """The numbers of a run's ``summary.json``, computed again.

    Attributes:
        teams: ``held_out``: :func:`colllm_bench.evaluation.held_out.raw_results` by team.
        parameters: :meth:`colllm_bench.models.team_policy.TeamPolicy.parameter_counts`.
        on_training_tasks: the trained team's results on tasks of the split ``train``.
    """

    teams: dict[str, dict[str, Any]]
    parameters: dict[str, int]
    on_training_tasks: dict[str, Any]


def play_again(
    config: RunConfig,
    folder: Path,
    *,
    date: str | None = None,
) -> Reevaluation:
    """Load a trained team and evaluate it, the untrained one and the reference teams; the trained
    team on as many training tasks too.

    Args:
        config: of the run, resolved; its ``algo`` decides only whether one controller acts for all.
        folder: the trained team, a folder an agent
            (:meth:`colllm_bench.models.team_policy.TeamPolicy.save`).
        date: the run's, by its ``environment.json``: what chat templates print as today's.

    Raises:
        ConfigError: the files are no team of this model and these settings.
    """
    team = _build(config, _day(date))
    teams = {"untrained": raw_results(evaluate_team(config, team))}
    _load(team, folder)
    teams["trained"] = raw_results(evaluate_team(config, team))
    teams |= {name: raw_results(played) for name, played in reference_teams(config).items()}
    training = raw_results(evaluate_team(config, team, split="train"))
    return Reevaluation(teams, team.parameter_counts(), training)


def load_team(config: RunConfig, folder: Path) -> Any:
    """The trained team of a folder; arguments and errors as in :func:`play_again`."""
    team = _build(config, None)
    _load(team, folder)
    return team


def play_first_iteration(config: RunConfig, *, date: str | None = None) -> list[Episode]:
    """The training episodes of iteration 0: those of the untrained team, by the run's seed.

    Args:
        config, date: as in :func:`play_again`.

    Returns:
        [``config.batch``] episodes.
    """
    from colllm_bench.training.trainer import Trainer

    # Options of the algorithm decide how is learned, not how the first episodes are played.
    return Trainer(config.replace(algo_options={}), date=_day(date)).play(0)


def _day(date: str | None) -> datetime.date | None:
    return datetime.date.fromisoformat(date) if date else None


def _build(config: RunConfig, date: datetime.date | None) -> Any:
    """The team as its run began: the untrained model."""
    with contextlib.closing(make_env(config, split="eval")) as env:
        return build_policy(config, env, date=date)


def _load(team: Any, folder: Path) -> None:
    """The trained weights, from safetensors only."""
    from safetensors import SafetensorError

    for agent, slot in zip(team.agents, team.slot_of_agent):
        own = folder / agent_folder(agent)
        first = folder / agent_folder(team.policy_names()[slot])
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


def _load_slot(team: Any, folder: Path, slot: int) -> None:
    if team.adapters is not None:
        team.adapters.load_peft(folder, slot)
        return
    from safetensors.torch import load_file

    model, weights = team.policy_models[slot], load_file(str(folder / "model.safetensors"))
    state = model.state_dict()
    # A tied tensor is written once: its other names are found by where they lie.
    there = {state[name].data_ptr() for name in weights if name in state}
    missing = [
        name for name in state.keys() - weights.keys() if state[name].data_ptr() not in there
    ]
    unfit = sorted([*missing, *(weights.keys() - state.keys())])
    if unfit:
        raise ConfigError(f"the weights do not fit the model: {unfit[0]!r} differs")
    model.load_state_dict(weights, strict=False)


def _weights(folder: Path) -> Path:
    return next(iter(sorted(folder.glob("*.safetensors"))))


def _same_weights(folder: Path, first: Path) -> bool:
    return _weights(folder).read_bytes() == _weights(first).read_bytes()


def _require_finite(folder: Path) -> None:
    import torch
    from safetensors import safe_open

    with safe_open(str(_weights(folder)), framework="pt") as file:
        for name in file.keys():
            tensor = file.get_tensor(name)
            if not tensor.is_floating_point() or not bool(torch.isfinite(tensor).all()):
                raise ConfigError(
                    f"the weights of {folder.name} hold no finite numbers in {name!r}"
                )
