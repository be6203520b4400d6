"""The team that sees only the clock."""

from __future__ import annotations

from colllm_bench.rollout import rollout
from colllm_bench.teams.clock import ClockTeam
from colllm_bench.types import Episode, Trajectory, Turn


def lesson(*actions):
    """An episode of one agent that took these actions."""
    trajectory = Trajectory(agent="a_0", index=0, instructions="")
    episode = Episode(seed=0, group=0, trajectories=[trajectory])
    for action in actions:
        turn = Turn(observation="x")
        turn.action_text = action
        episode.trajectories[0].turns.append(turn)
    return episode


def test_the_most_frequent_action_of_each_turn_is_repeated_beyond_the_last():
    from tiny_envs import Relay

    team = ClockTeam([lesson("go", "left"), lesson("go", "right"), lesson("no", "right")])
    envs = [Relay(agents=1, turns=4, vary=2) for _ in range(2)]
    episodes = rollout(envs, [0, 1], [0, 1], team)
    said = [[turn.action_text for turn in e.trajectories[0].turns] for e in episodes]
    assert said == [["go", "right", "right", "right"], ["go", "right", "right", "right", "right"]]
