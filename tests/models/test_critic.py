"""Critics: they read what they should see and nothing else, on any backbone."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
from helpers import build_team, config_for, play
from random_models import make_config, make_model, make_tokenizer

from colllm_bench.baselines.options import ActorCriticOptions
from colllm_bench.errors import ConfigError
from colllm_bench.models.critic import Critic
from colllm_bench.objectives import critic_inputs

CASES = {
    "frozen": dict(backbone="frozen"),
    "frozen beside full tuning": dict(backbone="frozen", tuning="full"),
    "frozen other model": dict(backbone="frozen", critic="Qwen3"),
    "adapters on the base": dict(backbone="adapters", lent=2),
    "adapters of its own": dict(backbone="adapters"),
    "adapters on another model": dict(backbone="adapters", lent=2, critic="Qwen3"),
    "full": dict(backbone="full"),
    "full beside full tuning": dict(backbone="full", tuning="full"),
}
TRAINED = [case for case in CASES if not case.startswith("frozen")]
every_case = pytest.mark.parametrize("case", CASES)


def options_of(
    backbone, *, readout="mean", width=8, history=True, embeddings=False, counts=0, model=None
):
    return ActorCriticOptions(
        critic_backbone=backbone, critic_readout=readout, critic_width=width,
        critic_history=history, critic_embeddings=embeddings, critic_counts=counts,
        critic_model=model,
    )


def built(model_folder, case, gradient_checkpointing=False, **heads):
    options = dict(CASES[case], gradient_checkpointing=gradient_checkpointing)
    backbone, lent = options.pop("backbone"), options.pop("lent", 0)
    other = options.pop("critic", None)
    team = build_team(model_folder(), 2, critics=lent, **options)
    chosen = options_of(backbone, model=other and model_folder(other), **heads)
    return team, Critic.build(config_for(model_folder(), **options), team, 2, chosen)


@torch.no_grad()
def shake(critic, seed=3):
    generator = torch.Generator().manual_seed(seed)
    for tensors in critic.parameters().values():
        for tensor in tensors:
            tensor.add_(torch.randn(tensor.shape, generator=generator) * 0.1)


def readings_of(team, *, view=critic_inputs.local, **options):
    return [view(e) for e in play(team, **options)]


def values_of(critic, readings):
    return critic.values(critic.features(readings), critic.tables(readings))


@pytest.mark.parametrize("view", [critic_inputs.local, critic_inputs.apart])
@pytest.mark.parametrize("case", ["frozen", "adapters of its own"])
def test_a_frozen_backbone_reads_few_rows_at_once_and_the_same(
    model_folder, monkeypatch, case, view
):
    team, critic = built(model_folder, case, embeddings=True)
    readings = readings_of(team, view=view)
    passes, hidden = [], critic._hidden
    monkeypatch.setattr(critic, "_hidden", lambda *given: passes.append(given[0].shape) or
                        hidden(*given))
    together = critic.features(readings)
    rows, longest = passes.pop()
    assert rows == sum(len(reading.rows) for reading in readings) == 6 and not passes
    monkeypatch.setattr("colllm_bench.models.critic.CPU_TOKENS_READ", 2 * longest)
    apart = critic.features(readings)
    trained = case in TRAINED
    assert passes == ([(6, longest)] if trained else [(2, longest)] * 3)
    for one, other in zip(together, apart, strict=True):
        assert one.dtype == torch.float32 and one.abs().sum() > 0
        torch.testing.assert_close(one, other)


@every_case
def test_first_values_are_zero_and_then_differ(model_folder, case):
    team, critic = built(model_folder, case)
    readings = readings_of(team)
    values = values_of(critic, readings)
    assert values.shape == (2 * 3 * 3,) and values.dtype == torch.float32
    assert not values.any()
    shake(critic)
    assert values_of(critic, readings).std() > 1e-3


@pytest.mark.parametrize(("readout", "embeddings"), [("mean", False), ("mean", True),
                                                    ("last", True)])
@pytest.mark.parametrize("view", ["local", "joint"])
@every_case
def test_features_equal_a_plain_reading(model_folder, case, view, readout, embeddings):
    """Row by row, unpadded, cut off after the span that is read."""
    team, critic = built(model_folder, case, readout=readout, embeddings=embeddings)
    shake(critic)
    readings = readings_of(team, view=getattr(critic_inputs, view), drop={0: [2, 0]})
    found = [x.detach() for x in critic.features(readings)]
    c = 0
    for reading in readings:
        for cell in reading.cells:
            for kind, span in enumerate((cell.observed, cell.acted)):
                expected = torch.zeros_like(found[kind][c])
                if span is not None:
                    row = reading.rows[span.row]
                    hidden = plain(critic, row.critic, row.ids[: span.stop])
                    first = span.stop - 1 if readout == "last" else span.start
                    expected = hidden[first:].mean(0)
                torch.testing.assert_close(found[kind][c], expected, atol=1e-4, rtol=1e-4)
            c += 1
    assert c == len(found[0]) == len(found[1])


@torch.no_grad()
def plain(critic, owner, ids):
    """[tokens, width] what is read of one row, as transformers gives it."""
    tokens = torch.tensor([ids])
    model = critic.models[owner if len(critic.models) > 1 else 0]
    slot = None if critic.slots is None else torch.tensor([critic.slots[owner]])
    with critic.adapters.use(slot) if critic.adapters is not None else nullcontext():
        states = model(input_ids=tokens, output_hidden_states=True).hidden_states
    words = [model.get_input_embeddings()(tokens)[0]] if critic.embeddings else []
    return torch.cat([*words, states[-1][0]], 1)


@pytest.mark.parametrize("view", ["local", "joint", "apart"])
@pytest.mark.parametrize("places", [1, 7, 4096])
def test_counts_of_tokens_stand_beside_what_is_read(model_folder, view, places):
    team, plain = built(model_folder, "frozen")
    counting = built(model_folder, "frozen", counts=places)[1]
    readings = readings_of(team, view=getattr(critic_inputs, view))
    found, pooled = counting.features(readings), plain.features(readings)
    assert counting.heads[0].counts == places
    cells = [(reading, cell) for reading in readings for cell in reading.cells]
    unread = 0
    for c, (reading, cell) in enumerate(cells):
        for own, without, span in zip(found, pooled, (cell.observed, cell.acted)):
            expected = [0] * places
            for token in reading.rows[span.row].ids[span.start : span.stop] if span else ():
                expected[token * 7919 % places] += 1
            assert own[c, -places:].expm1().tolist() == pytest.approx(expected, abs=1e-4)
            torch.testing.assert_close(own[c, :-places], without[c])
            unread += not span
    assert unread > 0, "the last turn's actions"


def test_a_frozen_critic_reads_the_base_and_not_the_actors(model_folder):
    team, critic = built(model_folder, "frozen")
    readings = readings_of(team)
    before = critic.features(readings)
    with torch.no_grad():
        for tensors in team.parameters().values():
            for tensor in tensors:
                tensor.add_(0.1)
    for old, new in zip(before, critic.features(readings), strict=True):
        assert torch.equal(old, new)
    assert not any(x.requires_grad for x in before)


@every_case
def test_one_critics_gradient_stays_its_own(model_folder, case):
    team, critic = built(model_folder, case)
    shake(critic)
    readings = readings_of(team)
    owner = torch.tensor([p.critic for reading in readings for p in reading.positions])
    values_of(critic, readings)[owner == 0].pow(2).sum().backward()
    groups = critic.parameters()
    assert all(t.grad is not None and t.grad.any() for t in groups[0])
    assert all(t.grad is None or not t.grad.any() for t in groups[1])
    assert all(t.grad is None for ts in team.parameters().values() for t in ts)
    head = {id(p) for p in critic.heads[0].parameters()}
    learns = any(id(t) not in head for t in groups[0])
    assert learns == (case in TRAINED)


@pytest.mark.parametrize("case", ["frozen", "adapters on the base"])
def test_training_a_critic_leaves_the_actors_and_the_base_alone(model_folder, case):
    team, critic = built(model_folder, case)
    readings = readings_of(team)
    own = {id(t) for ts in critic.parameters().values() for t in ts}
    kept = [t for ts in team.parameters().values() for t in ts]
    kept += [p for p in team.model.parameters() if id(p) not in own]
    before = [t.detach().clone() for t in kept]
    optimizer = torch.optim.Adam([t for ts in critic.parameters().values() for t in ts], lr=1e-2)
    for _ in range(3):
        optimizer.zero_grad()
        (values_of(critic, readings) - 1).pow(2).mean().backward()
        optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(kept, before, strict=True))


@pytest.mark.parametrize(("case", "history", "width"), [
    *[("frozen", history, width) for history in (False, True) for width in (0, 8)],
    *[(case, True, 8) for case in CASES if case != "frozen"],
])
def test_a_critic_learns(model_folder, case, history, width):
    team, critic = built(model_folder, case, history=history, width=width)
    readings = readings_of(team)
    targets = torch.linspace(-1, 1, 2 * 3 * 3)
    optimizer = torch.optim.Adam([t for ts in critic.parameters().values() for t in ts], lr=2e-2)
    losses = []
    kept = None if critic.trained else critic.features(readings)
    tables = critic.tables(readings)
    for _ in range(30):
        optimizer.zero_grad()
        features = kept or critic.features(readings)
        loss = (critic.values(features, tables) - targets).pow(2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


@every_case
def test_state_moves_to_another_critic(model_folder, case):
    team, critic = built(model_folder, case)
    readings = readings_of(team)
    for k, table in enumerate(critic.tables(readings)):
        critic.heads[k].fit_inputs(*(x.detach()[table.cells] for x in critic.features(readings)))
        critic.heads[k].fit_targets(torch.tensor([1.0, 5.0]))
    shake(critic)
    expected = values_of(critic, readings).detach()
    _, other = built(model_folder, case)
    other.load_state_dict(critic.state_dict())
    assert torch.equal(values_of(other, readings).detach(), expected)


@pytest.mark.parametrize("other", [
    dict(width=4), dict(width=0), dict(history=False), dict(embeddings=True),
])
def test_a_state_of_another_kind_is_refused(model_folder, other):
    _, critic = built(model_folder, "frozen")
    _, unlike = built(model_folder, "frozen", **other)
    with pytest.raises(ConfigError, match="other parameters.*fix: the --critic-"):
        critic.load_state_dict(unlike.state_dict())


@pytest.mark.parametrize("case", TRAINED)
def test_checkpointing_keeps_the_gradients(model_folder, case):
    grads = []
    for on in (False, True):
        team, critic = built(model_folder, case, gradient_checkpointing=on)
        shake(critic)
        values_of(critic, readings_of(team)).pow(2).sum().backward()
        grads.append([t.grad for ts in critic.parameters().values() for t in ts])
    for plain_, checkpointed in zip(*grads, strict=True):
        torch.testing.assert_close(checkpointed, plain_, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("case", ["frozen", "adapters on the base", "full"])
def test_central_and_local_views_see_what_they_should(model_folder, case):
    """Another agent's private observation moves the centralized values, not the local ones."""
    team, critic = built(model_folder, case)
    shake(critic)
    (episode,) = play(team, 1, 2)
    views = (critic_inputs.local, critic_inputs.joint, critic_inputs.apart)
    before = [values_of(critic, [view(episode)]).detach() for view in views]
    changed = episode.trajectories[1].turns[0]
    changed.prompt_ids = [*changed.prompt_ids[:-1], changed.prompt_ids[-1] ^ 1]
    after = [values_of(critic, [view(episode)]).detach() for view in views]
    own, joint, apart = ((a - b).abs() for a, b in zip(after, before, strict=True))
    assert own[:2].max() == 0 and own[2:].max() > 1e-4
    assert joint.min() > 1e-5 and apart.min() > 1e-5


def test_a_critic_of_another_vocabulary_is_refused(model_folder, tmp_path):
    make_model(make_config("Llama", vocab_size=330)).save_pretrained(tmp_path)
    tokenizer = make_tokenizer()
    tokenizer.add_tokens(["fortress"])
    tokenizer.save_pretrained(tmp_path)
    team = build_team(model_folder(), 2)
    config = config_for(model_folder())
    for backbone in ("frozen", "adapters", "full"):
        with pytest.raises(ConfigError, match="another vocabulary"):
            Critic.build(config, team, 1, options_of(backbone, model=str(tmp_path)))
