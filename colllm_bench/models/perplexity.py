"""How likely a causal language model finds texts: the judge behind ``fluency=MODEL``.

The environments import no torch; they look :func:`load` up by name when they need it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from colllm_bench.models.loading import load_base
from colllm_bench.objectives.batches import pad

LONGEST = 512
"""Tokens of a text that are read, at most."""


def load(name: str, device: str = "auto") -> Callable[[Sequence[str]], list[float]]:
    """A function from texts to their mean negative log-likelihood a *word*, in nats.

    By the word and not by the token, so that models with different tokenizers can be compared.
    All texts go through the model in one batch.

    Args:
        name: a built-in name, a folder or a hub id.
        device: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        ConfigError: no such model.
    """
    # Perplexity needs no dialogue: any template does for a model that has none.
    base = load_base(name, device=device, env="writing")
    model, tokenizer = base.model.eval(), base.tokenizer
    place = next(model.parameters()).device
    start = tokenizer.bos_token_id
    if start is None:
        start = tokenizer.eos_token_id

    @torch.no_grad()
    def nll(texts: Sequence[str]) -> list[float]:
        if not texts:
            return []
        rows = [[start, *tokenizer(t, add_special_tokens=False)["input_ids"]] for t in texts]
        ids, mask = pad([row[:LONGEST] for row in rows], 0, place)
        logits = model(ids[:, :-1], attention_mask=mask[:, :-1].long(), use_cache=False).logits
        each = torch.nn.functional.cross_entropy(
            logits.float().flatten(0, 1), ids[:, 1:].flatten(), reduction="none"
        ).view_as(ids[:, 1:])
        sums = (each * mask[:, 1:]).sum(1)
        return [s / max(1, len(t.split())) for s, t in zip(sums.tolist(), texts)]

    return nll
