"""Centralized execution: one controller reads every observation and writes every action.

The upper reference for decentralized teams: what could be reached if every agent's text were
brought to one place at every turn.
"""

from __future__ import annotations

from colllm_bench.baselines.actor_critic import ActorCritic
from colllm_bench.objectives import critic_inputs


class CentralizedExecution(ActorCritic):
    """PPO with GAE for the single controller; its own history is the joint history."""

    centralized_execution = True
    critic_input = critic_inputs.LOCAL
