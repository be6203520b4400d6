"""One LoRA adapter per agent on one frozen base, all of them in one forward.

LoRA (Hu et al. 2021, eq. 3): ``y = x W^T + s (x A^T) B^T`` with ``s = alpha / rank``. The
adapters of all slots are stacked, A ``[slots, rank, in]`` and B ``[slots, out, rank]``, and the
rows of a batch choose their slot, so a team of N agents costs one grouped product a layer
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

from colllm_bench import peft_files
from colllm_bench.errors import ConfigError

MERGE_LIMIT = 256 * 2**20
"""Bytes of merged weights (all slots of a selection) up to which they are built."""


class _LoRALinear(torch.autograd.Function):
    """A grouped LoRA layer with the gradients written out.

    With merged weights ``W_i = W + s B_i A_i`` forward and input gradient are one product each,
    and the gradients of A and B still come from products of width ``rank``: autograd through
    the merge would compute the gradient of the whole of ``W_i`` first.
    """

    @staticmethod
    def forward(ctx, x, weight, bias, a, b, merged, scale, slots, *leaves):
        # x [n, m, in]: n runs of rows, each of one slot; a [n, r, in]; b [n, out, r].
        ctx.save_for_backward(x, weight if merged is None else merged, a, b)
        ctx.scale, ctx.slots, ctx.merged = scale, slots, merged is not None
        ctx.dtypes = [leaf.dtype for leaf in leaves]
        return _project(x, weight, bias, a, b, merged, scale)

    @staticmethod
    def backward(ctx, grad):
        x, weight, a, b = ctx.saved_tensors
        narrow = torch.bmm(grad, b).mul_(ctx.scale)
        dx = None
        if ctx.needs_input_grad[0]:
            if ctx.merged:
                dx = torch.bmm(grad, weight)
            else:
                dx = torch.matmul(grad, weight).baddbmm_(narrow, a)
        da = torch.bmm(narrow.transpose(1, 2), x)
        db = torch.bmm(grad.transpose(1, 2), torch.bmm(x, a.transpose(1, 2))).mul_(ctx.scale)
        used = sorted(set(ctx.slots))
        if len(used) < len(ctx.slots):  # several runs of one slot: their gradients add up
            place = torch.tensor([used.index(slot) for slot in ctx.slots], device=x.device)
            da = da.new_zeros(len(used), *da.shape[1:]).index_add_(0, place, da)
            db = db.new_zeros(len(used), *db.shape[1:]).index_add_(0, place, db)
            grads = [*da.unbind(0), *db.unbind(0)]
        else:
            at = {slot: i for i, slot in enumerate(ctx.slots)}
            grads = [da[at[slot]] for slot in used] + [db[at[slot]] for slot in used]
        grads = [g.to(dtype) for g, dtype in zip(grads, ctx.dtypes)]
        return dx, None, None, None, None, None, None, None, *grads


def _project(x, weight, bias, a, b, merged, scale):
    if merged is not None:
        if bias is None:
            return torch.bmm(x, merged.transpose(1, 2))
        return torch.baddbmm(bias, x, merged.transpose(1, 2))
    narrow = torch.bmm(x, a.transpose(1, 2))
    return F.linear(x, weight, bias).baddbmm_(narrow, b.transpose(1, 2), alpha=scale)


class Selection:
    """Which slot each row of a batch uses, and the tensors that follow from it.

    Adapter weights are read when a layer first runs under the selection and kept until
    :meth:`refresh`: a rollout keeps one selection, a training step makes a new one.

    Args:
        slots: [rows] the slot of each row.
        merge: build merged weights.
    """

    def __init__(self, slots: torch.Tensor, merge: bool):
        values, counts = torch.unique_consecutive(slots, return_counts=True)
        size = math.gcd(*counts.tolist())
        runs = torch.repeat_interleave(values, counts // size)
        self.slots: tuple[int, ...] = tuple(runs.tolist())
        self.used = sorted(set(self.slots))
        self.rows = len(slots)
        self.tokens = 1
        self.merge = merge
        first = self.slots[0]
        ordered = self.slots == tuple(range(first, first + len(self.slots)))
        self.index = slice(first, first + len(self.slots)) if ordered else runs
        self._tensors: dict[int, tuple] = {}

    def refresh(self) -> None:
        """Forget weights read so far: the adapters were changed."""
        self._tensors.clear()

    def sharing(self, other: Selection) -> Selection:
        """This selection, with the weights that ``other`` has read when both have its runs."""
        if other.slots == self.slots:
            self.merge, self._tensors = other.merge, other._tensors
        return self

    def tensors(self, layer: StackedLoRA) -> tuple:
        """(a, b, merged) of each run, detached, in the base's dtype."""
        found = self._tensors.get(id(layer))
        if found is None:
            with torch.no_grad():
                dtype = layer.weight.dtype
                a, b = layer.a[self.index].to(dtype), layer.b[self.index].to(dtype)
                merged = None
                if self.merge:
                    merged = torch.baddbmm(layer.matrix, b, a, alpha=layer.scale)
            found = self._tensors[id(layer)] = (a, b, merged)
        return found


class _Choice:
    """The selection of the moment; all layers of an :class:`AdapterSet` share one."""

    selection: Selection | None = None


class StackedLoRA(nn.Module):
    """A linear layer of the base with one low-rank update per slot.

    ``weight`` and ``bias`` stay the base's own, under their own names, so the base's
    ``state_dict`` and ``save_pretrained`` do not change; A and B belong to the
    :class:`AdapterSet`.

    Args:
        base: an ``nn.Linear``, or transformers' ``Conv1D`` (GPT-2), whose weight is [in, out].
        slots, rank, scale: how many adapters, their rank, and ``alpha / rank``.
        choice: where to look for the selection.
    """

    def __init__(self, base: nn.Module, slots: int, rank: int, scale: float, choice: _Choice):
        super().__init__()
        self.transposed = not isinstance(base, nn.Linear)
        self.weight, self.bias = base.weight, base.bias
        self.out_features, self.in_features = self.matrix.shape
        self.scale, self._choice = scale, choice
        device = base.weight.device
        self.a = torch.zeros(slots, rank, self.in_features, device=device)
        self.b = torch.zeros(slots, self.out_features, rank, device=device)
        # Leaves are views of the stacks: an optimizer's step on one of them changes the stack.
        # They stand in a plain list, so that they do not become parameters of the base.
        self.leaves = [
            (nn.Parameter(self.a[i]), nn.Parameter(self.b[i])) for i in range(slots)
        ]

    @property
    def matrix(self) -> torch.Tensor:
        """The base's weight as [out, in]."""
        return self.weight.T if self.transposed else self.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        selection = self._choice.selection
        if selection is None:
            return F.linear(x, self.matrix, self.bias)
        if x.shape[0] != selection.rows and x.shape[0] != selection.rows * selection.tokens:
            raise RuntimeError(
                f"a linear layer got {tuple(x.shape)} for {selection.rows} rows of "
                f"{selection.tokens} tokens: this architecture mixes rows before it"
            )
        a, b, merged = selection.tensors(self)
        grouped = x.reshape(len(selection.slots), -1, self.in_features)
        if torch.is_grad_enabled():
            leaves = [self.leaves[i][0] for i in selection.used]
            leaves += [self.leaves[i][1] for i in selection.used]
            y = _LoRALinear.apply(
                grouped, self.matrix, self.bias, a, b, merged, self.scale, selection.slots, *leaves
            )
        else:
            y = _project(grouped, self.matrix, self.bias, a, b, merged, self.scale)
        return y.reshape(*x.shape[:-1], self.out_features)


class AdapterSet:
    """The adapters of a model, one per slot. Made by :func:`attach`."""

    def __init__(self, layers: dict[str, StackedLoRA], choice: _Choice, rank: int, alpha: float):
        self.layers, self.rank, self.alpha = layers, rank, alpha
        self._choice = choice
        first = next(iter(layers.values()))
        self.slots = first.a.shape[0]
        self._base_bytes = sum(x.weight.numel() * x.weight.element_size() for x in layers.values())
        # Merging in half precision would round small updates away.
        self._mergeable = first.weight.dtype == torch.float32

    def select(self, slots: torch.Tensor | None, *, merge: bool | None = None) -> Selection | None:
        """A selection for :meth:`using`.

        Args:
            slots: [rows] long, the slot of each row; None for the plain base.
            merge: force merged (True) or factored (False) weights; None decides by size.
        """
        if slots is None:
            return None
        selection = Selection(slots, merge=False)
        bytes_ = self._base_bytes * len(selection.slots)
        selection.merge = merge if merge is not None else self._mergeable and bytes_ <= MERGE_LIMIT
        return selection

    @contextmanager
    def using(self, selection: Selection | None) -> Iterator[None]:
        """Forwards inside run with ``selection``."""
        before, self._choice.selection = self._choice.selection, selection
        try:
            yield
        finally:
            self._choice.selection = before

    def use(self, slots: torch.Tensor | None, *, merge: bool | None = None):
        """Forwards inside choose a slot for each row: ``using(select(slots))``."""
        return self.using(self.select(slots, merge=merge))

    def checkpoint_contexts(self):
        """For ``torch.utils.checkpoint(context_fn=...)``: the recomputation in the backward
        pass, long after ``use`` was left, runs with the selection of the forward pass."""
        selection = self._choice.selection
        return self.using(selection), self.using(selection)

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
        """Copy what :meth:`state_dict` gave. Raises ConfigError when it does not fit."""
        own = {f"{n}.lora_A": x.a for n, x in self.layers.items()}
        own |= {f"{n}.lora_B": x.b for n, x in self.layers.items()}
        peft_files.require_same(own, state)
        for name, tensor in own.items():
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


def attach(
    model: nn.Module, slots: int, rank: int, alpha: float, generator: torch.Generator
) -> AdapterSet:
    """Freeze ``model`` and put ``slots`` adapters on every linear layer but the output.

    A is uniform in ``+-1/sqrt(in)`` as PEFT's default (Kaiming with a = sqrt 5), B is zero:
    the team starts as the base. Slot i's numbers do not depend on how many slots there are.

    Raises:
        ConfigError: the model has no linear layer, or the rank is not positive.
    """
    if rank < 1:
        raise ConfigError(f"adapter rank {rank}", allowed="at least 1")
    output = model.get_output_embeddings()
    targets = {
        name: module
        for name, module in model.named_modules()
        if _is_linear(module) and module is not output
    }
    if not targets:
        raise ConfigError(
            f"{type(model).__name__} has no linear layer to adapt", fix="use tuning=full"
        )
    model.requires_grad_(False)
    choice, layers = _Choice(), {}
    for name, module in targets.items():
        layer = StackedLoRA(module, slots, rank, alpha / rank, choice)
        parent, _, own = name.rpartition(".")
        setattr(model.get_submodule(parent), own, layer)
        layers[name] = layer
    for slot in range(slots):
        for layer in layers.values():
            bound = 1.0 / math.sqrt(layer.in_features)
            drawn = torch.rand(layer.a.shape[1:], generator=generator, device=generator.device)
            layer.a[slot].copy_((2 * drawn - 1) * bound)

    def note_length(_module, args):
        if choice.selection is not None:
            choice.selection.tokens = args[0].shape[-1]

    model.get_input_embeddings().register_forward_pre_hook(note_length)
    return AdapterSet(layers, choice, rank, alpha)


def _is_linear(module: nn.Module) -> bool:
    kind = type(module)
    return isinstance(module, nn.Linear) or (
        kind.__name__ == "Conv1D" and kind.__module__.startswith("transformers.")
    )
