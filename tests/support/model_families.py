"""Every causal family of the installed transformers as a tiny random model."""

from __future__ import annotations

from typing import Any

VOCABULARY, WIDTH, HEADS = 320, 32, 4
LIMIT = 4_000_000
"""Parameters that a tiny model has at most; more means that a size was missed here."""
SMALL: dict[str, Any] = {  # what configurations call their sizes
    **dict.fromkeys(("hidden_size", "d_model", "n_embd", "dim", "embed_dim", "word_embed_proj_dim",
                     "embedding_size", "model_dim", "attention_hidden_size", "width"), WIDTH),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "num_layers", "n_layers", "decoder_layers",
                     "encoder_layers", "num_decoder_layers", "num_encoder_layers"), 2),
    **dict.fromkeys(("num_attention_heads", "n_head", "num_heads", "n_heads",
                     "decoder_attention_heads", "encoder_attention_heads"), HEADS),
    **dict.fromkeys(("num_key_value_heads", "num_kv_heads", "multi_query_group_num"), 2),
    **dict.fromkeys(("intermediate_size", "ffn_dim", "n_inner", "d_ff", "decoder_ffn_dim",
                     "encoder_ffn_dim", "dim_ff", "ffn_hidden_size", "moe_intermediate_size",
                     "shared_expert_intermediate_size", "intermediate_size_mlp",
                     "expert_ffn_hidden_size", "moe_shared_expert_intermediate_size"), 48),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "n_ctx", "max_sequence_length",
                     "seq_length", "max_seq_len", "context_length"), 256),
    **dict.fromkeys(("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts",
                     "num_routed_experts", "n_experts"), 4),
    **dict.fromkeys(("num_experts_per_tok", "num_experts_per_token", "moe_k", "moe_topk",
                     "num_selected_experts", "top_k_experts"), 2),
    **dict.fromkeys(("n_group", "topk_group", "n_shared_experts", "num_shared_experts",
                     "moe_num_shared_experts", "first_k_dense_replace"), 1),
    **dict.fromkeys(("head_dim", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim",
                     "kv_channels", "attention_head_dim", "swa_head_dim", "global_head_dim",
                     "index_head_dim"), 8),
    **dict.fromkeys(("q_lora_rank", "kv_lora_rank", "index_n_heads"), 16),
    **dict.fromkeys(("state_size", "mamba_d_state", "ssm_state_size", "mamba_dt_rank",
                     "time_step_rank", "lru_width", "mamba_n_heads", "index_topk"), 8),
    "qk_head_dim": 16, "vocab_size": VOCABULARY, "vocab_size_per_layer_input": VOCABULARY,
    "hidden_size_per_layer_input": 8, "laurel_rank": 8, "pad_token_id": 0, "eos_token_id": 1,
    "bos_token_id": 1, "use_mamba_kernels": False, "dropout": 0.1,
    "sliding_window": 64, "rotary_dim": 8, "axial_pos_shape": (16, 16),
    "axial_pos_embds_dim": (16, 16), "linear_num_key_heads": 2, "linear_num_value_heads": 2,
    "linear_key_head_dim": 8, "linear_value_head_dim": 8,
    "linear_num_heads": 2, "linear_head_dim": 8,
}
_ROUTED = {"num_experts_per_tok": 2, "topk_method": "greedy", "n_group": 1, "topk_group": 1}
_PLAIN = {"head_dim": 8, "num_key_value_heads": 2}
OWN: dict[str, dict[str, Any]] = {  # of one family, where the names above do not do
    "deepseek_v2": _ROUTED, "dots1": {**_ROUTED, "n_routed_experts": 4, "n_shared_experts": 1},
    "dots3_note": {"num_key_value_heads": HEADS}, "dots3_note_text": {"num_key_value_heads": HEADS},
    "gemma3n_text": {"num_hidden_layers": 4, "num_kv_shared_layers": 2, "layer_types": [
        "sliding_attention", "full_attention"] * 2},
    "gemma4_assistant": {"hidden_size_per_layer_input": 0},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]], "window_size": 64},
    "hunyuan_v1_dense": _PLAIN, "hunyuan_v1_moe": _PLAIN, "ministral": _PLAIN,
    "nemotron": _PLAIN, "qwen4_exp": _PLAIN, "qwen4_exp_text": _PLAIN,
    "lfm2_moe": {"layer_types": ["conv", "full_attention"]},
    "mamba2": {"num_heads": 8, "head_dim": 8, "n_groups": 1},
    "zaya": {"num_experts_per_tok": 1},
    "roc_bert": {"pronunciation_vocab_size": 32, "shape_vocab_size": 32},
    "zamba": {"num_hidden_layers": 4, "layers_block_type": ["mamba", "hybrid", "mamba", "hybrid"]},
}


def causal_families() -> list[str]:
    """Model types of ``AutoModelForCausalLM``, each with a configuration of its own."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    return sorted(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)


def small_config(family: str) -> Any:
    """The family's default configuration with two layers of width 32 and a vocabulary of 320."""
    from transformers import CONFIG_MAPPING

    return _shrunk(CONFIG_MAPPING[family], OWN.get(family, {}))


def _shrunk(kind: Any, own: dict[str, Any]) -> Any:
    default = kind()
    fields = default.to_dict()
    parts = {
        name: _shrunk(type(part), own if name == "text_config" else {}).to_dict()
        for name in getattr(default, "sub_configs", None) or ()
        if (part := getattr(default, name, None)) is not None
    }
    if "text_config" in parts:
        return kind(**parts)
    names = {value: key for key, value in (getattr(kind, "attribute_map", None) or {}).items()}
    sizes = {}
    for name in fields:
        size = SMALL.get(name, SMALL.get(names.get(name, "")))
        if size is not None and (fields[name] is not None or name in ("pad_token_id",)):
            sizes[name] = size
    if "kv_lora_rank" in fields:  # latent attention: as many heads of keys as of queries
        sizes["num_key_value_heads"] = HEADS
    sizes |= parts | own
    for name in ("layer_types", "layers_block_type", "mlp_layer_types"):
        if fields.get(name) and name not in own:
            kinds = list(dict.fromkeys(fields[name]))
            sizes[name] = (kinds * 2)[:2]
    return kind(**sizes)


def small_model(family: str, seed: int = 0) -> Any:
    """A model of random weights far from uniform distributions, in ``eval`` mode."""
    import torch
    from random_models import make_model
    from transformers import AutoModelForCausalLM

    config = small_config(family)
    with torch.device("meta"):
        size = sum(p.numel() for p in AutoModelForCausalLM.from_config(config).parameters())
    if size > LIMIT:
        raise ValueError(f"{size} parameters: not all sizes of {family} are known here")
    model = make_model(config, seed).eval()
    with torch.no_grad():
        for parameter in model.parameters():  # scales that start at 0 would stop all gradients
            if parameter.dim() < 2 and not parameter.any():
                parameter.add_(0.1)
    return model
