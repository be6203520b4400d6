"""One LoRA adapter per agent on one frozen base, all of them in one forward.

The adapters of all slots are stacked and the rows of a batch choose their slot
(:mod:`colllm_bench.models.multi_lora`), so a team of N agents costs one grouped product a layer
instead of N passes with an adapter switched in between.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from colllm_bench.errors import ConfigError
from colllm_bench.models import onednn, peft_files, probes
from colllm_bench.models.multi_lora import ActiveRouting, AdapterRouting, MultiLoRALinear

MERGE_LIMIT = 256 * 2**20
"""Bytes of merged weights (all slots of a routing) up to which they are built."""


class LoRAAdapters:
    """The adapters of a model, one per slot. Made by :func:`add_adapters`."""

    def __init__(
        self, layers: dict[str, MultiLoRALinear], active: ActiveRouting, rank: int, alpha: float
    ):
        self.layers, self.rank, self.alpha = layers, rank, alpha
        self._active = active
        first = next(iter(layers.values()))
        self.slots = first.a.shape[0]
        self._base_bytes = sum(x.weight.numel() * x.weight.element_size() for x in layers.values())
        # Merging in half precision would round small updates away; oneDNN has no batched product.
        self._mergeable = first.weight.dtype == torch.float32 and first.linear is F.linear

    def select(
        self, slots: torch.Tensor | None, *, merge: bool | None = None
    ) -> AdapterRouting | None:
        """A routing for :meth:`using`.

        Args:
            slots: [rows] long, the slot of each row; None for the plain base.
            merge: force merged (True) or factored (False) weights; None decides by size.
        """
        if slots is None:
            return None
        routing = AdapterRouting(slots, merge=False)
        bytes_ = self._base_bytes * len(routing.slots)
        routing.merge = merge if merge is not None else self._mergeable and bytes_ <= MERGE_LIMIT
        return routing

    @contextmanager
    def using(self, routing: AdapterRouting | None) -> Iterator[None]:
        """Forwards inside run with ``routing``."""
        before, self._active.routing = self._active.routing, routing
        try:
            yield
        finally:
            self._active.routing = before

    def use(self, slots: torch.Tensor | None, *, merge: bool | None = None):
        """Forwards inside choose a slot for each row: ``using(select(slots))``."""
        return self.using(self.select(slots, merge=merge))

    def checkpoint_contexts(self):
        """For ``torch.utils.checkpoint(context_fn=...)``: the recomputation in the backward
        pass, long after ``use`` was left, runs with the routing of the forward pass."""
        routing = self._active.routing
        return self.using(routing), self.using(routing)

    def parameters(self, slot: int) -> list[nn.Parameter]:
        """The slot's A and B matrices, layer by layer: leaves for an optimizer."""
        return [leaf for layer in self.layers.values() for leaf in layer.leaves[slot]]

    def state_dict(self) -> dict[str, torch.Tensor]:
        """``{layer}.lora_A`` [slots, rank, in] and ``{layer}.lora_B`` [slots, out, rank]."""
        state = {}
        for name, layer in self.layers.items():
            state[f"{name}.lora_A"] = layer.a.detach().clone()
            state[f"{name}.lora_B"] = layer.b.detach().clone()
        return state

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Copy a state of :meth:`state_dict`. Raises ConfigError when it does not fit."""
        current = {f"{n}.lora_A": x.a for n, x in self.layers.items()}
        current |= {f"{n}.lora_B": x.b for n, x in self.layers.items()}
        peft_files.require_same(current, state)
        for name, tensor in current.items():
            tensor.copy_(state[name])

    def save_peft(self, folder: str | Path, slot: int, base_name: str) -> None:
        """Write the slot as a PEFT adapter that ``PeftModel.from_pretrained`` loads alone."""
        tensors = {n: (x.a[slot], x.b[slot]) for n, x in self.layers.items()}
        conv = any(layer.transposed for layer in self.layers.values())
        peft_files.save(folder, tensors, self.rank, self.alpha, base_name, fan_in_fan_out=conv)

    @torch.no_grad()
    def load_peft(self, folder: str | Path, slot: int) -> None:
        """Read a PEFT adapter into the slot. Raises ConfigError when it does not fit."""
        tensors = peft_files.load(folder, list(self.layers), self.rank, self.alpha)
        for name, layer in self.layers.items():
            a, b = tensors[name]
            if a.shape != layer.a[slot].shape or b.shape != layer.b[slot].shape:
                raise ConfigError(
                    f"adapter {str(folder)!r}: {name} has shapes {tuple(a.shape)}, "
                    f"{tuple(b.shape)}",
                    allowed=f"{tuple(layer.a[slot].shape)}, {tuple(layer.b[slot].shape)}",
                    fix="use the base model and the rank that it was trained with",
                )
            layer.a[slot].copy_(a)
            layer.b[slot].copy_(b)


def add_adapters(
    model: nn.Module, slots: int, rank: int, alpha: float, generator: torch.Generator
) -> LoRAAdapters:
    """Freeze ``model`` and put ``slots`` adapters on its linear layers (:func:`layers_to_adapt`).

    A is uniform in ``+-1/sqrt(in)`` as PEFT's default (Kaiming with a = sqrt 5), B is zero:
    the team starts as the base. Slot i's numbers do not depend on how many slots there are.

    Raises:
        ConfigError: the model has no linear layer, or the rank is not positive.
    """
    if rank < 1:
        raise ConfigError(f"adapter rank {rank}", allowed="at least 1")
    model.requires_grad_(False)
    targets = layers_to_adapt(model)
    linear, output = F.linear, model.get_output_embeddings()
    if onednn.pays(model, model.device):
        linear = onednn.linear
        if type(output) is nn.Linear:
            output.__class__ = onednn.FrozenLinear  # the same module, other arithmetic
    active, layers = ActiveRouting(), {}
    for name in targets:
        base = model.get_submodule(name)
        layer = MultiLoRALinear(base, slots, rank, alpha / rank, active, linear)
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, layer)
        layers[name] = layer
    for slot in range(slots):
        for layer in layers.values():
            bound = 1.0 / math.sqrt(layer.in_features)
            drawn = torch.rand(layer.a.shape[1:], generator=generator, device=generator.device)
            layer.a[slot].copy_((2 * drawn - 1) * bound)

    def note_length(_module, args):
        if active.routing is not None:
            active.routing.tokens = args[0].shape[-1]

    model.get_input_embeddings().register_forward_pre_hook(note_length)
    adapters = LoRAAdapters(layers, active, rank, alpha)
    _require_rows_apart(model, adapters)
    return adapters


@torch.no_grad()
def _require_rows_apart(model: nn.Module, adapters: LoRAAdapters) -> None:
    """Try that an adapter moves the outputs of its own rows only.

    Raises:
        ConfigError: it does not, or the pass fails.
    """
    ids, last = probes.trial_ids(model), adapters.slots - 1
    whole = model(input_ids=ids, use_cache=False).logits.float()
    for layer in adapters.layers.values():
        layer.b[last].fill_(0.01)
    reason = "rows with different adapters do not stay apart"
    try:
        with adapters.use(torch.tensor([0, last], device=ids.device)):
            routed = model(input_ids=ids, use_cache=False).logits.float()
        gap = (routed - whole).abs().amax((1, 2)) / whole.std()  # [2] of each row
        apart = bool(gap[0] <= probes.rounding(model) < gap[1]) if last else True
    except Exception as error:  # a foreign architecture may fail in any way
        apart, reason = False, " ".join(str(error).split())[:160]
    finally:
        for layer in adapters.layers.values():
            layer.b[last].zero_()
    if not apart:
        raise ConfigError(
            f"{type(model).__name__} cannot run agents with adapters of their own in one pass: "
            f"{reason}",
            fix="--tuning full",
        )


def layers_to_adapt(model: nn.Module) -> list[str]:
    """Names of the linear layers but the output that a forward pass uses, and that PEFT can load
    adapters for; fused experts and routers are not among them.

    Raises:
        ConfigError: there is none.
    """
    output = model.get_output_embeddings()
    names = [
        name
        for name, module in model.named_modules()
        if module is not output and probes.is_linear(module)
    ]
    names = probes.layers_that_peft_holds(model, probes.layers_in_use(model, names))
    if not names:
        raise ConfigError(
            f"{type(model).__name__} has no linear layer to adapt", fix="use tuning=full"
        )
    return names
