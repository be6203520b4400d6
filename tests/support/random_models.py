"""Small random models and a tokenizer with a chat template, made here: nothing is downloaded."""

from __future__ import annotations

from pathlib import Path

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LINES = [
    "system user assistant turn go left go right hold attack defend scout fort",
    "you see 3 soldiers and 12 guards at the north gate, morale 0.5",
    "report: the east wall fell. send 4 to the west, keep 2 here",
]


def make_tokenizer(template: str | None = TEMPLATE):
    """A byte-level BPE of 320 entries: any text can be encoded."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<pad>", "<eos>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(LINES, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="<pad>",
        eos_token="<eos>",
        additional_special_tokens=["<|im_start|>", "<|im_end|>"],
    )
    tokenizer.chat_template = template
    return tokenizer


def make_config(architecture: str, **changes):
    """A tiny configuration: 2 layers, width 32, 4 heads."""
    import transformers

    kind = getattr(transformers, f"{architecture}Config")
    ids = dict(vocab_size=320, pad_token_id=0, eos_token_id=1, bos_token_id=1)
    if architecture == "GPT2":
        own = dict(n_embd=32, n_layer=2, n_head=4, n_positions=256)
    elif architecture == "OPT":
        own = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, ffn_dim=48,
                   word_embed_proj_dim=32, max_position_embeddings=256)
    else:
        own = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                   intermediate_size=48, max_position_embeddings=256)
        if architecture != "Phi":
            own["num_key_value_heads"] = 2
        if architecture in ("Gemma", "Gemma2", "Qwen3"):
            own["head_dim"] = 8
    return kind(**{**ids, **own, **changes})


def make_model(config, seed: int = 0):
    """A model of random weights, large enough that its distributions are far from uniform."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(config)
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1:
                torch.nn.init.normal_(parameter, std=0.15)
            elif "bias" in name:
                torch.nn.init.normal_(parameter, std=0.05)
    return model


def write_gguf(folder: Path, template: bool = True, quantized: bool = False) -> Path:
    """A Llama of two layers with a byte-level BPE, as llama.cpp's converter writes it; its
    matrices in 8 bits where ``quantized``."""
    import json

    from gguf import GGMLQuantizationType, GGUFWriter, quants

    tokenizer = make_tokenizer()
    model = make_model(make_config("Llama", num_key_value_heads=4))
    file = folder / "tiny.gguf"
    writer = GGUFWriter(str(file), "llama")
    writer.add_context_length(256)
    writer.add_embedding_length(32)
    writer.add_block_count(2)
    writer.add_feed_forward_length(48)
    writer.add_head_count(4)
    writer.add_head_count_kv(4)
    writer.add_rope_dimension_count(8)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_vocab_size(320)
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    merges = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]
    special = set(tokenizer.all_special_tokens)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([token for token, _ in vocabulary])
    writer.add_token_types([3 if token in special else 1 for token, _ in vocabulary])
    writer.add_token_merges([" ".join(pair) for pair in merges])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(1)
    writer.add_pad_token_id(0)
    if template:
        writer.add_chat_template(tokenizer.chat_template)
    names = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
             "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
             "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
             "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}
    for name, tensor in model.state_dict().items():
        for mine, its in names.items():
            name = name.replace(mine, its)
        name = name.replace("model.layers.", "blk.").replace("model.embed_tokens", "token_embd")
        name = name.replace("model.norm", "output_norm").replace("lm_head", "output")
        blocks = None
        if quantized and tensor.dim() > 1 and tensor.shape[-1] % 32 == 0:
            blocks = GGMLQuantizationType.Q8_0
        data = tensor.numpy() if blocks is None else quants.quantize(tensor.numpy(), blocks)
        writer.add_tensor(name, data, raw_dtype=blocks)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file
