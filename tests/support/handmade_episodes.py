"""Episodes written by hand: every token id says whose it is, which turn, and what."""

from __future__ import annotations

from colllm_bench.types import Episode, Trajectory, Turn

OBSERVATION, ACTION, FINAL = 1, 2, 3


def token(kind: int, episode: int, agent: int, turn: int, place: int = 0) -> int:
    """A different id for each; ``decode`` reads it."""
    return int(f"{kind}{episode}{agent}{turn}{place}")


def decode(ids: int) -> tuple[int, int, int, int, int]:
    """(kind, episode, agent, turn, place)"""
    return tuple(int(digit) for digit in str(ids))


def episode(number: int, lengths: list[int], *, cut: bool = False, group: int = 0) -> Episode:
    """An episode of agents that take ``lengths`` turns; only the longest may be cut off.

    Observations have 1 + agent tokens and actions 1 + turn % 2; rewards are 10 * turn, the
    log-probability of an action token is its id / -1e6.
    """
    trajectories = []
    for a, length in enumerate(lengths):
        trajectory = Trajectory(f"agent_{a}", a, "")
        for t in range(length):
            last = t == length - 1
            truncated = last and cut and length == max(lengths)
            action = [token(ACTION, number, a, t, k) for k in range(1 + t % 2)]
            trajectory.turns.append(Turn(
                observation=f"{number} {a} {t}",
                prompt_ids=[token(OBSERVATION, number, a, t, k) for k in range(1 + a)],
                action_ids=action,
                logprobs=[i / -1e6 for i in action],
                action_text="",
                reward=10.0 * t,
                terminated=last and not truncated,
                truncated=truncated,
                info={},
            ))
            if truncated:
                trajectory.final_prompt_ids = [token(FINAL, number, a, length)]
        trajectories.append(trajectory)
    return Episode(number, group, trajectories)
