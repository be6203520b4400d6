"""Products with large frozen matrices in float32 on a CPU, by oneDNN.

torch gives them to MKL, which on AMD's CPUs leaves AVX-512 unused: an EPYC core computes 93 GFLOP/s
where oneDNN computes 168, and with 8 rows, as a token of decoding has, 9 GB of weights a second
where oneDNN reads 15 (results/benchmarks/real_model). The operator is the one that torch.compile
puts in the place of a linear layer; where a build of torch lacks it, everything is as before.
Small models keep torch's own product, and so the bytes of their runs.
"""

from __future__ import annotations

import functools
import platform
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from colllm_bench.models.shared_prefix import LEAST_PARAMETERS


@functools.cache
def is_here() -> bool:
    """Whether this torch has the operator, tried out."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    x, weight = torch.ones(2, 3), torch.ones(4, 3)
    try:
        return torch.equal(_product(x, weight, None), F.linear(x, weight))
    except Exception:  # built without oneDNN, or an operator of another signature
        return False


def pays(model: Any, device: torch.device) -> bool:
    """Whether products with the matrices of a transformers model are to be oneDNN's where it
    runs on ``device``."""
    plain = device.type == "cpu" and model.dtype == torch.float32
    return plain and sum(x.numel() for x in model.parameters()) >= LEAST_PARAMETERS and is_here()


def linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """``F.linear`` of a matrix that does not learn; ``x`` may have a gradient."""
    if weight.requires_grad or x.numel() == 0:
        return F.linear(x, weight, bias)
    if torch.is_grad_enabled() and x.requires_grad:
        return _Linear.apply(x, weight, bias)
    if torch.compiler.is_compiling():  # inductor would take it apart, and back to MKL
        return _opaque(x, weight, bias)
    return _product(x, weight, bias)


def _product(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


@torch.library.custom_op(
    "colllm_bench::frozen_linear", mutates_args=(),
    schema="(Tensor x, Tensor weight, Tensor? bias) -> Tensor",
)
def _opaque(x, weight, bias):
    return _product(x, weight, bias)


@_opaque.register_fake
def _(x, weight, bias):
    return x.new_empty(*x.shape[:-1], weight.shape[0])


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias):
        ctx.save_for_backward(weight)
        return _product(x, weight, bias)

    @staticmethod
    def backward(ctx, grad):
        (weight,) = ctx.saved_tensors
        return _product(grad, weight.T, None), None, None


class FrozenLinear(nn.Linear):
    """An ``nn.Linear`` that computes by :func:`linear`."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return linear(x, self.weight, self.bias)
