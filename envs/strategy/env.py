"""``strategy_v0``: a siege under fog. See :class:`StrategyEnv`, or docs/strategy.md."""

from __future__ import annotations

from typing import Any

from pettingzoo.utils.conversions import aec_wrapper_fn

from colllm_bench.envs.spaces import TextSpace
from colllm_bench.envs.splits import SPLITS
from colllm_bench.envs.strategy import render, rules, situations, tasks, text
from colllm_bench.envs.text_env import TextEnv
from colllm_bench.errors import ConfigError, check_choice

REWARDS = ("sparse", "milestone", "dense")


class StrategyEnv(TextEnv):
    """A siege under fog: every commander storms a fort, and all forts must fall in time.

    Each agent commands a front: a road of a few cells, ambushes on it, that leads to an enemy
    fort with walls and a garrison. All give one order a day, at the same time; the war is won
    only if **all** forts have fallen before the days run out. Commanders see their own front
    and the shared supply, not each other. What couples them:

    * ``supply``: one pool; whoever trains more than needed starves the others.
    * the enemy's ``reserve``: at night it rides to a front that struck, so that every strike
      draws it on oneself and frees the others. A commander whose fort has fallen can still
      strike as a feint, and ``send`` troops back as supply: deeds that only teammates profit from.
    * at level 3 a fort's last wall falls only if another front strikes too, that day or
      the day before (or if all other forts have fallen).

    ================  =====================================================================
    Id                strategy_v0 (``pettingzoo.make("parallel", "colllm/strategy-v0")``)
    Import            from colllm_bench.envs.strategy.env import parallel_env
    Forms             parallel (simultaneous orders), AEC
    Agents            2 to 16, default 3: front_1 to front_16
    Levels            1 easy, 2 normal, 3 breaches, hard, brutal; default 1
    Turns             16 to 40; default by level and agents: 19, 25, 34, 26, 28 for three
    Action            TextSpace(max_length=4096)
    Observation       Dict(text: TextSpace(max_length=2048))
    Orders            march, scout, train, strike, hold, send
    Rewards           sparse, milestone, dense; default sparse
    Styles            brief, full; default brief
    Splits            train, dev, eval; default train
    Render modes      ansi, human, rgb_array
    ================  =====================================================================

    **Orders.** ``march``: a cell on; into an ambush it costs two troops and the day. ``scout``:
    clears an ambush on the next cell, shows the fort. ``train``: one wagon of supply becomes one
    troop (at most 6); lots decide when wagons are short. ``strike``: at the gate, with an army
    of at least the garrison and the reserve elsewhere, breaks one wall segment; otherwise
    repelled, minus one troop. ``hold``: nothing. ``send``: one troop becomes one wagon.

    **Actions** are text: one order, alone on the first line (see :func:`text.parse`), and with
    ``messages=True`` optionally ``| message``, shown to all others next day. Anything else is an
    order to do nothing: the day is lost, ``infos[agent]["invalid"]`` is True, ``notice`` and
    the next observation say so. It never pays.

    **Observations** in ``brief`` are eight words in fixed places, ``left=13 road=2 army=4
    garrison=? wall=? supply=5 tracks trained``: days left, cells to the gate, troops, garrison and
    wall segments of the fort (``?`` until scouted or at the gate), wagons, what is seen there
    (clear, tracks, gate, reserve, fallen, lured), what came of the last order. ``full`` says
    the same in plain English, with the rules in the instructions.

    **Rewards** are the team's, the same for each agent. ``sparse``: 1 for the victory.
    ``milestone``: 0.5 / agents for each fort as it falls, 0.5 for the victory. ``dense``: the
    sparse reward plus ``Phi(s') - Phi(s)``, Phi the share of steps done (cells, walls, missing
    troops; 0 at the start and, by definition, in terminal states), potential-based
    shaping with gamma = 1, which keeps optimal policies optimal (Ng, Harada, Russell: Policy
    invariance under reward transformations, ICML 1999). Running out of days is a defeat and part
    of the task: ``terminated``. Only ``max_cycles`` truncates.

    **Infos**: ``instructions`` (at reset), ``legal_actions``, ``invalid``, ``notice``, ``score``
    (``win``, ``forts``, ``progress``: floats from 0 to 1), ``success`` (at the end).

    Args:
        agents: commanders, 2 to 16.
        turns: days, 16 to 40; None: as calibrated for the level and the number of agents.
        level: 1, 2 or 3: longer roads and more walls, scarcer supply, more reserves, breaches;
            ``"hard"`` or ``"brutal"``: the rules of 3, so long a way and so little slack that
            an untrained team of three wins 1% or 0.1%.
        reward: ``"sparse"``, ``"milestone"`` or ``"dense"``.
        shaping: weight of the dense reward's potential, 0 to 1; curricula let it fade.
        messages: whether orders may carry a message of up to 40 characters.
        style: ``"brief"`` or ``"full"``.
        split: ``"train"``, ``"dev"`` or ``"eval"``: campaigns that never meet.
        render_mode: None, ``"ansi"``, ``"human"`` or ``"rgb_array"``.
        max_cycles: truncate after this many turns (PettingZoo's convention); None: never.

    Raises:
        ConfigError: a value that is not allowed.

    Version History: v0: first release (calibration.json belongs to the version).
    """

    levels = tuple(tasks.LEVELS)
    """The easiest first."""
    metadata = {**TextEnv.metadata, "name": "strategy_v0", "render_fps": 2}

    takes_progress = True
    """Episodes may start along the expert's play: :meth:`reset`."""

    def __init__(
        self,
        agents: int = 3,
        turns: int | None = None,
        level: tasks.Level = 1,
        reward: str = "sparse",
        shaping: float = 1.0,
        messages: bool = False,
        style: str = "brief",
        split: str = "train",
        render_mode: str | None = None,
        max_cycles: int | None = None,
    ):
        self.settings = tasks.settings(level, agents)
        lengths = f"None ({self.settings.turns}), or 16 to 40"
        check_choice("turns", turns, [None, *tasks.TURNS], lengths)
        check_choice("reward", reward, REWARDS)
        if type(shaping) not in (int, float) or not 0 <= shaping <= 1:
            raise ConfigError(f"shaping={shaping!r}", allowed="a number from 0 to 1")
        check_choice("messages", messages, (False, True))
        check_choice("style", style, text.STYLES)
        check_choice("split", split, SPLITS)
        self.turns = turns or self.settings.turns
        self.level, self.reward, self.messages = level, reward, messages
        self.shaping = float(shaping)
        self.style, self.split = style, split
        super().__init__(
            [f"front_{i + 1}" for i in range(agents)],
            [TextSpace(text.MAX_ACTION, examples=rules.ORDERS) for _ in range(agents)],
            text.MAX_OBSERVATION, render_mode, max_cycles,
        )
        self.campaign: rules.State | None = None
        self._inbox: list[tuple[int, str]] = []
        self._orders: list[str | None] | None = None

    def reset(self, seed: int | None = None, options: dict | None = None):
        """A new campaign. Returns (observations, infos), each by agent.

        Args:
            seed: names the campaign and its luck, given the split; None goes on with the
                environment's own generator (which starts from the system's entropy).
            options: ``{"progress": p}`` starts the share p along the expert's play: 0 the
                beginning (the default), 1 the day before the expert's victory. Days played
                are gone: ``left`` is less.

        Raises:
            ConfigError: a progress that is no number from 0 to 1.
        """
        progress = self._begin(seed, options)
        self.campaign = tasks.draw(
            self.settings, len(self.possible_agents), self._rng, self.split, self.turns
        )
        if progress:
            situations.advance(self.campaign, progress, self._rng)
        self._inbox, self._orders = [], None
        write = text.brief_instructions if self.style == "brief" else text.full_instructions
        score = self._score()
        infos = {}
        for i, agent in enumerate(self.agents):
            infos[agent] = _info(score)
            infos[agent]["instructions"] = write(
                self.campaign, i, tasks.rules_of(self.level), self.messages
            )
        return self._observations(), infos

    def step(self, actions: dict[str, str]):
        """One day. Returns (observations, rewards, terminations, truncations, infos).

        An action that is missing, no text or not understood is an order to do nothing: the day
        is lost, ``infos[agent]["invalid"]`` is True and the next observation says so.

        Raises:
            RuntimeError: before the first reset.
            KeyError: for an action of an agent that does not exist.
        """
        if not self._plays(actions):
            return {}, {}, {}, {}, {}
        campaign, agents = self.campaign, self.agents
        parsed = [text.parse(actions.get(agent), self.messages) for agent in agents]
        self._inbox = [(i, message) for i, (_, message) in enumerate(parsed) if message]
        orders = self._orders = [order for order, _ in parsed]
        before = self._potential()
        fallen = campaign.fallen()
        rules.play_day(campaign, orders, self._rng)
        reward = self._reward(before, fallen)
        score = self._score()
        infos = {
            agent: _info(score, text.fault(actions.get(agent)) if order is None else "")
            for agent, order in zip(agents, orders, strict=True)
        }
        return self._result(
            self._observations(), reward, campaign.over, campaign.day, campaign.won, infos
        )

    def _observations(self) -> dict[str, dict[str, str]]:
        texts = text.observe(self.campaign, self.style, self._inbox)
        return {agent: {"text": t} for agent, t in zip(self.possible_agents, texts, strict=True)}

    def _potential(self) -> float:
        """Phi of the dense reward: progress while the campaign runs, 0 once it is over."""
        if self.reward != "dense" or self.campaign.over:
            return 0.0
        return self.shaping * self.campaign.progress()

    def _reward(self, before: float, fallen: int) -> float:
        campaign = self.campaign
        if self.reward == "milestone":
            taken = (campaign.fallen() - fallen) / len(campaign.fronts)
            return 0.5 * taken + 0.5 * campaign.won
        return float(campaign.won) + self._potential() - before

    def _score(self) -> dict[str, float]:
        campaign = self.campaign
        return {
            "win": float(campaign.won),
            "forts": campaign.fallen() / len(campaign.fronts),
            "progress": campaign.progress(),
        }

    def state(self) -> str:
        """Everything, the hidden included, as text: for centralized views and spectators."""
        return text.everything(self.campaign)

    def _ansi(self) -> str:
        return render.ansi(self.campaign, self._orders)

    def _rgb_array(self):
        return render.rgb_array(self.campaign, self._orders)

    def _frame(self) -> dict[str, Any]:
        return render.frame(self.campaign, self._orders)


def _info(score: dict[str, float], fault: str = "") -> dict[str, Any]:
    return {
        "legal_actions": list(rules.ORDERS),
        "invalid": bool(fault),
        "notice": f"{rules.RESULTS['invalid']} ({fault})" if fault else "",
        "score": dict(score),
    }


def parallel_env(**options: Any) -> StrategyEnv:
    """The environment in PettingZoo's parallel form."""
    return StrategyEnv(**options)


raw_env = aec_wrapper_fn(parallel_env)
env = raw_env
