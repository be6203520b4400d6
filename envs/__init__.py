"""The environments: text in, text out, one team reward; nothing here imports torch."""

from __future__ import annotations


def register_pettingzoo() -> None:
    """Make the environments known to ``pettingzoo.make``: ``"colllm/strategy-v0"``.

    Done once a process, for the parallel form and the AEC form; calling it again does nothing.
    """
    import pettingzoo
    from pettingzoo.env_registry.registration import aec_registry, parallel_registry

    from colllm_bench.registry import ENVS

    for spec in ENVS.values():
        name = f"colllm/{spec.name}-v{spec.version}"
        module, _, cls = spec.entry.rpartition(":")
        if name not in parallel_registry:
            pettingzoo.register("parallel", name, spec.entry)
        if name not in aec_registry:
            pettingzoo.register("aec", name, f"{module}:env")
