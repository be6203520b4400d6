"""The run folder: files, checkpoints, provenance, replays, transcripts.

May import the core. No torch at import.
"""

from __future__ import annotations

from colllm_bench.registry.lazy import lazy_names

_PUBLIC = {
    "RunFolder": "folder",
    "read_config": "folder",
    "frame": "frames",
}
__all__ = ["RunFolder", "frame", "read_config"]
__getattr__ = lazy_names(__name__, _PUBLIC)
