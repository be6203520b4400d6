"""Curricula: an easier task first, and what the next iteration plays.

``levels`` and ``backward`` go from stage to stage: a stage ends when the training success of its
last :data:`WINDOW` iterations reaches the run's mark. ``anneal`` follows the clock alone. The state
derives from numbers in ``metrics.jsonl``, so a resumed run stands where it stood. Held-out
evaluation knows nothing of it: it is always on the full task.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from colllm_bench import registry
from colllm_bench.config import RunConfig
from colllm_bench.envs.contract import takes_progress
from colllm_bench.errors import ConfigError
from colllm_bench.types import Episode

WINDOW = 5
"""Iterations whose success decides whether a stage is over."""
OWN = "own_task"
"""In the lines of ``metrics.jsonl`` of a run with a curriculum: 1 where the iteration played the
run's own task, 0 where an easier one."""
ANNEALED = 2 / 3
"""Share of a run in which dense shaping fades; the rest trains on the true reward."""


@dataclass(frozen=True)
class Stage:
    """What an iteration plays.

    Attributes:
        env_options: instead of the run's own.
        reset_options: of every episode's ``reset``.
        metrics: for the iteration's line.
    """

    env_options: dict[str, Any]
    reset_options: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)


class Curriculum:
    """Where a run stands in its curriculum.

    Args:
        config: the run's, resolved.
        env: one of its environments.

    Raises:
        ConfigError: the environment does not have what the curriculum needs.
    """

    def __init__(self, config: RunConfig, env: Any):
        self.config, self.kind = config, config.curriculum
        self.stages: list[Any] = []
        """Of ``levels`` the levels, of ``backward`` how far along the expert's play it starts."""
        if self.kind == "levels":
            self.stages = levels_of(config, env)
        elif self.kind == "backward":
            _require_progress(config, env)
            count = config.curriculum_stages
            self.stages = [1 - (k + 1) / count for k in range(count)]
        elif self.kind == "anneal":
            _require_shaping(config)
        self.stage = 0
        self.recent: list[float] = []
        """Training success of each iteration of this stage, at most the last :data:`WINDOW`."""

    def of(self, iteration: int) -> Stage:
        """What this iteration plays."""
        own = self.config.env_options
        if self.kind == "anneal":
            weight = max(0.0, 1.0 - iteration / (ANNEALED * self.config.iterations))
            shaped = {**own, "reward": "dense", "shaping": weight} if weight else own
            return Stage(shaped, metrics=self._told({"curriculum_weight": weight}))
        if not self.stages:
            return Stage(own)
        here = self.stages[self.stage]
        number = self._told({"curriculum_stage": self.stage})
        if self.kind == "levels":
            return Stage({**own, "level": here}, metrics=number)
        start = {"progress": here} if here else {}
        return Stage(own, start, {**number, "curriculum_progress": here})

    def _told(self, numbers: dict[str, float]) -> dict[str, float]:
        return {**numbers, OWN: float(self.is_over(numbers))}

    def is_over(self, row: Mapping[str, Any]) -> bool:
        """Whether an iteration played the run's own task, by its line of ``metrics.jsonl``."""
        if self.kind == "anneal":
            return row.get("curriculum_weight") == 0.0
        return not self.stages or row.get("curriculum_stage") == len(self.stages) - 1

    def note(self, episodes: Sequence[Episode]) -> None:
        """What the team made of an iteration's episodes; may end the stage.

        Raises:
            ConfigError: the environment does not say whether an episode was a success.
        """
        if not self.stages:
            return
        if any(episode.success is None for episode in episodes):
            raise ConfigError(
                f"curriculum {self.kind}: environment {self.config.env!r} gives no success",
                allowed="environments with infos[agent]['success'] at the end",
                fix="leave out --curriculum",
            )
        self.recent = [*self.recent, fmean(bool(e.success) for e in episodes)][-WINDOW:]
        enough = len(self.recent) == WINDOW and fmean(self.recent) >= self.config.curriculum_mark
        if enough and self.stage + 1 < len(self.stages):
            self.stage, self.recent = self.stage + 1, []

    def state_dict(self) -> dict[str, Any]:
        return {"stage": self.stage, "recent": list(self.recent)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.stage, self.recent = state["stage"], list(state["recent"])


def levels_of(config: RunConfig, env: Any) -> list[Any]:
    """The environment's levels up to the run's own, the easiest first: its attribute ``levels``,
    or 1, 2, ... where it has none.

    Raises:
        ConfigError: the environment has no levels, or the run plays the easiest.
    """
    inner = getattr(env, "unwrapped", env)
    own = getattr(inner, "level", config.env_options.get("level"))
    known = list(getattr(inner, "levels", range(1, own + 1) if type(own) is int else ()))
    if own not in known or not _takes(config, "level"):
        raise ConfigError(
            f"curriculum levels: environment {config.env!r} has no levels"
            + ("" if own is None else f" below {own!r}"),
            allowed="environments with an option level", fix="leave out --curriculum",
        )
    if known[0] == own:
        raise ConfigError(
            f"curriculum levels ends at the run's own level, and {own!r} is the first",
            allowed=", ".join(map(str, known[1:])) or "a level of 2 or more",
            fix="--env-option level=" + str(known[1] if len(known) > 1 else 2),
        )
    return known[: known.index(own) + 1]


def _takes(config: RunConfig, option: str) -> bool:
    return option in inspect.signature(registry.env_class(config.env)).parameters


def _require_shaping(config: RunConfig) -> None:
    if not (_takes(config, "shaping") and _takes(config, "reward")):
        raise ConfigError(
            f"curriculum anneal: environment {config.env!r} has no dense shaping with a weight",
            allowed="environments with the options reward='dense' and shaping (strategy)",
            fix="leave out --curriculum",
        )
    if (config.algo_options.get("replay") or 1) > 1:
        raise ConfigError(
            "curriculum anneal with replay: the rewards of earlier iterations are not this one's",
            allowed="curriculum levels or backward with replay", fix="leave out --replay",
        )
    for name, value in config.env_options.items():
        if name == "shaping" or (name == "reward" and value != "sparse"):
            raise ConfigError(
                f"curriculum anneal with env option {name}={value!r}: it sets both, and ends with "
                "the sparse reward", fix=f"leave out {name}",
            )


def _require_progress(config: RunConfig, env: Any) -> None:
    if not takes_progress(env):
        raise ConfigError(
            f"curriculum backward: environment {config.env!r} starts at the beginning only",
            allowed="environments with takes_progress = True, whose reset(seed, "
            "options={'progress': p}) starts the share p along an expert's play",
            fix="--curriculum levels or anneal",
        )
