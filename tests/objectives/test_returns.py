"""Returns and advantages: hand-worked numbers, and the definitions as slow loops."""

from __future__ import annotations

import random

import pytest

from colllm_bench.objectives.returns import discounted_returns, gae, group_baselines


def episode(seed: int):
    rng = random.Random(seed)
    length = rng.randint(1, 12)
    rewards = [rng.uniform(-2, 2) for _ in range(length)]
    values = [rng.uniform(-2, 2) for _ in range(length)]
    bootstrap = rng.choice([0.0, rng.uniform(-2, 2)])
    return rewards, values, rng.choice([0.0, 0.5, 0.9, 1.0]), rng.random(), bootstrap


def slow_discounted(rewards, gamma, bootstrap):
    """The sum as it is written down, not a recursion."""
    out = []
    for t in range(len(rewards)):
        total = sum(gamma**k * reward for k, reward in enumerate(rewards[t:]))
        out.append(total + gamma ** (len(rewards) - t) * bootstrap)
    return out


def slow_gae(rewards, values, gamma, lam, bootstrap):
    """Schulman et al. 2016, eq. 16, truncated at the episode's end."""
    following = [*values[1:], bootstrap]
    deltas = [r + gamma * f - v for r, f, v in zip(rewards, following, values, strict=True)]
    return [
        sum((gamma * lam) ** k * delta for k, delta in enumerate(deltas[t:]))
        for t in range(len(deltas))
    ]


def test_discounted_by_hand():
    assert discounted_returns([1, 0, 2], 0.5) == [1.5, 1.0, 2.0]
    assert discounted_returns([1, 0, 2], 0.5, bootstrap=4.0) == [2.0, 2.0, 4.0]
    assert discounted_returns([1, 2, 3], 1.0) == [6.0, 5.0, 3.0]
    assert discounted_returns([1, 2, 3], 0.0, bootstrap=9.0) == [1.0, 2.0, 3.0]
    assert discounted_returns([], 0.9, bootstrap=1.0) == []


@pytest.mark.parametrize("seed", range(30))
def test_discounted_equals_the_sum(seed):
    rewards, _, gamma, _, bootstrap = episode(seed)
    expected = slow_discounted(rewards, gamma, bootstrap)
    assert discounted_returns(rewards, gamma, bootstrap) == pytest.approx(expected, abs=1e-12)


def test_gae_by_hand_after_a_termination():
    # delta = (0.9*0.5 - 0.2, 0.9*0.8 - 0.5, 1 - 0.8); A_t = delta_t + 0.45 * A_{t+1}
    found = gae([0, 0, 1], [0.2, 0.5, 0.8], gamma=0.9, lam=0.5)
    assert found == pytest.approx([0.3895, 0.31, 0.2])


def test_gae_by_hand_after_a_truncation():
    # The same, but the critic says 0.6 of what was cut off: delta_2 = 1 + 0.9*0.6 - 0.8.
    found = gae([0, 0, 1], [0.2, 0.5, 0.8], gamma=0.9, lam=0.5, bootstrap=0.6)
    assert found == pytest.approx([0.49885, 0.553, 0.74])


@pytest.mark.parametrize("seed", range(30))
def test_gae_equals_the_sum(seed):
    rewards, values, gamma, lam, bootstrap = episode(seed)
    expected = slow_gae(rewards, values, gamma, lam, bootstrap)
    assert gae(rewards, values, gamma, lam, bootstrap) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(10))
def test_gae_at_its_ends(seed):
    """lambda 1 is the return minus the value, lambda 0 one step of temporal difference."""
    rewards, values, gamma, _, bootstrap = episode(seed)
    returns = discounted_returns(rewards, gamma, bootstrap)
    plain = [g - v for g, v in zip(returns, values, strict=True)]
    assert gae(rewards, values, gamma, 1.0, bootstrap) == pytest.approx(plain, abs=1e-12)
    following = [*values[1:], bootstrap]
    one_step = [r + gamma * f - v for r, f, v in zip(rewards, following, values, strict=True)]
    assert gae(rewards, values, gamma, 0.0, bootstrap) == pytest.approx(one_step, abs=1e-12)


def test_a_perfect_critic_leaves_no_advantage():
    rewards = [0.5, -1.0, 2.0, 0.25]
    values = discounted_returns(rewards, 0.9, bootstrap=3.0)
    assert gae(rewards, values, 0.9, 0.7, bootstrap=3.0) == pytest.approx([0.0] * 4, abs=1e-12)


def test_one_value_a_reward():
    with pytest.raises(ValueError, match="3 rewards and 2 values"):
        gae([1, 2, 3], [1, 2], 1.0, 1.0)


def test_baselines_by_hand():
    returns = [1.0, 2.0, 6.0]
    assert group_baselines(returns, "group") == [3.0, 3.0, 3.0]
    assert group_baselines(returns, "loo") == [4.0, 3.5, 1.5]
    assert group_baselines(returns, "max") == [6.0, 6.0, 2.0]
    assert group_baselines(returns, "none") == [0.0, 0.0, 0.0]


def test_leave_one_out_and_max_do_not_look_at_ones_own_return():
    for kind in ("loo", "max"):
        low, high = group_baselines([0.0, 2.0, 3.0], kind), group_baselines([100.0, 2.0, 3.0], kind)
        assert low[0] == high[0] and low[1] != high[1]


@pytest.mark.parametrize("seed", range(5))
def test_leave_one_out_is_the_group_baseline_rescaled(seed):
    rng = random.Random(seed)
    returns = [rng.random() for _ in range(rng.randint(2, 8))]
    n = len(returns)
    loo = [r - b for r, b in zip(returns, group_baselines(returns, "loo"), strict=True)]
    group = [r - b for r, b in zip(returns, group_baselines(returns, "group"), strict=True)]
    assert loo == pytest.approx([n / (n - 1) * a for a in group])
    assert sum(group) == pytest.approx(0.0, abs=1e-12)


def test_a_group_of_one_is_refused_where_others_are_needed():
    for kind in ("group", "loo", "max"):
        with pytest.raises(ValueError, match="at least 2 episodes, got 1"):
            group_baselines([1.0], kind)
    assert group_baselines([1.0], "none") == [0.0]
    with pytest.raises(ValueError, match="'mean'"):
        group_baselines([1.0, 2.0], "mean")
