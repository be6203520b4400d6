"""The old name of :mod:`colllm_bench.baselines.algorithm`, kept for plug-ins."""

from colllm_bench.baselines.actor_critic import ActorCritic
from colllm_bench.baselines.algorithm import ActionBatch, Algorithm

__all__ = ["ActionBatch", "ActorCritic", "Algorithm"]
