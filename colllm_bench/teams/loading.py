"""The policies of language-model teams: as a run starts them, and as a run trained them."""

from __future__ import annotations

import contextlib
import datetime
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from colllm_bench.config import RunConfig, fields_with
from colllm_bench.errors import ConfigError
from colllm_bench.runs import checkpoints
from colllm_bench.runs.folder import read_config
from colllm_bench.runs.naming import agent_folder
from colllm_bench.runs.origin import base_digest, recorded_date, require_base
from colllm_bench.seeding import torch_generator
from colllm_bench.setup.environments import make_env
from colllm_bench.setup.resolve import load_algorithm, resolve


def seat_names(config: RunConfig, seats: Sequence[int] | None = None) -> list[str]:
    """The environment's names of the agents in these seats (None: all)."""
    env = make_env(config, split="eval")
    names = list(env.possible_agents)
    env.close()
    return names if seats is None else [names[seat] for seat in seats]


def build_policy(
    config: RunConfig, env: Any, *, critic_slots: int = 0, date: datetime.date | None = None
) -> Any:
    """The policy of all agents of ``env`` as a run starts it: the untrained model.

    Args:
        config: resolved.
        env: the run's environment; its ``roles`` (agent to role), if it has them, say which
            agents share a policy.
        critic_slots: adapters to add for critics.
        date: what a chat template that prints today's date prints; None: today's.

    Returns:
        A :class:`colllm_bench.models.team_policy.TeamPolicy`.
    """
    agents, roles = list(env.possible_agents), getattr(env, "roles", None)
    return build_team(
        config, agents, critic_slots=critic_slots, roles=roles and [roles[a] for a in agents],
        date=date,
    )


def build_team(config: RunConfig, agents: Sequence[str], **options: Any) -> Any:
    """A :class:`colllm_bench.models.team_policy.TeamPolicy` of these agents, untrained.

    Args:
        options: of :meth:`colllm_bench.models.team_policy.TeamPolicy.build`.
    """
    import torch

    from colllm_bench.models.team_policy import TeamPolicy

    if config.threads:
        torch.set_num_threads(config.threads)
    return TeamPolicy.build(
        config, agents, generator=torch_generator(config.seed, "adapters"),
        central=load_algorithm(config.algo).centralized_execution, **options,
    )


def policy_config(run: Path, config: RunConfig) -> RunConfig:
    """The run's model and adapters, on ``config``'s device; a policy of its own for each agent,
    because each has a folder of its own."""
    recorded = read_config(run)
    fields = {name: getattr(recorded, name) for name in fields_with(role="policy")}
    if same_base(run, config):
        fields["model"] = config.model  # the run's base, at another place
    return config.replace(**fields, share="none", gradient_checkpointing=False)


def require_same_base(run: Path, config: RunConfig) -> None:
    """Refuse a ``config.model`` that is not the base of a trained run, at another place.

    Raises:
        ConfigError: other files, or a run that recorded no digest of its base.
    """
    if not same_base(run, config):
        digest = base_digest(run)
        raise ConfigError(
            f"--model {config.model!r} is not the base that {run} was trained on",
            allowed=f"a model with digest {digest}" if digest else "the model that it names",
            fix="leave it out, or name the place of the same files",
        )


def same_base(run: Path, config: RunConfig) -> bool:
    """Whether ``config.model`` is the base that the run was trained on, wherever it lies."""
    from colllm_bench.models.base_files import digest, find_source

    if config.model == read_config(run).model:
        return True
    recorded, central = base_digest(run), load_algorithm(config.algo).centralized_execution
    source = find_source(config.model, config.env, central=central)
    return recorded is not None and digest(source) == recorded


def load_trained(run: str | Path, agents: Sequence[str], config: RunConfig | None = None) -> Any:
    """The trained team of a run, or some agents of it.

    Args:
        agents: names, as the environment calls them.
        config: device, dtype and threads to load it with; None: the run's own.

    Returns:
        A :class:`colllm_bench.models.team_policy.TeamPolicy` of these agents, each with a slot
        of its own.

    Raises:
        ConfigError: the run has no team yet, or none for one of the agents.
    """
    run = Path(run)
    folder = require_agents(run, agents)
    config = policy_config(run, config or resolve(read_config(run)))
    policy = build_team(config, agents, date=recorded_date(run))
    require_base(run, policy.loaded.digest, config.model)
    policy.load(folder)
    return policy


def require_agents(run: Path, agents: Sequence[str]) -> Path:
    """The folder with a folder for each of ``agents``. Raises ConfigError if one is missing."""
    folder = team_folder(run)
    missing = [agent for agent in agents if not (folder / agent_folder(agent)).is_dir()]
    if missing:
        there = sorted(path.name for path in folder.iterdir() if path.is_dir())
        raise ConfigError(
            f"{run} has no trained agent {missing[0]!r}", allowed=", ".join(there),
            fix="the environment and the number of agents that it was trained with",
        )
    return folder


_EXPORTED: dict[tuple[str, str], tempfile.TemporaryDirectory] = {}
"""Teams of checkpoints, written out for the life of this process."""


def team_folder(run: Path) -> Path:
    """Where a run's team lies, a folder per agent; of an unfinished run, its last checkpoint's,
    written to a temporary folder. The run folder stays as it is.

    Raises:
        ConfigError: the run has neither.
    """
    if finished(run):
        return run / "team"
    checkpoint = checkpoints.load(run / "checkpoints", remove_torn=False)
    if checkpoint is None:
        done = (run / "summary.json").exists()  # a folder whose weights were not kept, or copied
        raise ConfigError(
            f"{run} holds no trained team: neither {run / 'team'} nor a checkpoint",
            fix="train such a run anew: its weights are not kept here" if done
            else f"train it: python -m colllm_bench.run --resume {run}",
        )
    iteration, state = checkpoint
    key = (str(run.resolve()), str(iteration))
    if key not in _EXPORTED:
        folder = tempfile.TemporaryDirectory(prefix="colllm_bench-team-")
        _policy_of_state(resolve(read_config(run)), state["team"]).save(folder.name)
        _EXPORTED[key] = folder
    return Path(_EXPORTED[key].name)


def finished(run: Path) -> bool:
    """Whether :func:`team_folder` gives the run's final team."""
    return (run / "summary.json").exists() and (run / "team").is_dir()


def _policy_of_state(config: RunConfig, state: dict[str, Any]) -> Any:
    """A checkpoint's policy: with the slots that the trainer gave it, critics' included."""
    with contextlib.closing(make_env(config, split="train")) as env:
        policy = build_policy(config, env)
        stacks = [tensor for name, tensor in state.items() if name.endswith(".lora_A")]
        if stacks and len(stacks[0]) > policy.slots:
            policy = build_policy(config, env, critic_slots=len(stacks[0]) - policy.slots)
    policy.load_state_dict(state)
    return policy
