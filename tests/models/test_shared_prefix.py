"""What rows begin with alike is computed once, and nothing that comes of it changes."""

from __future__ import annotations

import pytest
import torch
from helpers import build_team, play, shake

from colllm_bench.baselines.options import CriticOptions
from colllm_bench.learners.critic_learner import CriticLearner
from colllm_bench.objectives import critic_inputs
from colllm_bench.objectives.batches import collate, shared_prefixes
from colllm_bench.objectives.prefixes import find_prefixes

RULES = "hold the fort and send three guards to the north gate before the west gate falls " * 3
ARCHITECTURES = ["Llama", "GPT2", "Qwen3", "Gemma2", "OPT"]


def team_of(model_folder, architecture="Llama", sharing=True, **options):
    team = build_team(model_folder(architecture), 2, **options)
    shake(team)
    if sharing:
        assert team.supports_kv_cache
    team.shares_prefixes = sharing
    return team


def episodes_of(team, **options):
    return play(team, 3, 2, instructions=RULES, **options)


def test_rows_share_what_saves_most():
    role, task = list(range(100, 160)), [[1] * 40, [2] * 40]
    rows = [role + task[r // 4] + [r] for r in range(8)]
    by_task = find_prefixes(rows, [0] * 8, [100] * 8)
    assert by_task.of_row == [0] * 4 + [1] * 4 and list(map(len, by_task.ids)) == [100, 100]
    assert by_task.rests == [1] * 8
    many = [role + [r] * 40 for r in range(6)]
    by_role = find_prefixes(many, [0] * 6, [99] * 6)
    assert by_role.ids == [role] and by_role.of_row == [0] * 6
    two_roles = find_prefixes(many, [0] * 3 + [1] * 3, [99] * 6)
    assert two_roles.owner == [0, 1] and two_roles.of_row == [0] * 3 + [1] * 3
    assert two_roles.of([4, 0]).of_row == [1, 0]


def test_what_is_short_or_rare_is_not_shared():
    assert find_prefixes([[1] * 20 + [r] for r in range(4)], [0] * 4, [20] * 4) is None
    assert find_prefixes([[1] * 40 + [r] * 900 for r in range(4)], [0] * 4, [900] * 4) is None
    assert find_prefixes([list(range(90))], [0], [89]) is None
    limited = find_prefixes([[7] * 90] * 4, [0] * 4, [89, 50, 89, 60])
    assert limited.rests == [40] * 4


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_play_is_the_same(model_folder, architecture):
    shared = episodes_of(team_of(model_folder, architecture), temperature=0.7)
    whole = episodes_of(team_of(model_folder, architecture, sharing=False), temperature=0.7)
    for one, other in zip(shared, whole, strict=True):
        for mine, theirs in zip(one.trajectories, other.trajectories, strict=True):
            for a, b in zip(mine.turns, theirs.turns, strict=True):
                assert a.action_ids == b.action_ids
                assert a.logprobs == pytest.approx(b.logprobs, abs=1e-4)


def test_rows_that_wait_and_rows_of_their_own_join_in(model_folder):
    """A first turn in which a row does not act and another's prompt is a stranger's."""
    found = []
    for sharing in (True, False):
        team = team_of(model_folder, sharing=sharing)
        first = [team.prompts.first_turn(RULES, text) for text in ("a", "3 guards", "hold")]
        session = team.session(
            3, generator=torch.Generator().manual_seed(0), temperature=1.0, max_action_tokens=3
        )
        other = team.prompts.first_turn("", "12 guards at the gate")
        turns = [session.generate([first[0], first[1], None, other, first[2], first[0]])]
        later = team.prompts.next_turn("left fort fell", ended=True)
        session.keep([0, 2])
        turns.append(session.generate([later, first[1], later, later]))
        found.append([row for turn in turns for row in turn if row is not None])
    for (ids, logprobs), (same_ids, same) in zip(*found, strict=True):
        assert ids == same_ids
        assert logprobs == pytest.approx(same, abs=1e-4)


def loss_of(team, batches, states=None):
    for batch in batches:
        scores = team.evaluate_actions(batch, with_entropy=True, states=states)
        weight = torch.linspace(-1, 1, len(scores.logprobs))
        (weight * scores.logprobs + 0.1 * scores.entropy).sum().backward()
        yield scores.logprobs.detach()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_scores_and_gradients_are_the_same(model_folder, architecture):
    team = team_of(model_folder, architecture)
    episodes = episodes_of(team)
    prefixes = shared_prefixes(episodes)
    assert prefixes is not None and sum(prefixes.rests) < 0.6 * sum(prefixes.sizes)
    parameters = [x for own in team.parameters().values() for x in own]

    def run(prefixes):
        (scores,) = loss_of(team, [collate(episodes, team.prompts.pad_id, "cpu", prefixes)])
        grads = [x.grad.clone() for x in parameters]
        for x in parameters:
            x.grad = None
        return scores, grads

    scores, grads = run(prefixes)
    expected, expected_grads = run(None)
    torch.testing.assert_close(scores, expected, atol=1e-4, rtol=0)
    for mine, theirs in zip(grads, expected_grads, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=1e-3)
    sampled = collate(episodes, team.prompts.pad_id).logprobs
    torch.testing.assert_close(scores, sampled, atol=1e-4, rtol=0)


@pytest.mark.parametrize("history", ["LOCAL", "JOINT", "APART"])
@pytest.mark.parametrize("backbone", ["frozen", "adapters"])
def test_critics_read_the_same(model_folder, history, backbone):
    reading = getattr(critic_inputs, history)
    critics = reading.critics(2)
    found, episodes = [], None
    for sharing in (True, False):
        team = team_of(model_folder, sharing=sharing, critics=critics)
        # Played once: a last digit may turn a sampled token, and other tokens are read otherwise.
        episodes = episodes or episodes_of(team)
        options = CriticOptions(critic_backbone=backbone)
        learner = CriticLearner.build(reading, team, team.config, options)
        assert learner.critic.shares_prefixes is sharing
        readings = [
            critic_inputs.within_context(reading.read(e), learner.context)
            for e in episodes
        ]
        observed, acted = learner.critic.features(readings)
        found.append((observed, acted))
        if backbone == "adapters":
            (observed.sum() + acted.square().sum()).backward()
            slot = team.critic_slots[0]
            found[-1] += tuple(x.grad for x in team.adapters.parameters(slot))
    for mine, theirs in zip(*found, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-3, rtol=1e-3)


def test_a_frozen_reference_is_the_same(model_folder):
    team = team_of(model_folder)
    episodes = episodes_of(team)
    with torch.no_grad():
        scores = [
            team.evaluate_actions(
                collate(episodes, team.prompts.pad_id, "cpu", prefixes), reference=True
            ).logprobs
            for prefixes in (shared_prefixes(episodes), None)
        ]
    torch.testing.assert_close(*scores, atol=1e-4, rtol=0)


def test_small_models_and_checkpointed_ones_are_left_alone(model_folder):
    assert not build_team(model_folder(), 2).shares_prefixes
