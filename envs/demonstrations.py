"""Episodes of scripted teams as chat transcripts: what the built-in models are cloned from.

Scripted agents have ``reset(agent, instructions, seed)`` and ``act(observation, info)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from colllm_bench.envs import centralized_execution as central

Step = tuple[dict[str, dict], dict[str, dict], dict[str, str]]
"""(observations, infos, actions) of one turn, each by agent."""


def play(env: Any, team: Sequence[Any], seed: int) -> Iterator[Step]:
    """Play one episode; yields (observations, infos, actions) of each turn.

    Args:
        env: a parallel text environment in the brief style.
        team: scripted agents, one for each of the environment's.
        seed: of the environment and the agents.
    """
    observations, infos = env.reset(seed=seed)
    for agent, player in zip(env.possible_agents, team, strict=True):
        player.reset(agent, infos[agent]["instructions"], seed)
    while env.agents:
        actions = {
            agent: player.act(observations[agent]["text"], infos[agent])
            for agent, player in zip(env.possible_agents, team, strict=True)
        }
        yield observations, infos, actions
        observations, _, _, _, infos = env.step(actions)


def agent_chat(steps: Sequence[Step], agent: str) -> list[dict[str, str]]:
    """One agent's transcript: system, then user and assistant in turn."""
    rows = [(seen[agent]["text"], done[agent]) for seen, _, done in steps]
    return _chat(steps[0][1][agent]["instructions"], rows)


def controller_chat(
    env: Any, steps: Sequence[Step], numbered: bool = False
) -> list[dict[str, str]]:
    """The transcript of a centralized controller that writes every agent's action, as
    :class:`colllm_bench.envs.centralized_execution.CentralizedEnv` shows it.

    Args:
        env: the environment that was played.
        steps: what :func:`play` gave.
        numbered: whether each action stands after its agent's number, as one of several lines must.
    """
    names = env.possible_agents
    numbers = range(1, len(names) + 1)

    def observed(texts: list[str]) -> str:
        return central.join_observations(numbers, texts)

    written: Callable[[list[str]], str] = observed if numbered else central.join_actions
    told = [steps[0][1][agent]["instructions"] for agent in names]
    rows = [
        (observed([seen[agent]["text"] for agent in names]), written([done[a] for a in names]))
        for seen, _, done in steps
    ]
    return _chat(central.join_instructions(told, env.style), rows)


def _chat(system: str, rows: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    chat = [{"role": "system", "content": system}]
    for seen, done in rows:
        chat.append({"role": "user", "content": seen})
        chat.append({"role": "assistant", "content": done})
    return chat
