"""The environments: text in, text out, one team reward; nothing here imports torch."""

from __future__ import annotations


def register_pettingzoo() -> None:
    """Make the environments known to ``pettingzoo.make``: ``"colllm/strategy-v0"``.

    Done once a process, for the parallel form and the AEC form; calling it again does nothing.
    An environment's module must have the factory ``env`` for its AEC form, as is PettingZoo's way.

    Raises:
        ConfigError: an old PettingZoo, which has no registry.
    """
    from colllm_bench.errors import ConfigError
    from colllm_bench.registry import ENVS

    try:
        import pettingzoo
        from pettingzoo.env_registry.registration import aec_registry, parallel_registry
    except ImportError as error:
        raise ConfigError(
            "this PettingZoo has no registry of environments",
            fix="pip install 'pettingzoo>=1.27', or use colllm_bench.make",
        ) from error

    for spec in ENVS.values():
        module, _, _ = spec.entry.rpartition(":")
        if not module.startswith("colllm_bench.envs."):
            continue  # a plug-in's: its authors register it under a namespace of their own
        name = f"colllm/{spec.name}-v{spec.version}"
        if name not in parallel_registry:
            pettingzoo.register("parallel", name, spec.entry)
        if name not in aec_registry:
            pettingzoo.register("aec", name, f"{module}:env")
