"""Many episodes in lockstep: the only loop that calls ``env.step``.

The loop knows environments and teams (:class:`colllm_bench.teams.base.Team`), nothing of
tensors. A team acts for all agents of all running episodes at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from colllm_bench.envs.contract import (
    flag_of,
    instructions_of,
    observation_of,
    reset_env,
    reward_of,
    score_of,
    step_env,
    text_of,
)
from colllm_bench.errors import RunError
from colllm_bench.runs.replays import frame_of
from colllm_bench.teams.base import Team
from colllm_bench.types import Episode, Trajectory, Turn

__all__ = ["rollout", "text_of"]


MOST_TURNS = 10_000
"""Of an episode: an environment that goes on for longer has forgotten to end it."""


@dataclass
class _Running:
    env: Any
    episode: Episode
    observations: Mapping[str, Any]
    infos: Mapping[str, Mapping]
    watched: bool
    """Whether frames are taken."""
    stopped: bool = False
    """The team could not go on: the episode was truncated."""

    def watch(self) -> None:
        frame = frame_of(self.env) if self.watched else None
        if frame is not None:
            self.episode.frames.append(frame)


def rollout(
    envs: Sequence[Any],
    seeds: Sequence[int],
    groups: Sequence[int],
    player: Team,
    *,
    frames: int = 0,
    options: dict[str, Any] | None = None,
) -> list[Episode]:
    """Play one episode in each of ``envs`` (PettingZoo parallel environments) to its end.

    Args:
        envs: E environments of the same kind.
        seeds: E seeds for ``reset``; equal seeds start from equal states.
        groups: E group numbers, see :class:`colllm_bench.types.Episode`.
        player: answers for the team.
        frames: the first so many episodes are watched: their ``frames`` are what the environment
            shows to a spectator (:mod:`colllm_bench.runs.replays`).
        options: of every ``reset``; environments need not know any.

    Returns:
        E episodes in the order of ``envs``; every turn holds its reward and its end flags.

    Raises:
        RunError: an environment broke its contract (:mod:`colllm_bench.envs.contract`), or
            agents come late, or leave without an end. Names the episode's seed and the turn.
    """
    starts = zip(envs, seeds, groups, strict=True)
    running = []
    for k, (env, seed, group) in enumerate(starts):
        with _naming(seed, "reset"):
            running.append(_start(env, seed, group, options, watched=k < frames))
    episodes = [r.episode for r in running]
    player.reset(episodes)
    played = 0  # turns, of all episodes that run
    while running:
        if played >= MOST_TURNS:
            raise RunError(
                f"an episode of {type(running[0].env).__name__} (seed {running[0].episode.seed}) "
                f"has no end after {MOST_TURNS:,} turns; fix: terminate or truncate it"
            )
        played += 1
        turns = []
        for r in running:
            with _naming(r.episode.seed, f"before turn {played}"):
                turns.append(_next_turns(r))
        player.act(turns)
        for r, turns_of_episode in zip(running, turns, strict=True):
            if any(turn is not None and turn.action_text is None for turn in turns_of_episode):
                _truncate(r, turns_of_episode, player)
                continue
            with _naming(r.episode.seed, f"turn {played}"):
                _step(r, turns_of_episode, player)
                r.watch()
        going = [i for i, r in enumerate(running) if r.env.agents and not r.stopped]
        if len(going) < len(running):
            running = [running[i] for i in going]
            player.keep_running(going)
    settle_success(episodes)
    return episodes


@contextmanager
def _naming(seed: int, when: str) -> Iterator[None]:
    """An error of an environment says in which episode it happened; a bug of the environment's
    own keeps its type and traceback."""
    try:
        yield
    except RunError as error:
        raise type(error)(f"{error} (seed {seed}, {when})") from error
    except Exception as error:
        if hasattr(error, "add_note"):  # Python 3.11
            error.add_note(f"seed {seed}, {when}")
        raise


def settle_success(episodes: Sequence[Episode]) -> None:
    """Of an environment that tells success, an episode cut off before the verdict is none."""
    if any(episode.success is not None for episode in episodes):
        for episode in episodes:
            episode.success = bool(episode.success)


def _start(
    env: Any, seed: int, group: int, options: dict[str, Any] | None, watched: bool
) -> _Running:
    observations, infos = reset_env(env, seed, options)
    late = [agent for agent in env.possible_agents if agent not in env.agents]
    if late:
        raise RunError(f"agents {late} are not there at reset: a team starts together")
    trajectories = [
        Trajectory(agent, i, instructions_of(infos, agent))
        for i, agent in enumerate(env.possible_agents)
    ]
    for agent in infos:
        score_of(infos[agent], agent)
    running = _Running(env, Episode(seed, group, trajectories), observations, infos, watched)
    running.watch()
    return running


def _next_turns(running: _Running) -> list[Turn | None]:
    turns: list[Turn | None] = []
    for trajectory in running.episode.trajectories:
        turn = None
        if trajectory.agent in running.env.agents:
            seen = observation_of(running.env, running.observations, trajectory.agent)
            turn = Turn(observation=seen)
            legal = running.infos.get(trajectory.agent, {}).get("legal_actions")
            turn.info = {"legal_actions": legal} if legal is not None else {}
            trajectory.turns.append(turn)
        turns.append(turn)
    return turns


def _step(running: _Running, turns: Sequence[Turn | None], player: Team) -> None:
    trajectories = running.episode.trajectories
    pairs = list(zip(trajectories, turns, strict=True))
    actions = {x.agent: turn.action_text for x, turn in pairs if turn is not None}
    observations, rewards, terminated, truncated, infos = step_env(running.env, actions)
    reward = reward_of(rewards, list(actions))
    for trajectory, turn in pairs:
        agent, stays = trajectory.agent, trajectory.agent in running.env.agents
        if turn is None:
            if stays:
                raise RunError(f"agent {agent!r} had left and came back to env.agents")
            continue
        turn.reward = reward
        turn.terminated = flag_of(terminated, agent, "terminations")
        turn.truncated = flag_of(truncated, agent, "truncations") and not turn.terminated
        if stays == (turn.terminated or turn.truncated):
            how = "ended but is still" if stays else "has not ended but is no longer"
            raise RunError(f"agent {agent!r} {how} in env.agents")
        turn.info = infos.get(agent, {})
        score = score_of(turn.info, agent)
        if turn.truncated:
            player.observe_final(trajectory, observation_of(running.env, observations, agent))
        if "success" in turn.info:
            running.episode.success = flag_of({agent: turn.info["success"]}, agent, "success")
        if turn.terminated or turn.truncated:
            running.episode.score = score
    running.observations, running.infos = observations, infos


def _truncate(running: _Running, turns: Sequence[Turn | None], player: Team) -> None:
    """End an episode in which the team cannot act (a language model's context is full): the
    turns that it did not play become what follows the last ones."""
    for trajectory, turn in zip(running.episode.trajectories, turns, strict=True):
        if turn is None:
            continue
        trajectory.turns.pop()
        if not trajectory.turns:
            raise RunError(f"the team did not act in the first turn of agent {trajectory.agent!r}")
        last = trajectory.turns[-1]
        last.truncated = True
        player.observe_final(trajectory, turn.observation)
        running.episode.score = dict(last.info.get("score", {}))
    running.stopped = True
