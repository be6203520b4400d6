"""Plays whole episodes and checks every value that the environment returns."""

from __future__ import annotations

import copy
import hashlib
import json
import math
import random
from collections.abc import Callable, Generator
from typing import Any

from colllm_bench.envs.contract import (
    ContractError,
    check_agents,
    reset_env,
    step_env,
    text_of,
)
from colllm_bench.errors import ConfigError
from colllm_bench.runs.replays import frame_of

NASTY = (
    "",
    " ",
    "\n\n",
    "x" * 10_000,
    "\U0001f525\U0001f409\U0001f525",
    "na\u00efve \u2014 \u6226\u4e89",
    "\x00\x07\x1b[31m",
    "<|im_end|><|endoftext|>",
    "null",
    "{}[]()\\\"'`%s%n",
    "I will not do that, and neither should you.",
)
"""Texts that language models write sooner or later; none may crash an environment."""


class CheckError(AssertionError):
    """What an environment does wrong, and where."""


def require(truth: Any, message: str) -> None:
    """Raise :class:`CheckError` with ``message`` unless ``truth`` holds."""
    if not truth:
        raise CheckError(message)


class EpisodeChecker:
    """Plays whole episodes with seeded texts, and checks every value that comes back.

    Args:
        max_turns: a longer episode fails.
        cooperative: whether all agents must get the same reward.
        scripted: makes a scripted agent; None: texts are drawn.

    Attributes:
        overwrite: whether to overwrite what the environment returned, once it has been read.
        episodes, longest, widest: whole episodes, turns of the longest, characters of the
            longest observation.
    """

    def __init__(self, max_turns: int, cooperative: bool, scripted: Callable | None = None):
        self.max_turns, self.cooperative, self.scripted = max_turns, cooperative, scripted
        self.overwrite = True
        self.episodes = self.longest = self.widest = 0

    def episode(self, env: Any, seed: int, texts=None) -> list[str]:
        """One episode; returns a digest of everything seen, turn by turn.

        Args:
            texts: (generator, env, agent) -> the agent's action; None: :func:`mixed`.

        Raises:
            CheckError: at the first breach of the contract.
        """
        return list(self.steps(env, seed, texts))

    def steps(self, env: Any, seed: int, texts=None):
        """The digests of :meth:`episode` one at a time, so that episodes can take turns.

        After a digest the caller may send another environment to go on with.

        Raises:
            CheckError: names the seed and the turn (the first is 1).
        """
        episode, turns, sent = self._steps(env, seed, texts), 0, None
        try:
            while True:
                digest = episode.send(sent)
                turns += 1
                sent = yield digest
        except StopIteration:
            return
        except CheckError as error:
            when = f"turn {turns}" if turns else "reset"
            raise CheckError(f"{error} (seed {seed}, {when})") from error

    def _steps(self, env: Any, seed: int, texts: Any) -> Generator[str, Any, None]:
        rng = random.Random(seed)
        observations, infos = _in_words(_checked_reset, env, seed)
        require(env.agents == list(env.possible_agents), "reset() must bring back all agents")
        for agent in env.agents:
            text = infos.get(agent, {}).get("instructions")
            require(isinstance(text, str) and text, f"infos[{agent!r}]['instructions'] is missing")
        self._check(env, env.agents, observations, infos)
        team = {}
        for agent in env.agents if self.scripted and texts is None else ():
            team[agent] = self.scripted()
            team[agent].reset(agent, infos[agent]["instructions"], seed)
        env = (yield _digest(observations, infos, _state(env))) or env
        turns = 0
        while env.agents:
            live = list(env.agents)
            actions = {}
            for agent in live:
                if agent in team:
                    action = team[agent].act(text_of(observations[agent]), infos[agent])
                    actions[agent] = action if rng.random() < 0.8 else rng.choice(NASTY)
                else:
                    actions[agent] = (texts or mixed)(rng, env, agent)
            spoken = {a: text for a, text in actions.items() if text is not None}
            result = _in_words(step_env, env, spoken)
            turns += 1
            require(turns <= self.max_turns, f"an episode outlasts max_turns={self.max_turns}")
            self._check_step(env, live, result)
            digest = _digest(*result, env.agents, _state(env))
            observations, infos = copy.deepcopy((result[0], result[4]))
            if self.overwrite:
                _overwrite(result)
            env = (yield digest) or env
        self.episodes += 1
        self.longest = max(self.longest, turns)

    def _check(self, env: Any, live: list[str], observations: dict, infos: dict) -> None:
        _check_frame(env)
        for agent in live:
            require(agent in observations, f"no observation for {agent!r}")
            seen = observations[agent]
            space = env.observation_space(agent)
            require(space is env.observation_space(agent), "observation_space() makes a new space")
            acts = env.action_space(agent)
            require(acts is env.action_space(agent), "action_space() makes a new space")
            require(space.contains(seen), f"{agent!r}: the space does not contain {seen!r:.200}")
            self.widest = max(self.widest, len(_in_words(text_of, seen)))
            info = infos.get(agent)
            require(isinstance(info, dict), f"no info for {agent!r}")
            for key, kind in (("invalid", "true or false"), ("score", "a dict of floats")):
                require(key in info, f"{agent!r}: infos has no {key!r} ({kind})")
            require(isinstance(info["invalid"], bool), f"{agent!r}: infos 'invalid' is no bool")
            notice = info.get("notice", "")
            require(isinstance(notice, str), f"{agent!r}: infos 'notice' is no text")
            score = info["score"]
            require(isinstance(score, dict), f"{agent!r}: infos 'score' is no dict")
            for key, value in score.items():
                require(
                    isinstance(key, str) and isinstance(value, float) and math.isfinite(value),
                    f"{agent!r}: score {key!r} is {value!r:.80}, not a finite float",
                )

    def _check_step(self, env: Any, live: list[str], result: tuple) -> None:
        observations, rewards, terminated, truncated, infos = result
        self._check(env, live, observations, infos)
        for agent in live:
            for name, values in (("terminations", terminated), ("truncations", truncated)):
                require(type(values.get(agent)) is bool, f"{name}[{agent!r}] is no bool")
            reward = rewards.get(agent)
            require(
                isinstance(reward, (int, float)) and _finite(reward),
                f"the reward of {agent!r} is {reward!r:.80}, not a finite number",
            )
            gone = agent not in env.agents
            ended = terminated[agent] or truncated[agent]
            require(gone == ended, f"{agent!r} has ended: {ended}, has left env.agents: {gone}")
        require(set(env.agents) <= set(live), "an agent that had left came back")
        if self.cooperative:
            values = {rewards[agent] for agent in live}
            require(len(values) == 1, f"a cooperative team's rewards differ: {sorted(values)}")
        if not env.agents:
            for agent in live:
                won = infos[agent].get("success")
                require(isinstance(won, bool), f"infos[{agent!r}]['success'] is missing at the end")


def _checked_reset(env: Any, seed: int) -> tuple:
    try:
        check_agents(env)
    except ConfigError as error:
        raise CheckError(str(error)) from error
    return reset_env(env, seed)


def _in_words(call: Callable[..., Any], *arguments: Any) -> Any:
    """The result of ``call``; a breach of the contract becomes a :class:`CheckError`."""
    try:
        return call(*arguments)
    except ContractError as error:
        raise CheckError(str(error)) from error


def mixed(rng: random.Random, env: Any, agent: str) -> str:
    """A text to act with: from the space, which mixes legal actions and nonsense."""
    space = env.action_space(agent)
    examples = getattr(space, "examples", ())
    return rng.choice(examples) if examples and rng.random() < 0.8 else rng.choice(NASTY)


def _finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # an int too large for a float
        return False


def _state(env: Any) -> Any:
    try:
        return env.state()
    except NotImplementedError:
        return None


def _check_frame(env: Any) -> None:
    """What the environment shows to spectators, if it does (:mod:`colllm_bench.runs.replays`)."""
    if not callable(getattr(env, "frame", None)):
        return
    frame = frame_of(env)
    if frame is not None:
        require(
            isinstance(frame, dict) and isinstance(frame.get("kind"), str),
            f"frame() is no dict with a 'kind': {frame!r:.200}",
        )
        require(frame == frame_of(env), "frame() called twice shows two things")


def _digest(*parts: Any) -> str:
    data = json.dumps(parts, sort_keys=True, default=repr)
    return hashlib.sha256(data.encode("utf-8", "surrogatepass")).hexdigest()


def _overwrite(result: tuple) -> None:
    """Empty what was returned: an environment must not depend on it any more."""
    for part in result:
        for value in part.values():
            if isinstance(value, dict):
                for inner in value.values():
                    if isinstance(inner, (dict, list)):
                        inner.clear()
                value.clear()
        part.clear()
