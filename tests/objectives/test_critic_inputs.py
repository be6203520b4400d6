"""What critics see: everybody's texts or one's own, and never the actions they judge."""

from __future__ import annotations

import pytest
from handmade_episodes import ACTION, FINAL, OBSERVATION, decode, episode

from colllm_bench.baselines import hierarchical, sequential
from colllm_bench.objectives import critic_inputs

SEQ = sequential.SequentialCredit.critic_input
HIER = hierarchical.HierarchicalCritic.critic_input
INPUTS = {"local": critic_inputs.LOCAL, "joint": critic_inputs.JOINT,
          "apart": critic_inputs.APART, "seq": SEQ, "hier": HIER}
CENTRAL = [name for name in INPUTS if name != "local"]
EPISODES = {
    "terminated": episode(1, [3, 3]),
    "truncated": episode(1, [3, 3], cut=True),
    "someone leaves": episode(1, [1, 3, 2], cut=True),
    "alone": episode(1, [2]),
}
every_episode = pytest.mark.parametrize("case", EPISODES)
every_input = pytest.mark.parametrize("name", INPUTS)


def prefix(reading, span):
    """What stands in a span's row up to its end, decoded."""
    return {decode(i) for i in reading.rows[span.row].ids[: span.stop]}


def seen(reading, position):
    """All tokens that a value depends on, decoded."""
    cells = reading.cells
    spans = [cells[c].observed for c in position.observed]
    spans += [cells[c].acted for c in position.acted]
    return set().union(*(prefix(reading, span) for span in spans))


def acted_now(reading, position, t):
    """The agents whose action of turn t a value depends on."""
    return {agent for kind, _, agent, turn, _ in seen(reading, position)
            if kind == ACTION and turn == t}


def turns_of(played):
    return [turn for x in played.trajectories for turn in x.turns]


def place(turn):
    """(agent, turn)"""
    return decode(turn.prompt_ids[0])[2:4]


@every_episode
@every_input
def test_every_turn_has_one_value(name, case):
    positions = INPUTS[name].read(EPISODES[case]).positions
    found = [id(turn) for position in positions for turn in position.turns]
    assert sorted(found) == sorted(map(id, turns_of(EPISODES[case])))
    finals = [id(x) for position in positions for x in position.finals]
    cut = [x for x in EPISODES[case].trajectories if x.turns[-1].truncated]
    assert sorted(finals) == sorted(map(id, cut))


@every_episode
@every_input
def test_no_value_of_a_turn_sees_an_action_of_it(name, case):
    reading = INPUTS[name].read(EPISODES[case])
    for position in reading.positions:
        for agent, t in map(place, position.turns):
            before = seen(reading, position)
            assert all(token[3] <= t for token in before)
            assert all(token[3] < t for token in before if token[0] == ACTION)
            # and all that was said and done before is there
            assert (OBSERVATION, 1, agent, t, agent) in before
            assert all((ACTION, 1, agent, k, 0) in before for k in range(t))


@every_episode
@pytest.mark.parametrize("name", CENTRAL)
def test_a_central_value_sees_everything_that_came_before(name, case):
    played = EPISODES[case]
    reading = INPUTS[name].read(played)
    for position in reading.positions:
        for _, t in map(place, position.turns[:1]):
            tokens = [
                i for x in played.trajectories if len(x.turns) > t
                for k, turn in enumerate(x.turns[: t + 1])
                for i in turn.prompt_ids + (turn.action_ids if k < t else [])
            ]
            assert set(map(decode, tokens)) <= seen(reading, position)


@every_episode
@every_input
def test_cells_are_turns(name, case):
    """A cell's spans hold the tokens of its turn, and its chain leads back turn by turn."""
    reading = INPUTS[name].read(EPISODES[case])
    tokens = {place(turn): (turn.prompt_ids, turn.action_ids) for turn in turns_of(EPISODES[case])}
    for cell in reading.cells:
        row = reading.rows[cell.observed.row].ids
        observed = row[cell.observed.start : cell.observed.stop]
        kind, _, agent, t, _ = decode(observed[0])
        assert agent == cell.agent
        if kind == FINAL:
            assert cell.acted is None
            continue
        prompt, action = tokens.pop((agent, t))
        assert observed == prompt
        assert cell.acted is None or row[cell.acted.start : cell.acted.stop] == action
        back = None if cell.before is None else reading.cells[cell.before].observed.start
        assert (back is None) == (t == 0)
        assert back is None or decode(row[back])[2:4] == (agent, t - 1)
    assert not tokens


@every_episode
def test_the_local_view_shows_an_agent_its_own_transcript_only(case):
    reading = critic_inputs.local(EPISODES[case])
    for position in reading.positions:
        assert {token[2] for token in seen(reading, position)} == {position.critic}


def test_the_joint_view_shows_all_observations_then_all_actions():
    reading = critic_inputs.joint(episode(1, [2, 2], cut=True))
    (row,) = reading.rows
    first = [(OBSERVATION, 1, 0, 0), *[(OBSERVATION, 1, 1, 0)] * 2]
    second = [(OBSERVATION, 1, 0, 1), *[(OBSERVATION, 1, 1, 1)] * 2]
    assert [decode(i)[:4] for i in row.ids] == [
        *first, (ACTION, 1, 0, 0), (ACTION, 1, 1, 0),
        *second, *[(ACTION, 1, 0, 1)] * 2, *[(ACTION, 1, 1, 1)] * 2,
        (FINAL, 1, 0, 2), (FINAL, 1, 1, 2),
    ]
    last = [reading.cells[p.observed[-1]].observed.stop - 1 for p in reading.positions]
    assert last == [2, 7, 13]
    assert [len(position.turns) for position in reading.positions] == [2, 2, 0]


def test_rows_apart_are_as_long_as_one_agents_transcript():
    reading = critic_inputs.apart(episode(1, [2, 2], cut=True))
    assert [{decode(i)[2] for i in row.ids} for row in reading.rows] == [{0}, {1}]
    assert [len(row.ids) for row in reading.rows] == [2 * 1 + 3 + 1, 2 * 2 + 3 + 1]
    assert {row.critic for row in reading.rows} == {0}


def test_who_left_is_seen_no_more_and_the_others_go_on():
    reading = critic_inputs.joint(episode(1, [1, 3], cut=True))
    assert [len(position.turns) for position in reading.positions] == [2, 1, 1, 0]
    assert [x.agent for x in reading.positions[-1].finals] == ["agent_1"]
    (row,) = reading.rows
    assert [decode(i)[2] for i in row.ids[5:]] == [1] * len(row.ids[5:])
    agents = [[reading.cells[c].agent for c in p.observed] for p in reading.positions]
    assert agents == [[0, 1], [1], [1], [1]]


@every_episode
@every_input
def test_nothing_is_computed_that_nobody_reads(name, case):
    reading = INPUTS[name].read(EPISODES[case])
    read = set().union(*(seen(reading, position) for position in reading.positions))
    assert {decode(i) for row in reading.rows for i in row.ids} == read


@pytest.mark.parametrize(("name", "critics"), [("local", 3), *((name, 1) for name in CENTRAL)])
def test_whose_rows_there_are(name, critics):
    reading = INPUTS[name].read(episode(1, [3, 1, 2]))
    assert INPUTS[name].critics(3) == critics
    assert {row.critic for row in reading.rows} == set(range(critics))
    assert {position.critic for position in reading.positions} == set(range(critics))
    for position in reading.positions:
        rows = {reading.cells[c].observed.row for c in position.observed}
        assert {reading.rows[row].critic for row in rows} == {position.critic}


# -- values that state that they read actions


@every_episode
def test_seq_reads_the_first_actions_of_a_turn_one_by_one(case):
    played = EPISODES[case]
    reading = SEQ.read(played)
    further = [position for position in reading.positions if position.also]
    assert not [position for position in further if position.turns or position.finals]
    found = {place(turn): position for position in further for turn in position.also}
    for t in range(max(len(x.turns) for x in played.trajectories)):
        here = [x.index for x in played.trajectories if t < len(x.turns)]
        order = sequential.order_of(played, t, here)
        for k, agent in enumerate(order[:-1], 1):
            assert acted_now(reading, found.pop((agent, t)), t) == set(order[:k])
    assert not found, "the value after the last action is the next turn's"


def test_the_order_of_actions_is_drawn_for_every_turn_and_repeats():
    orders = [sequential.order_of(episode(e, [9] * 3), t, [0, 1, 2])
              for e in range(9) for t in range(9)]
    again = [sequential.order_of(episode(e, [9] * 3), t, [2, 0, 1])
             for e in range(9) for t in range(9)]
    assert orders == again
    counts = {order: orders.count(list(order)) for order in map(tuple, orders)}
    assert len(counts) == 6 and min(counts.values()) > 3


@every_episode
def test_hier_shows_a_baseline_what_the_others_did(case):
    played = EPISODES[case]
    reading = HIER.read(played)
    judged = [(place(turn), position) for position in reading.positions for turn in position.also]
    assert sorted(where for where, _ in judged) == sorted(map(place, turns_of(played)))
    for (agent, t), position in judged:
        here = {x.index for x in played.trajectories if t < len(x.turns)}
        assert acted_now(reading, position, t) == here - {agent}
        assert {reading.cells[c].agent for c in position.observed} == here


# -- windows


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("context", [6, 9, 14])
def test_windows_hold_every_span_within_a_context(name, context):
    played = episode(1, [5, 3, 5], cut=True)
    whole = INPUTS[name].read(played)
    before = [row.ids[:] for row in whole.rows]
    cut = critic_inputs.within_context(whole, context)
    assert [row.ids for row in whole.rows] == before, "the reading itself stays"
    assert cut.positions is whole.positions and len(cut.rows) > len(whole.rows)
    assert all(len(row.ids) <= context for row in cut.rows)
    for old, new in zip(whole.cells, cut.cells, strict=True):
        assert (new.agent, new.before) == (old.agent, old.before)
        for one, other in ((old.observed, new.observed), (old.acted, new.acted)):
            assert (one is None) == (other is None)
            if one is not None:
                ids = whole.rows[one.row].ids[one.start : one.stop]
                assert cut.rows[other.row].ids[other.start : other.stop] == ids
                assert cut.rows[other.row].critic == whole.rows[one.row].critic
                assert other.start == one.start or other.start >= min(one.start, context // 2 - 2)


def test_a_reading_that_fits_stays_as_it_is():
    reading = critic_inputs.joint(EPISODES["terminated"])
    longest = max(len(row.ids) for row in reading.rows)
    assert critic_inputs.within_context(reading, None) is reading
    assert critic_inputs.within_context(reading, longest) is reading
    assert critic_inputs.within_context(reading, longest - 1) is not reading
