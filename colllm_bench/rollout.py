"""Many episodes in lockstep: the only loop that calls ``env.step``.

The loop knows environments and players, nothing of tensors. A *player* answers for all
agents of all running episodes at once; :mod:`colllm_bench.players` has the language-model
team and the scripted ones.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from colllm_bench.errors import RunError
from colllm_bench.replays import frame_of
from colllm_bench.types import Episode, Transcript, Turn


class Player(Protocol):
    """Who answers for the team. All methods work on the running episodes, in order."""

    def begin(self, episodes: Sequence[Episode]) -> None:
        """New episodes start; their transcripts hold the instructions and no turns."""

    def act(self, turns: Sequence[Sequence[Turn | None]]) -> None:
        """Write ``action_text`` (and ids and log-probabilities) into each turn.

        Args:
            turns: [running episode][agent]; None where the agent has left. A turn is already
                the last one of its transcript.
        """

    def keep(self, running: Sequence[int]) -> None:
        """Only these positions of the running episodes go on."""

    def observe_end(self, transcript: Transcript, observation: str) -> None:
        """A transcript was truncated; this is what its agent would have seen next."""


@dataclass
class _Running:
    env: Any
    episode: Episode
    observations: dict[str, Any]
    infos: dict[str, dict]
    watched: bool
    """Whether frames are taken."""

    def watch(self) -> None:
        frame = frame_of(self.env) if self.watched else None
        if frame is not None:
            self.episode.frames.append(frame)


_SURROGATE = re.compile("[\ud800-\udfff]")


def text_of(observation: Any) -> str:
    """The text of an observation: ``{"text": str}`` or a bare string.

    Lone surrogates (halves of characters, which no tokenizer and no file takes) become U+FFFD.
    """
    text = observation.get("text") if isinstance(observation, dict) else observation
    if not isinstance(text, str):
        raise RunError(f"an observation must be text or {{'text': text}}, got {observation!r:.80}")
    return _SURROGATE.sub("\ufffd", text)


def rollout(
    envs: Sequence[Any],
    seeds: Sequence[int],
    groups: Sequence[int],
    player: Player,
    *,
    frames: int = 0,
) -> list[Episode]:
    """Play one episode in each of ``envs`` (PettingZoo parallel environments) to its end.

    Args:
        envs: E environments of the same kind.
        seeds: E seeds for ``reset``; equal seeds start from equal states.
        groups: E group numbers, see :class:`colllm_bench.types.Episode`.
        player: answers for the team.
        frames: the first so many episodes are watched: their ``frames`` are what the environment
            shows to a spectator (:mod:`colllm_bench.replays`).

    Returns:
        E episodes in the order of ``envs``; every turn holds its reward and its end flags.

    Raises:
        RunError: an environment broke its contract: no text, a reward that is no finite number
            or not the same for the whole team, agents that come late, or that leave without
            an end.
    """
    starts = zip(envs, seeds, groups, strict=True)
    running = [_start(*start, watched=k < frames) for k, start in enumerate(starts)]
    episodes = [r.episode for r in running]
    player.begin(episodes)
    while running:
        turns = [_next_turns(r) for r in running]
        player.act(turns)
        for r, own in zip(running, turns, strict=True):
            _step(r, own, player)
            r.watch()
        going = [i for i, r in enumerate(running) if r.env.agents]
        if len(going) < len(running):
            running = [running[i] for i in going]
            player.keep(going)
    return episodes


def _start(env: Any, seed: int, group: int, watched: bool) -> _Running:
    observations, infos = env.reset(seed=seed)
    late = [agent for agent in env.possible_agents if agent not in env.agents]
    if late:
        raise RunError(f"agents {late} are not there at reset: a team starts together")
    transcripts = [
        Transcript(agent, i, text_of(infos.get(agent, {}).get("instructions", "")))
        for i, agent in enumerate(env.possible_agents)
    ]
    running = _Running(env, Episode(seed, group, transcripts), observations, infos, watched)
    running.watch()
    return running


def _next_turns(running: _Running) -> list[Turn | None]:
    turns: list[Turn | None] = []
    for transcript in running.episode.transcripts:
        turn = None
        if transcript.agent in running.env.agents:
            turn = Turn(observation=text_of(running.observations[transcript.agent]))
            legal = running.infos.get(transcript.agent, {}).get("legal_actions")
            turn.info = {"legal_actions": legal} if legal is not None else {}
            transcript.turns.append(turn)
        turns.append(turn)
    return turns


def _step(running: _Running, turns: Sequence[Turn | None], player: Player) -> None:
    transcripts = running.episode.transcripts
    pairs = list(zip(transcripts, turns, strict=True))
    actions = {x.agent: turn.action_text for x, turn in pairs if turn is not None}
    observations, rewards, terminated, truncated, infos = running.env.step(actions)
    reward = _team_reward(rewards, list(actions))
    for transcript, turn in pairs:
        agent, stays = transcript.agent, transcript.agent in running.env.agents
        if turn is None:
            if stays:
                raise RunError(f"agent {agent!r} had left and came back to env.agents")
            continue
        turn.reward = reward
        turn.terminated = bool(terminated[agent])
        turn.truncated = bool(truncated[agent]) and not turn.terminated
        if stays == (turn.terminated or turn.truncated):
            how = "ended but is still" if stays else "has not ended but is no longer"
            raise RunError(f"agent {agent!r} {how} in env.agents")
        turn.info = infos.get(agent, {})
        if turn.truncated:
            player.observe_end(transcript, text_of(observations[agent]))
        if "success" in turn.info:
            running.episode.success = bool(turn.info["success"])
        if turn.terminated or turn.truncated:
            running.episode.score = dict(turn.info.get("score", {}))
    running.observations, running.infos = observations, infos


def _team_reward(rewards: Mapping[str, float], agents: Sequence[str]) -> float:
    """The reward that all ``agents`` share."""
    values = {agent: float(rewards[agent]) for agent in agents}
    for agent, value in values.items():
        if not math.isfinite(value):
            raise RunError(f"the environment gave agent {agent!r} the reward {value}")
    if len(set(values.values())) > 1:
        raise RunError(f"the environment gave rewards {values}: a team shares one reward")
    return values[agents[0]]
