"""One episode, read in several styles: a person reads prose, a small model eight words.

An environment writes in one style. :class:`MixedStyleEnv` keeps a twin a style, resets all of
them with the same seed and gives all of them the same actions, so they stay in the same state;
each agent is shown what its own style's twin writes. That needs nothing of an environment but
what :func:`colllm_bench.testing.check_env` asks of each: equal seeds and actions, equal episodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pettingzoo import ParallelEnv

from colllm_bench.envs.contract import reset_env, takes_progress
from colllm_bench.errors import RunError


class MixedStyleEnv(ParallelEnv):
    """A parallel environment in which every agent reads a style of its own.

    Args:
        twins: an environment a style, equal but for it. Rewards, ends, ``state`` and ``render``
            are the first one's.
        style_of: each agent's style, a key of ``twins``.

    Raises:
        RunError: by ``step``, if the twins part: an environment whose episodes depend on more
            than its seed and the actions cannot be read in two styles.
    """

    def __init__(self, twins: Mapping[str, ParallelEnv], style_of: Mapping[str, str]):
        self.twins, self.style_of = dict(twins), dict(style_of)
        self.first = next(iter(self.twins.values()))
        self.metadata = self.first.metadata
        self.render_mode = getattr(self.first, "render_mode", None)
        self.possible_agents = list(self.first.possible_agents)
        self.takes_progress = takes_progress(self.first)
        if hasattr(self.first, "frame"):
            self.frame = self.first.frame  # what a spectator sees (colllm_bench.runs.replays)

    @property
    def agents(self) -> list[str]:
        return self.first.agents

    def observation_space(self, agent: str) -> Any:
        return self.twins[self.style_of[agent]].observation_space(agent)

    def action_space(self, agent: str) -> Any:
        return self.first.action_space(agent)

    def reset(self, seed: int | None = None, options: dict | None = None):
        if seed is None:
            raise RunError("several styles need a seed: without one the twins would differ")
        given = {s: reset_env(env, seed, options) for s, env in self.twins.items()}
        return self._own(given, 0), self._own(given, 1)

    def step(self, actions: dict[str, str]):
        given = {style: env.step(actions) for style, env in self.twins.items()}
        outcomes = [found[1:4] for found in given.values()]
        if any(outcome != outcomes[0] for outcome in outcomes):
            raise RunError(
                f"the environment played differently in the styles {', '.join(given)}: the same "
                "seed and actions gave other rewards or ends, so it cannot be read in both"
            )
        return self._own(given, 0), *outcomes[0], self._own(given, 4)

    def _own(self, given: Mapping[str, tuple], place: int) -> dict[str, Any]:
        """For each agent, what the twin of its style gives at ``place`` of its results."""
        agents = next(iter(given.values()))[place]
        return {agent: given[self.style_of[agent]][place][agent] for agent in agents}

    def state(self):
        return self.first.state()

    def render(self):
        return self.first.render()

    def close(self) -> None:
        for env in self.twins.values():
            env.close()
