"""How well values foretold returns: metrics, and a warning when they never do."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import torch

from colllm_bench.objectives import losses
from colllm_bench.objectives.returns import discounted_returns
from colllm_bench.types import Episode, Turn, written

THIRDS = ("early", "middle", "late")
PATIENCE = 10
"""Iterations without any explained variance after which a critic says so."""
EXPLAINED = 0.01
"""Less than this is noise of a batch."""


def fit_metrics(
    turns: Sequence[Turn], episodes: Sequence[Episode], gamma: float
) -> dict[str, float]:
    """How well ``value`` foretold what the team then got, and the error to the targets.

    ``explained_variance`` is that of the discounted rewards that followed, not of the
    bootstrapped targets, which hold the critic's own values; ``explained_variance_early``,
    ``_middle``, ``_late`` are those of turns in the thirds of the longest episode.
    ``explained_variance_in_turn`` compares episodes at the same turn: the means of a turn are
    taken off values and returns. While a policy improves, a critic that lags behind it is wrong by
    the same in all episodes, which costs explained variance but no comparison between them.

    Args:
        turns: one for each value.
        episodes: of these turns (and their teammates').
        gamma: discount.
    """
    number, to_go = {}, {}
    for episode in episodes:
        returns = discounted_returns(episode.rewards, gamma)
        for trajectory in episode.trajectories:
            for t, turn in enumerate(trajectory.turns):
                number[id(turn)], to_go[id(turn)] = t, returns[t]
    values = torch.tensor([float(written(turn.value)) for turn in turns])
    targets = torch.tensor([float(written(turn.return_)) for turn in turns])
    returns_ = torch.tensor([to_go[id(turn)] for turn in turns])
    length = 1 + max(number.values())
    played = torch.tensor([number[id(turn)] for turn in turns])
    third = 3 * played // length
    metrics = {
        "explained_variance": losses.explained_variance(values, returns_),
        "explained_variance_in_turn": losses.explained_variance(
            values - turn_means(values, played), returns_ - turn_means(returns_, played)
        ),
        "value_loss": float(((values - targets) ** 2).mean()),
    }
    for k, name in enumerate(THIRDS):
        own = third == k
        # Without turns in a third (a game of one turn) there is nothing to explain.
        part = losses.explained_variance(values[own], returns_[own]) if own.any() else math.nan
        metrics[f"explained_variance_{name}"] = part
    return metrics


def turn_means(values: torch.Tensor, turns: torch.Tensor) -> torch.Tensor:
    """[V] of each of ``values`` [V] the mean over those of the same turn [V]."""
    sums = torch.zeros(int(turns.max()) + 1).index_add(0, turns, values)
    return (sums / turns.bincount().clamp(min=1))[turns]


class SilenceWatch:
    """Warns once when a critic has explained nothing for :data:`PATIENCE` iterations."""

    def __init__(self) -> None:
        self.iterations = 0

    def note(self, metrics: dict[str, float]) -> None:
        """Count an iteration by the larger of what is explained at all and within turns; NaN
        (returns that do not vary) counts neither way."""
        kinds = metrics["explained_variance"], metrics["explained_variance_in_turn"]
        explained = max((kind for kind in kinds if not math.isnan(kind)), default=math.nan)
        if math.isnan(explained):
            return
        self.iterations = self.iterations + 1 if explained < EXPLAINED else 0
        if self.iterations == PATIENCE:
            warnings.warn(
                f"the critic has explained nothing of the returns for {PATIENCE} iterations: "
                "advantages are noise around a constant. Levers: more --critic-epochs, another "
                "--critic-lr, --critic-counts 1024 (where it matters which words a text has), "
                "--gae-lambda nearer 1, a larger --batch; where returns depend on what no "
                "history shows, no critic helps (--algo mc)",
                stacklevel=2,
            )
