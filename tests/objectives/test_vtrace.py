"""V-trace: numbers by hand, a slow reference from the paper's sum, and GAE where pi = mu."""

from __future__ import annotations

import math
import random

import pytest

from colllm_bench.objectives import vtrace
from colllm_bench.objectives.returns import gae, sequential_gae

LOG2 = math.log(2)


def drawn(seed, steps=6):
    rng = random.Random(seed)
    rewards, values, logs = ([rng.gauss(0, 1) for _ in range(steps)] for _ in range(3))
    return rewards, values, logs, rng.gauss(0, 1)


def reference(rewards, values, logs, gamma, lam, rho_bar, bootstrap):
    """v_t - V(h_t) as eq. 1 has it: sums of products."""
    following = [*values[1:], bootstrap]
    rho = [min(rho_bar, math.exp(x)) for x in logs]
    c = [lam * min(1.0, math.exp(x)) for x in logs]
    delta = [rho[k] * (rewards[k] + gamma * following[k] - values[k]) for k in range(len(rewards))]
    return [
        sum(gamma ** (k - t) * math.prod(c[t:k]) * delta[k] for k in range(t, len(rewards)))
        for t in range(len(rewards))
    ]


@pytest.mark.parametrize("rho_bar", [0.7, 1.0, 3.0])
@pytest.mark.parametrize("seed", range(4))
def test_targets_are_those_of_the_papers_sum(seed, rho_bar):
    rewards, values, logs, bootstrap = drawn(seed)
    found = vtrace.errors(rewards, values, logs, 0.9, 0.8, rho_bar, bootstrap)
    assert found == pytest.approx(reference(rewards, values, logs, 0.9, 0.8, rho_bar, bootstrap))


def test_two_turns_by_hand():
    # The last: rho = min(1, 1/2), delta = 1 - .2. The first: rho = min(1, 2) = 1, c = .5 * 1.
    rewards, values, logs = [0.0, 1.0], [0.5, 0.2], [LOG2, -LOG2]
    found = vtrace.errors(rewards, values, logs, 1.0, 0.5)
    assert found == pytest.approx([(0.2 - 0.5) + 0.5 * 0.4, 0.4])
    # An actor's advantage leaves its own ratio out: the last one's is delta whole.
    assert vtrace.advantages(rewards, values, logs, 1.0, 0.5) == pytest.approx([-0.3 + 0.2, 0.8])


@pytest.mark.parametrize("seed", range(4))
def test_on_policy_it_is_gae_to_the_last_bit(seed):
    rewards, values, _, bootstrap = drawn(seed)
    same = [0.0] * len(rewards)
    for found in (vtrace.errors, vtrace.advantages):
        ours = found(rewards, values, same, 0.97, 0.83, 1.0, bootstrap)
        assert ours == gae(rewards, values, 0.97, 0.83, bootstrap)


def test_an_action_that_the_policy_never_takes_teaches_nothing_and_ends_the_trace():
    rewards, values = [0.0, 5.0, 7.0], [1.0, 2.0, 3.0]
    found = vtrace.errors(rewards, values, [0.0, -800.0, 0.0], 1.0, 1.0)
    assert found[1] == 0.0 and found[0] == pytest.approx(2.0 - 1.0)


def test_ratios_are_truncated_before_they_overflow():
    found = vtrace.errors([1.0], [0.0], [5000.0], 1.0, 1.0, 2.0)
    assert found == pytest.approx([2.0])


@pytest.mark.parametrize("seed", range(3))
def test_along_micro_steps_it_is_sequential_gae_on_policy(seed):
    rng = random.Random(seed)
    rewards, values = [0.3, -1.0, 2.0], [[rng.gauss(0, 1) for _ in range(n)] for n in (3, 2, 1)]
    same = [[0.0] * len(turn) for turn in values]
    ours = vtrace.sequential_advantages(rewards, values, same, 0.9, 0.8, 0.7, bootstrap=0.4)
    theirs = sequential_gae(rewards, values, 0.9, 0.8, 0.7, 0.4)
    assert [len(turn) for turn in ours] == [3, 2, 1]
    for one, other in zip(ours, theirs, strict=True):
        assert one == pytest.approx(other)


def test_a_micro_step_is_corrected_by_those_after_it():
    # One turn, two agents; the second one's action is half as likely now.
    found = vtrace.sequential_advantages([1.0], [[0.5, 0.25]], [[0.0, -LOG2]], 1.0, 1.0, 1.0)
    assert found == [pytest.approx([(0.25 - 0.5) + 0.5 * 0.75, 0.75])]


def test_mean_of_the_target_is_the_value_of_the_present_policy():
    """One step, two actions with rewards 0 and 1, mu = (.5, .5), pi = (.8, .2): with rho_bar large
    enough the expected target is V^pi = .2, whatever V."""
    mu, pi = (0.5, 0.5), (0.8, 0.2)
    mean = sum(
        mu[a] * (0.9 + vtrace.errors([float(a)], [0.9], [math.log(pi[a] / mu[a])], 1, 1, 10.0)[0])
        for a in (0, 1)
    )
    assert mean == pytest.approx(0.2)


def test_effective_sample_size():
    assert vtrace.effective_sample_size([0.3, 0.3, 0.3]) == pytest.approx(1.0)
    assert vtrace.effective_sample_size([900.0, 0.0, 0.0, 0.0]) == pytest.approx(0.25)
    # Weights 1 and 3: (1 + 3)^2 / (2 * 10).
    assert vtrace.effective_sample_size([0.0, math.log(3)]) == pytest.approx(0.8)


def test_lists_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="2 rewards, 1 values"):
        vtrace.errors([0.0, 1.0], [0.0], [0.0, 0.0], 1.0, 1.0)
    with pytest.raises(ValueError, match="no samples"):
        vtrace.effective_sample_size([])
