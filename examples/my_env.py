"""An environment of your own: a PettingZoo ParallelEnv whose agents read and write text.

    python -m colllm_bench.run --env ./examples/my_env.py:Rendezvous --algo mc --agents 2

Everybody must give the same order in the same turn; they see only what was said last.
"""

from __future__ import annotations

import random

from gymnasium import spaces
from pettingzoo import ParallelEnv

from colllm_bench.envs.spaces import TextSpace

WORDS = ("march", "scout", "train", "strike", "hold", "send")


def heard(text: str) -> str:
    """The first of the words in a text; whatever else a model writes is no error."""
    found = [(text.index(word), word) for word in WORDS if word in text]
    return min(found)[1] if found else "nothing"


class Random:
    def reset(self, agent, instructions, seed):
        self.rng = random.Random(seed)

    def act(self, observation, info):
        return self.rng.choice(WORDS)


class Expert(Random):
    def act(self, observation, info):
        return WORDS[0]


class Rendezvous(ParallelEnv):
    metadata = {"name": "rendezvous_v0"}
    render_mode = None
    random_policy, scripted_policy = Random, Expert  # they make scores: 0 and 1

    def __init__(self, agents: int = 2, turns: int = 3):
        self.possible_agents = [f"friend_{i + 1}" for i in range(agents)]
        self.agents, self.turns = [], turns
        seen = spaces.Dict({"text": TextSpace(10 * agents + 40)})
        self.observation_spaces = dict.fromkeys(self.possible_agents, seen)
        self.action_spaces = dict.fromkeys(self.possible_agents, TextSpace(200, examples=WORDS))

    def observation_space(self, agent):
        return self.observation_spaces[agent]

    def action_space(self, agent):
        return self.action_spaces[agent]

    def reset(self, seed=None, options=None):
        rng = random.Random(seed)  # all randomness from the seed, none from global generators
        self.agents, self.left = list(self.possible_agents), self.turns
        self.said = {agent: rng.choice(WORDS) for agent in self.agents}
        rules = f"Say one word of {', '.join(WORDS)}. You win if all say the same one."
        infos = self._infos(self.agents)
        return self._see(self.agents), {a: {**infos[a], "instructions": rules} for a in infos}

    def step(self, actions):
        agents, self.left = self.agents, self.left - 1
        self.said = {agent: heard(actions.get(agent) or "") for agent in agents}
        won = len(set(self.said.values())) == 1 and "nothing" not in self.said.values()
        over = won or self.left == 0
        infos = self._infos(agents, success=won) if over else self._infos(agents)
        self.agents = [] if over else agents
        rewards, ended = dict.fromkeys(agents, float(won)), dict.fromkeys(agents, over)
        return self._see(agents), rewards, ended, dict.fromkeys(agents, False), infos

    def state(self):
        return f"left={self.left} " + " ".join(self.said.values())

    def _see(self, agents):
        text = f"{self.left} left, last said: {' '.join(self.said.values())}"
        return {agent: {"text": text} for agent in agents}

    def _infos(self, agents, **end):
        words = float(len(set(self.said.values())))
        silent = {agent: self.said[agent] == "nothing" for agent in agents}
        return {a: {"invalid": silent[a], "score": {"words": words}, **end} for a in agents}
