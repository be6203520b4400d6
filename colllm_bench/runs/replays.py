"""An episode as data that can be watched again: ``replays/<name>.json`` of a run folder.

A replay is a dict that JSON can say::

    {"format": 1,
     "env": "strategy", "algo": "cc", "team": "trained", "split": "eval",
     "seed": 1154416846, "success": true, "return": 1.0, "score": {"win": 1.0},
     "agents": [{"name": "front_1", "instructions": "front 1 of 3 ..."}],
     "turns": [{"reward": 0.0, "end": null, "score": {"win": 0.0},
                "agents": [{"observation": "left=19 ...", "action": "march"}]}],
     "frames": [{"kind": "siege", "text": "..."}]}

``turns[t]["agents"][i]`` is None once agent i has left. It has ``invalid`` and ``notice`` where
the environment said so, ``value`` and ``advantage`` where an algorithm has credited the turn
(training episodes). ``end`` is None, ``"terminated"`` or ``"truncated"``. Training episodes
also have their ``iteration``.

``frames`` are what a spectator sees: ``frames[0]`` at the start, ``frames[t + 1]`` after turn t;
empty where the environment shows nothing. An environment shows itself by a method ``frame()``
that returns a dict that JSON can say, with a ``kind``:

=============  ==========================================================================
``text``       ``text``: shown as it is. What ``render()`` gives in the mode ``ansi`` counts
               as such a frame where there is no ``frame()``
``parts``      ``parts``: documents side by side, each ``{"title", "text"}`` and, optionally,
               ``code`` (bool: set in a fixed width), ``status`` (one word), ``ok`` (True,
               False, None: how the status is coloured), ``notes`` (list of lines);
               and ``headline``: a line above them
``siege``      the map of ``strategy``: see :func:`colllm_bench.envs.strategy.render.frame`
``writing``    a text by several hands: see ``render.frame`` of the environment ``writing``
another        an environment's own; viewers that do not know it show its ``text``
=============  ==========================================================================

Any frame may have a ``text``: the picture for terminals.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from colllm_bench.errors import RunError
from colllm_bench.runs import files
from colllm_bench.types import Episode, Trajectory, Turn

FORMAT = 1
REPLAYS = "replays"
"""Their folder within a run folder."""
KEPT = {"trained": 3, "untrained": 1, "scripted": 1}
"""Held-out episodes that a run keeps of each team, from the first task on."""


def frame_of(env: Any) -> dict[str, Any] | None:
    """What a spectator sees of an environment now, as data; None where it shows nothing."""
    show = getattr(env, "frame", None)
    if callable(show):
        return files.plain(show())
    if getattr(env, "render_mode", None) == "ansi":
        return {"kind": "text", "text": str(env.render())}
    return None


def replay_of(episode: Episode, **about: Any) -> dict[str, Any]:
    """An episode as a replay.

    Args:
        episode: played to its end; with frames if ``rollout`` was asked for them.
        about: what the episode itself does not know: ``env``, ``algo``, ``team``
            (``trained``, ``untrained``, ``random``, ``scripted``), ``split``, ``iteration``.
    """
    turns = max(len(trajectory.turns) for trajectory in episode.trajectories)
    return files.plain({
        "format": FORMAT,
        **about,
        "seed": episode.seed,
        "success": episode.success,
        "return": episode.return_,
        "score": episode.score,
        "agents": [{"name": x.agent, "instructions": x.instructions} for x in episode.trajectories],
        "turns": [_turn(episode.trajectories, t) for t in range(turns)],
        "frames": episode.frames,
    })


def _turn(trajectories: list[Trajectory], t: int) -> dict[str, Any]:
    """Turn ``t`` of all agents; those that have left are None."""
    turns = [x.turns[t] if t < len(x.turns) else None for x in trajectories]
    live = next(turn for turn in turns if turn is not None)
    ends = {turn.terminated and "terminated" or turn.truncated and "truncated" or None
            for turn in turns if turn is not None}
    return {
        "reward": live.reward,
        # A turn with which only some agents leave is no end of the episode.
        "end": ends.pop() if len(ends) == 1 else None,
        "score": (live.info or {}).get("score", {}),
        "agents": [turn and _agent_turn(turn) for turn in turns],
    }


def _agent_turn(turn: Turn) -> dict[str, Any]:
    data: dict[str, Any] = {"observation": turn.observation, "action": turn.action_text or ""}
    info = turn.info or {}
    if info.get("invalid"):
        data["invalid"] = True
    if info.get("notice"):
        data["notice"] = str(info["notice"])
    for name in ("value", "advantage"):
        number = getattr(turn, name)
        if number is not None:
            data[name] = round(float(number), 4)
    return data


def write_replay(path: Path, replay: dict[str, Any]) -> None:
    """Write a replay, whole or not at all; its folder is made if need be."""
    with files.writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    data = json.dumps(replay, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    files.write_text(path, data + "\n")


def read_replay(path: Path) -> dict[str, Any]:
    """A replay from its file.

    Raises:
        RunError: the file is missing, torn, no replay, or of a format not known here.
    """
    replay = files.read_json(path)
    if not isinstance(replay, dict) or "format" not in replay:
        raise RunError(f"{path} is no replay: it has no 'format'")
    if replay["format"] != FORMAT:
        raise RunError(f"{path} is a replay of format {replay['format']!r}; this version reads "
                       f"format {FORMAT}")
    problem = _problem(replay)
    if problem:
        raise RunError(f"{path} is no whole replay: {problem}")
    return replay


def _problem(replay: dict[str, Any]) -> str | None:
    """What is wrong with a replay's shape, in words; None: nothing."""
    agents, turns, frames = (replay.get(key) for key in ("agents", "turns", "frames"))
    if not all(isinstance(x, list) for x in (agents, turns, frames)) or not agents or not turns:
        return "agents, turns or frames are missing"
    for agent in agents:
        if not isinstance(agent, dict) or not isinstance(agent.get("name"), str):
            return "an agent has no name"
    for t, turn in enumerate(turns):
        parts = turn.get("agents") if isinstance(turn, dict) else None
        if not isinstance(parts, list) or len(parts) != len(agents):
            return f"turn {t} is not of {len(agents)} agents"
        for part in parts:
            if part is not None and not (
                isinstance(part, dict)
                and isinstance(part.get("observation"), str)
                and isinstance(part.get("action"), str)
            ):
                return f"turn {t} lacks an observation or an action"
    if frames and len(frames) != len(turns) + 1:
        return f"{len(frames)} frames for {len(turns)} turns"
    if not all(isinstance(frame, dict) for frame in frames):
        return "a frame is no dict"
    return None


def frame_text(frame: dict[str, Any]) -> str:
    """A frame as text for a terminal, whatever its kind."""
    if isinstance(frame.get("text"), str):
        return frame["text"]
    if isinstance(frame.get("parts"), list):
        head = [str(frame["headline"])] if frame.get("headline") else []
        return "\n\n".join([*head, *(_part_text(part) for part in frame["parts"])])
    return json.dumps(frame, ensure_ascii=False, indent=2)


def _part_text(part: dict[str, Any]) -> str:
    status = f" ({part['status']})" if part.get("status") else ""
    notes = [f"  - {note}" for note in part.get("notes") or []]
    return "\n".join([f"{part.get('title', '')}{status}", str(part.get("text", "")), *notes])
