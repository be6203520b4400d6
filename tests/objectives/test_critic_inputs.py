"""What critics see: everybody's texts or one's own, and never the actions they judge."""

from __future__ import annotations

import pytest
import torch
from handmade_episodes import ACTION, FINAL, OBSERVATION, decode, episode

from colllm_bench.objectives import critic_inputs


def seen(
    sequence: critic_inputs.CriticSequence, position: critic_inputs.ValuePosition
) -> list[tuple[int, ...]]:
    """What stands before a position's place, decoded."""
    return [decode(i) for i in sequence.ids[: position.column + 1]]


def reads(critic_input, episodes):
    """(sequence, position) of all reads."""
    rows = critic_input.sequences(episodes)
    return [(sequence, position) for sequence in rows for position in sequence.positions]


EPISODES = {
    "terminated": [episode(1, [3, 3]), episode(2, [2, 2])],
    "truncated": [episode(1, [3, 3], cut=True), episode(2, [2, 2])],
    "someone leaves": [episode(1, [1, 3], cut=True), episode(2, [4, 2])],
}


@pytest.mark.parametrize("case", EPISODES)
@pytest.mark.parametrize("critic_input", [critic_inputs.LOCAL, critic_inputs.JOINT])
def test_every_turn_has_one_value(critic_input, case):
    episodes = EPISODES[case]
    found = [id(turn) for _, position in reads(critic_input, episodes) for turn in position.turns]
    turns = [turn for e in episodes for x in e.trajectories for turn in x.turns]
    assert sorted(found) == sorted(map(id, turns))
    finals = [id(x) for _, position in reads(critic_input, episodes) for x in position.finals]
    cut = [x for e in episodes for x in e.trajectories if x.turns[-1].truncated]
    assert sorted(finals) == sorted(map(id, cut))


@pytest.mark.parametrize("case", EPISODES)
@pytest.mark.parametrize("critic_input", [critic_inputs.LOCAL, critic_inputs.JOINT])
def test_no_value_sees_an_action_of_its_own_turn(critic_input, case):
    for sequence, position in reads(critic_input, EPISODES[case]):
        for turn in position.turns:
            _, number, agent, t, _ = decode(turn.prompt_ids[0])
            before = seen(sequence, position)
            assert all(token[3] <= t for token in before)
            assert all(token[3] < t for token in before if token[0] == ACTION)
            # and all that was said and done before is there
            assert (OBSERVATION, number, agent, t, agent) in before
            assert all((ACTION, number, agent, k, 0) in before for k in range(t))


@pytest.mark.parametrize("case", EPISODES)
def test_the_local_view_shows_an_agent_its_own_transcript_only(case):
    for sequence, position in reads(critic_inputs.LOCAL, EPISODES[case]):
        owners = {(number, agent) for _, number, agent, *_ in seen(sequence, position)}
        assert owners == {(decode(sequence.ids[0])[1], sequence.critic)}


def test_the_joint_view_shows_all_observations_then_all_actions():
    (sequence,) = critic_inputs.joint([episode(1, [2, 2], cut=True)])
    order = [decode(i)[:4] for i in sequence.ids]
    first = [(OBSERVATION, 1, 0, 0), *[(OBSERVATION, 1, 1, 0)] * 2]
    second = [(OBSERVATION, 1, 0, 1), *[(OBSERVATION, 1, 1, 1)] * 2]
    assert order == [
        *first, (ACTION, 1, 0, 0), (ACTION, 1, 1, 0),
        *second, *[(ACTION, 1, 0, 1)] * 2, *[(ACTION, 1, 1, 1)] * 2,
        (FINAL, 1, 0, 2), (FINAL, 1, 1, 2),
    ]
    assert [position.column for position in sequence.positions] == [2, 7, 13]
    assert [len(position.turns) for position in sequence.positions] == [2, 2, 0]


def test_who_left_is_seen_no_more_and_the_others_go_on():
    (sequence,) = critic_inputs.joint([episode(1, [1, 3], cut=True)])
    assert [len(position.turns) for position in sequence.positions] == [2, 1, 1, 0]
    assert [x.agent for x in sequence.positions[-1].finals] == ["agent_1"]
    assert [decode(i)[2] for i in sequence.ids[4:]] == [1] * len(sequence.ids[4:])


@pytest.mark.parametrize("critic_input", [critic_inputs.LOCAL, critic_inputs.JOINT])
def test_nothing_is_computed_that_nobody_reads(critic_input):
    for sequence in critic_input.sequences(EPISODES["terminated"]):
        assert len(sequence.ids) == sequence.positions[-1].column + 1


@pytest.mark.parametrize(
    ("critic_input", "critics"), [(critic_inputs.LOCAL, 3), (critic_inputs.JOINT, 1)]
)
def test_rows_of_a_critic_are_contiguous_and_equally_many(critic_input, critics):
    sequences = critic_input.sequences([episode(1, [3, 1, 2]), episode(2, [2, 2, 2])])
    assert critic_input.critics(3) == critics
    assert [h.critic for h in sequences] == [c for c in range(critics) for _ in range(2)]


def test_collate_reads_in_order():
    sequences = critic_inputs.local(EPISODES["someone leaves"])
    batch = critic_inputs.collate(sequences, pad_id=0)
    flat = [(h, position) for h in sequences for position in h.positions]
    assert len(batch.row) == len(batch.column) == len(flat)
    for row, column, (sequence, position) in zip(
        batch.row.tolist(), batch.column.tolist(), flat, strict=True
    ):
        assert batch.ids[row, column].item() == sequence.ids[position.column]
        assert batch.slot[row].item() == sequence.critic
        assert batch.mask[row].sum().item() == len(sequence.ids)
    assert batch.ids.dtype == torch.long
