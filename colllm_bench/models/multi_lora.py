"""The arithmetic of stacked LoRA: a linear layer whose rows choose among low-rank updates.

LoRA (Hu et al. 2021, eq. 3): ``y = x W^T + s (x A^T) B^T`` with ``s = alpha / rank``; here A is
``[slots, rank, in]``, B is ``[slots, out, rank]``, and every row of a batch has a slot.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import nn
from torch.nn import functional as F


class _LoRALinear(torch.autograd.Function):
    """A grouped LoRA layer with the gradients written out.

    With merged weights ``W_i = W + s B_i A_i`` forward and input gradient are one product each,
    and the gradients of A and B still come from products of width ``rank``: autograd through
    the merge would compute the gradient of the whole of ``W_i`` first.
    """

    @staticmethod
    def forward(ctx, x, weight, bias, a, b, merged, scale, slots, linear, *leaves):
        # x [n, m, in]: n runs of rows, each of one slot; a [n, r, in]; b [n, r, out] (transposed);
        # leaves: A [r, in] of each slot in use, then B [out, r] of each. Only they get gradients.
        ctx.save_for_backward(x, weight if merged is None else merged, a, b)
        # linear: what computes x W^T + bias.
        ctx.scale, ctx.slots, ctx.merged = scale, slots, merged is not None
        ctx.linear = linear
        ctx.dtypes = [leaf.dtype for leaf in leaves]
        return _project(x, weight, bias, a, b, merged, scale, linear)

    @staticmethod
    def backward(ctx, grad):
        x, weight, a, b = ctx.saved_tensors
        # Tall operands on the left or the right only where BLAS is quick with them: B is held
        # transposed, and dB is computed transposed (4x here for rank 8).
        # grad [n, m, out]; b [n, r, out] (transposed)
        narrow = torch.bmm(grad, b.transpose(1, 2)).mul_(ctx.scale)  # s grad B [n, m, r]
        dx = None
        if ctx.needs_input_grad[0]:
            if ctx.merged:
                dx = torch.bmm(grad, weight)  # [n, m, in]; weight [n, out, in]
            else:
                dx = ctx.linear(grad, weight.T).baddbmm_(narrow, a)  # weight [out, in]
        da = torch.bmm(narrow.transpose(1, 2), x)  # [n, r, in]
        wide = torch.bmm(x, a.transpose(1, 2)).mul_(ctx.scale)  # s x A^T [n, m, r]
        db = torch.bmm(wide.transpose(1, 2), grad).transpose(1, 2)  # [n, out, r]
        used = sorted(set(ctx.slots))
        if len(used) < len(ctx.slots):  # several runs of one slot: their gradients add up
            # place [n]: from a run to the place of its slot among those in use
            place = torch.tensor([used.index(slot) for slot in ctx.slots], device=x.device)
            da = da.new_zeros(len(used), *da.shape[1:]).index_add_(0, place, da)
            db = db.new_zeros(len(used), *db.shape[1:]).index_add_(0, place, db)
            grads = [*da.unbind(0), *db.unbind(0)]
        else:
            at = {slot: i for i, slot in enumerate(ctx.slots)}
            grads = [da[at[slot]] for slot in used] + [db[at[slot]] for slot in used]
        grads = [g.to(dtype) for g, dtype in zip(grads, ctx.dtypes)]
        return dx, None, None, None, None, None, None, None, None, *grads


def _project(x, weight, bias, a, b, merged, scale, linear):
    if merged is not None:
        if bias is None:
            return torch.bmm(x, merged.transpose(1, 2))
        return torch.baddbmm(bias, x, merged.transpose(1, 2))
    narrow = torch.bmm(x, a.transpose(1, 2))
    return linear(x, weight, bias).baddbmm_(narrow, b, alpha=scale)


class AdapterRouting:
    """Which slot each row of a batch uses, and the tensors that follow from it.

    Adapter weights are read when a layer first runs under the routing, and kept: a rollout
    keeps one routing, a training step makes a new one.

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

    def reuse_weights_of(self, other: AdapterRouting) -> AdapterRouting:
        """Take over the weights that ``other`` has read, if both have the same runs; self."""
        if other.slots == self.slots:
            self.merge, self._tensors = other.merge, other._tensors
        return self

    def require(self, x: torch.Tensor) -> None:
        """Raises RuntimeError where ``x`` is not of these rows."""
        if x.shape[0] not in (self.rows, self.rows * self.tokens):
            raise RuntimeError(
                f"a linear layer got {tuple(x.shape)} for {self.rows} rows of "
                f"{self.tokens} tokens: this architecture mixes rows before it"
            )

    def tensors(self, layer: MultiLoRALinear) -> tuple:
        """A [n, rank, in], B transposed [n, rank, out] and W + s B A [n, out, in] (or None)
        of each run, detached, in the base's dtype."""
        tensors = self._tensors.get(id(layer))
        if tensors is None:
            with torch.no_grad():
                dtype = layer.weight.dtype
                a, b = layer.a[self.index].to(dtype), layer.b[self.index].to(dtype)
                merged = None
                if self.merge:
                    merged = torch.baddbmm(layer.matrix, b, a, alpha=layer.scale)
                b = b.transpose(1, 2).contiguous()
            tensors = self._tensors[id(layer)] = (a, b, merged)
        return tensors


class SteadyRouting:
    """A routing for compiled passes: as many rows as come, and tensors that stay in their place
    when the adapters move on.

    Args:
        slots: of each run of equally many rows.
    """

    def __init__(self, slots: tuple[int, ...]):
        self.slots = slots
        self.used = sorted(set(slots))

    def read(self, routing: AdapterRouting, layers: Iterable[MultiLoRALinear]) -> None:
        """Take the adapters' weights from ``routing``, of the same runs."""
        for layer in layers:
            new = routing.tensors(layer)[:2]
            if layer.steady is None or layer.steady[0].shape != new[0].shape:
                layer.steady = tuple(x.clone() for x in new)
            for old, x in zip(layer.steady, new, strict=True):
                old.copy_(x)

    def require(self, x: torch.Tensor) -> None:
        """Nothing: models that mix rows were refused before."""

    def tensors(self, layer: MultiLoRALinear) -> tuple:
        """As of :class:`AdapterRouting`, never merged."""
        return (*layer.steady, None)


class ActiveRouting:
    """The routing in use; all layers of one :class:`LoRAAdapters` share this object."""

    routing: AdapterRouting | SteadyRouting | None = None


class MultiLoRALinear(nn.Module):
    """A linear layer of the base with one low-rank update per slot.

    ``weight`` and ``bias`` stay the base's own, under their own names, so the base's
    ``state_dict`` and ``save_pretrained`` do not change; A and B belong to the
    :class:`LoRAAdapters`.

    Args:
        base: an ``nn.Linear``, or transformers' ``Conv1D`` (GPT-2), whose weight is [in, out].
        slots, rank, scale: how many adapters, their rank, and ``alpha / rank``.
        active: where to look for the routing.
        linear: what computes the base's own part, ``F.linear`` or another of its kind.
    """

    def __init__(
        self, base: nn.Module, slots: int, rank: int, scale: float, active: ActiveRouting,
        linear: Callable[..., torch.Tensor] = F.linear,
    ):
        super().__init__()
        self.linear = linear
        self.train(base.training)
        self.transposed = not isinstance(base, nn.Linear)
        self.weight, self.bias = base.weight, base.bias
        self.out_features, self.in_features = self.matrix.shape
        self.scale, self._active = scale, active
        self.steady: tuple[torch.Tensor, ...] | None = None  # A, B of a SteadyRouting
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
        routing = self._active.routing
        if routing is None:
            return self.linear(x, self.matrix, self.bias)
        routing.require(x)
        a, b, merged = routing.tensors(self)
        grouped = x.reshape(len(routing.slots), -1, self.in_features)
        if torch.is_grad_enabled():
            leaves = [self.leaves[i][0] for i in routing.used]
            leaves += [self.leaves[i][1] for i in routing.used]
            y = _LoRALinear.apply(
                grouped, self.matrix, self.bias, a, b, merged, self.scale, routing.slots,
                self.linear, *leaves,
            )
        else:
            y = _project(
                grouped, self.matrix, self.bias, a, b, merged, self.scale, self.linear
            )
        return y.reshape(*x.shape[:-1], self.out_features)
