"""The truth about ``credit_v0``: values of a known stochastic policy, in numpy.

A policy is a table [agent, cue, word] of probabilities; what a row lacks to 1 is the chance of
an answer that cannot be understood. Answers of different agents and turns are then independent,
so that all that anybody knows of an episode is a *belief*: for each turn and agent the chance of
each role (:mod:`colllm_bench.envs.credit.rules`). What has happened and is known is certain,
what is not known, or to come, has the policy's own chances; the expected result follows in
closed form (``mean``, ``any``, ``pairs``) or by a dynamic program over counts (``all``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from colllm_bench.envs.credit import text
from colllm_bench.envs.credit.rules import NONE, PAIR_PAYOFF, RIGHT, ROLES, Game, role
from colllm_bench.errors import ConfigError

KNOWLEDGE = ("joint", "local", "none")
"""What a value knows: everybody's observations and answers, its agent's own, or the turn only."""


class Oracle:
    """Exact values of one policy in one game.

    Episodes are three arrays: ``cues`` and ``answers`` [E, T, N] (an answer is a word's number,
    -1 for none; a cue of -1 is not known) and ``coins`` [E] (1, -1; 0 without luck). Turns
    are counted from 0; a value at turn t is read after turn t's cue and before its answer.

    Args:
        game: the rules.
        policy: [N, C, K], entries of at least 0, rows that sum to at most 1.
        gamma: discount a turn.

    Raises:
        ConfigError: a policy of another shape, or no probabilities.
    """

    def __init__(self, game: Game, policy: Any, gamma: float = 1.0):
        self.game, self.gamma = game, gamma
        self.policy = np.asarray(policy, dtype=np.float64)
        shape = (game.agents, game.cues, game.words)
        if self.policy.shape != shape:
            raise ConfigError(f"a policy of shape {self.policy.shape}", allowed=f"{shape}")
        if self.policy.min() < 0 or self.policy.sum(-1).max() > 1 + 1e-6:
            raise ConfigError("a policy that is no table of probabilities",
                              allowed="rows of numbers from 0 on whose sum is at most 1")
        self.role_of = np.array([
            [role(cue, word, game.words) for word in range(game.words)] + [NONE]
            for cue in range(game.cues)
        ])  # [C, K + 1]; the last (-1) is no answer
        self.at_cue = np.zeros((game.agents, game.cues, ROLES))  # chances of roles
        for cue in range(game.cues):
            for word in range(game.words):
                self.at_cue[:, cue, self.role_of[cue, word]] += self.policy[:, cue, word]
        self.at_cue[..., NONE] += np.maximum(0.0, 1.0 - self.policy.sum(-1))
        self.unknown = self.at_cue.mean(1)  # [N, roles]: the cue is not known either

    def expected_return(self) -> float:
        """The discounted return from before the first cue."""
        nothing = np.zeros((1, self.game.turns, self.game.agents), dtype=int)
        return float(self.values(nothing, nothing, np.zeros(1), "none")[0, 0, 0])

    def values(
        self, cues: np.ndarray, answers: np.ndarray, coins: np.ndarray, knows: str = "joint"
    ) -> np.ndarray:
        """V(h_t): the expected discounted rewards from turn t on.

        Args:
            knows: ``joint``: V(h_joint); ``local``: V_i(h_i), of what agent i has observed
                (``sees``) and answered; ``none``: of the turn's number alone, the best constant.

        Returns:
            [E, T, N]; ``joint`` and ``none`` are the same for all agents.
        """
        return self._values(cues, answers, coins, knows, np.zeros(answers.shape, dtype=bool))

    def action_values(
        self, cues: np.ndarray, answers: np.ndarray, coins: np.ndarray, knows: str = "joint"
    ) -> np.ndarray:
        """Q: as :meth:`values`, with what was answered at turn t known too.

        ``joint``: Q(h_joint, everybody's answers); ``local``: Q_i(h_i, own answer).
        """
        return self._values(cues, answers, coins, knows, np.ones(answers.shape, dtype=bool))

    def partial_values(
        self, cues: np.ndarray, answers: np.ndarray, coins: np.ndarray, known: np.ndarray
    ) -> np.ndarray:
        """[E, T] values of the joint history and of some of turn t's own answers.

        Args:
            known: [E, T, N] whose answers of the turn: nobody's gives V(h), everybody's Q(h, a),
                all but agent i's the baseline of :meth:`leave_one_out`.
        """
        return self._values(cues, answers, coins, "joint", known)[..., 0]

    def leave_one_out(
        self, cues: np.ndarray, answers: np.ndarray, coins: np.ndarray
    ) -> np.ndarray:
        """[E, T, N] the baseline of COMA (Foerster et al., AAAI 2018): Q of the joint history and
        all others' answers at turn t, in the mean over agent i's own."""
        others = ~np.eye(self.game.agents, dtype=bool)
        parts = [
            self.partial_values(cues, answers, coins, np.broadcast_to(known, answers.shape))
            for known in others
        ]
        return np.stack(parts, -1)

    def rewards(self, cues: np.ndarray, answers: np.ndarray, coins: np.ndarray) -> np.ndarray:
        """[E, T] what whole episodes were paid after each turn, noise left out."""
        results = self._results(np.eye(ROLES)[self.role_of[cues, answers]])
        after = np.array(self.game.payments) - 1
        paid = np.zeros(results.shape)
        paid[:, after] = np.diff(results[:, after], axis=1, prepend=0.0)
        paid[:, -1] += 0.5 * self.game.luck * coins
        return paid

    # -- beliefs

    def _values(
        self, cues: np.ndarray, answers: np.ndarray, coins: np.ndarray, knows: str,
        answered: np.ndarray,
    ) -> np.ndarray:
        """Values at every turn; ``answered`` [E, T, N]: whose answers of the turn itself are known
        (of those whose answers the viewer knows at all)."""
        if knows not in KNOWLEDGE:
            raise ConfigError(f"knows={knows!r}", allowed=", ".join(KNOWLEDGE))
        agents, turns = self.game.agents, self.game.turns
        happened = np.eye(ROLES)[self.role_of[cues, answers]]  # [E, T, N, roles]
        values = np.zeros((len(cues), turns, agents))
        viewers = range(agents) if knows == "local" else (0,)
        for i in viewers:
            own = {"joint": range(agents), "local": (i,), "none": ()}[knows]
            coin = coins if agents - 1 in own else np.zeros(len(cues))
            past = self._past(happened, own, knows)
            for t in range(turns):
                belief = np.broadcast_to(self.unknown, happened.shape).copy()
                belief[:, :t] = past[:, :t]
                for j in own:
                    cue = cues[:, t, j]
                    before = np.where((cue >= 0)[:, None], self.at_cue[j, cue], self.unknown[j])
                    known = answered[:, t, j, None]
                    belief[:, t, j] = np.where(known, happened[:, t, j], before)
                value = self._to_come(self._results(belief), t, coin)
                values[:, t, slice(None) if knows != "local" else i] = (
                    value[:, None] if knows != "local" else value
                )
        return values

    def _past(self, happened: np.ndarray, own: Sequence[int], knows: str) -> np.ndarray:
        """[E, T, N, roles] what is believed of turns that have been played."""
        past = np.broadcast_to(self.unknown, happened.shape).copy()
        if knows == "local" and self.game.sees == "all":
            right = happened[..., RIGHT, None]  # counts were shown: right or not, no more
            wrong = self.unknown.copy()
            wrong[:, RIGHT] = 0.0
            wrong /= np.maximum(wrong.sum(-1, keepdims=True), 1e-300)
            past = np.where(right > 0, happened, wrong)
        for j in own:
            past[:, :, j] = happened[:, :, j]
        return past

    # -- expectations

    def _to_come(self, results: np.ndarray, t: int, coin: np.ndarray) -> np.ndarray:
        """[E] discounted payments from turn t on, of expected results [E, T] after each turn."""
        paid = np.zeros(len(results))
        value = np.zeros(len(results))
        for played in self.game.payments:
            now = results[:, played - 1]
            if played > t:
                value += self.gamma ** (played - 1 - t) * (now - paid)
            paid = now
        last = self.game.turns - 1
        return value + self.gamma ** (last - t) * 0.5 * self.game.luck * coin

    def _results(self, belief: np.ndarray) -> np.ndarray:
        """[E, T] the expected result after each turn of a belief [E, T, N, roles]."""
        if self.game.team == "all":
            return self._all(belief[..., RIGHT])
        right = belief[..., RIGHT]
        if self.game.team == "mean":
            each = right.mean(-1)
        elif self.game.team == "any":
            each = 1.0 - np.prod(1.0 - right, axis=-1)
        else:
            payoff = np.array(PAIR_PAYOFF)
            pairs = ((belief[:, :, :-1] @ payoff) * belief[:, :, 1:]).sum(-1)
            each = pairs.mean(-1)
        return each.cumsum(1) / self.game.turns

    def _all(self, right: np.ndarray) -> np.ndarray:
        """[E, T] the chance that everyone has ``need`` right answers after each turn, from the
        chances [E, T, N] that an answer is right."""
        episodes, turns, agents = right.shape
        count = np.zeros((episodes, agents, self.game.need + 1))  # the last: enough
        count[..., 0] = 1.0
        won = np.empty((episodes, turns))
        for t in range(turns):
            chance = right[:, t, :, None]
            moved = count[..., :-1] * chance
            count[..., :-1] -= moved
            count[..., 1:] += moved
            won[:, t] = count[..., -1].prod(-1)
        return won


class EpisodeReader:
    """Played episodes as the arrays that :class:`Oracle` reads.

    Args:
        game: the rules.

    Attributes:
        answers: the K words, in order.
    """

    def __init__(self, game: Game):
        self.game = game
        self.answers = text.WORDS[: game.words]

    def of(self, policy: Any, gamma: float = 1.0) -> Oracle:
        """The oracle of a policy [N, C, K]."""
        return Oracle(self.game, policy, gamma)

    @property
    def policy_shape(self) -> tuple[int, int, int]:
        """(N, C, K): the shape of a policy."""
        return self.game.agents, self.game.cues, self.game.words

    def situation(self, observation: str) -> int:
        """The cue of an observation: the policy's row.

        Raises:
            ConfigError: there is none.
        """
        return text.read_cue(observation)[0]

    def arrays(self, episodes: Sequence[Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(cues [E, T, N], answers [E, T, N], coins [E]) of episodes
        (:class:`colllm_bench.types.Episode`); what was not played is -1."""
        shape = (len(episodes), self.game.turns, self.game.agents)
        cues, answers = np.full(shape, -1), np.full(shape, -1)
        coins = np.zeros(len(episodes))
        for e, episode in enumerate(episodes):
            for i, trajectory in enumerate(episode.trajectories):
                for t, turn in enumerate(trajectory.turns):
                    word = text.parse(turn.action_text, self.game.words)
                    cues[e, t, i] = self.situation(turn.observation)
                    answers[e, t, i] = -1 if word is None else word
            last = episode.trajectories[-1].turns[0].observation
            coins[e] = text.read_coin(last)
        return cues, answers, coins
