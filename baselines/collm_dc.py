"""CoLLM-DC: each agent learns from a critic of its own, which sees only its own history.

V_i(h_i), one per agent: nothing is shared in training but the team reward (arXiv 2601.21972).
"""

from __future__ import annotations

from colllm_bench.baselines.actor_critic import ActorCritic
from colllm_bench.objectives import critic_inputs


class DecentralizedCritics(ActorCritic):
    """``delta_t = r_t + gamma*V_i(h_{i,t+1}) - V_i(h_{i,t})``, one advantage per agent."""

    critic_input = critic_inputs.LOCAL
