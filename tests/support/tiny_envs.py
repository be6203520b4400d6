"""Hand-made environments of a few lines, for the loop that plays and learns."""

from __future__ import annotations

import random

from gymnasium import spaces
from pettingzoo import ParallelEnv

from colllm_bench.envs.spaces import TextSpace


class Spoken(ParallelEnv):
    """Text in, text out."""

    def observation_space(self, agent):
        return spaces.Dict({"text": TextSpace(100)})

    def action_space(self, agent):
        return TextSpace(100)


class Relay(Spoken):
    """Everybody may say anything; the team's reward is a checksum of what was said.

    Args:
        agents: how many: a_0, a_1, ...
        turns: length of an episode.
        vary: lengthens an episode by its seed modulo this.
        cut: the last turn truncates instead of terminating.
        leave: last turn (counted from 1) of agents that leave before the others, by place.
        fault: breaks the contract in one way, see ``step``.
        rules: what everybody is told after their name.
    """

    metadata = {"name": "relay_v0"}

    def __init__(self, agents=2, turns=3, vary=1, cut=False, leave=(), fault=None, rules=""):
        self.possible_agents = [f"a_{i}" for i in range(agents)]
        self.agents: list[str] = []
        self.turns, self.vary, self.cut, self.fault = turns, vary, cut, fault
        self.rules = rules
        self.last = {f"a_{i}": int(turn) for i, turn in dict(leave).items()}
        roles = ("scout", "guard") * agents
        self.roles = dict(zip(self.possible_agents, roles, strict=False))

    def reset(self, seed=None, options=None):
        self.rng, self.day = random.Random(seed), 0
        self.length = self.turns + seed % self.vary
        self.agents = self.possible_agents[: -1 if self.fault == "late" else None]
        self.heard: list[dict[str, str]] = []
        infos = {
            agent: {"instructions": f"you are {agent}{self.rules}", "legal_actions": ["go"]}
            for agent in self.possible_agents
        }
        return self._observe(self.agents), infos

    def _observe(self, agents):
        return {agent: {"text": f"day {self.day} card {self.rng.randrange(9)}"} for agent in agents}

    def step(self, actions):
        self.day += 1
        self.heard.append(dict(actions))
        live = list(self.agents)
        over = self.day == self.length
        gone = [agent for agent in live if self.last.get(agent) == self.day]
        ended = dict.fromkeys(live, over and not self.cut) | dict.fromkeys(gone, True)
        cut = dict.fromkeys(live, over and self.cut)
        self.agents = [agent for agent in live if not (ended[agent] or cut[agent])]
        value = sum(map(ord, "".join(actions[agent] for agent in live))) % 5 / 4
        rewards = dict.fromkeys(live, value)
        if self.fault in ("nan", "inf"):
            rewards[live[-1]] = float(self.fault)
        elif self.fault == "unequal":
            rewards[live[-1]] += 1.0
        elif self.fault == "vanish":
            self.agents = live[1:]
        elif self.fault == "stay":
            self.agents = live
        elif self.fault == "return" and self.day > 1:
            self.agents = list(self.possible_agents)
        infos = {
            agent: {"invalid": not actions[agent], "score": {"days": float(self.day)}}
            for agent in live
        }
        if not self.agents:
            for info in infos.values():
                info["success"] = value > 0.5
        observations = self._observe(live)
        if self.fault == "picture":
            observations = {agent: {"text": 7} for agent in live}
        return observations, rewards, ended, cut, infos


class Ladder(Relay):
    """A relay with what curricula ask for. It is won by who starts near enough to the end.

    Args:
        level: days to win, of 2.
        won_from: smallest ``progress`` from which it is won.
    """

    metadata = {"name": "ladder_v0"}
    takes_progress = True
    levels = (1, 2, "hard")

    def __init__(self, agents=2, level=1, reward="sparse", shaping=1.0, won_from=0.0):
        super().__init__(agents, turns=2)
        self.level, self.reward, self.shaping, self.won_from = level, reward, shaping, won_from

    def reset(self, seed=None, options=None):
        self.progress = (options or {}).get("progress", 0.0)
        return super().reset(seed)

    def step(self, actions):
        observations, rewards, ended, cut, infos = super().step(actions)
        paid = self.shaping if self.reward == "dense" else 0.0
        for info in infos.values():
            if "success" in info:
                info["success"] = self.progress >= self.won_from
        return observations, dict.fromkeys(rewards, paid), ended, cut, infos


class Quarter(Spoken):
    """One reward a turn: the share of agents whose text starts with a byte that 4 divides."""

    metadata = {"name": "quarter_v0"}

    def __init__(self, agents=2, turns=2):
        self.possible_agents = [f"a_{i}" for i in range(agents)]
        self.agents: list[str] = []
        self.turns = turns

    def reset(self, seed=None, options=None):
        self.agents, self.day = list(self.possible_agents), 0
        return self._observe(), {agent: {"instructions": "say"} for agent in self.agents}

    def _observe(self):
        return {agent: {"text": f"day {self.day}"} for agent in self.possible_agents}

    def step(self, actions):
        self.day += 1
        live, over = self.agents, self.day == self.turns
        good = [actions[a].encode()[:1].hex()[-1:] in tuple("048c") for a in live]
        if over:
            self.agents = []
        return (
            self._observe(),
            dict.fromkeys(live, sum(good) / len(live)),
            dict.fromkeys(live, over),
            dict.fromkeys(live, False),
            {agent: {"invalid": False} for agent in live},
        )


class Essay(Spoken):
    """Texts of many lines: no action is listed, a turn's reward is the mean of lines over 3.

    In the style ``brief`` it says the same in fewer words. With ``drift`` the styles part: the
    fault that an environment read in two styles must not have.
    """

    metadata = {"name": "essay_v0"}

    def __init__(self, agents=2, turns=2, style="full", split="train", drift=False):
        self.possible_agents = [f"writer_{i + 1}" for i in range(agents)]
        self.agents: list[str] = []
        self.turns, self.style, self.drift = turns, style, drift

    def reset(self, seed=None, options=None):
        self.agents, self.day, self.lines = list(self.possible_agents), 0, 0
        self.topic = random.Random(seed).choice(("rain", "bread", "trains"))
        told = f"write on {self.topic}" if self.style == "brief" else f"Write about {self.topic}."
        return self._observe(), {agent: {"instructions": told} for agent in self.agents}

    def _observe(self):
        words = "draft {}" if self.style == "brief" else "This is draft {}. Write [bold]boldly[/]."
        return {agent: {"text": words.format(self.day + 1)} for agent in self.possible_agents}

    def step(self, actions):
        self.day += 1
        live, over = self.agents, self.day == self.turns
        lines = sum(min(3, len(actions[agent].split("\n"))) for agent in live)
        reward = lines / (3 * len(live)) + (self.drift and self.style == "brief")
        if over:
            self.agents = []
        infos = {
            agent: {"invalid": not actions[agent].strip(), "notice": "too short",
                    "score": {"lines": float(lines)}}
            for agent in live
        }
        return (
            self._observe(),
            dict.fromkeys(live, reward),
            dict.fromkeys(live, over),
            dict.fromkeys(live, False),
            infos,
        )


def tiny_config(folder: str, algo: str = "mc", **changes):
    """A resolved configuration of a run on :class:`Relay` that takes a fraction of a second."""
    from colllm_bench.config import RunConfig
    from colllm_bench.setup.resolve import resolve
    from colllm_bench.setup.validate import check_config

    options = dict(
        env="tiny_envs:Relay", env_options={"turns": 2, "vary": 2}, agents=3, model=folder,
        device="cpu", lora_rank=2, lora_alpha=4.0, batch=4, episodes=8, max_action_tokens=3,
        minibatches=1, eval_episodes=4, style="brief", gradient_snr_every=0,
        lr=1.5e-3 if algo == "cc" else 3e-3,
    )
    if algo == "mc":
        options |= dict(group=2)
    else:
        options |= dict(critic_minibatches=1, critic_warmup=0)
    config = resolve(RunConfig.of(algo=algo, **{**options, **changes}))
    check_config(config)
    return config
