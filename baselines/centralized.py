"""Centralized execution: one master model reads every observation and writes every action.

Not a team at all, but the protocol that decentralized teams are compared with: what could be
had if everybody's text could be brought to one place at every turn.
"""

from __future__ import annotations

from colllm_bench.baselines.algorithm import ActorCritic
from colllm_bench.objectives import critic_inputs


class CentralizedExecution(ActorCritic):
    """PPO with GAE for the single master; its own history is the joint history."""

    centralized_execution = True
    view = critic_inputs.LOCAL
