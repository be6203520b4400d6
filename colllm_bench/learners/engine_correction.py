"""Learning from what another engine sampled (``--rollouts vllm``).

The engine samples from mu, which differs from the policy pi by rounding alone, but token after
token. Importance ratios of the loss must be pi's own, or they would be clipped, and take part in
the gradient, as if the policy had moved; and what was sampled from mu stands for pi with the weight
pi/mu. So log-probabilities are computed again with the trainer's own pass, and the surrogate of
each token is weighed by ``min(pi/mu, cap)``: truncated importance sampling (Ionides, 2008,
"Truncated Importance Sampling", JCGS 17(2)), token by token as TRL's GRPOTrainer does it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from colllm_bench.learners.actor_learner import ActorLearner, by_turn
from colllm_bench.types import Episode


@torch.no_grad()
def correct_for_engine(
    actor: ActorLearner, episodes: Sequence[Episode], cap: float
) -> dict[str, float]:
    """Write the policy's own ``logprobs`` and the ``sampling_factors`` into every turn.

    Args:
        actor: learner of the policies that the engine played, before any step on them.
        episodes: with the engine's log-probabilities.
        cap: largest factor.

    Returns:
        ``sampling_gap``, the mean size of the difference of log-probabilities;
        ``sampling_factor_mean`` and ``sampling_factor_max``; ``sampling_truncated``, the share of
        tokens whose ratio was above ``cap``.
    """
    gaps, ratios = [], []
    for tokens, logprobs in actor.scored(episodes):
        change = logprobs - tokens.logprobs  # [K]
        gaps.append(change.abs())
        ratios.append(change.exp())
        for turn, own in by_turn(tokens, logprobs):
            turn.logprobs = own
        for turn, own in by_turn(tokens, ratios[-1].clamp(max=cap)):
            turn.sampling_factors = own
    gap, ratio = torch.cat(gaps), torch.cat(ratios)
    factors = ratio.clamp(max=cap)
    return {
        "sampling_gap": float(gap.mean()),
        "sampling_factor_mean": float(factors.mean()),
        "sampling_factor_max": float(factors.max()),
        "sampling_truncated": float((ratio > cap).float().mean()),
    }
