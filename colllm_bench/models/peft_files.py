"""LoRA adapters on disk, in the format of PEFT, written without importing it.

Importing ``peft`` costs seconds; the format is one JSON file and one safetensors file
(https://huggingface.co/docs/peft/developer_guides/checkpoint).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch

from colllm_bench.errors import ConfigError

PREFIX = "base_model.model."


def save(
    folder: str | Path,
    tensors: Mapping[str, tuple[torch.Tensor, torch.Tensor]],
    rank: int,
    alpha: float,
    base_name: str,
    *,
    fan_in_fan_out: bool,
) -> None:
    """Write ``adapter_config.json`` and ``adapter_model.safetensors``.

    Args:
        tensors: for each module's full name, A [rank, in] and B [out, rank].
        base_name: what ``AutoModelForCausalLM.from_pretrained`` finds the base under.
        fan_in_fan_out: the base's weights are [in, out] (GPT-2's ``Conv1D``).
    """
    from safetensors.torch import save_file

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    flat = {}
    for name, (a, b) in tensors.items():
        flat[f"{PREFIX}{name}.lora_A.weight"] = a.detach().cpu().contiguous().clone()
        flat[f"{PREFIX}{name}.lora_B.weight"] = b.detach().cpu().contiguous().clone()
    save_file(flat, str(folder / "adapter_model.safetensors"), metadata={"format": "pt"})
    config = {
        "base_model_name_or_path": base_name,
        "bias": "none",
        "fan_in_fan_out": fan_in_fan_out,
        "inference_mode": True,
        "init_lora_weights": True,
        "lora_alpha": alpha,
        "lora_dropout": 0.0,
        "peft_type": "LORA",
        "r": rank,
        # Full names: a bare suffix could also match a layer that has no adapter here.
        "target_modules": sorted(tensors),
        "task_type": "CAUSAL_LM",
        "use_dora": False,
        "use_rslora": False,
    }
    text = json.dumps(config, indent=2, sort_keys=True) + "\n"
    (folder / "adapter_config.json").write_text(text, encoding="utf-8")


def load(
    folder: str | Path, names: Iterable[str], rank: int, alpha: float
) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """A and B of each module in ``names``.

    Raises:
        ConfigError: the folder is no LoRA adapter, or one of other modules, rank or alpha.
    """
    from safetensors.torch import load_file

    folder = Path(folder)
    try:
        config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
        flat = load_file(str(folder / "adapter_model.safetensors"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{str(folder)!r} is no adapter folder ({error})",
            allowed="a folder with adapter_config.json and adapter_model.safetensors",
        ) from error
    if (config.get("r"), config.get("lora_alpha")) != (rank, alpha):
        raise ConfigError(
            f"adapter {str(folder)!r} has rank {config.get('r')} and alpha "
            f"{config.get('lora_alpha')}",
            allowed=f"rank {rank} and alpha {alpha}, as this run is configured",
            fix="set lora_rank and lora_alpha to the adapter's",
        )
    wanted = {f"{PREFIX}{name}.lora_{x}.weight" for name in names for x in "AB"}
    require_same(dict.fromkeys(wanted), flat)
    return {
        name: (flat[f"{PREFIX}{name}.lora_A.weight"], flat[f"{PREFIX}{name}.lora_B.weight"])
        for name in names
    }


def require_same(expected: Mapping, loaded: Mapping) -> None:
    """Raise ConfigError unless both hold the same names (and shapes, if any)."""
    odd = sorted(set(expected) ^ set(loaded))
    odd += [n for n in expected if n not in odd and hasattr(expected[n], "shape")
            and expected[n].shape != loaded[n].shape]
    if odd:
        raise ConfigError(
            f"adapter weights do not fit the model: {odd[0]!r} and {len(odd) - 1} more differ",
            fix="use the base model and the settings that they were trained with",
        )
