"""Credit by hand, and the loss that every algorithm inherits."""

from __future__ import annotations

import math

import pytest
import torch
from handmade_episodes import episode
from numpy.testing import assert_allclose

from colllm_bench import registry
from colllm_bench.baselines.algorithm import ActionBatch, Algorithm
from colllm_bench.baselines.centralized import CentralizedExecution
from colllm_bench.baselines.collm_cc import CentralizedCritic
from colllm_bench.baselines.collm_dc import DecentralizedCritics
from colllm_bench.baselines.hierarchical import HierarchicalCritic
from colllm_bench.baselines.monte_carlo import MonteCarlo
from colllm_bench.baselines.sequential import SequentialCredit
from colllm_bench.config import RunConfig
from colllm_bench.objectives import losses
from colllm_bench.objectives.batches import collate
from colllm_bench.objectives.returns import discounted_returns, gae
from colllm_bench.setup.resolve import load_algorithm


class Told:
    """A critic that says ``value(agent, turn)``; at a cut end too."""

    def __init__(self, value):
        self.value = value

    def write_values(self, episodes):
        for e in episodes:
            for a, trajectory in enumerate(e.trajectories):
                for t, turn in enumerate(trajectory.turns):
                    turn.value = self.value(a, t)
                if trajectory.final_prompt_ids:
                    trajectory.final_value = self.value(a, len(trajectory.turns))


def credited(algorithm, episodes, value=None, **changes):
    if value:
        Told(value).write_values(episodes)
    algorithm(RunConfig.of(**changes)).compute_advantages(episodes)
    return [
        [[(turn.advantage, turn.return_) for turn in x.turns] for x in e.trajectories]
        for e in episodes
    ]


def with_rewards(rewards, **options):
    played = episode(0, [len(rewards)] * 2, **options)
    for trajectory in played.trajectories:
        for turn, reward in zip(trajectory.turns, rewards, strict=True):
            turn.reward = reward
    return played


def alone(rewards, values, bootstrap, c):
    """[(advantage, return)] of one transcript by the pure functions."""
    actor = gae(rewards, values, c["gamma"], c["gae_lambda"], bootstrap)
    critic = gae(rewards, values, c["gamma"], c["critic_gae_lambda"], bootstrap)
    return [(a, v + e) for a, v, e in zip(actor, values, critic, strict=True)]


C = dict(gamma=0.9, gae_lambda=0.5, critic_gae_lambda=0.8)


# -- Monte Carlo


def test_monte_carlo_by_hand():
    episodes = [with_rewards([0.0, 1.0]), with_rewards([0.0, 0.0])]
    found = credited(MonteCarlo, episodes, gamma=0.5)
    assert found[0] == [[(0.25, 0.5), (0.5, 1.0)]] * 2
    assert found[1] == [[(-0.25, 0.0), (-0.5, 0.0)]] * 2


@pytest.mark.parametrize(("baseline", "first"), [
    ("group", [-2.0, -1.0, 3.0]), ("loo", [-3.0, -1.5, 4.5]), ("max", [-5.0, -4.0, 4.0]),
    ("none", [1.0, 2.0, 6.0]),
])
def test_baselines_of_monte_carlo(baseline, first):
    episodes = [with_rewards([reward]) for reward in (1.0, 2.0, 6.0)]
    found = credited(MonteCarlo, episodes, baseline=baseline)
    assert [e[0][0][0] for e in found] == first == [e[1][0][0] for e in found]


def test_groups_are_compared_within_themselves():
    rewards = [(0, 1.0), (1, 10.0), (0, 3.0), (1, 30.0)]
    episodes = [with_rewards([reward], group=group) for group, reward in rewards]
    found = credited(MonteCarlo, episodes)
    assert [e[0][0][0] for e in found] == [-1.0, -10.0, 1.0, 10.0]


def test_monte_carlo_counts_the_discount_over_turns():
    """The peer's multi-turn returns ignore it."""
    found = credited(MonteCarlo, [with_rewards([1.0, 1.0, 1.0])], gamma=0.5, baseline="none")
    assert [r for _, r in found[0][0]] == [1.75, 1.5, 1.0]


def test_an_episode_that_is_over_counts_as_nothing_to_come():
    episodes = [with_rewards([1.0]), with_rewards([0.0, 0.0, 3.0])]
    found = credited(MonteCarlo, episodes)
    assert found[0][0] == [(-1.0, 1.0)]
    assert found[1][0] == [(1.0, 3.0), (1.5, 3.0), (1.5, 3.0)]


def test_who_leaves_early_shares_in_what_the_team_gets_afterwards():
    """All algorithms agree on it: rewards 0, 10, 20 follow, discounted."""
    together = discounted_returns([0.0, 10.0, 20.0], 0.9)
    (found,) = credited(MonteCarlo, [episode(1, [1, 3])], baseline="none", gamma=0.9)
    assert found[0][0][0] == found[1][0][0] == together[0]
    for algorithm in (CentralizedCritic, DecentralizedCritics):
        changes = dict(gamma=0.9, gae_lambda=1.0, critic_gae_lambda=1.0)
        (found,) = credited(algorithm, [episode(1, [1, 3])], lambda a, t: 0.5, **changes)
        assert found[0][0] == pytest.approx((together[0] - 0.5, together[0]))
        assert [r for _, r in found[1]] == pytest.approx(together)


# -- critics


@pytest.mark.parametrize("cut", [False, True])
def test_a_critic_bootstraps_a_truncation_and_no_termination(cut):
    value = lambda a, t: 0.5 + 0.25 * t  # noqa: E731
    (found,) = credited(CentralizedCritic, [with_rewards([1.0, 2.0], cut=cut)], value, **C)
    expected = alone([1.0, 2.0], [0.5, 0.75], 1.0 if cut else 0.0, C)
    assert_allclose(found, [expected, expected])
    # by hand, the last turn: 2 + 0.9 * bootstrap - 0.75
    assert found[0][1][0] == pytest.approx(2.15 if cut else 1.25)
    assert found[0][1][1] == pytest.approx(2.9 if cut else 2.0)


def test_decentralized_critics_give_each_agent_its_own_advantage():
    (found,) = credited(DecentralizedCritics, [with_rewards([0.0, 1.0])], lambda a, t: a + t, **C)
    for a in range(2):
        assert_allclose(found[a], alone([0.0, 1.0], [a, a + 1.0], 0.0, C))
    assert found[0] != found[1]


def test_a_centralized_critic_gives_the_team_one_advantage():
    """Also where someone leaves before the others: the team's turns go on."""
    for lengths in ([3, 3, 3], [1, 3, 2]):
        value = lambda a, t: 0.3 * t  # noqa: E731
        (found,) = credited(CentralizedCritic, [episode(1, lengths, cut=True)], value, **C)
        team = alone([0.0, 10.0, 20.0], [0.0, 0.3, 0.6], 0.9, C)
        for own, length in zip(found, lengths, strict=True):
            assert_allclose(own, team[:length])


def test_a_critic_of_ones_own_ends_where_one_leaves():
    """Nothing of the others' critics: only the team's rewards that followed."""
    (found,) = credited(DecentralizedCritics, [episode(1, [1, 3])], lambda a, t: 7.0 * a, **C)
    assert_allclose(found[0], alone([0.0], [0.0], 10.0 + 0.9 * 20.0, C))
    assert_allclose(found[1], alone([0.0, 10.0, 20.0], [7.0] * 3, 0.0, C))


def test_every_turn_is_credited():
    for algorithm in (MonteCarlo, CentralizedCritic, DecentralizedCritics, CentralizedExecution):
        lengths = [2] if algorithm is CentralizedExecution else [1, 3, 2]
        episodes = [episode(k, lengths, cut=bool(k)) for k in range(2)]
        for found in credited(algorithm, episodes, lambda a, t: 0.1 * a + t):
            assert all(math.isfinite(x) for own in found for pair in own for x in pair)


# -- what an algorithm is


def test_registered_algorithms():
    expected = {"mc": MonteCarlo, "cc": CentralizedCritic, "dc": DecentralizedCritics,
                "seq": SequentialCredit, "hier": HierarchicalCritic,
                "central": CentralizedExecution}
    assert {name: load_algorithm(name) for name in registry.ALGORITHMS} == expected
    assert [n for n, a in expected.items() if a.centralized_execution] == ["central"]


@pytest.mark.parametrize(("algo", "critics"), [
    ("cc", 1), ("dc", 3), ("seq", 1), ("hier", 1), ("central", 3),
])
def test_only_critics_with_adapters_take_room_on_the_base(algo, critics):
    algorithm = load_algorithm(algo)
    slots = {backbone: algorithm.critic_slots(3, algorithm.Options(critic_backbone=backbone))
             for backbone in ("frozen", "adapters", "full")}
    assert slots == {"frozen": 0, "adapters": critics, "full": 0}
    elsewhere = algorithm.Options(critic_backbone="adapters", critic_model="some/model")
    assert algorithm.critic_slots(3, elsewhere) == 0
    assert MonteCarlo.critic_slots(3, MonteCarlo.Options()) == 0


def test_the_base_defines_no_advantages():
    with pytest.raises(TypeError, match="must define compute_advantages"):
        Algorithm(RunConfig()).compute_advantages([])


# -- the loss


def action_batch(reference=False, entropy=False):
    tokens = collate([episode(1, [2, 1])], 0)
    generator = torch.Generator().manual_seed(0)
    units = len(tokens.turn)

    def draw(scale):
        return torch.randn(units, generator=generator) * scale

    old = -1.0 + draw(0.1)
    return ActionBatch(
        tokens=tokens,
        old_logprobs=old,
        advantages=draw(1.0),
        weight=torch.full((units,), 1 / units),
        logprobs=(old + draw(0.3)).requires_grad_(),
        entropy=(1.0 + draw(0.1)).requires_grad_() if entropy else None,
        reference_logprobs=old + draw(0.3) if reference else None,
    )


@pytest.mark.parametrize("ratio", ["token", "turn"])
def test_the_loss_is_the_clipped_surrogate(ratio):
    batch = action_batch()
    loss, metrics = Algorithm(RunConfig.of(importance_ratio=ratio, clip_range=0.1)).loss(batch)
    log_ratio = losses.log_ratios(batch.logprobs, batch.old_logprobs, batch.tokens.turn, ratio)
    expected = losses.clipped_surrogate(log_ratio, batch.advantages, batch.weight, 0.1)
    assert loss.item() == expected.item() == metrics["policy_loss"].item()
    k3 = losses.approximate_kl(log_ratio).mean()
    assert metrics["kl"].item() == pytest.approx(k3.item())
    assert set(metrics) == {"policy_loss", "clip_fraction", "kl"}
    assert not any(value.requires_grad for value in metrics.values())


def test_the_entropy_bonus_raises_entropy():
    batch = action_batch(entropy=True)
    plain = Algorithm(RunConfig()).loss(batch)[0]
    loss, metrics = Algorithm(RunConfig.of(entropy_coef=0.3)).loss(batch)
    bonus = (batch.weight * batch.entropy).sum()
    assert (plain - loss).item() == pytest.approx(0.3 * bonus.item(), rel=1e-4)
    loss.backward()
    torch.testing.assert_close(batch.entropy.grad, -0.3 * batch.weight)
    assert metrics["entropy"].item() == pytest.approx(batch.entropy.mean().item())


def test_the_kl_penalty_pulls_toward_the_reference():
    batch = action_batch(reference=True)
    batch.advantages.zero_()
    loss, metrics = Algorithm(RunConfig.of(kl_coef=0.5)).loss(batch)
    toward = (batch.reference_logprobs - batch.logprobs).detach()
    expected = 0.5 * (batch.weight * (toward.exp() - 1 - toward)).sum()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    loss.backward()
    # Where the policy is likelier than the reference the step must lower it, and the reverse.
    assert torch.equal(batch.logprobs.grad.sign(), -toward.sign())
    assert metrics["reference_kl"].item() == pytest.approx(2 * expected.item(), rel=1e-5)
