"""What a run is said to need, against what its parts then take."""

from __future__ import annotations

import pytest
import torch
from random_models import write_gguf
from tiny_envs import tiny_config

from colllm_bench import cli, processes, run
from colllm_bench.models.loading import load_base
from colllm_bench.models.outline import outline
from colllm_bench.runs import files
from colllm_bench.setup.resolve import resolve
from colllm_bench.training import memory
from colllm_bench.training.memory_shapes import Shapes
from colllm_bench.training.trainer import Trainer

CPU = torch.device("cpu")
FAMILIES = ["Llama", "GPT2", "Qwen3", "OPT"]


def numbers(tensors) -> int:
    return sum(t.numel() * t.element_size() for t in tensors)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_parts_that_stay_are_those_of_the_loaded_run(model_folder, family):
    folder = model_folder(family)
    config = resolve(tiny_config(folder, "dc", critic_backbone="adapters"))
    found = memory.estimate(config)
    trainer = Trainer(config)
    base = [p for p in trainer.team.model.parameters()]
    assert found.parts["base"] == numbers(base)
    policies = [t for own in trainer.actor.groups.values() for t in own]
    assert found.parts["adapters"] == numbers(policies)
    heads = [p for head in trainer.critic.critic.heads for p in head.parameters()]
    readers = numbers(t for own in trainer.critic.groups.values() for t in own) - numbers(heads)
    assert found.parts["critics"] == readers
    assert found.parts["optimizer"] == 2 * found.parts["gradients"] == 2 * (
        numbers(policies) + readers
    )


def test_a_critic_on_another_model_brings_that_one(model_folder):
    folder, other = model_folder("Llama"), model_folder("Qwen3")
    found = memory.estimate(resolve(tiny_config(folder, "cc", critic_model=other)))
    alone = memory.estimate(resolve(tiny_config(other, "cc")))
    assert found.parts["critic's base"] == alone.parts["base"]
    assert "critic's base" not in alone.parts


def test_whole_policies_are_whole_models(model_folder):
    folder = model_folder("Llama")
    one = memory.estimate(resolve(tiny_config(folder, "mc", tuning="full", share="all")))
    each = memory.estimate(resolve(tiny_config(folder, "mc", tuning="full")))
    assert one.parts["policies"] == one.parts["base"]
    assert each.parts["policies"] == 3 * each.parts["base"]


@pytest.mark.parametrize("share", ["none", "all"])
def test_the_cache_is_that_of_a_rollout_of_longest_actions(model_folder, share):
    """The real cache, after the real team has written as much as it may."""
    config = resolve(tiny_config(model_folder("Llama"), "mc", share=share, max_action_tokens=7))
    base = outline(config.model, device=CPU)
    episodes = memory.longest_episodes(config, base)
    shapes = Shapes(config, base, CPU, episodes)
    team = Trainer(config).team
    agents = len(team.agents)
    session = team.session(
        len(episodes), generator=torch.Generator(), temperature=1.0, max_action_tokens=7,
        end_ids=[],
    )
    turns = [e.trajectories[a].turns for a in range(agents) for e in episodes]
    for t in range(max(map(len, turns))):
        session.generate([own[t].prompt_ids if t < len(own) else None for own in turns])
    kept = numbers(
        x for cache in session._caches for layer in cache.layers for x in (layer.keys, layer.values)
    )
    assert shapes.cache(len(episodes) * agents) == kept


def test_more_of_anything_takes_more(model_folder):
    folder = model_folder("Llama", max_position_embeddings=1024)

    def total(**changes):
        found = memory.estimate(resolve(tiny_config(folder, "cc", **changes)))
        return found.total - found.parts["libraries"]

    plain = total()
    assert total(batch=64, group=1) > plain
    assert total(lora_rank=64) > plain
    assert total(max_action_tokens=40) > plain
    assert total(gradient_checkpointing=True, micro_batch=4) < total(micro_batch=4)


def test_several_processes_share_what_is_shared(model_folder, monkeypatch):
    config = resolve(tiny_config(model_folder("Llama"), "mc", batch=64, group=8))
    one = memory.estimate(config)
    monkeypatch.setattr(processes._Here, "size", 2)
    two = memory.estimate(config)
    assert two.phases["rollout"] < 0.6 * one.phases["rollout"]
    assert two.parts["adapters"] == one.parts["adapters"]
    assert two.available == one.available // 2


ARGV = "--env credit --algo cc --agents 2".split()


def test_a_dry_run_ends_with_a_table_in_comments(tmp_path, capsys):
    assert cli.execute(run.main, ["--dry-run", *ARGV]) == 0
    text = capsys.readouterr().out
    (tmp_path / "dry.toml").write_text(text)
    assert cli.load_toml(str(tmp_path / "dry.toml"))["env"] == "credit"
    table = text[text.index("# memory in MiB") :].splitlines()
    assert all(line.startswith("# ") for line in table)
    names = [line[4:].split("  ")[0] for line in table[1:]]
    assert names == ["libraries", "base", "adapters", "gradients", "optimizer", "loading",
                     "rollout", "critic", "update", "in all", "there is on cpu"]
    amounts = {line[4:].split("  ")[0]: float(
        line[4:].split("  ", 1)[1].replace(",", "").split()[0]) for line in table[1:]}
    fixed = sum(amounts[name] for name in names[:5])
    phase = max(amounts[name] for name in names[5:9])
    assert amounts["in all"] == pytest.approx(fixed + phase, abs=0.5)


def test_a_run_says_it_before_it_starts(tmp_path, capsys):
    argv = [*ARGV, "--episodes", "4", "--batch", "4", "--eval-episodes", "2", "--no-eval",
            "--out", str(tmp_path)]
    assert cli.execute(run.main, [*argv, "--name", "a"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("memory: about ") and said.count("memory: ") == 1
    assert cli.execute(run.main, [*argv, "--name", "b", "--quiet"]) == 0
    assert "memory" not in capsys.readouterr().out
    lines = files.read_lines(tmp_path / "credit/cc/a/seed0/metrics.jsonl")
    assert lines == files.read_lines(tmp_path / "credit/cc/b/seed0/metrics.jsonl")


def test_more_than_there_is_is_warned_of(model_folder, monkeypatch):
    config = resolve(tiny_config(model_folder("Llama"), "mc"))
    (plain,) = memory.told(config)
    assert "there are" in plain
    monkeypatch.setattr(memory, "available", lambda device: 1000)
    line, warning = memory.told(config)
    assert line.endswith("there are 0") and warning.startswith("warning: that is more than there")
    assert memory.told(config, as_table=True)[-1] == warning


def test_what_cannot_be_told_is_left_to_the_run(model_folder, monkeypatch):
    config = resolve(tiny_config(model_folder("Llama"), "mc"))
    (line,) = memory.told(config.replace(model="./nowhere"))
    assert line.startswith("memory: not estimated ('./nowhere' is not a model folder")


    def fails(*_):
        raise KeyError("a stranger's environment")

    monkeypatch.setattr(memory, "longest_episodes", fails)
    assert memory.told(config) == []


def test_loading_takes_room_for_files_of_another_dtype(model_folder, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = model_folder("Llama", hidden_size=256, intermediate_size=1024)
    AutoTokenizer.from_pretrained(folder).save_pretrained(tmp_path)
    AutoModelForCausalLM.from_pretrained(folder).to(torch.bfloat16).save_pretrained(tmp_path)
    changes = {"share": "all", "lora_rank": 1}
    same = memory.estimate(resolve(tiny_config(folder, "mc", **changes)))
    halved = memory.estimate(resolve(tiny_config(str(tmp_path), "mc", **changes)))
    assert same.parts["base"] == halved.parts["base"] and same.phases["loading"] == 0
    learned = sum(halved.parts[name] for name in ("adapters", "gradients", "optimizer"))
    expected = halved.parts["base"] // 2 - learned
    assert halved.phases["loading"] == pytest.approx(expected, rel=0.05)


def test_gguf_files_and_adapters_are_outlined_too(model_folder, tmp_path):
    pytest.importorskip("gguf")
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    path = str(write_gguf(tmp_path))
    loaded = load_base(path, device="cpu").model
    assert outline(path, device=CPU).size == numbers(loaded.parameters())
    folder = model_folder("Llama")
    model = AutoModelForCausalLM.from_pretrained(folder)
    get_peft_model(model, LoraConfig(target_modules=["q_proj"])).save_pretrained(tmp_path / "own")
    assert outline(str(tmp_path / "own"), device=CPU).size == outline(folder, device=CPU).size
