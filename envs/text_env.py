"""What the text environments have in common: spaces, guards, the end of a step, ``render()``."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import numpy as np
from gymnasium import spaces
from pettingzoo import ParallelEnv

from colllm_bench.envs.contract import progress_of
from colllm_bench.envs.spaces import TextSpace
from colllm_bench.errors import ConfigError, check_choice

StepResult = tuple[
    dict[str, dict[str, str]],
    dict[str, float],
    dict[str, bool],
    dict[str, bool],
    dict[str, dict[str, Any]],
]
"""What ``step`` returns: observations, rewards, terminated, truncated, infos, by agent."""


class TextEnv(ParallelEnv):
    """A team that reads text, answers with text and gets one reward, in PettingZoo's form.

    A subclass has ``reset`` (which calls :meth:`_begin` first), ``step`` (which asks
    :meth:`_plays` first and returns :meth:`_result`), ``state`` and the three pictures
    :meth:`_ansi`, :meth:`_rgb_array`, :meth:`_frame`. Nobody needs this class: whatever passes
    :func:`colllm_bench.testing.check_env` is an environment.

    Args:
        agents: their names.
        actions: the action space of each.
        longest: characters of the longest observation.
        render_mode: None, or one of ``metadata["render_modes"]``.
        max_cycles: truncate after so many steps; None: never.

    Raises:
        ConfigError: a render mode or a number of cycles that is not allowed.
    """

    metadata: dict[str, Any] = {
        "render_modes": ["ansi", "human", "rgb_array"], "is_parallelizable": True, "render_fps": 1,
    }
    takes_progress = False
    """Whether ``reset`` starts nearer the goal when asked to (:func:`.contract.progress_of`)."""

    def __init__(
        self,
        agents: Sequence[str],
        actions: Sequence[TextSpace],
        longest: int,
        render_mode: str | None,
        max_cycles: int | None,
    ):
        check_choice("render_mode", render_mode, [None, *self.metadata["render_modes"]])
        if max_cycles is not None and (not isinstance(max_cycles, int) or max_cycles < 1):
            raise ConfigError(f"max_cycles={max_cycles!r}", allowed="None, or at least 1")
        self.render_mode, self.max_cycles = render_mode, max_cycles
        self.possible_agents = list(agents)
        self.agents: list[str] = []
        self.observation_spaces = {
            agent: spaces.Dict({"text": TextSpace(longest)}) for agent in agents
        }
        self.action_spaces = dict(zip(agents, actions, strict=True))
        self._rng = Random()
        self._begun = False

    def observation_space(self, agent: str) -> spaces.Dict:
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> TextSpace:
        return self.action_spaces[agent]

    def _begin(self, seed: int | None, options: Mapping[str, Any] | None = None) -> float:
        """Activate all agents; reseed the generator, or with None continue it.

        Returns:
            How far along the episode shall start, see :func:`.contract.progress_of`.

        Raises:
            ConfigError: ``options`` ask for a start that this environment does not have.
        """
        progress = progress_of(self, options)
        if seed is not None:
            self._rng = Random(int(seed))  # also takes numpy's integers
        self.agents = list(self.possible_agents)
        self._begun = True
        return progress

    def _plays(self, actions: dict[str, str]) -> bool:
        """Whether there is a step to play: not when the episode is over.

        Raises:
            RuntimeError: before the first reset.
            KeyError: for an action of an agent that does not exist.
        """
        self._check_begun("step")
        for agent in actions if self.agents else ():
            if agent not in self.action_spaces:
                raise KeyError(f"{agent!r} is none of {', '.join(self.possible_agents)}")
        return bool(self.agents)

    def _result(
        self,
        observations: dict[str, dict[str, str]],
        reward: float,
        over: bool,
        played: int,
        success: bool,
        infos: dict[str, dict[str, Any]],
    ) -> StepResult:
        """What ``step`` returns; ends the episode if it is ``over`` or has been ``played`` to
        ``max_cycles``, and says in ``infos`` whether it was a success."""
        agents = self.agents
        cut = not over and self.max_cycles is not None and played >= self.max_cycles
        if over or cut:
            for info in infos.values():
                info["success"] = success
            self.agents = []
        return (
            observations,
            dict.fromkeys(agents, reward),
            dict.fromkeys(agents, over),
            dict.fromkeys(agents, cut),
            infos,
        )

    def render(self) -> str | np.ndarray | None:
        """The state of things, hidden parts included, as ``render_mode`` asks.

        Returns:
            ``ansi``: str; ``rgb_array``: uint8 [height, width, 3]; ``human``: None (printed).
        """
        if self.render_mode is None:
            warnings.warn("render() without render_mode: give one to the constructor", stacklevel=2)
            return None
        self._check_begun("render")
        if self.render_mode == "rgb_array":
            return self._rgb_array()
        picture = self._ansi()
        if self.render_mode == "ansi":
            return picture
        print(picture, flush=True)
        return None

    def frame(self) -> dict[str, Any]:
        """What a spectator sees now, as data (see :mod:`colllm_bench.runs.replays`)."""
        self._check_begun("frame")
        return self._frame()

    def close(self) -> None:
        """Nothing to close."""

    def _check_begun(self, what: str) -> None:
        if not self._begun:
            raise RuntimeError(f"{what}() before reset()")

    def _ansi(self) -> str:
        raise NotImplementedError

    def _rgb_array(self) -> np.ndarray:
        raise NotImplementedError

    def _frame(self) -> dict[str, Any]:
        raise NotImplementedError
