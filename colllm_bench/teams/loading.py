"""From a team's name to the object that plays."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from colllm_bench import registry
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.runs import checkpoints
from colllm_bench.runs.folder import base_digest, read_config, recorded_date, require_base
from colllm_bench.seeding import torch_generator
from colllm_bench.setup.environments import make_env
from colllm_bench.setup.resolve import load_algorithm, resolve
from colllm_bench.teams.base import Team
from colllm_bench.teams.language_model import LanguageModelTeam
from colllm_bench.teams.scripted import ScriptedTeam
from colllm_bench.teams.specs import ALLOWED, TeamSpec, parse_team

OF_THE_POLICY = ("env", "model", "tuning", "lora_rank", "lora_alpha", "chat_template",
                 "trust_remote_code", "seed")
"""Fields that belong to a trained team, wherever it plays; ``env`` chooses the built-in model."""


def load_team(
    team: str | TeamSpec,
    config: RunConfig,
    *,
    seats: Sequence[int] | None = None,
    temperature: float | None = None,
    seed: int | None = None,
    endpoint: Any = None,
    **of_endpoint: Any,
) -> Team:
    """The player of a team.

    Args:
        config: the task and how it is played: environment, agents, style, longest action,
            device; resolved (:func:`team_config`). What a trained team *is* (model, adapters)
            comes from its run folder.
        seats: the seats it takes, as places in ``possible_agents``; None: all. Fewer are for
            :class:`colllm_bench.teams.mixed.MixedTeam`.
        temperature: None: ``config.temperature``; 0 plays greedily.
        seed: of the sampling; None: ``config.seed``. An agent draws the same numbers in an
            episode whoever plays beside it.
        endpoint: :class:`colllm_bench.teams.endpoint.client.Endpoint`, for ``openai:MODEL``.
        of_endpoint: ``path`` (of its ledger) and ``notify`` of
            :class:`colllm_bench.teams.endpoint.team.EndpointTeam`.

    Returns:
        A player; give it to :func:`colllm_bench.teams.base.close` in the end.

    Raises:
        ConfigError: the team is not there, or does not fit the environment.
    """
    spec = parse_team(team) if isinstance(team, str) else team
    if spec.scripted:
        return scripted_player(spec, config)
    sampling = {
        "temperature": config.temperature if temperature is None else temperature,
        "max_action_tokens": config.max_action_tokens,
        "seed": config.seed if seed is None else seed,
    }
    if spec.kind == "openai":
        from colllm_bench.teams.endpoint.team import EndpointTeam

        return EndpointTeam(spec.name, endpoint, **sampling, **of_endpoint)
    agents = seat_names(config, seats)
    if spec.kind == "untrained":
        loaded = build_team(config.replace(share="all", tuning="lora"), agents)
    else:
        loaded = load_trained(spec.path, agents, config)
    return LanguageModelTeam(loaded, **sampling)


def scripted_player(spec: TeamSpec, config: RunConfig) -> Team:
    """The environment's expert or random team.

    Raises:
        ConfigError: the environment has none.
    """
    entry = getattr(registry.env_spec(config.env), spec.kind)
    if entry is None:
        raise ConfigError(f"environment {config.env!r} has no {spec.kind} team", allowed=ALLOWED)
    return ScriptedTeam(registry.load(entry, "policy"))


def seat_names(config: RunConfig, seats: Sequence[int] | None = None) -> list[str]:
    """The environment's names of the agents in these seats (None: all)."""
    env = make_env(config, split="eval")
    names = list(env.possible_agents)
    env.close()
    return names if seats is None else [names[seat] for seat in seats]


def build_team(config: RunConfig, agents: Sequence[str], **options: Any) -> Any:
    """A :class:`colllm_bench.models.team_policy.TeamPolicy` as a run would start it."""
    import torch

    from colllm_bench.models.team_policy import TeamPolicy

    if config.threads:
        torch.set_num_threads(config.threads)
    return TeamPolicy.build(
        config, agents, generator=torch_generator(config.seed, "adapters"), **options
    )


def policy_config(run: Path, config: RunConfig) -> RunConfig:
    """The run's model and adapters, on ``config``'s device; a policy of its own for each agent,
    because each has a folder of its own."""
    recorded = read_config(run)
    own = {name: getattr(recorded, name) for name in OF_THE_POLICY}
    if same_base(run, config):
        own["model"] = config.model  # the run's base, at another place
    return config.replace(**own, share="none", gradient_checkpointing=False)


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
    recorded = base_digest(run)
    return recorded is not None and digest(find_source(config.model, config.env)) == recorded


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
    team = build_team(config, agents, date=recorded_date(run))
    require_base(run, team.loaded.digest, config.model)
    team.load(folder)
    return team


def require_agents(run: Path, agents: Sequence[str]) -> Path:
    """The folder with a folder for each of ``agents``. Raises ConfigError if one is missing."""
    folder = team_folder(run)
    missing = [agent for agent in agents if not (folder / agent).is_dir()]
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
    """Where a run's team lies, a folder an agent; of a run that is not finished, its last
    checkpoint's, written to a temporary folder. The run folder is left as it is.

    Raises:
        ConfigError: the run has neither.
    """
    if (run / "summary.json").exists() and (run / "team").is_dir():
        return run / "team"
    found = checkpoints.load(run / "checkpoints", remove_torn=False)
    if found is None:
        done = (run / "summary.json").exists()  # a folder whose weights were not kept, or copied
        raise ConfigError(
            f"{run} holds no trained team: neither {run / 'team'} nor a checkpoint",
            fix="train such a run anew: its weights are not kept here" if done
            else f"train it: python -m colllm_bench.run --resume {run}",
        )
    iteration, state = found
    key = (str(run.resolve()), str(iteration))
    if key not in _EXPORTED:
        folder = tempfile.TemporaryDirectory(prefix="colllm_bench-team-")
        _team_of_state(resolve(read_config(run)), state["team"]).save(folder.name)
        _EXPORTED[key] = folder
    return Path(_EXPORTED[key].name)


def finished(run: Path) -> bool:
    """Whether :func:`team_folder` gives the run's final team."""
    return (run / "summary.json").exists() and (run / "team").is_dir()


def _team_of_state(config: RunConfig, state: dict[str, Any]) -> Any:
    """A checkpoint's team: with the slots that the trainer gave it, critics' included."""
    env = make_env(config, split="train")
    agents, roles = list(env.possible_agents), getattr(env, "roles", None)
    view = load_algorithm(config.algo).view
    team = build_team(
        config,
        agents,
        critic_slots=view.critics(len(agents)) if view else 0,
        roles=roles and [roles[agent] for agent in agents],
    )
    team.load_state_dict(state)
    return team


def weights_digest(run: Path) -> str:
    """Twelve hex digits of the trained agents' weights: two evaluations are of one team."""
    folder = team_folder(run)
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.safetensors")):
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
