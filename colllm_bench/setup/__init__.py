"""From names and settings to objects: resolve and check a configuration, make environments.

May import the core and baselines.
"""

from __future__ import annotations

from colllm_bench.registry.lazy import lazy_names

_PUBLIC = {
    "check_config": "validate",
    "make_env": "environments",
    "load_algorithm": "resolve",
}
__all__ = ["check_config", "make_env", "load_algorithm"]
__getattr__ = lazy_names(__name__, _PUBLIC)
