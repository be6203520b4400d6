"""Stacked LoRA: equal to PEFT's, to the plain base when off, and to one slot after another."""

from __future__ import annotations

import json

import pytest
import torch
from helpers import batch_of, build_team, play, shake
from random_models import make_config, make_model

from colllm_bench.errors import ConfigError
from colllm_bench.models.adapters import add_adapters

IDS = torch.arange(6 * 9).view(6, 9) * 11 % 320


def adapted(architecture="Llama", slots=3, rank=4, seed=0):
    model = make_model(make_config(architecture)).eval()
    adapters = add_adapters(model, slots, rank, 8.0, torch.Generator().manual_seed(seed))
    return model, adapters


@torch.no_grad()
def fill(adapters, seed=5):
    generator = torch.Generator().manual_seed(seed)
    for slot in range(adapters.slots):
        for leaf in adapters.parameters(slot):
            leaf.add_(torch.randn(leaf.shape, generator=generator) * 0.2)


def logits(model, adapters, slots, ids=IDS, **options):
    slots = None if slots is None else torch.tensor(slots)
    with torch.no_grad(), adapters.use(slots, **options):
        return model(input_ids=ids, use_cache=False).logits


@pytest.mark.parametrize("architecture", ["Llama", "GPT2", "OPT", "Phi"])
def test_off_and_fresh_equal_the_plain_base(architecture):
    plain = make_model(make_config(architecture)).eval()
    with torch.no_grad():
        expected = plain(input_ids=IDS, use_cache=False).logits
    model, adapters = adapted(architecture)
    torch.testing.assert_close(logits(model, adapters, [0, 0, 1, 1, 2, 2]), expected)
    fill(adapters)
    assert torch.equal(logits(model, adapters, None), expected)
    assert (logits(model, adapters, [0] * 6) - expected).abs().max() > 0.1
    assert set(model.state_dict()) == set(plain.state_dict())


@pytest.mark.parametrize(
    "slots", [[0, 0, 1, 1, 2, 2], [2, 2, 2, 0, 0, 0], [0, 1, 1, 2, 0, 1], [1] * 6]
)
@pytest.mark.parametrize("architecture", ["Llama", "GPT2"])
def test_mixed_rows_equal_one_slot_after_another(architecture, slots):
    model, adapters = adapted(architecture)
    fill(adapters)
    alone = torch.cat([logits(model, adapters, [s], IDS[i : i + 1]) for i, s in enumerate(slots)])
    for merge in (True, False):
        mixed = logits(model, adapters, slots, merge=merge)
        torch.testing.assert_close(mixed, alone, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("architecture", ["Llama", "GPT2"])
@pytest.mark.parametrize("merge", [True, False])
def test_gradients_equal_autograd_of_the_formula(architecture, merge):
    """y = x W^T + b + s (x A^T) B^T written with plain operations, layer by layer."""
    model, adapters = adapted(architecture)
    fill(adapters)
    slots = torch.tensor([0, 2, 2, 0, 2, 2])
    wanted = adapters.parameters(0) + adapters.parameters(2)

    def loss():
        out = model(input_ids=IDS, use_cache=False).logits
        return (torch.log_softmax(out, -1)[..., 3] * torch.linspace(0.5, 2, 9)).mean()

    with adapters.use(slots, merge=merge):
        found = torch.autograd.grad(loss(), wanted)
    forwards = {}
    for name, layer in adapters.layers.items():

        def plain(x, layer=layer):
            a = torch.stack([layer.leaves[s][0] for s in slots.tolist()])
            b = torch.stack([layer.leaves[s][1] for s in slots.tolist()])
            base = x @ layer.matrix.T + (0 if layer.bias is None else layer.bias)
            return base + layer.scale * (x @ a.transpose(1, 2)) @ b.transpose(1, 2)

        forwards[name], layer.forward = layer.forward, plain
    expected = torch.autograd.grad(loss(), wanted)
    for got, right in zip(found, expected):
        torch.testing.assert_close(got, right, atol=1e-6, rtol=1e-3)
    assert all(right.abs().max() > 0 for right in expected)
    others = [leaf.grad for leaf in adapters.parameters(1)]
    assert others == [None] * len(others)


def test_initialization_is_seeded_and_independent_of_the_number_of_slots():
    _, few = adapted(slots=2)
    _, many = adapted(slots=5)
    _, other = adapted(slots=2, seed=1)
    for name, layer in few.layers.items():
        assert torch.equal(layer.a, many.layers[name].a[:2])
        assert not torch.equal(layer.a, other.layers[name].a)
        assert not torch.equal(layer.a[0], layer.a[1])
        bound = layer.in_features**-0.5
        assert 0.9 * bound < layer.a.abs().max() <= bound
        assert not layer.b.any()


def test_a_step_of_the_optimizer_is_seen_at_once():
    model, adapters = adapted()
    fill(adapters)
    before = logits(model, adapters, [1] * 6)
    for fused in (True, False):
        optimizer = torch.optim.Adam(adapters.parameters(1), lr=0.05, fused=fused)
        with adapters.use(torch.ones(6, dtype=torch.long)):
            model(input_ids=IDS, use_cache=False).logits.logsumexp(-1).sum().backward()
        optimizer.step()
        after = logits(model, adapters, [1] * 6)
        assert (after - before).abs().max() > 1e-2
        before = after


@pytest.mark.parametrize("architecture", ["Llama", "GPT2", "Phi"])
def test_peft_loads_a_saved_slot_with_equal_outputs(architecture, tmp_path):
    from peft import PeftModel

    model, adapters = adapted(architecture)
    fill(adapters)
    model.save_pretrained(tmp_path / "base")
    adapters.save_peft(tmp_path / "one", 1, str(tmp_path / "base"))
    base = make_model(make_config(architecture))
    theirs = PeftModel.from_pretrained(base, tmp_path / "one").eval()
    with torch.no_grad():
        expected = theirs(input_ids=IDS).logits
    torch.testing.assert_close(logits(model, adapters, [1] * 6), expected, atol=1e-4, rtol=1e-4)
    _, again = adapted(architecture, seed=9)
    again.load_peft(tmp_path / "one", 0)
    for mine, its in zip(adapters.parameters(1), again.parameters(0)):
        assert torch.equal(mine, its)


def test_we_load_what_peft_saved(tmp_path):
    from peft import LoraConfig, get_peft_model

    theirs = get_peft_model(
        make_model(make_config("Llama")),
        LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", init_lora_weights=False,
                   task_type="CAUSAL_LM"),
    ).eval()
    theirs.save_pretrained(tmp_path)
    model, adapters = adapted()
    adapters.load_peft(tmp_path, 2)
    with torch.no_grad():
        expected = theirs(input_ids=IDS).logits
    torch.testing.assert_close(logits(model, adapters, [2] * 6), expected, atol=1e-4, rtol=1e-4)


def test_adapters_that_do_not_fit_are_refused(tmp_path):
    _, adapters = adapted()
    with pytest.raises(ConfigError, match="no adapter folder"):
        adapters.load_peft(tmp_path, 0)
    adapters.save_peft(tmp_path, 0, "base")
    _, other = adapted(rank=2)
    with pytest.raises(ConfigError, match="rank 4"):
        other.load_peft(tmp_path, 0)
    _, opt = adapted("OPT")
    with pytest.raises(ConfigError, match="do not fit"):
        opt.load_peft(tmp_path, 0)
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert config["peft_type"] == "LORA" and config["base_model_name_or_path"] == "base"
    with pytest.raises(ConfigError, match="rank 0"):
        adapted(rank=0)


def test_state_dict_round_trip():
    _, adapters = adapted()
    fill(adapters)
    _, other = adapted(seed=3)
    other.load_state_dict(adapters.state_dict())
    for slot in range(3):
        for mine, its in zip(adapters.parameters(slot), other.parameters(slot)):
            assert torch.equal(mine, its)


def test_rows_of_another_batch_are_refused():
    model, adapters = adapted()
    with pytest.raises(RuntimeError, match="mixes rows"):
        logits(model, adapters, [0, 1], IDS)


def test_team_step_trains_every_agent_as_if_alone(model_folder):
    """Gradients of one mixed step equal those of a step per agent."""
    team = build_team(model_folder(), 3)
    shake(team)
    episodes = play(team)
    batch = batch_of(team, episodes)
    (-team.evaluate_actions(batch).logprobs.sum()).backward()
    mixed = {n: [t.grad.clone() for t in ts] for n, ts in team.parameters().items()}
    for a, (name, tensors) in enumerate(team.parameters().items()):
        for tensor in tensors:
            tensor.grad = None
        rows = batch.agent == a
        with team.adapters.use(batch.agent[rows]):
            out = team.model(input_ids=batch.ids[rows], use_cache=False).logits
        scores = torch.log_softmax(out[:, :-1], -1).gather(2, batch.ids[rows][:, 1:, None])[..., 0]
        (-scores[batch.action_mask[rows][:, 1:]].sum()).backward()
        for tensor, expected in zip(tensors, mixed[name]):
            torch.testing.assert_close(tensor.grad, expected, atol=1e-4, rtol=1e-3)
