"""Seeds: every random stream of a run is named, and derived from the run's seed alone.

A stream is made anew where it is used (iteration 7's rollout, say), so a resumed run needs no
generator states: it asks for the same names and gets the same numbers.
"""

from __future__ import annotations

import hashlib


def derive(seed: int, *names: object, bits: int = 31) -> int:
    """A seed below ``2**bits`` for the stream ``names`` of the run ``seed``."""
    text = "/".join(map(str, (seed, *names)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> (64 - bits)


def torch_generator(seed: int, *names: object, device="cpu"):
    """A ``torch.Generator`` for the stream ``names`` of the run ``seed``."""
    import torch

    return torch.Generator(device=device).manual_seed(derive(seed, *names, bits=63))
