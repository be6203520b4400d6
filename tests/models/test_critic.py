"""Critics: they read what they should see and nothing else, on any backbone."""

from __future__ import annotations

import pytest
import torch
from helpers import build_team, config_for, play
from random_models import make_config, make_model, make_tokenizer

from colllm_bench.errors import ConfigError
from colllm_bench.models.critic import Critic
from colllm_bench.objectives import critic_inputs

CASES = {
    "shared base": dict(critics=2),
    "separate lora": dict(critics=0),
    "separate model": dict(critics=2, critic="Qwen3"),
    "full": dict(critics=2, tuning="full"),
}


def built(model_folder, case, **extra):
    options = {**CASES[case], **extra}
    critic_folder = options.pop("critic", None)
    if critic_folder:
        options["critic_model"] = model_folder(critic_folder)
    team = build_team(model_folder(), 2, **options)
    options.pop("critics")
    backbone = options.pop("critic_model", None)
    critic = Critic.build(config_for(model_folder(), **options), team, 2, backbone=backbone)
    return team, critic


@torch.no_grad()
def shake(critic, seed=3):
    generator = torch.Generator().manual_seed(seed)
    for tensors in critic.parameters().values():
        for tensor in tensors:
            tensor.add_(torch.randn(tensor.shape, generator=generator) * 0.1)


def local(team, episodes):
    return critic_inputs.collate(critic_inputs.local(episodes), team.prompts.pad_id)


@pytest.mark.parametrize("case", CASES)
def test_first_values_are_zero_and_then_differ(model_folder, case):
    team, critic = built(model_folder, case)
    batch = local(team, play(team))
    values = critic.values(batch)
    assert values.shape == (2 * 3 * 3,) and values.dtype == torch.float32
    assert not values.any()
    shake(critic)
    assert critic.values(batch).std() > 1e-3


@pytest.mark.parametrize("case", CASES)
def test_values_equal_a_plain_reading(model_folder, case):
    """Row by row, unpadded, cut off after the token that is read."""
    team, critic = built(model_folder, case)
    shake(critic)
    batch = local(team, play(team))
    found = critic.values(batch).detach()
    for v, (row, column) in enumerate(zip(batch.row.tolist(), batch.column.tolist())):
        slot = int(batch.slot[row])
        model = critic.models[0] if critic.adapters is not None else critic.models[slot]
        ids = batch.ids[row : row + 1, : column + 1]
        with torch.no_grad():
            if critic.adapters is None:
                hidden = model(input_ids=ids, output_hidden_states=True).hidden_states[-1]
            else:
                with critic.adapters.use(torch.tensor([critic.slots[slot]])):
                    hidden = model(input_ids=ids, output_hidden_states=True).hidden_states[-1]
        expected = hidden[0, -1] @ critic.weights[slot] + critic.biases[slot]
        assert found[v].item() == pytest.approx(expected.item(), abs=1e-4)


@pytest.mark.parametrize("case", CASES)
def test_one_critics_gradient_stays_its_own(model_folder, case):
    team, critic = built(model_folder, case)
    shake(critic)
    batch = local(team, play(team))
    mine = batch.slot[batch.row] == 0
    critic.values(batch)[mine].pow(2).sum().backward()
    groups = critic.parameters()
    assert all(t.grad is not None and t.grad.any() for t in groups[0])
    assert all(t.grad is None or not t.grad.any() for t in groups[1])
    assert all(t.grad is None for ts in team.parameters().values() for t in ts)


def test_training_a_critic_leaves_the_actors_alone(model_folder):
    team, critic = built(model_folder, "shared base")
    batch = local(team, play(team))
    before = [t.detach().clone() for ts in team.parameters().values() for t in ts]
    optimizer = torch.optim.Adam([t for ts in critic.parameters().values() for t in ts], lr=1e-2)
    for _ in range(3):
        optimizer.zero_grad()
        (critic.values(batch) - 1).pow(2).mean().backward()
        optimizer.step()
    after = [t for ts in team.parameters().values() for t in ts]
    assert all(torch.equal(a, b) for a, b in zip(after, before))


@pytest.mark.parametrize("case", CASES)
def test_a_critic_learns(model_folder, case):
    team, critic = built(model_folder, case)
    batch = local(team, play(team))
    targets = torch.linspace(-1, 1, len(batch.row))
    optimizer = torch.optim.Adam([t for ts in critic.parameters().values() for t in ts], lr=1e-2)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = (critic.values(batch) - targets).pow(2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]


@pytest.mark.parametrize("case", CASES)
def test_state_moves_to_another_critic(model_folder, case):
    team, critic = built(model_folder, case)
    shake(critic)
    batch = local(team, play(team))
    expected = critic.values(batch).detach()
    _, other = built(model_folder, case)
    other.load_state_dict(critic.state_dict())
    torch.testing.assert_close(other.values(batch).detach(), expected)


@pytest.mark.parametrize("case", CASES)
def test_checkpointing_keeps_the_gradients(model_folder, case):
    grads = []
    for on in (False, True):
        team, critic = built(model_folder, case, gradient_checkpointing=on)
        shake(critic)
        critic.values(local(team, play(team))).pow(2).sum().backward()
        grads.append([t.grad for ts in critic.parameters().values() for t in ts])
    for plain, checkpointed in zip(*grads):
        torch.testing.assert_close(checkpointed, plain, atol=1e-5, rtol=1e-3)


def test_joint_and_local_views_see_what_they_should(model_folder):
    """Another agent's private observation moves the centralized value, not the local ones."""
    team, critic = built(model_folder, "shared base")
    shake(critic)
    episodes = play(team, 1, 2)

    def values(view):
        return critic.values(critic_inputs.collate(view(episodes), team.prompts.pad_id)).detach()

    before = {view: values(view) for view in (critic_inputs.local, critic_inputs.joint)}
    changed = episodes[0].trajectories[1].turns[0]
    changed.prompt_ids = [*changed.prompt_ids[:-1], changed.prompt_ids[-1] ^ 1]
    after = {view: values(view) for view in (critic_inputs.local, critic_inputs.joint)}
    local_change = (after[critic_inputs.local] - before[critic_inputs.local]).abs()
    assert local_change[:2].max() == 0 and local_change[2:].max() > 1e-4
    assert (after[critic_inputs.joint] - before[critic_inputs.joint]).abs().min() > 1e-4


def test_a_critic_of_another_vocabulary_is_refused(model_folder, tmp_path):
    make_model(make_config("Llama", vocab_size=330)).save_pretrained(tmp_path)
    tokenizer = make_tokenizer()
    tokenizer.add_tokens(["fortress"])
    tokenizer.save_pretrained(tmp_path)
    team = build_team(model_folder(), 2)
    config = config_for(model_folder())
    with pytest.raises(ConfigError, match="another vocabulary"):
        Critic.build(config, team, 1, backbone=str(tmp_path))
