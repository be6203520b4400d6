"""A trained team without a coordinator: every agent in a process of its own."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from colllm_bench.config import RunConfig
from colllm_bench.errors import RunError
from colllm_bench.runs.origin import recorded_date
from colllm_bench.teams.base import Team, replicas
from colllm_bench.teams.loading import policy_config, require_agents
from colllm_bench.types import Episode, Turn

PATIENCE = 10.0
"""Seconds to wait for a process to end after its input has ended."""


class DecentralizedTeam(Team):
    """One process per agent (:mod:`colllm_bench.teams.agent_process`); only the environment's
    text reaches a process, and only its actions leave it.

    Actions equal those of the batch: greedy play takes the same tokens, and sampled play uses
    the same random streams per agent (:class:`colllm_bench.models.sampling.PerTurnRandom`).

    Args:
        run: the run folder.
        agents: the environment's names.
        config: device and longest action, resolved.
        temperature: of sampling; 0 is greedy.
        seed: of sampling.

    Raises:
        ConfigError: the run has no team, or none for one of the agents.
        RunError: a process ended, or could not load its agent.
    """

    def __init__(
        self,
        run: Path,
        agents: Sequence[str],
        config: RunConfig,
        *,
        temperature: float,
        seed: int,
    ):
        folder, date = require_agents(run, agents), recorded_date(run)
        common = {
            "folder": str(folder),
            "config": policy_config(run, config).to_dict(),
            "temperature": temperature,
            "max_action_tokens": config.max_action_tokens,
            "seed": seed,
            "date": date and date.isoformat(),
        }
        self._processes: list[_Process] = []
        try:
            for agent in agents:
                self._processes.append(_Process(agent))
                self._processes[-1].send({"load": {"agent": agent, **common}})
            for process in self._processes:
                process.receive("ready")
        except BaseException:
            self.close()
            raise

    def reset(self, episodes: Sequence[Episode]) -> None:
        numbered = list(zip(episodes, replicas(episodes), strict=True))
        for a, process in enumerate(self._processes):
            starts = [[e.seed, replica, e.trajectories[a].instructions] for e, replica in numbered]
            process.send({"begin": starts})

    def act(self, turns: Sequence[Sequence[Turn | None]]) -> None:
        columns = list(zip(*turns, strict=True))
        for process, column in zip(self._processes, columns, strict=True):
            process.send({"observe": [turn and turn.observation for turn in column]})
        for process, column in zip(self._processes, columns, strict=True):
            for turn, text in zip(column, process.receive("act"), strict=True):
                if turn is not None:
                    turn.action_text = text

    def keep_running(self, running: Sequence[int]) -> None:
        for process in self._processes:
            process.send({"keep": list(running)})

    def close(self) -> None:
        for process in self._processes:
            process.close()


class _Process:
    """One agent's process: sends and receives a JSON message per line."""

    def __init__(self, agent: str):
        self.agent = agent
        self._errors = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "colllm_bench.teams.agent_process"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
            encoding="utf-8", start_new_session=True,  # Ctrl-C reaches this process only
        )

    def send(self, message: dict[str, Any]) -> None:
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except OSError:
            self.receive("")  # it has ended: raises with the reason

    def receive(self, kind: str) -> Any:
        """The value of the next message. Raises RunError if there is none of this kind."""
        line = self._process.stdout.readline()
        message = json.loads(line) if line.endswith("\n") else {"error": self._end()}
        if kind not in message:
            reason = message.get("error", f"it wrote {line!r:.80}")
            raise RunError(f"the process of agent {self.agent!r} failed: {reason}")
        return message[kind]

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def _end(self) -> str:
        """Why there is no further line: the exit code and the last line of its stderr."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(PATIENCE)
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        last = f", {lines[-1]}" if lines else ""
        return f"it ended with code {self._process.poll()}{last}"
