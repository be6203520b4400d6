"""``classic_v0``: small Dec-POMDPs. See :class:`ClassicEnv`, or docs/classic.md."""

from __future__ import annotations

from itertools import accumulate
from random import Random
from typing import Any

import numpy as np
from pettingzoo.utils.conversions import aec_wrapper_fn

from colllm_bench.envs.classic import games, known, render, text
from colllm_bench.envs.labels import one_word
from colllm_bench.envs.spaces import TextSpace
from colllm_bench.envs.splits import SPLITS
from colllm_bench.envs.text_env import TextEnv
from colllm_bench.errors import ConfigError, check_choice

REWARDS = ("dense", "sparse")
AGENTS = range(2, 17)
MOST_NEGATIVE_K = -1000.0


class ClassicEnv(TextEnv):
    """One of the small Dec-POMDPs of the literature, as a text game.

    Each agent reads what it observes and answers with one word; states, observations and rewards
    are drawn from the published tables. The optimal decentralized values are known.

    ================  =====================================================================
    Id                classic_v0 (``pettingzoo.make("parallel", "colllm/classic-v0")``)
    Import            from colllm_bench.envs.classic.env import parallel_env
    Forms             parallel (simultaneous actions), AEC
    Games             climb, penalty, twostep, guess, guesscolor, staghunt, dectiger, recycling, broadcast, buffers, gridsmall; default climb
    Agents            2; climb and penalty 2 to 16; default 2: player_1 to player_16
    Turns             as solved for the game; default by game
    Action            TextSpace(max_length=4096)
    Observation       Dict(text: TextSpace(max_length=512))
    Rewards           dense, sparse; default dense
    Styles            brief, full; default brief
    Splits            train, dev, eval; default train
    Render modes      ansi, human, rgb_array
    ================  =====================================================================

    **Actions** are one word of the game, alone on the first line or marked as the answer
    (:func:`colllm_bench.envs.labels.one_word`). Any other text is replaced by an action drawn
    evenly by lot, ``infos[agent]["invalid"]`` is True, ``notice`` and the next observation say so.
    It never pays: an agent can draw lots itself.

    **Observations** in ``brief`` are two words, ``left=2 hear=left``: turns left, and what is
    seen (``start`` before anything is). ``full`` says the same in plain English, with the rules in
    the instructions. Rewards are never shown, as the games define it.

    **Rewards** are the team's. ``dense``: of each turn, as published; ``sparse``: their sum, at
    the end. Returns are not discounted. The last turn is a termination; only ``max_cycles``
    truncates.

    **Splits** draw from other streams of random numbers; the tables are the same.

    **Infos**: ``instructions`` (at reset), ``legal_actions``, ``invalid``, ``notice``, ``score``
    (``return``: so far), ``success`` (at the end: a return of at least the optimal team's mean).

    Args:
        agents: 2; 2 to 16 in climb and penalty, where neighbours in a row play each other and the
            team earns their mean.
        game: climb, penalty, twostep, guess, guesscolor, staghunt, dectiger, recycling, broadcast,
            buffers or gridsmall.
        turns: the horizon; None: the game's default.
        k: the penalty of ``penalty``, -1000 to 0 (default: -30).
        reward: ``"dense"`` or ``"sparse"``.
        style: ``"brief"`` or ``"full"``.
        split: ``"train"``, ``"dev"`` or ``"eval"``.
        render_mode: None, ``"ansi"``, ``"human"`` or ``"rgb_array"``.
        max_cycles: truncate after this many turns (PettingZoo's convention); None: never.

    Raises:
        ConfigError: a value that is not allowed.

    Version History: v0: first release (the tables and known.json belong to the version).
    """  # noqa: E501  the table's row of games

    metadata = {**TextEnv.metadata, "name": "classic_v0"}

    def __init__(
        self,
        agents: int = 2,
        game: str = "climb",
        turns: int | None = None,
        k: float = known.DEFAULT_K,
        reward: str = "dense",
        style: str = "brief",
        split: str = "train",
        render_mode: str | None = None,
        max_cycles: int | None = None,
    ):
        self.game = games.find(game)
        if not self.game.chain and type(agents) is int and agents in AGENTS and agents != 2:
            chains = ", ".join(name for name, other in games.GAMES.items() if other.chain)
            raise ConfigError(
                f"agents={agents!r}: game {game!r} is defined for 2", allowed="2",
                fix=f"agents=2, or a game for more: {chains}",
            )
        check_choice("agents", agents, AGENTS if self.game.chain else (2,), "2 to 16")
        horizons = ", ".join(map(str, self.game.turns))
        check_choice(
            "turns", turns, [None, *self.game.turns],
            f"None ({self.game.default}), or {horizons} in {game}",
        )
        _check_k(k, game)
        check_choice("reward", reward, REWARDS)
        check_choice("style", style, text.STYLES)
        check_choice("split", split, SPLITS)
        self.turns = turns or self.game.default
        self.k, self.reward, self.style, self.split = float(k), reward, style, split
        self.model = games.table(game, self.k)
        self.words = self.model.actions[0]
        super().__init__(
            [f"player_{i + 1}" for i in range(agents)],
            [TextSpace(text.MAX_ACTION, examples=self.words) for _ in range(agents)],
            text.MAX_OBSERVATION, render_mode, max_cycles,
        )
        self.best = known.values(game, self.turns, self.k).decentralized
        self.played: list[render.Played] = []

    def reset(self, seed: int | None = None, options: dict | None = None):
        """A new episode. Returns (observations, infos), each by agent.

        Args:
            seed: decides the first state and, given the actions, all luck; None goes on with the
                environment's own generator (which starts from the system's entropy).
            options: ``progress`` above 0 is refused.
        """
        self._begin(seed, options)
        self._luck = Random(f"{self.split} {self._rng.getrandbits(64)}")
        self.hidden = self._draw(self.model.start)
        self.played, self._return = [], 0.0
        self._seen = [text.START] * len(self.agents)
        if self.model.first is not None:
            self._seen = self._names(self._draw(self.model.first[self.hidden]))
        write = text.brief_instructions if self.style == "brief" else text.full_instructions
        infos = {agent: self._info() for agent in self.agents}
        for i, info in enumerate(infos.values()):
            info["instructions"] = write(self.game, i, len(self.agents), self.turns, self.k)
        return self._observations([False] * len(self.agents)), infos

    def step(self, actions: dict[str, str]):
        """One turn. Returns (observations, rewards, terminations, truncations, infos).

        Raises:
            RuntimeError: before the first reset.
            KeyError: for an action of an agent that does not exist.
        """
        if not self._plays(actions):
            return {}, {}, {}, {}, {}
        agents = self.agents
        chosen = [one_word(actions.get(agent), self.words) for agent in agents]
        invalid = [word is None for word in chosen]
        moves = [
            self._luck.randrange(len(self.words)) if word is None else self.words.index(word)
            for word in chosen
        ]
        earned = self._play(moves)
        self._return += earned
        self.played.append(render.Played(
            tuple(self.words[move] for move in moves), tuple(invalid), earned, tuple(self._seen)
        ))
        turn = len(self.played)
        over = turn == self.turns or self.model.ends(self.hidden)
        reward = earned if self.reward == "dense" else self._return * over
        faults = [
            text.fault(actions.get(agent), self.words) if bad else ""
            for agent, bad in zip(agents, invalid, strict=True)
        ]
        infos = {agent: self._info(fault) for agent, fault in zip(agents, faults, strict=True)}
        success = self._return >= self.best - 1e-9
        return self._result(self._observations(invalid), reward, over, turn, success, infos)

    def _play(self, moves: list[int]) -> float:
        """Go to the next state, and draw what is seen there; the reward."""
        model = self.model
        if len(moves) > 2:  # only games of one state are played by more
            pairs = list(zip(moves, moves[1:], strict=False))
            self._seen = [model.observations[0][0]] * len(moves)
            return sum(float(model.R[0, one, two, 0]) for one, two in pairs) / len(pairs)
        one, two = moves
        after = self._draw(model.T[self.hidden, one, two])
        earned = float(model.R[self.hidden, one, two, after])
        self.hidden = after
        self._seen = self._names(self._draw(model.O[one, two, after]))
        return earned

    def _draw(self, chances: np.ndarray) -> int:
        """A number drawn with these probabilities (of any shape, counted flat)."""
        flat = chances.ravel()
        draw = self._luck.random()
        for number, below in enumerate(accumulate(flat.tolist())):
            if draw < below:
                return number
        return int(np.flatnonzero(flat)[-1])

    def _names(self, seen: int) -> list[str]:
        one, two = self.model.observations
        if len(self.possible_agents) > 2:
            return [one[0]] * len(self.possible_agents)
        return [one[seen // len(two)], two[seen % len(two)]]

    def _observations(self, invalid: list[bool]) -> dict[str, dict[str, str]]:
        left = self.turns - len(self.played)
        texts = [
            text.brief(left, seen, bad) if self.style == "brief"
            else text.full(self.game, left, seen, bad)
            for seen, bad in zip(self._seen, invalid, strict=True)
        ]
        return {a: {"text": t} for a, t in zip(self.possible_agents, texts, strict=True)}

    def _info(self, fault: str = "") -> dict[str, Any]:
        return {
            "legal_actions": list(self.words),
            "invalid": bool(fault),
            "notice": f"{text.INVALID} ({fault})" if fault else "",
            "score": {"return": self._return},
        }

    def state(self) -> str:
        """Everything, the hidden state included, as text."""
        return (
            f"{self.game.name} turn {len(self.played)} of {self.turns} state "
            f"{self.model.states[self.hidden]} seen {' '.join(self._seen)} return {self._return:g}"
        )

    def _ansi(self) -> str:
        return render.ansi(self.state(), self.played)

    def _rgb_array(self) -> np.ndarray:
        return render.rgb_array(self._ansi(), self.turns, len(self.possible_agents))

    def _frame(self) -> dict[str, Any]:
        return render.frame(self.state(), self.possible_agents, self._seen, self.played)


def _check_k(k: float, game: str) -> None:
    if isinstance(k, bool) or not isinstance(k, (int, float)) or not MOST_NEGATIVE_K <= k <= 0:
        raise ConfigError(f"k={k!r}", allowed=f"a number from {MOST_NEGATIVE_K:g} to 0")
    if k != known.DEFAULT_K and game != "penalty":
        raise ConfigError(f"k={k!r} has no effect in game {game!r}", fix="game=penalty")


def parallel_env(**options: Any) -> ClassicEnv:
    """The environment in PettingZoo's parallel form."""
    return ClassicEnv(**options)


raw_env = aec_wrapper_fn(parallel_env)
env = raw_env
