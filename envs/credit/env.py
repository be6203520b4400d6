"""``credit_v0``: cues and words. See :class:`CreditEnv`, or docs/credit.md."""

from __future__ import annotations

from random import Random
from typing import Any, ClassVar

from pettingzoo.utils.conversions import aec_wrapper_fn

from colllm_bench.envs.credit import oracle, rules, text
from colllm_bench.envs.spaces import TextSpace
from colllm_bench.envs.splits import SPLITS
from colllm_bench.envs.text_env import TextEnv
from colllm_bench.errors import ConfigError, check_choice

REWARDS = ("sparse", "dense", "delayed")
SEES = ("own", "none", "all")
DELAY = 4
"""Turns between rewards of ``reward="delayed"`` unless the task says otherwise."""
SUCCESS = 0.9
"""Least result, luck and noise left out, of an episode that counts as a success."""


class CreditEnv(TextEnv):
    """Cues and words: a contextual bandit for a team, so that credit is all there is to learn.

    Each turn each agent reads a cue of its own, drawn evenly, and answers with a word. One word
    is right for each cue: always the same, in all splits. What must be learned is a table
    of a few entries; what makes it hard or easy is how the team's reward tells who was right:
    how late it comes, how results combine, what is shown, how much chance is mixed in. For a
    given policy the true values are known (:mod:`colllm_bench.envs.credit.oracle`).

    ================  =====================================================================
    Id                credit_v0 (``pettingzoo.make("parallel", "colllm/credit-v0")``)
    Import            from colllm_bench.envs.credit.env import parallel_env
    Forms             parallel (simultaneous answers), AEC
    Agents            2 to 16, default 3: agent_1 to agent_16
    Turns             1 to 64; default 8
    Action            TextSpace(max_length=4096)
    Observation       Dict(text: TextSpace(max_length=1024))
    Words             red, blue, green, gold, gray, pink, teal, lime
    Rewards           sparse, dense, delayed; default sparse
    Teams             mean, all, any, pairs; default mean
    Styles            brief, full; default brief
    Splits            train, dev, eval; default train
    Render modes      ansi, human
    ================  =====================================================================

    **Actions** are text: one of the first ``words`` words, alone on the first line (see
    :func:`text.parse`). Anything else is no answer: it is never right and never pays,
    ``infos[agent]["invalid"]`` is True and ``notice`` says what was wrong.

    **Observations** in ``brief``: ``left=8 own=0 cue=b1``: turns left, right answers so far
    (``sees``), the cue; the last agent's first one has ``coin=up`` or ``coin=down`` if there is
    ``luck``. ``full`` says the same in plain English.

    **Rewards** are the team's. The result grows with every turn (``team``) and is paid at once
    (``dense``), every ``delay`` turns and at the end (``delayed``), or at the end (``sparse``):
    the return is the same whenever it is paid, 1 for a perfect game (luck and noise aside). The
    coin adds ``luck / 2`` or takes it away, with the last reward; ``noise`` is spread over the
    payments, a function of the seed and all answers so far.

    **Infos**: ``instructions`` (at reset), ``legal_actions``, ``invalid``, ``notice``, ``score``
    (``result``; ``right``, the share of right answers; ``weakest``, that of the weakest agent),
    ``success`` (at the end: the result, without luck and noise, is at least 0.9).

    Args:
        agents: 2 to 16.
        turns: 1 to 64.
        reward: ``"sparse"``, ``"dense"`` or ``"delayed"``.
        delay: turns between rewards, 1 to 64; only with ``reward="delayed"`` (None: 4).
        team: ``"mean"``: the share of right answers. ``"all"``: 1 once every agent has ``need``
            right answers. ``"any"``: the share of turns with a right answer. ``"pairs"``: the
            mean payoff of neighbours in the climbing game (right, next word, other).
        need: of each agent, 1 to ``turns``; only with ``team="all"`` (None: turns / 4 + 1).
        cues: C, 2 to K.
        words: K, 2 to 8 (3 or more with ``team="pairs"``).
        sees: what an observation shows of results: ``"own"`` right answers, ``"none"``, or
            ``"all"`` agents' right answers.
        luck: size of the coin, 0 or more, in units of a perfect game.
        noise: standard deviation of the return's noise, 0 or more, in the same units.
        base: how often the untrained built-in model is right, 0.25, 0.1, 0.01, 0.001 or 0.9: each
            has a set of cues of its own (a1, a2, ...), which the model knows about that well.
        style: ``"brief"`` or ``"full"``.
        split: ``"train"``, ``"dev"`` or ``"eval"``: other cues and coins from equal seeds.
        render_mode: None, ``"ansi"`` or ``"human"``.
        max_cycles: truncate after this many turns (PettingZoo's convention); None: never.

    Raises:
        ConfigError: a value that is not allowed.

    Version History: v0: first release (which word is right belongs to the version).
    """

    metadata: ClassVar[dict[str, Any]] = {
        **TextEnv.metadata, "name": "credit_v0", "render_modes": ["ansi", "human"],
    }

    def __init__(
        self,
        agents: int = 3,
        turns: int = 8,
        reward: str = "sparse",
        delay: int | None = None,
        team: str = "mean",
        need: int | None = None,
        cues: int = 4,
        words: int = 6,
        sees: str = "own",
        luck: float = 0.0,
        noise: float = 0.0,
        base: float = 0.25,
        style: str = "brief",
        split: str = "train",
        render_mode: str | None = None,
        max_cycles: int | None = None,
    ):
        check_choice("agents", agents, range(2, 17), "2 to 16")
        check_choice("turns", turns, range(1, 65), "1 to 64")
        check_choice("reward", reward, REWARDS)
        check_choice("team", team, rules.TEAMS)
        fewest = 3 if team == "pairs" else 2
        check_choice("words", words, range(fewest, 9), f"{fewest} to 8 with team={team!r}")
        check_choice("cues", cues, range(2, words + 1), f"2 to {words} (the words)")
        check_choice("sees", sees, SEES)
        check_choice("base", base, text.BASES)
        check_choice("style", style, text.STYLES)
        check_choice("split", split, SPLITS)
        every = _every(reward, delay, turns)
        need = _need(team, need, turns)
        self.game = rules.Game(
            agents=agents, turns=turns, cues=cues, words=words, team=team, need=need, sees=sees,
            payments=rules.payments(turns, every), luck=_size("luck", luck),
            noise=_size("noise", noise),
        )
        self.turns, self.reward, self.base = turns, reward, base
        self.style, self.split = style, split
        legal = text.WORDS[:words]
        super().__init__(
            [f"agent_{i + 1}" for i in range(agents)],
            [TextSpace(text.MAX_ACTION, examples=legal) for _ in range(agents)],
            text.MAX_OBSERVATION, render_mode, max_cycles,
        )
        self.coin = 0
        self.cues: list[int] = []
        self.answers: list[list[int | None]] = []
        self.roles: list[list[int]] = []
        self._paid = 0.0
        self._luck_of = ""

    def reset(self, seed: int | None = None, options: dict | None = None):
        """A new game. Returns (observations, infos), each by agent.

        Args:
            seed: names the cues, the coin and the noise, given the split; None goes on with the
                environment's own generator (which starts from the system's entropy).
            options: not used; a ``progress`` above 0 is refused.
        """
        self._begin(seed, options)
        self._luck_of = f"{self.split} {self._rng.getrandbits(64)}"
        self._rng = Random(self._luck_of)
        self.coin = self._rng.choice((1, -1)) if self.game.luck else 0
        self.answers, self.roles, self._paid = [], [], 0.0
        self._draw_cues()
        score = self._score()
        infos = {}
        for i, agent in enumerate(self.agents):
            infos[agent] = self._info(score)
            infos[agent]["instructions"] = self.instructions(i)
        return self._observations(), infos

    def step(self, actions: dict[str, str]):
        """One turn. Returns (observations, rewards, terminations, truncations, infos).

        Raises:
            RuntimeError: before the first reset.
            KeyError: for an action of an agent that does not exist.
        """
        if not self._plays(actions):
            return {}, {}, {}, {}, {}
        words, agents = self.game.words, self.agents
        answers = [text.parse(actions.get(agent), words) for agent in agents]
        self.answers.append(answers)
        pairs = zip(self.cues, answers, strict=True)
        self.roles.append([rules.role(cue, word, words) for cue, word in pairs])
        reward = self._pay()
        self._draw_cues()
        score = self._score()
        infos = {}
        for agent, word in zip(agents, answers, strict=True):
            wrong = "" if word is not None else text.fault(actions.get(agent), words)
            infos[agent] = self._info(score, wrong)
        played = len(self.roles)
        return self._result(
            self._observations(), reward, played == self.turns, played,
            score["result"] >= SUCCESS, infos,
        )

    def instructions(self, i: int) -> str:
        """What agent ``i`` is told at the start."""
        if self.style == "full":
            return text.full_instructions(self.game, i, self.base)
        return text.brief_instructions(self.game, i)

    def _draw_cues(self) -> None:
        self.cues = [self._rng.randrange(self.game.cues) for _ in range(self.game.agents)]

    def _pay(self) -> float:
        """The reward of the turn that was just played."""
        game, played = self.game, len(self.roles)
        if played not in game.payments:
            return 0.0
        earned = rules.result(game, self.roles)
        reward, self._paid = earned - self._paid, earned
        if game.noise:
            # Equal seeds and answers must give equal rewards, so that episodes can be repeated;
            # a group that starts from one state must not share its noise all the same.
            chance = Random(f"{self._luck_of} {self.answers}")
            reward += chance.gauss(0.0, game.noise / len(game.payments) ** 0.5)
        if played == game.turns:
            reward += 0.5 * game.luck * self.coin
        return reward

    def _observations(self) -> dict[str, dict[str, str]]:
        counts = rules.right_counts(self.game, self.roles)
        left, last = self.turns - len(self.roles), self.game.agents - 1
        seen = {}
        for i, agent in enumerate(self.possible_agents):
            coin = self.coin if i == last and not self.roles else 0
            shown = text.progress(self.game, i, counts)
            cue = text.cue_name(self.cues[i], self.base)
            told = (left, cue, shown, coin)
            seen[agent] = {
                "text": text.brief(*told) if self.style == "brief"
                else text.full(*told, self.game.words)
            }
        return seen

    def _score(self) -> dict[str, float]:
        counts = rules.right_counts(self.game, self.roles)
        return {
            "result": rules.result(self.game, self.roles),
            "right": sum(counts) / (self.turns * self.game.agents),
            "weakest": min(counts) / self.turns,
        }

    def _info(self, score: dict[str, float], fault: str = "") -> dict[str, Any]:
        return {
            "legal_actions": list(text.WORDS[: self.game.words]),
            "invalid": bool(fault),
            "notice": f"{text.INVALID} ({fault})" if fault else "",
            "score": dict(score),
        }

    def oracle(self) -> oracle.EpisodeReader:
        """The truth about this environment's episodes: see
        :class:`colllm_bench.envs.credit.oracle.EpisodeReader`."""
        return oracle.EpisodeReader(self.game)

    def state(self) -> str:
        """Everything, the hidden included, as text: for centralized views and spectators."""
        return text.everything(self.game, self.cues, self.roles, self.coin)

    def _ansi(self) -> str:
        return text.picture(self.game, self.cues, self.answers, self.roles, self.coin)

    def _frame(self) -> dict[str, Any]:
        return {"kind": "text", "text": self._ansi()}


def _every(reward: str, delay: int | None, turns: int) -> int:
    """Turns between rewards."""
    check_choice("delay", delay, [None, *range(1, 65)], "None, or 1 to 64")
    if delay is not None and reward != "delayed":
        raise ConfigError(
            f"delay={delay} has no effect with reward={reward!r}", fix="reward='delayed'"
        )
    return {"dense": 1, "sparse": turns}.get(reward, delay or DELAY)


def _need(team: str, need: int | None, turns: int) -> int:
    check_choice("need", need, [None, *range(1, turns + 1)], f"None, or 1 to {turns} (the turns)")
    if need is not None and team != "all":
        raise ConfigError(f"need={need} has no effect with team={team!r}", fix="team='all'")
    return need or rules.default_need(turns)


def _size(name: str, value: float) -> float:
    if type(value) not in (int, float) or not 0 <= value <= 1000:
        raise ConfigError(f"{name}={value!r}", allowed="a number from 0 to 1000")
    return float(value)


def parallel_env(**options: Any) -> CreditEnv:
    """The environment in PettingZoo's parallel form."""
    return CreditEnv(**options)


raw_env = aec_wrapper_fn(parallel_env)
env = raw_env
