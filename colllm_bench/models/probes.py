"""What a model can do, found by trying it: any architecture may be loaded, so nothing here goes
by names."""

from __future__ import annotations

import copy
import warnings
from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import nn
from torch.nn import functional as F

from colllm_bench.errors import ConfigError

_ROWS, _TOKENS = 2, 5
_PLAIN_FAMILIES = frozenset({"gemma", "gemma2", "gpt2", "llama", "mistral", "opt", "phi", "qwen2",
                             "qwen3"})
"""Families whose adapters PEFT takes as they are (tests/models compares the outputs): PEFT, which
takes seconds to import, need not be asked."""


def trial_ids(model: nn.Module, rows: int = _ROWS, tokens: int = _TOKENS) -> torch.Tensor:
    """[rows, tokens] ids of the model's vocabulary, each row its own."""
    size = model.get_input_embeddings().num_embeddings
    return (torch.arange(rows * tokens, device=model.device).view(rows, tokens) * 7 + 3) % size


@torch.no_grad()
def require_causal(model: nn.Module) -> None:
    """Refuse a model that cannot be run on token ids alone, or whose outputs depend on later
    tokens (encoders do) or on how many there are.

    Raises:
        ConfigError: says which.
    """
    name, ids = type(model).__name__, trial_ids(model)
    changed = ids.clone()
    changed[:, -1] = (ids[:, -1] + 1) % model.get_input_embeddings().num_embeddings
    use = "a model for text generation whose tokens see earlier tokens only"
    try:
        first, second, shorter = (
            model(input_ids=x, use_cache=False).logits.float() for x in (ids, changed, ids[:, :3])
        )
    except Exception as error:  # a foreign architecture may fail in any way
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise ConfigError(
            f"{name} cannot be run on token ids alone: {reason}", allowed=use
        ) from error
    if first.shape[:2] != ids.shape:
        raise ConfigError(f"{name} gives logits of shape {tuple(first.shape)}", allowed=use)
    # Seeing the future moves logits by their own spread; rounding by far less. Equal shapes round
    # alike, another length does not: in half precision that moved single ones of 150,000 logits of
    # a clone of SmolLM2 by .08 of the spread, all of them by .02 on average (root mean square).
    later = (first[:, :-1] - second[:, :-1]).abs().max()
    length = (first[:, :3] - shorter).square().mean().sqrt()
    allowed = rounding(model) * first.std()
    if not (later <= allowed and length <= 2 * allowed):
        raise ConfigError(
            f"{name} is no causal language model: its outputs depend on later tokens", allowed=use
        )


def rounding(model: nn.Module) -> float:
    """What rounding may change of logits, as a share of their spread."""
    return 1e-3 if model.dtype == torch.float32 else 0.05


def is_linear(module: nn.Module) -> bool:
    """Whether a module computes ``x W^T + b`` and nothing else (routers may derive from
    ``nn.Linear`` and do more); ``Conv1D`` of transformers counts."""
    kind = type(module)
    if kind.__name__ == "Conv1D" and kind.__module__.startswith("transformers."):
        return True
    if not isinstance(module, nn.Linear):
        return False
    return kind.forward is nn.Linear.forward or _computes_linear(module)


@torch.no_grad()
def _computes_linear(module: nn.Linear) -> bool:
    weight = module.weight
    x = torch.linspace(-1, 1, 3 * module.in_features, device=weight.device, dtype=weight.dtype)
    x = x.view(1, 3, -1)
    try:
        y = module(x)
    except Exception:  # whatever it wants, it is not one tensor
        return False
    return torch.is_tensor(y) and torch.allclose(y, F.linear(x, weight, module.bias), rtol=1e-2)


def layers_in_use(model: nn.Module, names: Iterable[str]) -> list[str]:
    """Those of the modules ``names`` that a forward pass runs row by row, and that its logits
    can teach. The model's own parameters must need no gradient.

    A module that no token reaches (an encoder's cross-attention, a vision tower), or that only
    chooses where to look (an indexer), would have adapters that never learn; one that gets
    tokens of several rows mixed (an expert) cannot choose an adapter by row.
    """
    shapes: dict[str, list[int]] = defaultdict(list)
    steps = {name: torch.zeros((), device=model.device, requires_grad=True) for name in names}

    def shifted(name: str):
        def hook(_module, args, output):
            shapes[name].append(args[0].shape[0])
            return output + steps[name].to(output.dtype)

        return hook

    if not steps:
        return []
    hooks = [model.get_submodule(name).register_forward_hook(shifted(name)) for name in names]
    try:
        with torch.enable_grad():
            logits = model(input_ids=trial_ids(model), use_cache=False).logits.float()
            loss = (logits * torch.linspace(-1, 1, logits.shape[-1], device=logits.device)).sum()
            grads = torch.autograd.grad(loss, list(steps.values()), allow_unused=True)
    finally:
        for hook in hooks:
            hook.remove()
    by_row = {_ROWS, _ROWS * _TOKENS}
    return [
        name
        for name, grad in zip(steps, grads, strict=True)
        if grad is not None and set(shapes[name]) <= by_row
    ]


def layers_that_peft_holds(model: nn.Module, names: list[str]) -> list[str]:
    """Those of the modules ``names`` that PEFT gives an adapter when it loads one of them.

    It refuses some (Mamba's ``out_proj``), and takes others for fused experts of a mixture.
    Tried on the model's skeleton, without weights.
    """
    if getattr(model.config, "model_type", None) in _PLAIN_FAMILIES:
        return names
    if _peft_targets(model, names) == set(names):
        return names
    by_leaf: dict[str, list[str]] = defaultdict(list)
    for name in names:
        by_leaf[name.rpartition(".")[2]].append(name)
    leaves = [each for each in by_leaf.values() if _peft_targets(model, each) == set(each)]
    held = {name for each in leaves for name in each}
    if _peft_targets(model, sorted(held)) != held:
        return []
    return [name for name in names if name in held]


def _peft_targets(model: nn.Module, names: list[str]) -> set[str] | None:
    """The modules that get adapters under ``target_modules=names`` and find their weights under
    their own names; None where PEFT refuses."""
    from peft import LoraConfig, PeftModel, set_peft_model_state_dict

    if not names:
        return set()
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            config = LoraConfig(r=1, target_modules=list(names), task_type="CAUSAL_LM")
            skeleton = PeftModel(type(model)(copy.deepcopy(model.config)), config)
            loaded = set_peft_model_state_dict(skeleton, _adapter_state(skeleton, names))
        except Exception:  # it says why in words; here only whether it can matters
            return None
    prefix = "base_model.model."
    adapted = {name for name, module in skeleton.named_modules() if hasattr(module, "lora_A")}
    unloaded = {key.partition(".lora_")[0] for key in loaded.missing_keys if ".lora_" in key}
    return {name.removeprefix(prefix) for name in adapted - unloaded}


def _adapter_state(skeleton: nn.Module, names: list[str]) -> dict[str, torch.Tensor]:
    """What an adapter file of rank 1 for ``names`` holds."""
    state = {}
    for name in names:
        module = skeleton.base_model.model.get_submodule(name)
        inner, outer = module.in_features, module.out_features
        state[f"base_model.model.{name}.lora_A.weight"] = torch.zeros(1, inner)
        state[f"base_model.model.{name}.lora_B.weight"] = torch.zeros(outer, 1)
    return state
