"""Trained teams on the Hugging Face hub: :func:`push_to_hub`, and the model card.

May import the core, cli and runs. No torch.
"""

from colllm_bench.hub.push import export_team, push_to_hub

__all__ = ["export_team", "push_to_hub"]
