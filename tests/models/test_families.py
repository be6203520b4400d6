"""Families of models: each works, works slowly, or is refused in one line.

``docs/models.md`` is what the walk over all of them found; it is written by

    WRITE_DOCS=1 python -m pytest -m slow tests/models/test_families.py
"""

from __future__ import annotations

import os
from collections import defaultdict

import pytest
import torch
from family_check import check_family
from helpers import build_team
from model_families import causal_families, small_model
from paths import ROOT
from random_models import make_config, make_model

from colllm_bench.errors import ConfigError
from colllm_bench.models import probes
from colllm_bench.models.forward import LogitsAt
from colllm_bench.models.loading import prepare_model

PAGE = ROOT / "docs" / "models.md"
TEXT = """Nothing goes by a family's name: at load, a model is tried. Its outputs must not depend
on later tokens. Adapters go on linear layers that every token passes row by row, that get a
gradient, and that PEFT loads; routers and fused experts stay as they are. A cache for rows of
different lengths is used where it gives the same logits as a full pass, also with a narrow window.

`--model` takes a built-in name, a folder of `save_pretrained`, the folder of a PEFT adapter (it is
merged into the base that it names), a `.gguf` file (`pip install -e '.[gguf]'`) or a hub
id. `--trust-remote-code` runs code that the model's repository brings. Git LFS pointers, truncated
files, weights of other widths, missing weights and tokenizers larger than the embedding are refused
in one line. The digest of the base's files is recorded when a run starts and compared when it is
resumed or evaluated; `--model` may then name a new place of the same files.

**Chat templates.** The template is cut into the pieces around an action, and a self-test at load
compares them with the whole conversation, token by token, for three turns, ended and cut off. A
template without a system role, or one that moves the system message, gets the instructions in the
first user message. The end-of-turn token of the template, EOS and every id of
`generation_config.eos_token_id` end an action. `strftime_now` prints the day on which the run
started. Observations cannot hold control tokens, special or not. Thinking is switched off where the
template has `enable_thinking`; thoughts that a model writes all the same are sampled and trained
on, and are no part of its action. Of models that write in channels (gpt-oss) the final one acts.

**A full context** ends its episode, not the run: the episode is truncated (a critic bootstraps
there), counted as `context_exceeded` in `metrics.jsonl`, and a warning says so once. A first
observation is shown as far as it fits. A critic whose joint history is longer than its context
reads later values from the last tokens only.

**bfloat16.** Sampling a token at a time from a cache rounds otherwise than scoring whole
transcripts. With the built-in models log-probabilities differ by .0005 to .001 on average and by
.06 at most; with random models of wide distributions by less than .1 on average. Updates therefore
compare with log-probabilities of the loss's own forward pass, and `sampling_gap` in
`metrics.jsonl` is the mean difference. In float32 the difference is below .0001, and nothing is
computed again.
"""
EXPECTED = {  # families that a general mechanism was made for, and what is adapted of them
    "deepseek_v3": ("works", "kv_a_proj_with_mqa"),  # PEFT takes its MLPs for fused experts
    "glm4_moe": ("works", "q_proj"),
    "ernie4_5_moe": ("works", "q_proj"),
    "hunyuan_v1_moe": ("works", "q_proj"),
    "laguna": ("works", "q_proj"),  # PEFT renames keys of its shared experts when it loads
    "deepseek_v32": ("slow", "kv_b_proj"),  # its indexer gets no gradient
    "falcon": ("works", "query_key_value"),  # a subclass of nn.Linear
    "mamba": ("slow", "in_proj"),  # PEFT refuses out_proj
    "bart": ("slow", "fc1"),  # a decoder's cross-attention is never run
    "gpt_bigcode": ("works", "c_attn"),  # dropout of train mode under checkpointing
    "phimoe": ("works", "q_proj"),  # jitter, and routing that reads it in eval mode too
    "gemma3n_text": ("works", "q_proj"),
    "llama4_text": ("slow", "q_proj"),  # no base_model for the critic
    "moshi": ("slow", "fc1"),  # names a sliding window that it does not apply
    "bert": ("refused", "depend on later tokens"),
    "prophetnet": ("refused", "depend on later tokens"),
}


@pytest.mark.parametrize("family", EXPECTED)
def test_families_with_a_trait_of_their_own(family, tokenizer):
    """Sampled equals scored, actors and critic get gradients, the same with checkpointing, and
    PEFT plays what was trained."""
    verdict, reason = check_family(family, tokenizer)
    assert verdict == EXPECTED[family][0] and EXPECTED[family][1] in reason, reason


def test_layers_that_peft_holds_are_found_by_trying():
    model = small_model("deepseek_v3").requires_grad_(False)
    attention, dense = "model.layers.0.self_attn.o_proj", "model.layers.0.mlp.gate_proj"
    assert probes.layers_that_peft_holds(model, [attention, dense]) == [attention]
    assert probes.layers_that_peft_holds(model, [dense]) == []


def test_a_router_that_derives_from_linear_is_none():
    class Router(torch.nn.Linear):
        def forward(self, x):
            return torch.relu(super().forward(x))

    class Written(torch.nn.Linear):
        def forward(self, x):
            return x @ self.weight.T + self.bias

    assert probes.is_linear(Written(8, 4)) and not probes.is_linear(Router(8, 4))


def test_a_model_without_a_linear_layer_is_refused_in_one_line():
    model = make_model(make_config("Llama")).eval().requires_grad_(False)
    for name, module in list(model.named_modules()):
        if isinstance(module, torch.nn.Linear) and name != "lm_head":
            parent, _, child = name.rpartition(".")
            router = torch.nn.Linear(module.in_features, module.out_features, bias=False)
            router.__class__ = type("Odd", (torch.nn.Linear,), {"forward": lambda s, x: s.twice(x),
                                    "twice": lambda s, x: 2 * torch.nn.Linear.forward(s, x)})
            setattr(model.get_submodule(parent), child, router)
    from colllm_bench.models.adapters import layers_to_adapt

    with pytest.raises(ConfigError, match="no linear layer to adapt; fix: use tuning=full"):
        layers_to_adapt(model)


def test_logits_that_cannot_be_picked_are_indexed():
    """A model that reshapes what comes out of its output embedding."""
    model = make_model(make_config("Llama")).eval()
    ids = probes.trial_ids(model)
    whole = model(input_ids=ids, use_cache=False).logits
    plain = model.lm_head.forward
    model.lm_head.forward = lambda x: plain(x) if x.shape[1] == 5 else plain(x)[:, :1]
    gather = LogitsAt(model)
    rows, columns = torch.tensor([1, 0]), torch.tensor([4, 2])
    assert not gather.picks
    picked = gather.logits(model, (rows, columns), input_ids=ids, use_cache=False)
    torch.testing.assert_close(picked, whole[rows, columns])


def test_checkpointing_leaves_dropout_inside_a_block_off(model_folder):
    team = build_team(model_folder("GPT2"), 1, gradient_checkpointing=True)
    from colllm_bench.models.activation_checkpointing import training_mode

    with training_mode(team.model, True):
        modes = {type(m).__name__: m.training for m in team.model.modules()}
    assert modes["GPT2Block"] and not modes["GPT2Attention"] and not modes["Dropout"]
    assert not any(m.training for m in team.model.modules())
    model = make_model(make_config("GPT2", resid_pdrop=0.3)).train()
    prepare_model(model, False)
    assert all(m.p == 0 for m in model.modules() if isinstance(m, torch.nn.Dropout))


@pytest.mark.slow
def test_every_causal_family_of_transformers(tokenizer):
    found = {family: check_family(family, tokenizer) for family in causal_families()}
    text = page(found)
    if os.environ.get("WRITE_DOCS"):
        PAGE.write_text(text, encoding="utf-8")
    failing = {family: reason for family, (verdict, reason) in found.items() if verdict == "fails"}
    assert not failing
    assert text == PAGE.read_text(encoding="utf-8"), "WRITE_DOCS=1 writes the page anew"


def page(found: dict[str, tuple[str, str]]) -> str:
    import transformers

    groups = defaultdict(list)
    for family, (verdict, reason) in sorted(found.items()):
        groups[verdict].append((family, reason))
    count = {verdict: len(groups[verdict]) for verdict in ("works", "slow", "refused", "not tried")}
    parts = [
        "# Model families\n",
        "What a tiny random model of each causal family of transformers "
        f"{transformers.__version__} does here. This page is written by a test "
        "(`WRITE_DOCS=1 python -m pytest -m slow tests/models/test_families.py`), which plays, "
        "scores, trains, checkpoints and saves with each, and loads the adapters with PEFT: "
        "log-probabilities that are sampled, scored and computed by PEFT differ by less than "
        "0.001, gradients with and without `--gradient-checkpointing` by less than 0.001 of the "
        f"largest. {count['works']} work, {count['slow']} work slowly, {count['refused']} are "
        f"refused in one line, and {count['not tried']} could not be tried.\n",
        TEXT,
        _table("Work", groups["works"], "adapters on"),
        _table("Work slowly", groups["slow"], "adapters on",
               "Their caches cannot hold rows of different lengths (recurrent layers, windows of "
               "their own kind): every token is computed from the whole transcript.\n"),
        _table("Refused", groups["refused"], "reason"),
        _table("Not tried", groups["not tried"], "why no tiny model could be made"),
    ]
    return "\n".join(part for part in parts if part)


def _table(title, rows, column, note=""):
    lines = [f"## {title}\n", note, f"| family | {column} |", "|---|---|"]
    lines += [f"| {family} | {reason.replace('|', ' ')} |" for family, reason in rows]
    return "\n".join(line for line in lines if line) + "\n"
