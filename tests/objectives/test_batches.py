"""Ragged transcripts become rectangles: order, masks, and what belongs to which token."""

from __future__ import annotations

import torch
from handmade_episodes import ACTION, decode, episode

from colllm_bench.objectives.batches import collate, pad, trajectory_ids

PAD = 0


def batch():
    return collate([episode(1, [2, 3]), episode(2, [1, 1])], PAD)


def test_rows_are_agent_major():
    found = batch()
    assert found.ids.shape == found.mask.shape == found.action_mask.shape == (4, 10)
    owners = [decode(int(row[0]))[1:3] for row in found.ids]
    assert owners == [(1, 0), (2, 0), (1, 1), (2, 1)]
    assert found.agent.tolist() == [0, 0, 1, 1]


def test_a_row_is_the_whole_transcript_in_order():
    found, trajectory = batch(), episode(1, [2, 3]).trajectories[1]
    expected = [i for turn in trajectory.turns for i in (*turn.prompt_ids, *turn.action_ids)]
    ids, wrote = trajectory_ids(trajectory)
    assert ids == expected == found.ids[2][found.mask[2]].tolist()
    assert wrote == [decode(i)[0] == ACTION for i in ids]


def test_masks():
    found = batch()
    for ids, mask, action in zip(found.ids, found.mask, found.action_mask, strict=True):
        length = int(mask.sum())
        assert mask[:length].all() and not mask[length:].any()
        assert (ids[length:] == PAD).all()
        kinds = [decode(i)[0] == ACTION for i in ids[:length].tolist()]
        assert action[:length].tolist() == kinds and not action[length:].any()
    assert found.action_mask.dtype == found.mask.dtype == torch.bool


def test_the_padding_id_may_stand_in_a_transcript():
    """Masks go by position: where padding is EOS, an EOS in a prompt cuts nothing off."""
    played = episode(1, [2, 3])
    end = played.trajectories[0].turns[0].prompt_ids[0]
    plain, same = collate([played], PAD), collate([played], end)
    assert (same.ids == end).sum() > 1
    assert torch.equal(plain.mask, same.mask) and torch.equal(plain.action_mask, same.action_mask)


def test_flat_tensors_follow_the_action_tokens():
    found = batch()
    flat = found.ids[found.action_mask].tolist()
    assert flat == [i for turn in found.turns for i in turn.action_ids]
    assert [found.turns[k] for k in found.turn.tolist()] == [
        turn for turn in found.turns for _ in turn.action_ids
    ]
    assert found.agent_of_token.tolist() == [decode(i)[2] for i in flat]
    torch.testing.assert_close(found.logprobs, torch.tensor([i / -1e6 for i in flat]))
    assert len(found.turns) == 2 + 1 + 3 + 1


def test_a_turns_advantage_stands_on_each_of_its_tokens():
    found = batch()
    for k, turn in enumerate(found.turns):
        turn.advantage = float(k)
    assert found.advantages.tolist() == found.turn.float().tolist()
    assert found.per_token([1.0] * len(found.turns)).tolist() == [1.0] * len(found.turn)


def test_pad_of_nothing():
    ids, mask = pad([], PAD, "cpu")
    assert ids.shape == mask.shape == (0, 0)
    ids, mask = pad([[], [5]], PAD, "cpu")
    assert ids.tolist() == [[PAD], [5]] and mask.tolist() == [[False], [True]]
