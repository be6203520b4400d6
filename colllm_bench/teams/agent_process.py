"""One trained agent in a process of its own: observations in, actions out, as text.

    python -m colllm_bench.teams.agent_process

loads the base model and this agent's adapter, nothing of its teammates. Messages are JSON, one
per line, on standard input and output:

===============================================  ==========================================
in                                               out
===============================================  ==========================================
``{"load": {"agent", "folder", "config", ...}}``  ``{"ready": true}``
``{"begin": [[seed, twin, instructions], ...]}``  nothing
``{"observe": [text or null, ...]}``              ``{"act": [text or null, ...]}``
``{"keep": [places]}``                            nothing
===============================================  ==========================================

``config`` is what loads the policy (:func:`colllm_bench.teams.loading.policy_config`); ``seed`` and
``twin`` name the episode, so that its random numbers are its own. A failure is reported as
``{"error": line}``. The process ends when its input does.
"""

from __future__ import annotations

import datetime
import json
import os
import sys
from typing import Any, TextIO

from colllm_bench.config import RunConfig
from colllm_bench.teams.language_model import LanguageModelTeam
from colllm_bench.types import Episode, Trajectory, Turn


class AgentWorker:
    """Plays one agent's turns: keeps its trajectories and writes its actions."""

    def __init__(
        self,
        agent: str,
        folder: str,
        config: dict[str, Any],
        temperature: float,
        max_action_tokens: int,
        seed: int,
        date: str | None = None,
    ):
        from colllm_bench.teams.loading import build_team

        self.agent = agent
        day = datetime.date.fromisoformat(date) if date else None
        policy = build_team(RunConfig.from_dict(config), [agent], date=day)
        policy.load(folder)
        self.team = LanguageModelTeam(
            policy, temperature=temperature, max_action_tokens=max_action_tokens, seed=seed
        )

    def reset(self, starts: list[list[Any]]) -> None:
        self.running = [
            Episode(seed, replica, [Trajectory(self.agent, 0, instructions)])
            for seed, replica, instructions in starts
        ]
        self.team.reset(self.running)

    def act(self, observations: list[str | None]) -> list[str | None]:
        turns: list[Turn | None] = []
        for episode, text in zip(self.running, observations, strict=True):
            turn = None if text is None else Turn(observation=text)
            if turn is not None:
                episode.trajectories[0].turns.append(turn)
            turns.append(turn)
        self.team.act([[turn] for turn in turns])
        return [turn and turn.action_text for turn in turns]

    def keep_running(self, running: list[int]) -> None:
        self.running = [self.running[i] for i in running]
        self.team.keep_running(running)


def serve(inward: TextIO, outward: TextIO) -> None:
    """Answer messages until there are no more."""
    worker: AgentWorker | None = None
    for line in inward:
        ((kind, value),) = json.loads(line).items()
        reply = None
        if kind == "load":
            worker, reply = AgentWorker(**value), {"ready": True}
        elif kind == "begin":
            worker.reset(value)
        elif kind == "observe":
            reply = {"act": worker.act(value)}
        elif kind == "keep":
            worker.keep_running(value)
        if reply is not None:
            outward.write(json.dumps(reply) + "\n")
            outward.flush()


def main() -> int:
    # Redirect prints of libraries to stderr: stdout carries messages only.
    outward = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        serve(sys.stdin, outward)
    except Exception as error:
        reason = " ".join(str(error).split()) or "no message"
        outward.write(json.dumps({"error": f"{type(error).__name__}: {reason}"}) + "\n")
        outward.flush()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
