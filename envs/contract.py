"""What an environment must be and return, checked where it is read.

The contract: PettingZoo's parallel API (1.23 and later), observations that are text, one reward
for the team, infos that are dicts. Each breach is one line that names the class, the method and
the value.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable, Mapping
from typing import Any

from colllm_bench.errors import ConfigError, RunError

API = "PettingZoo's parallel API, 1.23 or later"
STEP = ("observations", "rewards", "terminations", "truncations", "infos")


class ContractError(RunError):
    """An environment returned something else than the contract says."""


def check_agents(env: Any) -> None:
    """Refuse an environment that is none, or whose agents have no usable names.

    Raises:
        ConfigError: no parallel environment, no agents, two of one name, or a name that is no
            text (files and prompts need one).
    """
    for name in ("possible_agents", "reset", "step"):
        if not hasattr(env, name):
            raise ConfigError(
                f"environment {class_name(env)} has no {name}", allowed=f"an environment of {API}"
            )
    if hasattr(env, "agent_iter"):
        raise ConfigError(
            f"environment {class_name(env)} steps agent by agent (AEC)", allowed=API,
            fix="pettingzoo.utils.aec_to_parallel(env)",
        )
    agents = env.possible_agents
    if isinstance(agents, (str, bytes)) or not isinstance(agents, Iterable):
        raise ConfigError(
            f"environment {class_name(env)} has possible_agents {agents!r:.200}",
            allowed="a list of names, such as ['agent_0', 'agent_1']",
        )
    agents = list(agents)
    for agent in agents:
        if not isinstance(agent, str) or not agent.strip() or clean_text(agent) != agent:
            raise ConfigError(
                f"environment {class_name(env)} names an agent {agent!r}",
                allowed="a text that is not empty, such as 'agent_0'",
                fix="rename the agents in possible_agents, and wherever the environment uses them",
            )
    if not agents or len(set(agents)) < len(agents):
        raise ConfigError(
            f"environment {class_name(env)} has possible_agents {agents!r:.200}",
            allowed="one agent or more, each with a name of its own",
        )


def class_name(env: Any) -> str:
    """The class of the environment behind its wrappers."""
    return type(getattr(env, "unwrapped", env)).__name__


def reset_env(
    env: Any, seed: int | None, options: dict | None = None
) -> tuple[Mapping[str, Any], Mapping[str, dict]]:
    """``env.reset(seed=seed)``: observations and infos by agent.

    Args:
        options: passed on where there are some; environments need not take any.

    Raises:
        ConfigError: ``options`` ask for a start that the environment does not have.
        ContractError: an environment of another API.
    """
    progress_of(env, options)
    try:
        result = env.reset(seed=seed, **({"options": options} if options else {}))
    except TypeError as error:
        if _takes(env.reset, "seed"):
            raise
        raise ContractError(
            f"{class_name(env)}.reset() takes no seed; it must be reset(seed=None, options=None), "
            f"as in {API}"
        ) from error
    observations, infos = _parts(env, "reset", result, ("observations", "infos"))
    return observations, infos


def takes_progress(env: Any) -> bool:
    """Whether episodes may start nearer the goal: the environment has ``takes_progress = True``.

    Its ``reset(seed, options={"progress": p})`` then starts the share p along an expert's play: 0
    is the beginning, as without options; 1 the last step before the expert's end. The same seed
    and p give the same start. Curricula ask for it.
    """
    return bool(getattr(getattr(env, "unwrapped", env), "takes_progress", False))


def progress_of(env: Any, options: Mapping[str, Any] | None) -> float:
    """How far along its expert's play ``options`` ask an episode to start; 0 where they do not.

    Raises:
        ConfigError: no number from 0 to 1; or one above 0 for an environment without such starts.
    """
    progress = (options or {}).get("progress", 0.0)
    if type(progress) not in (int, float) or not 0 <= progress <= 1:
        raise ConfigError(f"progress={progress!r}", allowed="a number from 0 to 1")
    if progress and not takes_progress(env):
        raise ConfigError(
            f"environment {class_name(env)} starts at the beginning only, not at "
            f"progress={progress}", allowed="0", fix="an environment with takes_progress = True, "
            "such as strategy",
        )
    return float(progress)


def step_env(env: Any, actions: dict[str, str]) -> tuple[Mapping[str, Any], ...]:
    """``env.step(actions)``: observations, rewards, terminations, truncations, infos by agent.

    Raises:
        ContractError: an environment of another API, or one that left an agent of ``actions`` out.
    """
    result = _parts(env, "step", env.step(actions), STEP)
    for name, part in zip(STEP[1:4], result[1:4], strict=True):
        for agent in actions:
            if agent not in part:
                call = f"{class_name(env)}.step()"
                raise ContractError(f"{call} returned no {name} for agent {agent!r}")
    return result


def _takes(method: Any, parameter: str) -> bool:
    parameters = inspect.signature(method).parameters
    return parameter in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def _parts(env: Any, method: str, result: Any, names: tuple[str, ...]) -> tuple[Mapping, ...]:
    """The values that a method returned, each a mapping from agents."""
    call = f"{class_name(env)}.{method}()"
    if not isinstance(result, (tuple, list)) or len(result) != len(names):
        count = len(result) if isinstance(result, (tuple, list)) else 1
        raise ContractError(
            f"{call} returned {count} value{'s' * (count != 1)}, not {len(names)} "
            f"({', '.join(names)}), as in {API}"
        )
    for name, part in zip(names, result, strict=True):
        if not isinstance(part, Mapping):
            raise ContractError(f"{call}: {name} must be a dict by agent, got {part!r:.80}")
    for agent, info in result[-1].items():
        if not isinstance(info, Mapping):
            raise ContractError(f"{call}: infos[{agent!r}] must be a dict, got {info!r:.80}")
    return tuple(result)


def observation_of(env: Any, observations: Mapping[str, Any], agent: str) -> str:
    """The text that an agent sees. Raises ContractError where there is none."""
    if agent not in observations:
        raise ContractError(f"{class_name(env)} returned no observation for agent {agent!r}")
    return text_of(observations[agent])


def text_of(observation: Any) -> str:
    """The text of an observation, ``{"text": str}`` or a bare string, as valid Unicode."""
    text = observation.get("text") if isinstance(observation, Mapping) else observation
    if not isinstance(text, str):
        raise ContractError(
            f"an observation must be text or {{'text': text}}, got {observation!r:.80}"
        )
    return clean_text(text)


def clean_text(text: str) -> str:
    """``text`` with U+FFFD for every lone surrogate, which no tokenizer and no file takes."""
    try:
        text.encode()
        return text
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def instructions_of(infos: Mapping[str, Mapping], agent: str) -> str:
    """What an agent is told at the start; "" where the environment says nothing."""
    text = infos.get(agent, {}).get("instructions", "")
    if not isinstance(text, str):
        raise ContractError(f"infos[{agent!r}]['instructions'] must be text, got {text!r:.80}")
    return clean_text(text)


def score_of(info: Mapping[str, Any], agent: str) -> dict[str, float]:
    """``infos[agent]["score"]``: numbers by name; {} where there is none.

    Raises:
        ContractError: it is no dict of finite numbers.
    """
    score = info.get("score", {})
    if not isinstance(score, Mapping):
        raise ContractError(
            f"infos[{agent!r}]['score'] must be a dict of numbers by name, got {score!r:.80}"
        )
    return {
        _score_name(name, agent): _number(value, f"infos[{agent!r}]['score'][{name!r}]")
        for name, value in score.items()
    }


def _score_name(name: Any, agent: str) -> str:
    if not isinstance(name, str):
        raise ContractError(f"infos[{agent!r}]['score']: the name {name!r:.80} must be text")
    return name


def _number(value: Any, what: str) -> float:
    """A finite number as Python has it: numpy's and torch's scalars are unpacked."""
    number = value
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        number = value.item()
    try:
        if isinstance(number, (int, float)) and math.isfinite(number):
            return number
    except OverflowError:
        pass  # an int too large for a float
    raise ContractError(f"{what} must be a finite number, got {value!r:.80}")


def flag_of(values: Mapping[str, Any], agent: str, what: str) -> bool:
    """A truth value of an agent. Raises ContractError for what is neither true nor false."""
    value = values[agent]
    if hasattr(value, "item"):  # numpy's and torch's
        try:
            value = value.item()
        except (TypeError, ValueError, RuntimeError):
            pass  # several values
    if isinstance(value, (int, float)) and value in (0, 1):
        return bool(value)
    raise ContractError(
        f"{what} of agent {agent!r} must be True or False, got {values[agent]!r:.80}"
    )


def reward_of(rewards: Mapping[str, Any], agents: list[str]) -> float:
    """The reward that all ``agents`` share.

    Raises:
        ContractError: a reward that is no finite number, or not the same for all.
    """
    values = {}
    for agent in agents:
        try:
            values[agent] = float(rewards[agent])
        except (TypeError, ValueError, OverflowError):
            raise ContractError(
                f"the environment gave agent {agent!r} the reward {rewards[agent]!r:.80}, which is "
                "no number"
            ) from None
        if not math.isfinite(values[agent]):
            raise ContractError(f"the environment gave agent {agent!r} the reward {values[agent]}")
    if len(set(values.values())) > 1:
        raise ContractError(f"the environment gave rewards {values}: a team shares one reward")
    return values[agents[0]]
