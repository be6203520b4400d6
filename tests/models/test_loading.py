"""Models from folders, files and adapters; what is damaged is refused in one line."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
import torch
from helpers import batch_of, build_team, play, shake
from random_models import make_config, make_model, make_tokenizer, write_gguf

from colllm_bench.errors import ConfigError
from colllm_bench.models.base_files import digest, find_source
from colllm_bench.models.loading import load_base


@pytest.fixture
def folder(model_folder, tmp_path):
    return Path(shutil.copytree(model_folder(), tmp_path / "model"))


def refused(folder, match, **options):
    with pytest.raises(ConfigError, match=match) as caught:
        load_base(str(folder), device="cpu", **options)
    assert "\n" not in str(caught.value) and "fix" in str(caught.value)


def test_git_lfs_pointers(folder):
    text = "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 99\n"
    (folder / "model.safetensors").write_text(text)
    refused(folder, "model.safetensors is a Git LFS pointer.*git lfs pull")


@pytest.mark.parametrize("keep", [0, 5, 100, 0.5, -1])
def test_truncated_weights(folder, keep):
    weights = folder / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[: int(len(content) * keep) if keep == 0.5 else keep])
    refused(folder, "model.safetensors is truncated or damaged")


def test_weights_of_other_widths_and_missing_ones(folder):
    make_model(make_config("Llama", intermediate_size=96)).save_pretrained(folder / "wide")
    shutil.copy(folder / "wide" / "model.safetensors", folder)
    refused(folder, "cannot be loaded.*weights belong to its config.json|lacks")
    make_model(make_config("Llama", num_hidden_layers=1)).save_pretrained(folder / "less")
    shutil.copy(folder / "less" / "model.safetensors", folder)
    refused(folder, "lacks 9 of its weights .*layers.1")


def test_damaged_json(folder):
    (folder / "config.json").write_text("{")
    refused(folder, "cannot be loaded")


def test_a_tokenizer_larger_than_the_embedding(folder):
    make_model(make_config("Llama", vocab_size=300)).save_pretrained(folder)
    refused(folder, "ids up to 319, and its embedding has 300 rows")


def test_a_model_that_sees_the_future_is_refused(model_folder, tmp_path):
    from transformers import BertConfig, BertLMHeadModel

    config = BertConfig(vocab_size=320, hidden_size=32, num_hidden_layers=2,
                        num_attention_heads=4, intermediate_size=48)
    BertLMHeadModel(config).save_pretrained(tmp_path)
    make_tokenizer().save_pretrained(tmp_path)
    refused_line = "BertLMHeadModel is no causal language model: its outputs depend on later"
    with pytest.raises(ConfigError, match=refused_line):
        load_base(str(tmp_path), device="cpu")


def test_custom_code_needs_the_option(folder):
    """And nobody is asked on the terminal."""
    config = json.loads((folder / "config.json").read_text())
    config["model_type"] = "mine"
    config["architectures"] = ["Mine"]
    config["auto_map"] = {"AutoConfig": "mine.MineConfig", "AutoModelForCausalLM": "mine.Mine"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "mine.py").write_text(
        "from transformers import LlamaConfig, LlamaForCausalLM\n"
        "class MineConfig(LlamaConfig):\n    model_type = 'mine'\n"
        "class Mine(LlamaForCausalLM):\n    config_class = MineConfig\n"
    )
    refused(folder, "brings code of its own.*--trust-remote-code")
    base = load_base(str(folder), device="cpu", trust_remote_code=True)
    assert type(base.model).__name__ == "Mine"


def test_an_adapter_folder_is_merged_into_its_base(model_folder, tmp_path, recwarn):
    team = build_team(model_folder(), 2)
    shake(team)
    team.save(tmp_path)
    batch = batch_of(team, play(team))
    rows = batch.agent == 1
    base = load_base(str(tmp_path / "agent_1"), device="cpu")
    assert not [w for w in recwarn if "gradient_checkpointing" in str(w.message)]
    with torch.no_grad():
        found = base.model(input_ids=batch.ids[rows], use_cache=False).logits
        with team.adapters.use(batch.agent[rows]):
            expected = team.model(input_ids=batch.ids[rows], use_cache=False).logits
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    again = build_team(str(tmp_path / "agent_1"), 2)
    assert len(play(again)) == 3
    config = tmp_path / "agent_1" / "adapter_config.json"
    config.write_text(config.read_text().replace(model_folder(), "/no/such/base"))
    refused(tmp_path / "agent_1", "'/no/such/base' is not a model folder")


def test_a_gguf_file(tmp_path):
    pytest.importorskip("gguf")
    file = write_gguf(tmp_path)
    base = load_base(str(file), device="cpu")
    assert base.model.config.num_hidden_layers == 2 and base.digest == digest(str(file))
    assert len(play(build_team(str(file), 2))) == 3


def test_weights_of_a_gguf_file_are_unpacked(tmp_path, caplog):
    """transformers keeps some packed, in layers that take no adapters, unless told not to."""
    pytest.importorskip("gguf")
    from transformers.utils import logging

    file = write_gguf(tmp_path, quantized=True)
    logging.enable_propagation()
    try:
        model = load_base(str(file), device="cpu", dtype="bfloat16").model
    finally:
        logging.disable_propagation()
    assert "packed" not in caplog.text
    assert {type(m) for m in model.modules() if hasattr(m, "in_features")} == {torch.nn.Linear}
    quantization = getattr(model.config, "quantization_config", None)
    assert quantization is None or quantization.dequantize


def test_a_folder_with_a_gguf_file_in_it(tmp_path):
    pytest.importorskip("gguf")
    file = write_gguf(tmp_path)
    assert find_source(str(tmp_path), None) == str(file)
    shutil.copy(file, tmp_path / "other.gguf")
    refused(tmp_path, "has 2 GGUF files; allowed: .*other.gguf, .*tiny.gguf; fix: name the file")


def test_a_gguf_file_without_the_package(tmp_path, monkeypatch):
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    monkeypatch.setitem(sys.modules, "gguf", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    refused(tmp_path / "model.gguf", r"pip install -e '\.\[gguf\]'")


def test_digests_are_of_the_content(folder, tmp_path):
    moved = shutil.copytree(folder, tmp_path / "elsewhere")
    assert digest(str(folder)) == digest(str(moved)) != None  # noqa: E711
    weights = moved / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert digest(str(folder)) != digest(str(moved))
    assert digest("nobody/nothing") is None


def test_an_adapter_names_the_built_in_model_by_no_path(tmp_path):
    team = build_team("tiny", 1, env="strategy")
    team.save(tmp_path)
    config = json.loads((tmp_path / "agent_0" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "colllm_bench/models/tiny/strategy"


@pytest.mark.parametrize("header", [
    b"[]", b"3", b"null", b'{"a": 3}', b'{"a": {"data_offsets": [0, "x"]}}',
    b'{"a": {"data_offsets": []}}',
])
def test_safetensors_headers_of_another_form(folder, header):
    content = len(header).to_bytes(8, "little") + header
    (folder / "model.safetensors").write_bytes(content)
    refused(folder, "model.safetensors is truncated or damaged")


@pytest.mark.parametrize(("content", "match"), [
    ("[]", "its base is not named"),
    ("3", "its base is not named"),
    ('{"base_model_name_or_path": null}', "its base is not named"),
    ('{"base_model_name_or_path": "BASE"}', "has no weights: no adapter_model.safetensors"),
])
def test_adapter_folders_that_cannot_be_loaded(folder, tmp_path, content, match):
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text(content.replace("BASE", str(folder)))
    refused(adapter, match)


def test_an_adapter_on_itself(tmp_path):
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    content = json.dumps({"base_model_name_or_path": str(adapter)})
    (adapter / "adapter_config.json").write_text(content)
    (adapter / "adapter_model.bin").touch()
    refused(adapter, "is an adapter itself")


@pytest.mark.parametrize(("ids", "read"), [
    ([1, 2], (1, 2)), (-1, ()), ([1, -1], (1,)), ("x", ()), ([[1]], ()), ([], ()), (True, ()),
])
def test_end_ids_of_odd_forms(folder, ids, read):
    path = folder / "generation_config.json"
    path.write_text(json.dumps({"eos_token_id": ids}))
    assert load_base(str(folder), device="cpu").end_ids == read


@pytest.mark.parametrize("name", ["tinny", "Tiny", "smollm", "smol-lm2"])
def test_a_mistyped_name_is_not_looked_for_on_the_hub(name):
    with pytest.raises(ConfigError, match=f"no model {name!r}.* did you mean (tiny|smollm2)"):
        find_source(name, None)


@pytest.mark.parametrize("name", ["gpt2", "distilgpt2", "someone/tinny"])
def test_other_names_are_the_hubs(name):
    assert find_source(name, None) == name
