"""A critic that reads what you say, and credit of your own: ``seq``, built outside the package.

    python -m colllm_bench.run --env strategy --algo ./examples/my_critic.py:ActionByAction

Two things make it: what the critic reads of an episode (``CriticInput``), and the arithmetic
that turns its values into advantages. Network, training, saving and resuming are the harness's.
"""

from __future__ import annotations

import random

from colllm_bench.baselines.actor_critic import ActorCritic
from colllm_bench.objectives import vtrace
from colllm_bench.objectives.critic_inputs import CriticInput, RowWriter, ValuePosition
from colllm_bench.options import option
from colllm_bench.seeding import derive


def order_of(episode, t):
    """The agents' trajectories that have a turn t, in an order drawn for this turn."""
    present = [x for x in episode.trajectories if t < len(x.turns)]
    random.Random(derive(episode.seed, "order", t)).shuffle(present)
    return present


def read(episode):
    """One row of tokens, turn by turn: all observations, then the actions in their order; a
    value before the first action, and one after each but the last."""
    writer = RowWriter([0])  # one row, of critic 0
    positions = writer.reading.positions
    for t in range(len(episode.rewards)):
        order = order_of(episode, t)
        by_index = sorted(order, key=lambda x: x.index)
        cells = {x.index: writer.observe(0, x.index, x.turns[t].prompt_ids) for x in by_index}
        seen, known = list(cells.values()), []
        positions.append(ValuePosition(0, seen, turns=[x.turns[t] for x in by_index]))
        for x in order:  # V(observations, actions so far) goes to ``values`` of the last to act
            writer.act(cells[x.index], x.turns[t].action_ids)
            known.append(cells[x.index])
            if len(known) < len(seen):
                positions.append(ValuePosition(0, seen, list(known), also=[x.turns[t]]))
    cut = [x for x in episode.trajectories if x.final_prompt_ids]
    if cut:  # truncated: the value of what would have followed
        last = [writer.observe(0, x.index, x.final_prompt_ids) for x in cut]
        positions.append(ValuePosition(0, last, finals=cut))
    return writer.finish()


class ActionByAction(ActorCritic):
    """GAE from one agent's action to the next, and over turns."""

    critic_input = CriticInput(read, critics=lambda agents: 1)
    values_know_actions = True  # so an oracle that knows no actions is refused

    class Options(ActorCritic.Options):
        agent_lambda: float = option(0.9, "lambda within a turn", low=0, high=1)

    def compute_advantages(self, episodes):
        metrics = super().compute_advantages(episodes)  # writes return_, the critic's target
        gamma, lam, most = self.options.gamma, self.options.gae_lambda, self.options.rho_bar
        for episode in episodes:
            longest = max(episode.trajectories, key=lambda x: len(x.turns))
            after, error = longest.final_value or 0.0, 0.0
            for t in reversed(range(len(longest.turns))):
                turns = [x.turns[t] for x in order_of(episode, t)]
                values = [turns[0].value, *(turn.values[0] for turn in turns[:-1])]
                logs = [turn.log_ratio or 0.0 for turn in turns]  # 0 without --replay
                reward, discount, keep = episode.rewards[t], gamma, gamma * lam
                for k in reversed(range(len(turns))):  # V-trace: GAE where the ratios are 1
                    delta = reward + discount * after - values[k]
                    weight = vtrace.ratio(sum(logs[:k]), most)  # of those who acted before
                    turns[k].advantage = weight * (delta + keep * error)
                    error = vtrace.ratio(logs[k], most) * delta + (
                        keep * vtrace.ratio(logs[k], 1.0) * error)
                    after, reward, discount, keep = values[k], 0.0, 1.0, self.options.agent_lambda
        return metrics
