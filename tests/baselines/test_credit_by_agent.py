"""``seq`` and ``hier``: each agent's advantage, by hand and against slow references."""

from __future__ import annotations

import random

import pytest
from handmade_episodes import episode

from colllm_bench.baselines.collm_cc import CentralizedCritic
from colllm_bench.baselines.hierarchical import HierarchicalCritic
from colllm_bench.baselines.sequential import SequentialCredit, order_of
from colllm_bench.config import RunConfig

C = dict(gamma=0.9, gae_lambda=0.5, critic_gae_lambda=0.8)
LENGTHS = [[3, 3, 3], [1, 3, 2], [2, 1, 1], [3], [4, 4]]
every_episode = pytest.mark.parametrize(
    ("lengths", "cut"), [(lengths, cut) for lengths in LENGTHS for cut in (False, True)]
)


def told(algorithm, lengths, cut=False, number=1, seed=0):
    """An episode with a critic's values, as its ``critic_input`` asks for them."""
    made, rng = episode(number, lengths, cut=cut), random.Random(seed)
    for position in algorithm.critic_input.read(made).positions:
        value = rng.gauss(0, 1)
        for turn in position.turns:
            turn.value = value
        for turn in position.also:
            turn.values = [*(turn.values or ()), value]
        for trajectory in position.finals:
            trajectory.final_value = value
    return made


def credit(algorithm, made, **changes):
    """{(agent, turn): (advantage, return)}"""
    algorithm(RunConfig.of(**{**C, **changes})).compute_advantages([made])
    return {
        (x.index, t): (turn.advantage, turn.return_)
        for x in made.trajectories for t, turn in enumerate(x.turns)
    }


def team_line(made):
    """(rewards, V(h_t) of each turn, bootstrap) of the whole team's game."""
    longest = max(made.trajectories, key=lambda x: len(x.turns))
    return (
        [turn.reward for turn in longest.turns], [turn.value for turn in longest.turns],
        longest.final_value if longest.turns[-1].truncated else 0.0,
    )


def lambda_return(made, t, gamma, lam):
    """G_t = (1 - lam) sum_n lam^(n-1) G_t^(n), the last G^(n) with all the weight that is left."""
    rewards, values, bootstrap = team_line(made)
    values = [*values, bootstrap]
    total, weight = 0.0, 1.0
    for n in range(1, len(rewards) - t + 1):
        step = sum(gamma**k * rewards[t + k] for k in range(n)) + gamma**n * values[t + n]
        share = weight if n == len(rewards) - t else weight * (1 - lam)
        total, weight = total + share * step, weight * lam
    return total


def micro_steps(made):
    """The turns of the sequential game, in order: (turn number, agent, v before its action)."""
    steps = []
    for t in range(max(len(x.turns) for x in made.trajectories)):
        turns = {x.index: x.turns[t] for x in made.trajectories if t < len(x.turns)}
        value = next(iter(turns.values())).value
        for agent in order_of(made, t, list(turns)):
            steps.append((t, agent, value))
            value = (turns[agent].values or [None])[0]
    return steps


def slow_seq(made, gamma, lam, agent_lam):
    """{(agent, turn): advantage}: discounted sums of the deltas of all micro-steps that follow."""
    rewards, _, bootstrap = team_line(made)
    steps = micro_steps(made)
    values = [value for *_, value in steps] + [bootstrap]
    ends = [n + 1 == len(steps) or steps[n + 1][0] != t for n, (t, *_) in enumerate(steps)]
    found = {}
    for m, (t, agent, _) in enumerate(steps):
        total, weight = 0.0, 1.0
        for n in range(m, len(steps)):
            reward = rewards[steps[n][0]] if ends[n] else 0.0
            total += weight * (reward + (gamma if ends[n] else 1.0) * values[n + 1] - values[n])
            weight *= gamma * lam if ends[n] else agent_lam
        found[agent, t] = total
    return found


# -- seq


@pytest.mark.parametrize("agent_lambda", [0.0, 0.6, 1.0])
@every_episode
def test_seq_equals_the_slow_reference(lengths, cut, agent_lambda):
    made = told(SequentialCredit, lengths, cut)
    found = credit(SequentialCredit, made, algo="seq", agent_lambda=agent_lambda)
    expected = slow_seq(made, C["gamma"], C["gae_lambda"], agent_lambda)
    assert found.keys() == expected.keys()
    for where, advantage in expected.items():
        target = lambda_return(made, where[1], C["gamma"], C["critic_gae_lambda"])
        assert found[where] == pytest.approx((advantage, target), abs=1e-9)


@every_episode
def test_seq_at_one_is_the_teams_return_minus_what_was_known_before(lengths, cut):
    made = told(SequentialCredit, lengths, cut)
    found = credit(SequentialCredit, made, algo="seq", agent_lambda=1.0)
    for t, agent, before in micro_steps(made):
        expected = lambda_return(made, t, C["gamma"], C["gae_lambda"]) - before
        assert found[agent, t][0] == pytest.approx(expected, abs=1e-9)


@every_episode
def test_seq_at_zero_is_what_the_action_changed(lengths, cut):
    made = told(SequentialCredit, lengths, cut)
    found = credit(SequentialCredit, made, algo="seq", agent_lambda=0.0, gae_lambda=0.0)
    rewards, _, bootstrap = team_line(made)
    steps = micro_steps(made)
    for (t, agent, before), following in zip(steps, [*steps[1:], None], strict=True):
        if following and following[0] == t:
            expected = following[2] - before
        else:
            after = following[2] if following else bootstrap
            expected = rewards[t] + C["gamma"] * after - before
        assert found[agent, t][0] == pytest.approx(expected, abs=1e-9)


def test_seq_by_hand():
    """One turn of three agents, reward 2: values .5 before, then .8 and 1.4 on the way."""
    made = episode(1, [1, 1, 1])
    first, second, third = (made.trajectories[i].turns[0] for i in order_of(made, 0, [0, 1, 2]))
    for turn in (first, second, third):
        turn.value, turn.reward = 0.5, 2.0
    first.values, second.values = [0.8], [1.4]
    credit(SequentialCredit, made, algo="seq", agent_lambda=0.5)
    # .6 = 2 - 1.4; .9 = (1.4 - .8) + .5 * .6; .75 = (.8 - .5) + .5 * .9
    advantages = [turn.advantage for turn in (first, second, third)]
    assert advantages == pytest.approx([0.75, 0.9, 0.6])
    assert [turn.return_ for turn in (first, second, third)] == [2.0] * 3


# -- hier


@every_episode
def test_hier_equals_the_slow_reference(lengths, cut):
    made = told(HierarchicalCritic, lengths, cut)
    found = credit(HierarchicalCritic, made, algo="hier")
    for x in made.trajectories:
        for t, turn in enumerate(x.turns):
            (baseline,) = turn.values
            advantage = lambda_return(made, t, C["gamma"], C["gae_lambda"]) - baseline
            target = lambda_return(made, t, C["gamma"], C["critic_gae_lambda"])
            assert found[x.index, t] == pytest.approx((advantage, target), abs=1e-9)


@every_episode
def test_hier_with_the_teams_credit_is_cc(lengths, cut):
    made = told(HierarchicalCritic, lengths, cut)
    found = credit(HierarchicalCritic, made, algo="hier", credit="team")
    assert found == credit(CentralizedCritic, made)


def test_hier_by_hand():
    """One turn of two agents, reward 2, V = .5: the other's action was worth .3, and 1."""
    made = episode(1, [1, 1])
    for x, baseline in zip(made.trajectories, (0.8, 1.5), strict=True):
        x.turns[0].value, x.turns[0].reward, x.turns[0].values = 0.5, 2.0, [baseline]
    found = credit(HierarchicalCritic, made, algo="hier")
    assert [found[a, 0][0] for a in range(2)] == pytest.approx([1.2, 0.5])


# -- both


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize(("algo", "algorithm"), [
    ("seq", SequentialCredit), ("hier", HierarchicalCritic),
])
def test_one_agent_gets_what_cc_gives(algo, algorithm, cut):
    made = told(algorithm, [4], cut)
    for turn in made.trajectories[0].turns:  # an only agent's baseline knows nothing more
        turn.values = turn.values and [turn.value]
    found, expected = credit(algorithm, made, algo=algo), credit(CentralizedCritic, made)
    for where, pair in expected.items():
        assert found[where] == pytest.approx(pair, abs=1e-12)
