"""``seq``: one joint critic that reads a turn action by action, and credits each agent apart.

A causal critic that reads the observations of turn t and then a_{t,s(1)}, ..., a_{t,s(N)} has a
value after every action for the price of the one pass that ``cc`` makes:
``v_{t,k} = V(h_t, a_{t,s(1)}, ..., a_{t,s(k)})``. The joint game becomes one of N micro-steps a
turn (the multi-agent advantage decomposition: Kuba et al., ICLR 2022, arXiv 2109.11251, lemma 1;
Wen et al., NeurIPS 2022, arXiv 2205.14953), and GAE runs along it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from colllm_bench.baselines.actor_critic import ActorCritic
from colllm_bench.baselines.options import SequentialOptions
from colllm_bench.objectives import vtrace
from colllm_bench.objectives.critic_inputs import (
    CriticInput,
    CriticReading,
    ValuePosition,
    centralized,
)
from colllm_bench.objectives.returns import gae, sequential_gae
from colllm_bench.seeding import derive
from colllm_bench.types import Episode, Turn


def order_of(episode: Episode, turn: int, present: Sequence[int]) -> list[int]:
    """The order s in which a turn's actions are read: drawn anew for every turn, so that no
    agent is always judged after the others. A stream of the episode's seed."""
    agents = sorted(present)
    random.Random(derive(episode.seed, "order", turn)).shuffle(agents)
    return agents


def read(episode: Episode) -> CriticReading:
    """One row as ``JOINT``'s, actions in the order of :func:`order_of`; V(h_t) for all, and after
    the k-th action v_{t,k}, in ``values`` of the k-th agent's turn (after the last one's comes
    V(h_{t+1}))."""

    def after_each(cells: dict[int, int], turns: dict[int, Turn]) -> list[ValuePosition]:
        agents, everybody = list(cells), sorted(cells.values())
        return [
            ValuePosition(0, everybody, [cells[i] for i in agents[:k]], also=[turns[agents[k - 1]]])
            for k in range(1, len(agents))
        ]

    return centralized(
        episode, row_of=lambda index: 0, order=lambda t, here: order_of(episode, t, here),
        more=after_each,
    )


class SequentialCredit(ActorCritic):
    """``A_{t,s(k)} = delta_{t,k} + gamma_k lambda_k A_next``, with ``delta_{t,k} = [k = N] r_t +
    gamma_k v_next - v_{t,k-1}``; gamma_k, lambda_k are 1, ``agent_lambda`` within a turn and gamma,
    ``gae_lambda`` at its end.

    ``agent_lambda = 1`` gives G_t - v_{t,k-1}: unbiased whatever the critic, for the baseline does
    not depend on the action. 0 gives v_{t,k} - v_{t,k-1}: no teammate's noise, and the critic's
    error in full.

    With ``replay`` V-trace runs along the micro-steps, each with the ratio of its agent. An agent's
    advantage is weighted by the truncated ratio of the agents before it: the critic has read what
    they did, the actor has not. V(h_t) learns from a target corrected by the ratio of all agents
    of the turn, v_{t,k} from one corrected by that of the agents after k.
    """

    Options = SequentialOptions
    critic_input = CriticInput(read, critics=lambda agents: 1)
    values_know_actions = True

    def compute_advantages(self, episodes: Sequence[Episode]) -> dict[str, float]:
        o = self.options
        for episode in episodes:
            longest = max(episode.trajectories, key=lambda x: len(x.turns))
            bootstrap = longest.final_value if longest.turns[-1].truncated else 0.0
            turns, values = [], []  # of each turn: the agents' turns in order, v_{t,0..N-1}
            for t in range(len(longest.turns)):
                present = [x.index for x in episode.trajectories if t < len(x.turns)]
                by_index = {x.index: x.turns[t] for x in episode.trajectories if t < len(x.turns)}
                own = [by_index[i] for i in order_of(episode, t, present)]
                turns.append(own)
                values.append([own[0].value, *(turn.values[0] for turn in own[:-1])])
            start = [v[0] for v in values]
            lambdas = o.gae_lambda, o.agent_lambda
            if o.replay == 1:
                found = sequential_gae(episode.rewards, values, o.gamma, *lambdas, bootstrap)
                errors = gae(episode.rewards, start, o.gamma, o.critic_gae_lambda, bootstrap)
            else:
                found, errors = self._corrected(episode, turns, values, bootstrap)
            for own, advantages, value, error in zip(turns, found, start, errors, strict=True):
                for turn, advantage in zip(own, advantages, strict=True):
                    turn.advantage, turn.return_ = advantage, value + error
        return self.replay_metrics(episodes)

    def _corrected(
        self, episode: Episode, turns: list[list[Turn]], values: list[list[float]],
        bootstrap: float,
    ) -> tuple[list[list[float]], list[float]]:
        """Advantages and errors of V(h_t) by V-trace; writes ``returns``, the targets of v_{t,k}.

        Args:
            turns: of each turn the agents' turns in their order.
            values: v_{t,0}, ..., v_{t,N-1} of each turn.
        """
        o, rewards, start = self.options, episode.rewards, [v[0] for v in values]
        logs = [[turn.log_ratio or 0.0 for turn in own] for own in turns]
        end = o.rho_bar, bootstrap
        found = vtrace.sequential_advantages(
            rewards, values, logs, o.gamma, o.gae_lambda, o.agent_lambda, *end
        )
        errors = vtrace.errors(
            rewards, start, [sum(own) for own in logs], o.gamma, o.critic_gae_lambda, *end
        )
        after = zip([*start[1:], bootstrap], [*errors[1:], 0.0], strict=True)
        for t, (following, error) in enumerate(after):
            for k, turn in enumerate(turns[t]):
                found[t][k] *= vtrace.ratio(sum(logs[t][:k]), o.rho_bar)
                turn.returns = [
                    vtrace.target(value, rewards[t], following, error, sum(logs[t][k + 1 :]),
                                  o.gamma, o.critic_gae_lambda, o.rho_bar)
                    for value in turn.values or ()
                ]
        return found, errors
