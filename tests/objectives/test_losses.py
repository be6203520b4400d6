"""Losses: the clip's four cases, estimators against exact values, guards."""

from __future__ import annotations

import math

import pytest
import torch

from colllm_bench.objectives import losses

CLIP = 0.2


def surrogate(ratio: float, advantage: float) -> tuple[float, float]:
    """(loss, its derivative by the log-probability) of one token."""
    logprob = torch.tensor([math.log(ratio)], requires_grad=True, dtype=torch.float64)
    one = torch.ones(1, dtype=torch.float64)
    loss = losses.clipped_surrogate(logprob, advantage * one, one, CLIP)
    loss.backward()
    return loss.item(), logprob.grad.item()


@pytest.mark.parametrize(("ratio", "advantage", "loss", "slope"), [
    (1.5, 1.0, -1.2, 0.0),  # good and already likelier by 20%: clipped
    (1.5, -1.0, 1.5, 1.5),  # bad and likelier: pushed back, however far it went
    (0.5, 1.0, -0.5, -0.5),  # good and rarer: pulled up, however far it went
    (0.5, -1.0, 0.8, 0.0),  # bad and already rarer by 20%: clipped
    (1.1, 2.0, -2.2, -2.2),  # inside the range
    (0.9, -2.0, 1.8, 1.8),
    (1.0, 3.0, -3.0, -3.0),  # at the start the gradient is the policy gradient's
])
def test_clipped_surrogate_case_by_case(ratio, advantage, loss, slope):
    assert surrogate(ratio, advantage) == pytest.approx((loss, slope))


def random_units(seed: int, units: int = 200):
    generator = torch.Generator().manual_seed(seed)
    log_ratio = torch.randn(units, generator=generator, dtype=torch.float64) * 0.4
    advantages = torch.randn(units, generator=generator, dtype=torch.float64)
    weight = torch.rand(units, generator=generator, dtype=torch.float64)
    return log_ratio, advantages, weight


def test_clipped_surrogate_equals_a_slow_loop():
    log_ratio, advantages, weight = random_units(0)
    expected = 0.0
    for x, a, w in zip(log_ratio.tolist(), advantages.tolist(), weight.tolist(), strict=True):
        rho = math.exp(x)
        expected -= w * min(rho * a, min(max(rho, 1 - CLIP), 1 + CLIP) * a)
    found = losses.clipped_surrogate(log_ratio, advantages, weight, CLIP)
    assert found.item() == pytest.approx(expected)
    # A sum of weights: cut anywhere, the parts add up to the whole.
    parts = [
        losses.clipped_surrogate(log_ratio[cut], advantages[cut], weight[cut], CLIP)
        for cut in (slice(0, 33), slice(33, 34), slice(34, None))
    ]
    assert sum(parts).item() == pytest.approx(expected)


def test_clip_fraction_counts_the_units_without_gradient():
    log_ratio, advantages, weight = random_units(1)
    log_ratio.requires_grad_()
    losses.clipped_surrogate(log_ratio, advantages, weight, CLIP).backward()
    stopped = (log_ratio.grad == 0).double().mean().item()
    assert 0.1 < stopped < 0.9
    found = losses.clip_fraction(log_ratio.detach(), advantages, CLIP)
    assert found.item() == pytest.approx(stopped)


def test_log_ratios_per_token_and_per_turn():
    new, old = torch.tensor([-1.0, -2.0, -0.5, -3.0]), torch.tensor([-1.5, -1.0, -0.5, -1.0])
    turn = torch.tensor([0, 0, 1, 0])
    by_token = losses.log_ratios(new, old, turn, "token")
    assert by_token.tolist() == [0.5, -1.0, 0.0, -2.0]
    by_turn = losses.log_ratios(new, old, turn, "turn")
    assert by_turn.tolist() == [-2.5, -2.5, 0.0, -2.5]


def test_a_turns_ratio_is_clipped_as_a_whole():
    """Two tokens whose ratios are inside the range, and whose turn's is not."""
    old = torch.zeros(2)
    advantages, weight, turn = torch.ones(2), torch.ones(2) / 2, torch.zeros(2, dtype=torch.long)
    slopes = {}
    for per in ("token", "turn"):
        new = torch.log(torch.tensor([1.15, 1.15])).requires_grad_()
        ratio = losses.log_ratios(new, old, turn, per)
        losses.clipped_surrogate(ratio, advantages, weight, CLIP).backward()
        slopes[per] = new.grad.tolist()
    assert slopes["token"] == pytest.approx([-0.575, -0.575])
    assert slopes["turn"] == [0.0, 0.0]


def test_kl_estimate_is_unbiased_and_nonnegative():
    """Its expectation under the old policy, summed exactly, is the KL divergence."""
    generator = torch.Generator().manual_seed(2)
    for _ in range(5):
        old, new = torch.log_softmax(
            torch.randn(2, 7, generator=generator, dtype=torch.float64), -1
        )
        estimate = losses.approximate_kl(new - old)
        assert (estimate >= 0).all()
        exact = (old.exp() * (old - new)).sum()
        assert (old.exp() * estimate).sum().item() == pytest.approx(exact.item())
    assert not losses.approximate_kl(torch.zeros(3)).any()


def test_value_loss_by_hand():
    values = torch.tensor([1.0, 0.0, 2.0], requires_grad=True)
    targets, weight = torch.tensor([0.0, 0.5, 2.0]), torch.tensor([0.5, 0.25, 0.25])
    loss = losses.value_loss(values, targets, weight)
    loss.backward()
    assert loss.item() == pytest.approx(0.5 * 1.0 + 0.25 * 0.25)
    assert values.grad.tolist() == pytest.approx([1.0, -0.25, 0.0])


def test_explained_variance():
    targets = torch.tensor([0.0, 1.0, 2.0, 3.0])
    assert losses.explained_variance(targets, targets) == 1.0
    assert losses.explained_variance(torch.full((4,), 7.0), targets) == 0.0
    assert losses.explained_variance(-targets, targets) == pytest.approx(-3.0)
    # residuals (0, .5, -.5, 0): variance 0.125 of 1.25
    close = torch.tensor([0.0, 0.5, 2.5, 3.0])
    assert losses.explained_variance(close, targets) == pytest.approx(0.9)


def test_explained_variance_of_targets_that_do_not_vary_is_nan():
    """Every episode won: any number would be an explosion, not an explanation."""
    ones = torch.ones(5)
    values = torch.tensor([0.9, 1.1, 1.0, 0.8, 1.2])
    assert math.isnan(losses.explained_variance(values, ones))
    assert math.isnan(losses.explained_variance(values, ones + 1e-6 * values))
    assert math.isnan(losses.explained_variance(values, torch.full((5,), float("nan"))))
