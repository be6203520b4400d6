"""``strategy_v0``: a siege under fog. See :class:`StrategyEnv`, or docs/strategy.md."""

from __future__ import annotations

from random import Random
from typing import Any

from colllm_bench.envs.strategy import rules, tasks, text
from gymnasium import spaces
from pettingzoo import ParallelEnv
from pettingzoo.utils.conversions import aec_wrapper_fn

from colllm_bench.errors import ConfigError
from colllm_bench.spaces import TextSpace

REWARDS = ("sparse", "milestone", "dense")


class StrategyEnv(ParallelEnv):
    """A siege under fog."""

    metadata = {
        "name": "strategy_v0",
        "render_modes": ["ansi", "human", "rgb_array"],
        "is_parallelizable": True,
        "render_fps": 2,
    }

    def __init__(
        self,
        agents: int = 3,
        turns: int | None = None,
        level: int = 1,
        reward: str = "sparse",
        messages: bool = False,
        style: str = "brief",
        split: str = "train",
        render_mode: str | None = None,
        max_cycles: int | None = None,
    ):
        self.settings = tasks.settings(level, agents)
        _check("turns", turns, [None, *tasks.TURNS], f"None ({self.settings.turns}), or 16 to 40")
        _check("reward", reward, REWARDS)
        _check("messages", messages, (False, True))
        _check("style", style, text.STYLES)
        _check("split", split, tasks.SPLITS)
        _check("render_mode", render_mode, [None, *self.metadata["render_modes"]])
        if max_cycles is not None and (not isinstance(max_cycles, int) or max_cycles < 1):
            raise ConfigError(f"max_cycles={max_cycles!r}", allowed="None, or at least 1")
        self.turns = turns or self.settings.turns
        self.level, self.reward, self.messages = level, reward, messages
        self.style, self.split, self.render_mode = style, split, render_mode
        self.max_cycles = max_cycles
        self.possible_agents = [f"front_{i + 1}" for i in range(agents)]
        self.agents: list[str] = []
        self.observation_spaces = {
            agent: spaces.Dict({"text": TextSpace(text.MAX_OBSERVATION)})
            for agent in self.possible_agents
        }
        self.action_spaces = {
            agent: TextSpace(text.MAX_ACTION, examples=rules.ORDERS)
            for agent in self.possible_agents
        }
        self.campaign: rules.State | None = None
        self._rng = Random()
        self._inbox: list[tuple[int, str]] = []

    def observation_space(self, agent: str) -> spaces.Dict:
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> TextSpace:
        return self.action_spaces[agent]

    def reset(self, seed: int | None = None, options: dict | None = None):
        """A new campaign. Returns (observations, infos), each by agent.

        Args:
            seed: names the campaign and its luck, given the split; None goes on with the
                environment's own generator (which starts from the system's entropy).
            options: not used.
        """
        if seed is not None:
            self._rng = Random(seed)
        self.campaign = tasks.draw(
            self.settings, len(self.possible_agents), self._rng, self.split, self.turns
        )
        self.agents = list(self.possible_agents)
        self._inbox = []
        write = text.brief_instructions if self.style == "brief" else text.full_instructions
        score = self._score()
        infos = {}
        for i, agent in enumerate(self.agents):
            infos[agent] = _info(score, False)
            infos[agent]["instructions"] = write(self.campaign, i, self.level, self.messages)
        return self._observations(), infos

    def step(self, actions: dict[str, str]):
        """One day. Returns (observations, rewards, terminations, truncations, infos).

        An action that is missing, no text or not understood is an order to do nothing: the day
        is lost, ``infos[agent]["invalid"]`` is True and the next observation says so.

        Raises:
            RuntimeError: before the first reset.
            KeyError: for an action of an agent that does not exist.
        """
        if self.campaign is None:
            raise RuntimeError("step() before reset()")
        if not self.agents:
            return {}, {}, {}, {}, {}
        for agent in actions:
            if agent not in self.action_spaces:
                raise KeyError(f"{agent!r} is none of {', '.join(self.possible_agents)}")
        campaign, agents = self.campaign, self.agents
        parsed = [text.parse(actions.get(agent), self.messages) for agent in agents]
        self._inbox = [(i, message) for i, (_, message) in enumerate(parsed) if message]
        orders = [order for order, _ in parsed]
        before = self._potential()
        fallen = campaign.fallen()
        rules.play_day(campaign, orders, self._rng)
        reward = self._reward(before, fallen)
        over = campaign.over
        cut = not over and self.max_cycles is not None and campaign.day >= self.max_cycles
        score = self._score()
        infos = {}
        for agent, order in zip(agents, orders):
            infos[agent] = _info(score, order is None)
            if over or cut:
                infos[agent]["success"] = campaign.won
        result = (
            self._observations(),
            dict.fromkeys(agents, reward),
            dict.fromkeys(agents, over),
            dict.fromkeys(agents, cut),
            infos,
        )
        if over or cut:
            self.agents = []
        return result

    def _observations(self) -> dict[str, dict[str, str]]:
        texts = text.observe(self.campaign, self.style, self._inbox)
        return {agent: {"text": t} for agent, t in zip(self.possible_agents, texts)}

    def _potential(self) -> float:
        """Phi of the dense reward: progress while the campaign runs, 0 once it is over."""
        if self.reward != "dense" or self.campaign.over:
            return 0.0
        return self.campaign.progress()

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

    def render(self):
        return None

    def close(self) -> None:
        pass


def _info(score: dict[str, float], invalid: bool) -> dict[str, Any]:
    return {
        "legal_actions": list(rules.ORDERS),
        "invalid": invalid,
        "notice": rules.RESULTS["invalid"] if invalid else "",
        "score": dict(score),
    }


def _check(name: str, value: object, allowed: Any, words: str | None = None) -> None:
    for choice in allowed:
        if value == choice and type(value) is type(choice):
            return
    words = words or ", ".join(repr(choice) for choice in allowed)
    raise ConfigError(f"{name}={value!r}", allowed=words)


def parallel_env(**options: Any) -> StrategyEnv:
    """The environment in PettingZoo's parallel form."""
    return StrategyEnv(**options)


raw_env = aec_wrapper_fn(parallel_env)
env = raw_env
