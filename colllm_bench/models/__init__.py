"""Language models: loading, prompts, adapters, cached decoding, the team's policies and critic
heads.

May import the core and ``runs`` (files). Imports torch.
"""

from __future__ import annotations

from colllm_bench.registry.lazy import lazy_names

_PUBLIC = {
    "TeamPolicy": "team_policy",
    "Critic": "critic",
    "load_base": "loading",
}
__all__ = ["TeamPolicy", "Critic", "load_base"]
__getattr__ = lazy_names(__name__, _PUBLIC)
