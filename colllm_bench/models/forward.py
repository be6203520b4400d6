"""How rows run through a model: lanes, and logits at chosen places only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from colllm_bench.models.adapters import LoRAAdapters
from colllm_bench.models.multi_lora import AdapterRouting


class LogitsAt:
    """Lets a model compute logits at chosen places only.

    A hook on the output embedding picks hidden states before it runs, so whatever an
    architecture does to its logits afterwards (soft caps, scales) still happens.
    """

    def __init__(self, model: torch.nn.Module):
        self.places: tuple[torch.Tensor, torch.Tensor] | None = None
        model.get_output_embeddings().register_forward_pre_hook(self._pick)

    def _pick(self, _module, args):
        return (args[0][self.places].unsqueeze(0),) if self.places is not None else None

    def logits(self, model: torch.nn.Module, places, **inputs: Any) -> torch.Tensor:
        """[P, vocabulary] at ``places``, a pair of row [P] and column [P]."""
        self.places = places
        try:
            return model(**inputs).logits[0]
        finally:
            self.places = None


@dataclass
class RowGroup:
    """Rows that run through one model together; ``rows`` None means all of them."""

    model: torch.nn.Module
    gather: LogitsAt
    rows: torch.Tensor | None
    adapters: LoRAAdapters | None = None
    selection: AdapterRouting | None = None

    def logits(self, places, **inputs: Any) -> torch.Tensor:
        """[P, vocabulary] at ``places``, with the rows' adapters on."""
        if self.adapters is None:
            return self.gather.logits(self.model, places, **inputs)
        with self.adapters.using(self.selection):
            return self.gather.logits(self.model, places, **inputs)

    def restrict(self, lane: RowGroup) -> AdapterRouting | None:
        """The selection for ``lane``, which has fewer of these rows."""
        if lane.selection is None:
            return None
        return lane.selection.sharing(self.selection)


def score_tokens(
    logits: torch.Tensor, targets: torch.Tensor, temperature: float, with_entropy: bool
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Log-probability [K] of ``targets`` and entropy [K] of ``softmax(logits / temperature)``,
    in float32; ``logits`` is [K, vocabulary]."""
    logits = logits.float()
    if temperature != 1.0:
        logits = logits / temperature
    total = torch.logsumexp(logits, dim=-1)
    logprobs = logits.gather(1, targets[:, None])[:, 0] - total
    if not with_entropy:
        return logprobs, None
    mean = (torch.softmax(logits, dim=-1) * logits).sum(-1)
    return logprobs, total - mean
