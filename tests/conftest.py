"""Small random models and a tokenizer with a chat template, made here: nothing is downloaded."""

from __future__ import annotations

import os
import signal

# A shell that starts us in the background lets us ignore Ctrl-C, which tests send.
signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import pytest  # noqa: E402

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


@pytest.fixture(scope="session")
def tokenizer():
    return make_tokenizer()


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory, tokenizer):
    """``model_folder("Llama", sliding_window=8)`` -> the folder of such a model, made once."""
    made: dict[tuple, str] = {}

    def folder(architecture: str = "Llama", **changes) -> str:
        key = (architecture, *sorted(changes.items(), key=str))
        if str(key) not in made:
            path = tmp_path_factory.mktemp(architecture.lower())
            make_model(make_config(architecture, **changes)).save_pretrained(path)
            tokenizer.save_pretrained(path)
            made[str(key)] = str(path)
        return made[str(key)]

    return folder


@pytest.fixture
def generator():
    import torch

    return torch.Generator().manual_seed(7)


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium. Not for the whole session: its loop would be in the way of others'."""
    from browser import chromium

    with chromium() as found:
        yield found


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """The page of :func:`page_runs.make_results`."""
    from page_runs import make_results

    from colllm_bench.leaderboard.data.collection import read
    from colllm_bench.leaderboard.page import build_page
    from colllm_bench.leaderboard.report_data import build_data

    where = tmp_path_factory.mktemp("site")
    return build_page(build_data(read(make_results(where / "results"))), where)


@pytest.fixture(scope="module")
def view(built):
    """What the page's scripts read."""
    from page_runs import view_of

    return view_of(built.read_text())
