"""GAE from agent to agent: by hand, against the sum as it is written down, and its two ends."""

from __future__ import annotations

import random

import pytest

from colllm_bench.objectives.returns import discounted_returns, gae, sequential_gae

REWARDS, VALUES = [0.0, 1.0], [[0.2, 0.3], [0.5, 0.6]]


def case(seed):
    """(rewards, values, gamma, lam, bootstrap): teams of 1 to 4 whose agents leave for good."""
    rng = random.Random(seed)
    team, values = rng.randint(1, 4), []
    for _ in range(rng.randint(1, 6)):
        values.append([rng.gauss(0, 1) for _ in range(team)])
        team = rng.randint(1, team)
    rewards = [rng.gauss(0, 1) for _ in values]
    return rewards, values, rng.random(), rng.random(), rng.choice([0.0, rng.gauss(0, 1)])


def slowly(rewards, values, gamma, lam, agent_lam, bootstrap):
    """A_m = sum_n (prod_{m <= i < n} gamma_i lambda_i) delta_n over all micro-steps."""
    steps = [(t, k) for t, own in enumerate(values) for k in range(len(own))]
    value = [values[t][k] for t, k in steps] + [bootstrap]
    ends = [k == len(values[t]) - 1 for t, k in steps]
    deltas = [
        (rewards[t] if end else 0.0) + (gamma if end else 1.0) * value[n + 1] - value[n]
        for n, ((t, _), end) in enumerate(zip(steps, ends, strict=True))
    ]
    out = [[] for _ in values]
    for m, (t, _) in enumerate(steps):
        total, weight = 0.0, 1.0
        for n in range(m, len(steps)):
            total += weight * deltas[n]
            weight *= gamma * lam if ends[n] else agent_lam
        out[t].append(total)
    return out


def flat(nested):
    return [x for own in nested for x in own]


def test_by_hand_after_a_termination():
    # A_11 = 1 - .6; A_10 = (.6 - .5) + .5 * A_11; A_01 = (.9 * .5 - .3) + .9 * .5 * A_10;
    # A_00 = (.3 - .2) + .5 * A_01
    found = sequential_gae(REWARDS, VALUES, gamma=0.9, lam=0.5, agent_lam=0.5)
    assert flat(found) == pytest.approx([0.2425, 0.285, 0.3, 0.4])


def test_by_hand_after_a_truncation():
    # as above, but A_11 = 1 + .9 * .5 - .6
    found = sequential_gae(REWARDS, VALUES, gamma=0.9, lam=0.5, agent_lam=0.5, bootstrap=0.5)
    assert flat(found) == pytest.approx([0.293125, 0.38625, 0.525, 0.85])


@pytest.mark.parametrize("agent_lam", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("seed", range(30))
def test_it_equals_the_sum(seed, agent_lam):
    rewards, values, gamma, lam, bootstrap = case(seed)
    found = sequential_gae(rewards, values, gamma, lam, agent_lam, bootstrap)
    expected = slowly(rewards, values, gamma, lam, agent_lam, bootstrap)
    assert [len(own) for own in found] == [len(own) for own in values]
    assert flat(found) == pytest.approx(flat(expected), abs=1e-12)


@pytest.mark.parametrize("seed", range(10))
def test_at_one_it_is_the_teams_return_minus_what_was_known_before_the_action(seed):
    rewards, values, gamma, lam, bootstrap = case(seed)
    start = [own[0] for own in values]
    errors = gae(rewards, start, gamma, lam, bootstrap)
    targets = [v + e for v, e in zip(start, errors, strict=True)]
    found = sequential_gae(rewards, values, gamma, lam, 1.0, bootstrap)
    expected = [g - v for g, own in zip(targets, values, strict=True) for v in own]
    assert flat(found) == pytest.approx(expected, abs=1e-12)
    # with lambda = 1 as well, the return itself
    found = sequential_gae(rewards, values, gamma, 1.0, 1.0, bootstrap)
    returns = discounted_returns(rewards, gamma, bootstrap)
    expected = [g - v for g, own in zip(returns, values, strict=True) for v in own]
    assert flat(found) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(10))
def test_at_zero_it_is_what_the_action_changed(seed):
    """v_{t,k} - v_{t,k-1}; the last one's adds the next turn's first, weighed by lambda."""
    rewards, values, gamma, lam, bootstrap = case(seed)
    found = sequential_gae(rewards, values, gamma, lam, 0.0, bootstrap)
    for t, own in enumerate(values):
        changes = [after - before for before, after in zip(own, own[1:], strict=False)]
        assert found[t][:-1] == pytest.approx(changes, abs=1e-12)
        after = values[t + 1][0] if t + 1 < len(values) else bootstrap
        carried = gamma * lam * found[t + 1][0] if t + 1 < len(values) else 0.0
        last = rewards[t] + gamma * after - own[-1]
        assert found[t][-1] == pytest.approx(last + carried, abs=1e-12)
    # With both at 0 the changes of a turn add up to its TD error.
    found = sequential_gae(rewards, values, gamma, 0.0, 0.0, bootstrap)
    errors = gae(rewards, [own[0] for own in values], gamma, 0.0, bootstrap)
    assert [sum(own) for own in found] == pytest.approx(errors, abs=1e-12)


@pytest.mark.parametrize("agent_lam", [0.0, 0.7, 1.0])
def test_one_agent_is_plain_gae(agent_lam):
    rewards, start = [0.0, 0.5, 1.0], [0.2, 0.1, 0.7]
    found = sequential_gae(rewards, [[v] for v in start], 0.9, 0.5, agent_lam, 0.3)
    assert flat(found) == gae(rewards, start, 0.9, 0.5, 0.3)
