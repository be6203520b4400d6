"""Conformance checks for other people's environments, beyond PettingZoo's own.

>>> from colllm_bench.testing import check_env
>>> check_env("strategy", agents=4)                         # a registered name
>>> check_env("my_pkg.my_env:MyEnv", level=2)               # anything that --env takes
>>> check_env(MyEnv)                                        # a class or a factory

PettingZoo's ``parallel_seed_test`` compares one step only, its ``seed_test`` stops at the first
death, and its ``parallel_api_test`` never asks the space about the observation. This one plays
whole episodes.
"""

from __future__ import annotations

import copy
import json
import os
import pickle
import random
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from colllm_bench import registry
from colllm_bench.errors import ConfigError
from colllm_bench.testing.episode_checker import NASTY, CheckError, EpisodeChecker, mixed, require

__all__ = ["CheckError", "EnvReport", "check_env"]

@dataclass(frozen=True)
class EnvReport:
    """What :func:`check_env` saw of an environment that passed.

    Attributes:
        agents: number of agents.
        episodes: whole episodes played.
        turns: joint turns in the longest of them.
        observation: length in characters of the longest observation.
    """

    agents: int
    episodes: int
    turns: int
    observation: int


def check_env(
    env: str | Callable[..., Any],
    *,
    seeds: Iterable[int] = (0, 1),
    max_turns: int = 1000,
    cooperative: bool = True,
    scripted: Callable[[], Any] | None = None,
    hash_seeds: bool = True,
    **options: Any,
) -> EnvReport:
    """Check that an environment keeps the contract that README.md and docs/strategy.md state.

    Whole episodes of mixed legal and nonsensical text; spaces contain every observation; infos
    carry ``instructions`` (at reset), ``invalid``, ``score`` and, at the end, ``success``; agents
    never come back; the same seed gives the same bytes again, in another instance, in
    two instances stepped in turn, after pickling and deep copies in the middle, whatever the
    global generators and ``PYTHONHASHSEED``, none of which the environment may touch; nasty
    text is survived; ``frame()``, if there is one, shows something that can be replayed;
    the AEC form plays to the end.

    Args:
        env: a registered name, ``"module:Class"``, ``"./file.py:Class"``, or a callable.
        seeds: seeds of the episodes.
        max_turns: an episode that lasts longer fails the check.
        cooperative: whether all agents must get the same reward.
        scripted: makes a scripted agent (``reset(agent, instructions, seed)``,
            ``act(observation, info)``), to get deeper into an episode than random text does;
            a fifth of what it says is replaced by nasty text.
        hash_seeds: whether to play in fresh interpreters with other hash seeds; needs
            an environment that can be named (a string, or a module's class or function).
        options: for the environment's constructor.

    Raises:
        CheckError: at the first breach, naming it.
    """
    make = _factory(env, options)
    seeds = list(seeds)
    require(seeds, "check_env needs at least one seed")
    checker = EpisodeChecker(max_turns, cooperative, scripted)
    checker.overwrite = False
    tracks = {seed: _guarded(partial(_play, checker, make, seed)) for seed in seeds}
    checker.overwrite = True
    _check_repeats(make, checker, tracks)
    _check_copies(make, checker, seeds[0], tracks[seeds[0]])
    checker.episode(make(), seeds[0], texts=lambda rng, env, agent: rng.choice(NASTY))
    checker.episode(make(), seeds[0], texts=lambda rng, env, agent: None)
    _check_aec(make(), seeds[0], max_turns)
    if hash_seeds:
        agent = scripted and _name(scripted)
        episode = [_name(env), options, seeds[0], max_turns, cooperative, agent]
        _check_hash_seeds(episode, tracks[seeds[0]])
    return EnvReport(
        agents=len(make().possible_agents),
        episodes=checker.episodes,
        turns=checker.longest,
        observation=checker.widest,
    )


def _play(checker: EpisodeChecker, make: Callable[[], Any], seed: int) -> list[str]:
    return checker.episode(make(), seed)


def _factory(env: str | Callable[..., Any], options: dict) -> Callable[[], Any]:
    if isinstance(env, str):
        return lambda: registry.make(env, **options)
    if not callable(env):
        raise ConfigError(f"check_env got {env!r}", allowed="a name, 'module:Class', or a callable")
    return lambda: env(**options)


def _guarded(play: Callable[[], Any]) -> Any:
    """Play with other people's global generators watched: an environment must not use them."""
    before = random.getstate(), pickle.dumps(np.random.get_state())
    result = play()
    after = random.getstate(), pickle.dumps(np.random.get_state())
    message = "the environment draws from a global generator (random or numpy.random)"
    require(before == after, message)
    return result


def _check_repeats(
    make: Callable[[], Any], checker: EpisodeChecker, tracks: dict[int, list[str]]
) -> None:
    """The same seed again in one instance, and in instances that take turns."""
    env = make()
    for seed, track in [*tracks.items(), *tracks.items()]:
        again = checker.episode(env, seed)
        require(again == track, f"seed {seed} differs when an env is used again")
    seeds = list(tracks)
    pairs = [checker.steps(make(), seed) for seed in (seeds[0], seeds[-1])]
    seen: list[list[str]] = [[], []]
    for k in range(2 * (checker.max_turns + 2)):
        digest = next(pairs[k % 2], None)
        if digest is not None:
            seen[k % 2].append(digest)
    for seed, track in zip((seeds[0], seeds[-1]), seen, strict=True):
        same = track == tracks[seed]
        require(same, f"seed {seed} differs when two instances are stepped in turn")


def _check_copies(
    make: Callable[[], Any], checker: EpisodeChecker, seed: int, track: list[str]
) -> None:
    """Pickled and deep-copied after every turn, the episode must go on as if nothing was."""
    copies = {"pickled": lambda e: pickle.loads(pickle.dumps(e)), "deep-copied": copy.deepcopy}
    for word, clone in copies.items():
        env = make()
        steps = checker.steps(env, seed)
        seen = [next(steps)]
        for _ in range(len(track) - 1):
            try:
                env = clone(env)
            except Exception as error:  # pickle raises whatever it likes
                reason = " ".join(str(error).split())
                raise CheckError(f"the env cannot be {word}: {reason:.200}") from error
            seen.append(steps.send(env))
        require(seen == track, f"seed {seed} differs when the env is {word} in the middle")


def _check_aec(env: Any, seed: int, max_turns: int) -> None:
    """The AEC form of the environment plays one episode to its end."""
    from pettingzoo.utils import parallel_to_aec

    rng = random.Random(seed)
    parallel, aec = env, parallel_to_aec(env)
    aec.reset(seed=seed)
    for agent in aec.agent_iter(max_iter=(max_turns + 1) * len(env.possible_agents)):
        ended = aec.terminations[agent] or aec.truncations[agent]
        aec.step(None if ended else mixed(rng, parallel, agent))
    require(not aec.agents, f"the AEC form is not over after {max_turns} turns")


_CHILD = """
import json, sys
from colllm_bench import registry, testing
from colllm_bench.testing import episode_checker
env, options, seed, max_turns, cooperative, scripted = json.loads(sys.stdin.read())
scripted = scripted and registry.load(scripted, "scripted agent")
checker = episode_checker.EpisodeChecker(max_turns, cooperative, scripted)
print(json.dumps(checker.episode(testing._factory(env, options)(), seed)))
"""


def _name(entry: str | Callable[..., Any]) -> str:
    """How a fresh interpreter finds it."""
    if isinstance(entry, str):
        return entry
    name = getattr(entry, "__qualname__", "<")
    if "<" in name or "." in name:
        raise ConfigError(
            f"{entry!r} cannot be named in a fresh interpreter",
            fix="give a name, a module's class or function, or hash_seeds=False",
        )
    return f"{entry.__module__}:{name}"


def _check_hash_seeds(episode: list, track: list[str]) -> None:
    """The same episode in fresh interpreters whose strings hash otherwise."""
    path = os.pathsep.join(p for p in sys.path if p)
    for hash_seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", _CHILD],
            input=json.dumps(episode),
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": path},
        )
        message = f"{episode[0]!r} does not play elsewhere:\n{done.stderr[-2000:]}"
        require(done.returncode == 0, message)
        require(
            json.loads(done.stdout.splitlines()[-1]) == track,
            f"seed {episode[2]} differs under PYTHONHASHSEED={hash_seed}: "
            f"something iterates over a set",
        )
