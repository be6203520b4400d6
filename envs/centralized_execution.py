"""Centralized execution of any text environment: one controller writes every agent's action.

The one place that decides how many agents' texts become one text and back:
:func:`join_observations`, :func:`join_instructions`, :func:`join_actions`,
:func:`split_actions`, and :class:`CentralizedEnv`, which wraps a parallel environment.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from gymnasium import spaces
from pettingzoo import ParallelEnv

from colllm_bench.envs import answers
from colllm_bench.envs.contract import (
    instructions_of,
    observation_of,
    reset_env,
    step_env,
    takes_progress,
)
from colllm_bench.envs.spaces import TextSpace

MASTER = "master"
_HEADER = re.compile(r"[ \t]*(\d{1,3}):[ \t]?(.*)", re.DOTALL)
_WHOLE = re.compile(
    r"(?:(```|~~~)[^\n`]*\n(?P<inside>(?:(?!```|~~~).)*?)\n?\1"
    r"|<(answer|output|response)>(?P<within>.*)</\3>)", re.DOTALL | re.IGNORECASE)
_OVERHEAD = 8
"""Characters that a number, a colon and a line break add to an agent's text, at most."""


def join_observations(numbers: Sequence[int], texts: Sequence[str]) -> str:
    """``1: text`` lines, one an agent (more where the text has more lines)."""
    return "\n".join(f"{number}: {text}" for number, text in zip(numbers, texts, strict=True))


def join_instructions(
    texts: Sequence[str], style: str = "full", several_lines: bool = False
) -> str:
    """All agents' instructions as one; in ``full``, lines that all share stand once.

    Args:
        texts: instructions of agents 1, 2, ...
        style: ``"brief"`` (a line an agent under ``master of N``) or ``"full"``.
        several_lines: whether an action may have several lines, and so needs its number.
    """
    if style == "brief":
        return f"master of {len(texts)}\n" + join_observations(range(1, len(texts) + 1), texts)
    rows = [text.split("\n") for text in texts]
    shared = [line for line in rows[0] if all(line in row for row in rows)]
    head = (
        f"You decide for all of {len(texts)} agents. Each message shows what every agent sees, "
        f"after its number. "
    )
    if several_lines:
        head += "Answer for each agent in order, each answer after its agent's number and a colon."
    else:
        head += "Answer with one line for each agent, in order, and nothing else."
    own = ["\n".join(line for line in row if line not in shared) for row in rows]
    numbered = [(k + 1, text) for k, text in enumerate(own) if text]
    parts = [head, join_observations([k for k, _ in numbered], [text for _, text in numbered])]
    if shared:
        parts.append("For every agent:\n" + "\n".join(shared))
    return "\n".join(part for part in parts if part)


def join_actions(actions: Sequence[str]) -> str:
    """One line an agent, in order: what the controller writes."""
    return "\n".join(actions)


def split_actions(text: object, numbers: Sequence[int]) -> list[str]:
    """Each agent's action out of the controller's text.

    Lines that are not blank go to the agents in order. Where a line starts with the number
    of an agent still to come and a colon (``2: march``), everything up to the next such line is
    that agent's, so that actions may have several lines. What is missing is empty text. Thoughts
    and a fence or tag around the whole are taken off first (:mod:`colllm_bench.envs.answers`).

    Args:
        text: what the controller wrote; anything but text counts as empty.
        numbers: the agents' numbers, ascending.
    """
    actions: dict[int, list[str]] = {number: [] for number in numbers}
    cleaned = answers.clean(text)
    whole = _WHOLE.fullmatch(cleaned.strip())
    lines = ((whole["inside"] or whole["within"]) if whole else cleaned).split("\n")
    current = None
    plain: list[str] = []
    for line in lines:
        match = _HEADER.fullmatch(line)
        number = int(match.group(1)) if match else None
        if number in actions and (current is None or number > current):
            current = number
            line = match.group(2)
        if current is not None:
            actions[current].append(line)
        elif line.strip():
            plain.append(line)
    for number, line in zip(numbers, plain, strict=False):
        if current is None or not actions[number]:
            actions[number] = [line]
    return ["\n".join(actions[number]).rstrip("\n") for number in numbers]


class CentralizedEnv(ParallelEnv):
    """A parallel environment with the single agent ``"master"``.

    It reads all observations, one line an agent after its number (``1: ...``), and
    answers with one line an agent; see :func:`split_actions`. Reward, ends, ``score`` and
    ``success`` pass through; ``invalid`` is True if any agent's text was.

    Args:
        env: any parallel environment whose observations are ``{"text": str}`` or bare strings
            and whose actions are text.
        style: how instructions are joined; default: the environment's own ``style``, or full.
    """

    def __init__(self, env: ParallelEnv, style: str | None = None):
        self.env = env
        self.style = style or getattr(env, "style", "full")
        self.metadata = {**env.metadata, "name": f"centralized_{env.metadata.get('name', 'env')}"}
        self.render_mode = getattr(env, "render_mode", None)
        self.possible_agents = [MASTER]
        self.agents: list[str] = []
        inner = env.possible_agents
        self._number = {agent: k + 1 for k, agent in enumerate(inner)}
        seen = sum(_text_space(env.observation_space(a)).max_length + _OVERHEAD for a in inner)
        written = sum(env.action_space(a).max_length + _OVERHEAD for a in inner)
        self.takes_progress = takes_progress(env)
        self.observation_spaces = {MASTER: spaces.Dict({"text": TextSpace(seen)})}
        self.action_spaces = {MASTER: TextSpace(written)}

    def observation_space(self, agent: str) -> spaces.Dict:
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> TextSpace:
        return self.action_spaces[agent]

    def reset(self, seed: int | None = None, options: dict | None = None):
        observations, infos = reset_env(self.env, seed, options)
        self.agents = [MASTER]
        info = _merge(infos)
        info["instructions"] = join_instructions(
            [instructions_of(infos, agent) for agent in self.env.agents],
            self.style,
            getattr(self.env, "several_lines", False),
        )
        return self._observe(observations, self.env.agents), {MASTER: info}

    def step(self, actions: dict[str, str]):
        if not self.agents:
            return {}, {}, {}, {}, {}
        live = list(self.env.agents)
        texts = split_actions(actions.get(MASTER), [self._number[agent] for agent in live])
        orders = dict(zip(live, texts, strict=True))
        observations, rewards, terminated, truncated, infos = step_env(self.env, orders)
        values = [rewards[agent] for agent in live]
        reward = values[0] if len(set(values)) == 1 else sum(values) / len(values)
        over = not self.env.agents
        done = over and all(terminated[agent] for agent in live)
        if over:
            self.agents = []
        return (
            self._observe(observations, live),
            {MASTER: reward},
            {MASTER: done},
            {MASTER: over and not done},
            {MASTER: _merge(infos)},
        )

    def _observe(self, observations: dict[str, Any], agents: Sequence[str]) -> dict[str, dict]:
        numbers = [self._number[agent] for agent in agents]
        texts = [observation_of(self.env, observations, agent) for agent in agents]
        return {MASTER: {"text": join_observations(numbers, texts)}}

    def state(self):
        return self.env.state()

    def render(self):
        return self.env.render()

    def frame(self) -> dict[str, Any] | None:
        """What a spectator sees of the environment within (:mod:`colllm_bench.runs.replays`)."""
        return self.env.frame() if hasattr(self.env, "frame") else None

    def close(self) -> None:
        self.env.close()


def _text_space(space: Any) -> Any:
    """The space of the text: of ``{"text": str}`` or of a bare string."""
    return space["text"] if isinstance(space, spaces.Dict) else space


def _merge(infos: dict[str, dict]) -> dict[str, Any]:
    """One info of many: invalid if any, notices and verdicts joined, score and success once."""
    notices = [f"{agent}: {info['notice']}" for agent, info in infos.items() if info.get("notice")]
    merged: dict[str, Any] = {
        "invalid": any(info.get("invalid", False) for info in infos.values()),
        "notice": " ".join(notices),
    }
    verdicts = [f"{agent}: {info['verdict']}" for agent, info in infos.items()
                if info.get("verdict")]
    if verdicts:
        merged["verdict"] = " | ".join(verdicts)
    for info in infos.values():
        for key in ("score", "success"):
            if key in info:
                merged.setdefault(key, info[key])
    return merged
