"""Replay where everything can be counted: one turn, two agents, reward 1 if they do the same.

mu is uniform; today's policies are other ones. With exact values and no truncation the mean of an
actor's advantage, weighed as its loss does, is the true advantage, and the mean target of a value
that knows some actions is what it stands for.
"""

from __future__ import annotations

import itertools
import math

import pytest
from paths import ROOT
from tiny_runs import shake_critic, trainer_for, turns_of

from colllm_bench.baselines.hierarchical import HierarchicalCritic
from colllm_bench.baselines.sequential import SequentialCredit, order_of
from colllm_bench.config import RunConfig
from colllm_bench.objectives.critic_inputs import ValuePosition, targets_of
from colllm_bench.types import Episode, Trajectory, Turn

PI = ((0.8, 0.2), (0.3, 0.7))
MU = 0.5
ALGOS = {"seq": SequentialCredit, "hier": HierarchicalCritic}
PLAYS = list(itertools.product((0, 1), repeat=2))


def value(known: dict[int, int]) -> float:
    """The exact mean reward under PI, given some agents' actions."""
    return sum(
        math.prod(PI[i][a[i]] for i in (0, 1) if i not in known) * (a[0] == a[1])
        for a in PLAYS if all(a[i] == known[i] for i in known)
    )


def played(algo: str, first: int, replay: int = 2, agent_lambda: float = 1.0, wrong: float = 0.0):
    """(actions, episode) of every play, with credit; agent ``first`` is the first in ``seq``'s
    order.

    Args:
        replay: 1: the present policies played.
        wrong: error of the values that know an action.
    """
    options = {"agent_lambda": agent_lambda} if algo == "seq" else {}
    algorithm = ALGOS[algo](RunConfig.of(
        algo=algo, replay=replay, rho_bar=1e9, gae_lambda=1.0, critic_gae_lambda=1.0, **options
    ))
    found = []
    for a in PLAYS:
        seed = 0
        while True:
            episode = Episode(seed, 0, [
                Trajectory(str(i), i, "", [Turn(
                    "", [1], [2], [0.0], reward=float(a[0] == a[1]), terminated=True,
                    truncated=False,
                    log_ratio=math.log(PI[i][a[i]] / MU) if replay > 1 else None,
                )]) for i in (0, 1)
            ], replayed=replay > 1)
            if order_of(episode, 0, [0, 1])[0] == first:
                break
            seed += 1
        for i, x in enumerate(episode.trajectories):
            x.turns[0].value = value({})
            if algo == "hier":
                x.turns[0].values = [value({1 - i: a[1 - i]}) + wrong * (-1) ** a[1 - i]]
            elif i == first:
                x.turns[0].values = [value({i: a[i]}) + wrong * (-1) ** a[i]]
        algorithm.compute_advantages([episode])
        found.append((a, episode))
    return found


@pytest.mark.parametrize("agent", [0, 1])
@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("algo", ALGOS)
def test_an_actors_gradient_is_that_of_the_present_policies(algo, first, agent):
    gains = [0.0, 0.0]  # E[A | a_agent] under the present policies
    for a, episode in played(algo, first):
        gains[a[agent]] += MU * episode.trajectories[agent].turns[0].advantage
    true = value({agent: 0}) - value({agent: 1})
    assert gains[0] - gains[1] == pytest.approx(true) and abs(true) > 0.3


@pytest.mark.parametrize(("algo", "agent_lambda", "wrong", "biased"), [
    ("hier", 1.0, 0.5, False),  # a baseline that does not see the own action
    ("seq", 1.0, 0.5, False),  # nothing is bootstrapped within a turn
    ("seq", 0.0, 0.0, False), ("seq", 0.0, 0.5, True),  # bootstrapped whole: the critic's error
])
def test_on_policy_bias_and_its_source(algo, agent_lambda, wrong, biased):
    """Of agent 0, the first in the order."""
    gains = [0.0, 0.0]
    for a, episode in played(algo, 0, replay=1, agent_lambda=agent_lambda, wrong=wrong):
        gains[a[0]] += PI[1][a[1]] * episode.trajectories[0].turns[0].advantage
    off = gains[0] - gains[1] - (value({0: 0}) - value({0: 1}))
    assert off == pytest.approx(2 * wrong if biased else 0.0)


@pytest.mark.parametrize("algo", ALGOS)
def test_a_value_that_knows_an_action_learns_what_it_stands_for(algo):
    """Not the target of V(h), which the ratio of the known action pulls away."""
    means = {0: 0.0, 1: 0.0}
    for a, episode in played(algo, first=0):  # the value that knows what agent 0 did
        turn = episode.trajectories[0 if algo == "seq" else 1].turns[0]
        means[a[0]] += MU * turn.returns[0]
    assert means == pytest.approx({k: value({0: k}) for k in (0, 1)})
    (team,) = {
        round(sum(MU**2 * e.trajectories[i].turns[0].return_ for _, e in played(algo, 0)), 9)
        for i in (0, 1)
    }
    assert team == pytest.approx(value({}))


def test_targets_of_a_turns_values_are_its_returns():
    turn, other = Turn("", values=[0.1, 0.2]), Turn("", return_=7.0)
    turn.return_, turn.returns = 5.0, [3.0, 4.0]
    positions = [
        ValuePosition(0, [0], turns=[turn]), ValuePosition(0, [0], also=[turn]),
        ValuePosition(0, [0], also=[other]), ValuePosition(0, [0], also=[turn]),
    ]
    assert targets_of(positions) == [5.0, 3.0, 7.0, 4.0]


def test_the_example_credits_replayed_episodes_like_the_built_in(model_folder, monkeypatch):
    monkeypatch.chdir(ROOT)
    found = []
    for algo in ("seq", "./examples/my_critic.py:ActionByAction"):
        trainer = trainer_for(model_folder, algo, env_options={"turns": 2}, agent_lambda=0.7,
                              replay=2)
        shake_critic(trainer)
        episodes = trainer.play(0)
        trainer.critic.write_values(episodes)
        for k, turn in enumerate(turns_of(episodes)):
            turn.log_ratio = math.sin(k)
        trainer.algorithm.compute_advantages(episodes)
        found.append([turn.advantage for turn in turns_of(episodes)])
    assert len(set(found[0])) > len(found[0]) // 2
    assert found[1] == pytest.approx(found[0], abs=1e-6)
