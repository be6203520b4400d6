"""A critic that knows: exact values of the present policy, where the environment can tell them.

An environment has an oracle if it has a method ``oracle()`` that returns an object with

* ``policy_shape``: (agents, situations, answers);
* ``answers``: the texts that an agent chooses from, in order;
* ``situation(observation)``: the number of the situation that an observation shows;
* ``arrays(episodes)``: what was seen and answered, as its own arrays;
* ``of(policy, gamma)``: an object with ``values(*arrays, knows)``, [episodes, turns, agents], and
  ``partial_values(*arrays, known)``, [episodes, turns]: of the joint history and those of the
  turn's answers that ``known`` [episodes, turns, agents] names.

:class:`colllm_bench.envs.credit.oracle.EpisodeReader` is one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.learners.micro_batching import MicroBatchSizer
from colllm_bench.learners.value_metrics import fit_metrics
from colllm_bench.objectives.batches import action_tokens, collate, padded_tokens
from colllm_bench.objectives.critic_inputs import CriticInput
from colllm_bench.objectives.returns import discounted_returns
from colllm_bench.types import Episode, Turn


class OracleCritic:
    """Writes true values of the policy that played, and learns nothing.

    The policy is read off the model as a table [agent, situation, answer]: the mean, over the
    turns of the episodes at hand, of the distribution that the answer was drawn from. A language
    model may answer by more than the situation; what the table misses by that is reported.

    Args:
        reader: what the environment's ``oracle()`` gave.
        knows: ``joint``, ``local`` or ``none`` (the best constant for each turn).
        team: the team's :class:`colllm_bench.models.team_policy.TeamPolicy`.
        config: the run's, resolved.
        gamma: discount a turn.
        critic_input: what the algorithm's critic reads; values that know some of a turn's actions
            are written where it has such positions (``hier``, ``seq``).

    Raises:
        ConfigError: two answers begin with the same token of the model.
    """

    def __init__(
        self, reader: Any, knows: str, team: Any, config: RunConfig, gamma: float,
        critic_input: CriticInput,
    ):
        self.reader, self.knows, self.team = reader, knows, team
        self.critic_input = critic_input
        self.gamma, self.temperature = gamma, config.temperature
        self.micro_batch = MicroBatchSizer.for_model(
            team.model, config, team.device, learns=False
        )
        self.first_ids = [
            team.tokenizer.encode(word, add_special_tokens=False)[0] for word in reader.answers
        ]
        if len(set(self.first_ids)) < len(self.first_ids):
            raise ConfigError(
                f"answers {', '.join(reader.answers)} do not differ in their first token",
                fix="another model, or --critic learned",
            )

    @classmethod
    def build(
        cls, knows: str, team: Any, env: Any, config: RunConfig, gamma: float,
        critic_input: CriticInput,
    ) -> OracleCritic:
        """The critic of an environment that has an oracle. Raises ConfigError for another."""
        tell = getattr(env, "oracle", None)
        if tell is None:
            raise ConfigError(
                f"--critic oracle:{knows}: environment {config.env!r} does not know true values",
                allowed="environments with an oracle, each agent for itself (credit)",
                fix="--critic learned",
            )
        return cls(tell(), knows, team, config, gamma, critic_input)

    def policy_table(self, episodes: Sequence[Episode]) -> tuple[np.ndarray, float]:
        """The policy [agents, situations, answers] that played ``episodes``, and the standard
        deviation of an answer's probability around its entry (0: no turn depends on more than
        its situation). A situation that an agent never met gets the mean over its others."""
        total = np.zeros(self.reader.policy_shape)
        squares = np.zeros(self.reader.policy_shape)
        seen = np.zeros(self.reader.policy_shape[:2])
        size = self.micro_batch.episodes(padded_tokens(episodes), action_tokens(episodes))
        for k in range(0, len(episodes), size):
            part = episodes[k : k + size]
            agents = [x.index for x in part[0].trajectories]
            owners = [a for a in agents for e in part for _ in e.trajectories[a].turns]
            turns, chances = self._chances(part)
            for owner, turn, row in zip(owners, turns, chances, strict=True):
                place = owner, self.reader.situation(turn.observation)
                total[place] += row
                squares[place] += row**2
                seen[place] += 1
        counts = np.maximum(seen, 1)[..., None]
        table = total / counts
        spread = float(np.sqrt(np.maximum(squares - table * total, 0).sum() / (
            seen.sum() * table.shape[-1])))
        for agent, met in enumerate(seen > 0):
            table[agent, ~met] = table[agent, met].mean(0)
        return table, spread

    @torch.no_grad()
    def _chances(self, episodes: Sequence[Episode]) -> tuple[list[Any], np.ndarray]:
        """The turns, agent by agent, and the chances [turns, answers] of each answer there."""
        batch = collate(episodes, self.team.prompts.pad_id, self.team.device)
        rows, columns = batch.action_mask.nonzero(as_tuple=True)
        first = torch.ones_like(batch.turn, dtype=torch.bool)
        first[1:] = batch.turn[1:] != batch.turn[:-1]
        rows, columns, number = rows[first], columns[first], batch.turn[first]
        chances = np.zeros((len(batch.turns), len(self.first_ids)))
        for tokens, logits in self.team.logits_of(batch, rows, columns):
            probs = torch.softmax(logits.float() / self.temperature, -1)[:, self.first_ids]
            chances[number[tokens].cpu().numpy()] = probs.cpu().numpy()
        return batch.turns, chances

    def write_values(self, episodes: Sequence[Episode]) -> None:
        """Write the true V into every turn. An episode that was cut off gets the value of the
        turn that would have followed, its cue not known."""
        table, self.spread = self.policy_table(episodes)
        oracle = self.reader.of(table, self.gamma)
        arrays = self.reader.arrays(episodes)
        values = oracle.values(*arrays, self.knows)  # [E, T, N]
        for e, episode in enumerate(episodes):
            for i, trajectory in enumerate(episode.trajectories):
                for t, turn in enumerate(trajectory.turns):
                    turn.value = float(values[e, t, i])
                if trajectory.turns[-1].truncated:
                    trajectory.final_value = float(values[e, len(trajectory.turns), i])
        for known, turns in self._partial(episodes, arrays[1].shape):
            found = oracle.partial_values(*arrays, known)
            for (e, t), own in turns.items():
                for turn in own:
                    turn.values = [*(turn.values or ()), float(found[e, t])]

    def _partial(
        self, episodes: Sequence[Episode], shape: tuple[int, ...]
    ) -> list[tuple[np.ndarray, dict[tuple[int, int], list[Turn]]]]:
        """The values that know some of a turn's actions, as many at once as one mask [E, T, N]
        can name: the mask, and of each (episode, turn) that has one the turns it is written to.
        Every turn's come in the order of the critic's positions."""
        layers: list[tuple[np.ndarray, dict[tuple[int, int], list[Turn]]]] = []
        for e, episode in enumerate(episodes):
            number = {id(turn): t for x in episode.trajectories for t, turn in enumerate(x.turns)}
            for turn in (turn for x in episode.trajectories for turn in x.turns):
                turn.values = None
            reading, asked = self.critic_input.read(episode), Counter[int]()
            for position in reading.positions:
                if not position.also:
                    continue
                t = number[id(position.also[0])]
                if asked[t] == len(layers):
                    layers.append((np.zeros(shape, dtype=bool), {}))
                known, turns = layers[asked[t]]
                known[e, t, [reading.cells[c].agent for c in position.acted]] = True
                turns[e, t] = position.also
                asked[t] += 1
        return layers

    def update(self, episodes: Sequence[Episode]) -> dict[str, float]:
        """Nothing is learned. Metrics, of fresh episodes: ``explained_variance`` of the discounted
        rewards that followed, by thirds and in turns too (:func:`fit_metrics`), ``value_loss``
        against them, ``value_bias`` (values minus those, in the mean), and ``policy_spread`` (see
        :meth:`policy_table`)."""
        turns, returns = [], []
        episodes = [episode for episode in episodes if not episode.replayed]
        for trajectory in (x for episode in episodes for x in episode.trajectories):
            turns += trajectory.turns
            rewards = [float(turn.reward or 0.0) for turn in trajectory.turns]
            returns += discounted_returns(rewards, self.gamma)
        value, target = torch.tensor([turn.value for turn in turns]), torch.tensor(returns)
        return fit_metrics(turns, episodes, self.gamma) | {
            "value_loss": float(((value - target) ** 2).mean()),
            "value_bias": float((value - target).mean()),
            "policy_spread": self.spread,
        }

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """There is nothing to take up."""
