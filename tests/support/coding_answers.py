"""Answers of a whole team of coders."""

from __future__ import annotations

import re

from colllm_bench.envs.coding.env import CodingEnv


def solved(env: CodingEnv) -> dict[str, str]:
    """Everybody's reference solution."""
    return dict(zip(env.possible_agents, (f.code for f in env.program.functions), strict=True))


def broken(env: CodingEnv, k: int) -> dict[str, str]:
    """The same, but coder k's function gives back None."""
    actions = solved(env)
    agent = env.possible_agents[k]
    actions[agent] = re.sub(r"return .*", "pass", actions[agent])
    return actions
