"""What tests of the environments' contract share: a mute team, agents of any name, small runs."""

from __future__ import annotations

from tiny_envs import Relay

from colllm_bench.rollout import rollout
from colllm_bench.teams.scripted import ScriptedTeam

SMALL = "--algo mc --group 2 --batch 4 --episodes 4 --eval-episodes 2 --agents 2".split()


class Mute:
    """A scripted policy that says "go"."""

    def reset(self, agent, instructions, seed):
        self.instructions = instructions

    def act(self, observation, info):
        return "go"


def play(env):
    (episode,) = rollout([env], [0], [0], ScriptedTeam(Mute))
    return episode


class Named(Relay):
    def __init__(self, names=("a", "b"), **options):
        super().__init__(agents=len(names), **options)
        self.possible_agents = list(names)
