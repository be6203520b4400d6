"""CoLLM-CC: actors that act on their own text, taught by one centralized critic.

The critic is one transformer over the concatenated observations and actions of all agents,
V(h_joint), read once a turn; every agent of a turn gets the same advantage (arXiv 2601.21972).
"""

from __future__ import annotations

from colllm_bench.baselines.actor_critic import ActorCritic
from colllm_bench.objectives import critic_inputs


class CentralizedCritic(ActorCritic):
    """``A_t = sum_l (gamma*lambda)^l delta_{t+l}``,
    ``delta_t = r_t + gamma*V(h_{t+1}) - V(h_t)`` with h the joint history."""

    critic_input = critic_inputs.JOINT
