"""The team: what it samples is what it scores, whatever the batch, padding or cache."""

from __future__ import annotations

import gc
import math
import weakref

import pytest
import torch
from helpers import batch_of, build_team, config_for, play, shake

from colllm_bench.errors import ConfigError
from colllm_bench.models.parameter_sharing import assign_slots


def gap(team, episodes, **options):
    batch = batch_of(team, episodes)
    with torch.no_grad():
        scores = team.evaluate_actions(batch, **options)
    assert len(scores.logprobs) == len(batch.logprobs) > 0
    return (scores.logprobs - batch.logprobs).abs().max().item()


def actions(episodes):
    return [turn.action_ids for e in episodes for x in e.trajectories for turn in x.turns]


@pytest.mark.parametrize("tuning", ["lora", "full"])
@pytest.mark.parametrize("share", ["none", "all", "role"])
def test_scores_equal_sampled(model_folder, tuning, share):
    team = build_team(model_folder(), 3, roles=["a", "b", "a"], tuning=tuning, share=share)
    shake(team)
    assert gap(team, play(team, drop={0: [2, 0], 1: [1]})) < 1e-4
    assert gap(team, play(team, temperature=0.7), temperature=0.7) < 1e-4


@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_reuse_changes_nothing(model_folder, tuning):
    team = build_team(model_folder(), 2, tuning=tuning)
    shake(team)
    with_cache = play(team, drop={0: [2, 1]})
    assert max(map(len, actions(with_cache))) > 1
    for reuse in ("turn", "none"):
        again = play(team, drop={0: [2, 1]}, cache_policy=reuse)
        assert actions(again) == actions(with_cache)
        assert gap(team, again) < 1e-4


def test_a_finished_session_frees_its_cache_at_once(model_folder):
    """Not when the garbage collector happens to run: the buffers are the bulk of a rollout."""
    team = build_team(model_folder(), 2)
    session = team.session(
        2, generator=torch.Generator(), temperature=1.0, max_action_tokens=2
    )
    session.generate([team.prompts.first_turn("", "hold")] * 4)
    buffers = [weakref.ref(layer.keys) for cache in session._caches for layer in cache.layers]
    assert all(buffer() is not None for buffer in buffers)
    gc.disable()
    try:
        del session
        assert all(buffer() is None for buffer in buffers)
    finally:
        gc.enable()


def test_rows_that_do_not_act_are_left_alone(model_folder):
    """Rows pause for a turn, and one joins late; their transcripts are as if alone."""
    team = build_team(model_folder(), 2)
    shake(team)
    options = dict(temperature=0.0, max_action_tokens=3)
    first = [team.prompts.first_turn("rules", text) for text in ("a", "3 guards", "hold the fort")]
    later = team.prompts.next_turn("12 guards at the gate", ended=True)
    session = team.session(2, generator=torch.Generator(), **options)
    one = session.generate([first[0], None, first[1], first[2]])
    two = session.generate([None, first[0], later, None])
    three = session.generate([later, later, None, later])
    assert one[1] is None and two[0] is None and two[3] is None and three[2] is None
    assert session.generate([None] * 4) == [None] * 4
    row = {0: [(first[0], one[0]), (later, three[0])], 1: [(first[0], two[1]), (later, three[1])],
           2: [(first[1], one[2]), (later, two[2])], 3: [(first[2], one[3]), (later, three[3])]}
    for r, turns in row.items():
        alone = team.session(1, generator=torch.Generator(), **options)
        for prompt, (ids, logprobs) in turns:
            feeds: list = [None, None]
            feeds[r // 2] = prompt
            found = alone.generate(feeds)[r // 2]
            assert found[0] == ids
            assert found[1] == pytest.approx(logprobs, abs=1e-4)


def test_a_seed_decides_everything(model_folder):
    team = build_team(model_folder(), 2)
    assert actions(play(team, seed=3)) == actions(play(team, seed=3))
    torch.manual_seed(99)
    assert actions(play(team, seed=3)) != actions(play(team, seed=4))


def test_greedy_takes_the_most_probable_token(model_folder):
    team = build_team(model_folder(), 1)
    shake(team)
    episodes = play(team, 1, 2, temperature=0.0)
    batch = batch_of(team, episodes)
    with torch.no_grad(), team.adapters.use(batch.agent):
        logits = team.model(input_ids=batch.ids, use_cache=False).logits
    best = logits[:, :-1].argmax(-1)[batch.action_mask[:, 1:]]
    assert torch.equal(best, batch.ids[batch.action_mask])
    assert gap(team, episodes) < 1e-4


def test_samples_follow_the_distribution(model_folder):
    """Frequencies of the first token over 4000 rows against softmax(logits / temperature)."""
    team = build_team(model_folder(), 1)
    prompt = team.prompts.first_turn("", "3 guards")
    session = team.session(
        4000, generator=torch.Generator().manual_seed(0), temperature=0.6, max_action_tokens=1
    )
    drawn = torch.tensor([ids[0] for ids, _ in session.generate([prompt] * 4000)])
    with torch.no_grad():
        logits = team.model(input_ids=torch.tensor([prompt]), use_cache=False).logits[0, -1]
    expected = torch.softmax(logits / 0.6, -1)
    counts = torch.bincount(drawn, minlength=len(expected)) / 4000
    # Total variation of n samples from k likely outcomes is about sqrt(k / (2 pi n)).
    likely = int((expected > 1 / 4000).sum())
    assert 0.5 * (counts - expected).abs().sum() < 3 * math.sqrt(likely / (2 * math.pi * 4000))
    assert likely > 20


def test_actions_stop_at_an_end_or_the_limit(model_folder):
    team = build_team(model_folder(), 2)
    ends = team.prompts.end_ids
    found = [ids for e in range(30) for ids in actions(play(team, 4, 3, seed=e))]
    assert {len(ids) for ids in found} >= {1, 4}
    for ids in found:
        assert not ends & set(ids[:-1]) and (len(ids) == 4 or ids[-1] in ends)
    endless = actions(play(team, end_ids=()))
    assert {len(ids) for ids in endless} == {4}


def test_reference_is_the_plain_base(model_folder):
    for tuning in ("lora", "full"):
        team = build_team(model_folder(), 2, tuning=tuning)
        batch = batch_of(team, play(team))
        with torch.no_grad():
            plain = team.evaluate_actions(batch).logprobs
        shake(team)
        reference = team.evaluate_actions(batch, reference=True).logprobs
        torch.testing.assert_close(reference.detach(), plain, atol=1e-5, rtol=1e-4)
        assert gap(team, play(team), reference=True) > 0.1


def test_entropy(model_folder):
    team = build_team(model_folder(), 2)
    shake(team)
    batch = batch_of(team, play(team))
    with torch.no_grad():
        found = team.evaluate_actions(batch, temperature=0.8, with_entropy=True).entropy
        with team.adapters.use(batch.agent):
            logits = team.model(input_ids=batch.ids, use_cache=False).logits
    each = torch.distributions.Categorical(logits=logits[:, :-1] / 0.8).entropy()
    torch.testing.assert_close(found, each[batch.action_mask[:, 1:]], atol=1e-4, rtol=1e-4)
    assert team.evaluate_actions(batch).entropy is None


@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_checkpointing_engages_and_keeps_the_gradients(model_folder, tuning, monkeypatch):
    import torch.utils.checkpoint as module

    grads, recomputed = [], []
    real = module.checkpoint
    monkeypatch.setattr(
        "colllm_bench.models.activation_checkpointing.checkpoint",
        lambda *args, **options: recomputed.append(1) or real(*args, **options),
    )
    for on in (False, True):
        team = build_team(model_folder(), 2, tuning=tuning, gradient_checkpointing=on)
        shake(team)
        episodes = play(team)
        assert gap(team, episodes) < 1e-4 and not recomputed
        team.evaluate_actions(batch_of(team, episodes)).logprobs.sum().backward()
        grads.append([t.grad for ts in team.parameters().values() for t in ts])
    layers = 2 if tuning == "lora" else 2 * 2
    assert len(recomputed) == layers
    assert gap(team, play(team)) < 1e-4  # it plays from its cache again
    for plain, checkpointed in zip(*grads):
        torch.testing.assert_close(checkpointed, plain, atol=1e-5, rtol=1e-4)


def test_padding_and_company_change_nothing(model_folder):
    """Scores of an episode do not depend on what else is in the batch."""
    team = build_team(model_folder(), 2)
    shake(team)
    episodes = play(team, 3, 3) + play(team, 1, 5, seed=1)
    with torch.no_grad():
        together = team.evaluate_actions(batch_of(team, episodes)).logprobs
        batch = batch_of(team, episodes)
        for e, episode in enumerate(episodes):
            alone = batch_of(team, [episode])
            rows = batch.action_mask.nonzero()[:, 0] % len(episodes) == e
            found = team.evaluate_actions(alone).logprobs
            torch.testing.assert_close(found, together[rows], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_save_and_load(model_folder, tuning, tmp_path):
    team, other = (build_team(model_folder(), 3, roles=["a", "b", "a"], share="role",
                              tuning=tuning, seed=s) for s in (0, 1))
    shake(team)
    team.save(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == team.agents
    batch = batch_of(team, play(team))
    with torch.no_grad():
        expected = team.evaluate_actions(batch).logprobs
        assert (other.evaluate_actions(batch).logprobs - expected).abs().max() > 0.1
        other.load(tmp_path)
        torch.testing.assert_close(other.evaluate_actions(batch).logprobs, expected)
        third = build_team(model_folder(), 3, roles=["a", "b", "a"], share="role", tuning=tuning)
        third.load_state_dict(team.state_dict())
        torch.testing.assert_close(third.evaluate_actions(batch).logprobs, expected)


def test_a_saved_agent_plays_without_this_package(model_folder, tmp_path):
    from peft import AutoPeftModelForCausalLM
    from transformers import AutoModelForCausalLM, AutoTokenizer

    kinds = {"lora": AutoPeftModelForCausalLM, "full": AutoModelForCausalLM}
    for tuning, kind in kinds.items():
        team = build_team(model_folder(), 2, tuning=tuning)
        shake(team)
        team.save(tmp_path / tuning)
        batch = batch_of(team, play(team))
        mine = team.evaluate_actions(batch).logprobs.detach()[batch.agent_of_token == 1]
        alone = kind.from_pretrained(tmp_path / tuning / "agent_1").eval()
        assert AutoTokenizer.from_pretrained(tmp_path / tuning / "agent_1").chat_template
        rows = batch.agent == 1
        with torch.no_grad():
            logits = alone(input_ids=batch.ids[rows]).logits[:, :-1]
        found = torch.log_softmax(logits, -1).gather(2, batch.ids[rows][:, 1:, None])[..., 0]
        found = found[batch.action_mask[rows][:, 1:]]
        torch.testing.assert_close(found, mine, atol=1e-4, rtol=1e-4)


def test_slots_of_agents():
    agents = ["a", "b", "c"]
    assert assign_slots("none", agents, None) == [0, 1, 2]
    assert assign_slots("all", agents, None) == [0, 0, 0]
    assert assign_slots("role", agents, ["x", "y", "x"]) == [0, 1, 0]
    with pytest.raises(ConfigError, match="role"):
        assign_slots("role", agents, None)
    with pytest.raises(ConfigError, match="unknown share"):
        assign_slots("some", agents, None)


def test_one_policy_per_slot_in_parameters(model_folder):
    team = build_team(model_folder(), 3, roles=["a", "b", "a"], share="role", critics=2)
    assert list(team.parameters()) == ["agent_0", "agent_1"] and team.critic_slots == [2, 3]
    leaves = [t for ts in team.parameters().values() for t in ts]
    assert len({id(t) for t in leaves}) == len(leaves) == 2 * 2 * 7 * 2
    assert all(t.is_leaf and t.requires_grad for t in leaves)
    assert not any(p.requires_grad for p in team.model.parameters())


def test_bad_requests_are_one_line(model_folder, tmp_path, tokenizer):
    def refused(match, **changes):
        with pytest.raises(ConfigError, match=match) as caught:
            build_team(changes.pop("folder", model_folder()), **changes)
        assert "\n" not in str(caught.value)

    (tmp_path / "empty").mkdir()
    refused("no config.json", folder=str(tmp_path / "empty"))
    refused("no config.json", folder=str(tmp_path / "absent"))
    refused("cannot be loaded", folder="nobody/no-such-model")
    refused("unknown tuning", tuning="some")
    refused("chat template .* cannot be read", chat_template=str(tmp_path / "none.jinja"))
    refused("unknown dtype", dtype="int3")
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="no CUDA"):
            from colllm_bench.models.loading import load_base

            load_base(model_folder(), device="cuda")
    team = build_team(model_folder())
    with pytest.raises(ConfigError, match="temperature"):
        play(team, 1, 1, temperature=-1.0)
    with pytest.raises(ConfigError, match="temperature"):
        team.evaluate_actions(batch_of(team, play(team, 1, 1)), temperature=0.0)
    with pytest.raises(ConfigError, match="max_action_tokens"):
        play(team, 1, 1, max_action_tokens=0)


def test_chat_template_from_a_file(model_folder, tmp_path, tokenizer):
    from random_models import TEMPLATE, make_config, make_model, make_tokenizer

    make_model(make_config("Llama")).save_pretrained(tmp_path)
    make_tokenizer(None).save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="--chat-template"):
        build_team(str(tmp_path))
    (tmp_path / "chat.jinja").write_text(TEMPLATE)
    team = build_team(str(tmp_path), chat_template=str(tmp_path / "chat.jinja"))
    assert len(play(team)) == 3
    assert config_for("x").lora_rank == 4
