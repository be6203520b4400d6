"""How often each token occurs in what a critic reads, hashed into a few places.

A mean of hidden states or embeddings says which words a text has only as far as the base is wide:
96 numbers do not tell 1,536 words apart. Counts do (hashing: Weinberger et al. 2009, arXiv
0902.2206, equation 2, without the sign)."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from colllm_bench.objectives.critic_inputs import CriticReading

STRIDE = 7_919
"""A prime: neighbouring ids, often of one kind, fall into different places, and a vocabulary no
larger than a power of two that is the number of places has no two ids in one."""


def add_token_counts(
    features: torch.Tensor, readings: Sequence[CriticReading], name: str, places: int
) -> None:
    """Write log(1 + count) of the tokens of each cell's span into the last ``places`` columns of
    ``features`` [C, width], the cells of all readings one after the other; those columns are zero
    before, and stay so where nothing is read.

    Args:
        name: ``observed`` or ``acted``.
    """
    spans = [
        (reading.rows[span.row].ids[span.start : span.stop] if span else [])
        for reading in readings
        for span in (getattr(cell, name) for cell in reading.cells)
    ]
    device, first = features.device, features.shape[1] - places
    ids = torch.tensor([i for own in spans for i in own], dtype=torch.long, device=device)
    lengths = torch.tensor([len(own) for own in spans], dtype=torch.long, device=device)
    cell = torch.arange(len(spans), device=device).repeat_interleave(lengths)
    # In place: a large batch's counts are most of what a critic keeps. Sums of ones are exact, in
    # whatever order they are added.
    where = cell, first + ids * STRIDE % places
    features.index_put_(where, torch.ones_like(ids, dtype=features.dtype), accumulate=True)
    features[:, first:].log1p_()
