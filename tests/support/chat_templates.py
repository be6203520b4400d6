"""Chat templates in the shapes of the common families, and tokenizers for them."""

from __future__ import annotations

GEMMA = (
    "<bos>{% if messages[0]['role'] == 'system' %}"
    "{{ raise_exception('no system role') }}{% endif %}{% for m in messages %}"
    "{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}"
    "<start_of_turn>{{ 'model' if m['role'] == 'assistant' else m['role'] }}\n"
    "{{ m['content'] | trim }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
QWEN3 = (  # earlier thoughts are dropped; a switched-off thought stands in the generation prompt
    "{% for m in messages %}{% set c = m['content'] %}"
    "{% if m['role'] == 'assistant' and '</think>' in c %}"
    "{% set c = c.split('</think>')[-1].lstrip('\\n') %}{% endif %}"
    "<|im_start|>{{ m['role'] }}\n{{ c }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n"
    "{% endif %}{% endif %}"
)
LLAMA3 = (
    "{% set d = strftime_now('%d %b %Y') if strftime_now is defined else '26 Jul 2024' %}"
    "{% if messages[0]['role'] == 'system' %}{% set s = messages[0]['content'] | trim %}"
    "{% set messages = messages[1:] %}{% else %}{% set s = '' %}{% endif %}"
    "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n"
    "{% if tools is defined and tools %}Environment: ipython\n{% endif %}"
    "Cutting Knowledge Date: December 2023\nToday Date: {{ d }}\n\n{{ s }}<|eot_id|>"
    "{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n"
    "{{ m['content'] | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
MISTRAL = (
    "<s>{% for m in messages %}{% if m['role'] == 'user' %}[INST] {{ m['content'] }} [/INST]"
    "{% elif m['role'] == 'assistant' %} {{ m['content'] }}</s>"
    "{% else %}{{ raise_exception('only user and assistant roles') }}{% endif %}{% endfor %}"
)
MISTRAL_SYSTEM = (
    "<s>{% for m in messages %}{% if m['role'] == 'system' %}[SYSTEM_PROMPT]{{ m['content'] }}"
    "[/SYSTEM_PROMPT]{% elif m['role'] == 'user' %}[INST]{{ m['content'] }}[/INST]"
    "{% else %}{{ m['content'] }}</s>{% endif %}{% endfor %}"
)
MISTRAL_LAST = (  # the system message moves into the last user message
    "{% if messages[0]['role'] == 'system' %}{% set s = messages[0]['content'] %}"
    "{% set messages = messages[1:] %}{% endif %}<s>{% for m in messages %}"
    "{% if m['role'] == 'user' %}[INST]{% if loop.last and s is defined %}{{ s }}\n\n{% endif %}"
    "{{ m['content'] }}[/INST]{% else %}{{ m['content'] }}</s>{% endif %}{% endfor %}"
)
DEEPSEEK = (
    "<|bos|>{% for m in messages %}{% set c = m['content'] %}"
    "{% if m['role'] == 'system' %}{{ c }}{% elif m['role'] == 'user' %}<|User|>{{ c }}"
    "{% else %}{% if '</think>' in c %}{% set c = c.split('</think>')[-1] %}{% endif %}"
    "<|Assistant|>{{ c }}<|end_of_sentence|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|Assistant|><think>\n{% endif %}"
)
PHI = (
    "{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
HARMONY = (
    "<|start|>system<|message|>You are a model.\nCurrent date: {{ strftime_now('%Y-%m-%d') }}\n"
    "# Valid channels: analysis, final<|end|>"
    "{% for m in messages %}{% if m['role'] == 'assistant' %}"
    "<|start|>assistant<|channel|>final<|message|>{{ m['content'] }}<|end|>"
    "{% else %}<|start|>{{ 'developer' if m['role'] == 'system' else 'user' }}<|message|>"
    "{{ m['content'] }}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant{% endif %}"
)
FAMILIES = {  # name: (template, EOS, special tokens, other added tokens)
    "gemma": (GEMMA, "<eos>", ["<bos>", "<start_of_turn>", "<end_of_turn>"], ["\n", "\n\n"]),
    "chatml": (CHATML, "<eos>", ["<|im_start|>", "<|im_end|>"], []),
    "qwen3": (QWEN3, "<|im_end|>", ["<|im_start|>", "<|endoftext|>"],
              ["<think>", "</think>", "<tool_call>", "</tool_call>"]),
    "llama3": (LLAMA3, "<|eot_id|>", ["<|begin_of_text|>", "<|start_header_id|>",
                                     "<|end_header_id|>", "<|end_of_text|>"], []),
    "mistral": (MISTRAL, "</s>", ["<s>"], []),
    "mistral-system": (MISTRAL_SYSTEM, "</s>", ["<s>", "[INST]", "[/INST]", "[SYSTEM_PROMPT]",
                                                "[/SYSTEM_PROMPT]"], []),
    "mistral-last": (MISTRAL_LAST, "</s>", ["<s>", "[INST]", "[/INST]"], []),
    "deepseek": (DEEPSEEK, "<|end_of_sentence|>", ["<|bos|>"],
                 ["<|User|>", "<|Assistant|>", "<think>", "</think>"]),
    "phi": (PHI, "<|endoftext|>", ["<|system|>", "<|user|>", "<|assistant|>", "<|end|>"], []),
    "harmony": (HARMONY, "<|return|>", ["<|start|>", "<|message|>", "<|channel|>", "<|end|>",
                                        "<|call|>"], []),
}


def make_chat_tokenizer(family: str, kind: str = "bytes"):
    """The tokenizer of a family's shape; ``kind``: ``bytes`` (GPT-2's, Qwen's, Llama 3's),
    ``first`` or ``always`` (sentencepiece's, with a space before a text's first word, or before
    the first word after each special token)."""
    template, eos, special, added = FAMILIES[family]
    return tokenizer_of(template, eos, special, added, kind)


def tokenizer_of(template, eos="<eos>", special=(), added=(), kind="bytes"):
    from random_models import LINES
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE(byte_fallback=kind != "bytes", unk_token="<unk>"))
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    reserved = ["<pad>", "<unk>", eos, *special]
    if kind == "bytes":
        backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        backend.decoder = decoders.ByteLevel()
    else:
        backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=kind)
        backend.decoder = decoders.Metaspace(prepend_scheme=kind)
        alphabet = [chr(i) for i in range(32, 127)] + ["\n", "\u2581"]
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=reserved, initial_alphabet=alphabet, show_progress=False
    )
    backend.train_from_iterator(LINES, trainer)
    backend.add_tokens([AddedToken(text, special=False, normalized=False) for text in added])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", eos_token=eos, unk_token="<unk>",
        additional_special_tokens=list(special),
    )
    tokenizer.chat_template = template
    return tokenizer
