"""``hier``: a critic whose cost grows linearly with the team, and a baseline for each agent.

Every agent's history is read in a row of its own (attention over L tokens, not N*L), and the
rows' encodings are pooled: ``V(h_t) = f(z_t)``. The same head, given what the *others* did in
turn t, is agent i's leave-one-out baseline ``B_{t,i} = f(z_t, {a_{t,j}: j != i})``: it does not
see a_{t,i}, so the gradient stays unbiased, and it takes the teammates' exploration out of it (a
counterfactual baseline without a sum over texts: Foerster et al., AAAI 2018, arXiv 1705.08926,
eq. 4; difference rewards: Wolpert and Tumer 2001).
"""

from __future__ import annotations

from collections.abc import Sequence

from colllm_bench.baselines.actor_critic import ActorCritic
from colllm_bench.baselines.options import HierarchicalOptions
from colllm_bench.objectives import vtrace
from colllm_bench.objectives.critic_inputs import (
    CriticInput,
    CriticReading,
    ValuePosition,
    centralized,
)
from colllm_bench.types import Episode, Trajectory, Turn


def read(episode: Episode) -> CriticReading:
    """A row for each agent; V(h_t) for all, and B_{t,i} in ``values`` of agent i's turn."""

    def others(cells: dict[int, int], turns: dict[int, Turn]) -> list[ValuePosition]:
        everybody = list(cells.values())
        return [
            ValuePosition(0, everybody, [c for j, c in cells.items() if j != i], also=[turn])
            for i, turn in turns.items()
        ]

    return centralized(episode, row_of=lambda index: index, more=others)


class HierarchicalCritic(ActorCritic):
    """``A_{t,i} = G_t - B_{t,i}`` with ``G_t = V(h_t) + sum_l (gamma*lambda)^l delta_{t+l}``; with
    ``credit="team"`` the baseline is V(h_t), as ``cc``'s.

    With ``replay`` B_{t,i} learns from a target corrected by agent i's ratio alone.
    """

    Options = HierarchicalOptions
    critic_input = CriticInput(read, critics=lambda agents: 1)
    values_know_actions = True

    def compute_advantages(self, episodes: Sequence[Episode]) -> dict[str, float]:
        metrics = super().compute_advantages(episodes)
        for episode, x in ((e, x) for e in episodes for x in e.trajectories):
            if self.options.credit == "others":
                for t, turn in enumerate(x.turns):
                    (baseline,) = turn.values
                    weight = self.weight_of_others(episode, x, t)
                    turn.advantage += weight * (turn.value - baseline)
            if self.options.replay > 1:
                self._write_targets(episode, x)
        return metrics

    def _write_targets(self, episode: Episode, trajectory: Trajectory) -> None:
        """``returns`` of an agent's turns, the targets of B_{t,i}; ``return_`` is there."""
        o, (line, bootstrap) = self.options, self._line(episode, trajectory)
        values = [*(turn.value for turn in line[1:]), bootstrap]
        errors = [*(turn.return_ - turn.value for turn in line[1:]), 0.0]
        # An agent that leaves early has fewer turns than its line.
        for turn, following, error in zip(trajectory.turns, values, errors):
            (baseline,) = turn.values
            turn.returns = [vtrace.target(
                baseline, turn.reward, following, error, turn.log_ratio or 0.0, o.gamma,
                o.critic_gae_lambda, o.rho_bar,
            )]
