"""The tables are the published games: the solver finds the published values, and brute force and
Monte-Carlo agree with the solver."""

from __future__ import annotations

import itertools
import random
from statistics import fmean, stdev

import numpy as np
import pytest

from colllm_bench.envs.classic import controllers, known
from colllm_bench.envs.classic.controllers import NOWHERE
from colllm_bench.envs.classic.games import GAMES, matrix, table
from colllm_bench.envs.classic.games.robots import BATTERY
from colllm_bench.envs.classic.model import DecPOMDP, independent
from colllm_bench.envs.classic.solver import bounds
from colllm_bench.envs.classic.solver.decentralized import cluster, solve
from colllm_bench.envs.classic.solver.evaluation import policy_value

LITERATURE = {  # random, blind, decentralized, joint, state: docs/classic.md
    ("dectiger", 2): (-92.4444, -4, -4, 10.8150, 40),
    ("dectiger", 3): (-138.6667, -6, 5.190812, 13.0155, 60),
    ("dectiger", 4): (-184.8889, -8, 4.802755, 22.7011, 80),
    ("recycling", 2): (2.6763, 6.3405, 7, 7.2900, 7.2900),
    ("recycling", 3): (3.2087, 10, 10.660125, 11.1225, 11.1225),
    ("recycling", 4): (3.6817, 11.45, 13.38, 14.0696, 14.0696),
    ("recycling", 6): (4.5967, 16.45, 19.5542, 20.6943, 20.6943),
    ("buffers", 2): (1, 2, 2, 2, 2),
    ("buffers", 3): (1.4944, 2.99, 2.99, 2.9910, 2.9910),
    ("buffers", 4): (1.985, 3.89, 3.89, 3.9747, 3.9747),
    ("buffers", 6): (2.9598, 5.69, 5.69, 5.9255, 5.9255),
}
CASES = [(game.name, turns) for game in GAMES.values() for turns in game.turns]
SLOW = {("gridsmall", 4)}


def draw(rng: random.Random, chances) -> int:
    return rng.choices(range(chances.size), chances.ravel().tolist())[0]


def play(model: DecPOMDP, horizon: int, policies, rng: random.Random) -> float:
    """The return of one episode, sampled from the table."""
    state, total = draw(rng, model.start), 0.0
    histories = [(), ()]
    if model.first is not None:
        histories = [(o,) for o in np.unravel_index(
            draw(rng, model.first[state]), model.first.shape[1:])]
    for _ in range(horizon):
        one, two = (draw(rng, np.array(policy(history)))
                    for policy, history in zip(policies, histories))
        after = draw(rng, model.T[state, one, two])
        total += float(model.R[state, one, two, after])
        seen = np.unravel_index(draw(rng, model.O[one, two, after]), model.O.shape[3:])
        histories = [(*h, a, int(o)) for h, a, o in zip(histories, (one, two), seen)]
        state = after
    return total


def deterministic(rule: dict, first: int, actions: int):
    """The policy that a map from observation histories to actions is."""
    def chances(history):
        return np.eye(actions)[rule[(*history[:first], *history[first + 1 :: 2])]]
    return chances


@pytest.mark.parametrize("game, turns", LITERATURE)
def test_every_column_of_the_literature_is_found_again(game, turns):
    model = table(game)
    found = (
        bounds.random_value(model, turns), bounds.best_blind(model, turns)[0],
        solve(model, turns).value, bounds.joint_value(model, turns),
        bounds.state_value(model, turns),
    )
    assert found == pytest.approx(LITERATURE[game, turns], abs=6e-5)


@pytest.mark.parametrize("game, turns", [
    (game, turns) for game, horizons in known.PUBLISHED.items() for turns in horizons
])
def test_published_optima_are_in_the_file(game, turns):
    assert known.values(game, turns).decentralized == pytest.approx(
        known.PUBLISHED[game][turns], abs=1e-6)


@pytest.mark.parametrize("game, turns", [
    case for case in CASES if not GAMES[case[0]].chain and case not in SLOW
])
def test_the_file_is_what_the_solver_computes(game, turns):
    computed = known.compute(game, turns)
    assert known.values(game, turns) == known.Values(**computed["values"])
    data = known._file()[game][str(turns)]
    assert data["blind_plan"] == [list(step) for step in computed["blind_plan"]]


@pytest.mark.parametrize("game, turns", CASES)
def test_the_files_policies_are_worth_what_it_says_and_in_order(game, turns):
    model, values = table(game), known.values(game, turns)
    worth = policy_value(model, turns, known.optimal(game, turns))
    assert worth == pytest.approx(values.decentralized, abs=1e-8)
    blind = policy_value(model, turns, known.blind(game, turns))
    assert blind == pytest.approx(values.blind, abs=1e-8)
    columns = (values.random, values.blind, values.decentralized, values.joint, values.state)
    assert all(low <= high + 1e-9 for low, high in itertools.pairwise(columns))


@pytest.mark.parametrize("game, turns", [
    ("dectiger", 2), ("buffers", 2), ("staghunt", 2), ("twostep", 2), ("guess", 1),
    ("guesscolor", 1),
])
def test_brute_force_over_all_deterministic_policies_agrees(game, turns):
    """Every map from observation histories to actions, with no clustering and no bounds."""
    model = table(game)
    first = 0 if model.first is None else 1
    teams = []
    for agent in (0, 1):
        seen, actions = (len(names[agent]) for names in (model.observations, model.actions))
        histories = [h for t in range(turns)
                     for h in itertools.product(range(seen), repeat=t + first)]
        teams.append([
            deterministic(dict(zip(histories, rule, strict=True)), first, actions)
            for rule in itertools.product(range(actions), repeat=len(histories))
        ])
    best = max(policy_value(model, turns, pair) for pair in itertools.product(*teams))
    assert solve(model, turns).value == pytest.approx(best)


def test_random_small_problems_are_solved_as_by_brute_force():
    """No structure to lean on: 2 states, 2 actions, 2 observations, drawn."""
    rng = np.random.default_rng(3)

    def rows(*shape, over):
        drawn = rng.random(shape) ** 3
        return drawn / drawn.sum(over, keepdims=True)

    for _ in range(4):
        model = DecPOMDP(
            ("x", "y"), (("a", "b"),) * 2, (("o", "p"),) * 2, rows(2, over=0),
            rows(2, 2, 2, 2, over=3), rows(2, 2, 2, 2, 2, over=(3, 4)),
            rng.normal(size=(2, 2, 2, 2)),
        )
        rules = itertools.product(range(2), repeat=3)
        policies = [deterministic(dict(zip([(), (0,), (1,)], r)), 0, 2) for r in rules]
        best = max(policy_value(model, 2, pair) for pair in itertools.product(policies, policies))
        assert solve(model, 2).value == pytest.approx(best)


@pytest.mark.parametrize("game, turns", [("dectiger", 3), ("recycling", 3), ("staghunt", 2)])
def test_the_value_of_any_table_agrees_with_sampling(game, turns):
    """Stochastic policies that differ by history and by agent."""
    model = table(game)

    def policy(agent):
        def chances(history):
            drawn = np.random.default_rng([agent, *history]).random(len(model.actions[agent]))
            return drawn / drawn.sum()
        return chances

    policies = [policy(0), policy(1)]
    exact, rng = policy_value(model, turns, policies), random.Random(0)
    returns = [play(model, turns, policies, rng) for _ in range(4000)]
    assert abs(fmean(returns) - exact) < 4 * stdev(returns) / len(returns) ** 0.5


def test_uniform_tables_are_worth_what_the_random_team_is():
    model = table("dectiger")
    even = [lambda history: np.full(3, 1 / 3)] * 2
    assert policy_value(model, 3, even) == pytest.approx(bounds.random_value(model, 3))


@pytest.mark.parametrize("wrong", [[0.5, 0.5], [0.5, 0.5, 0.5], [1.5, -0.5, 0.0]])
def test_tables_that_are_no_distributions_are_refused(wrong):
    with pytest.raises(ValueError, match="3 probabilities"):
        policy_value(table("dectiger"), 2, [lambda h: wrong, lambda h: wrong])


def test_optimal_tigers_listen_until_they_agree():
    """h = 3: listen twice, then open away from where both hears of one's own were."""
    one, two = known.optimal("dectiger", 3)
    for controller in (one, two):
        assert controller.act([]) == controller.act([0]) == controller.act([1]) == 0
        assert [controller.act(seen) for seen in ([0, 0], [0, 1], [1, 0], [1, 1])] == [2, 0, 0, 1]


def test_the_recycling_file_names_its_actions_in_another_order():
    """Its number 0, "searchbig", fills the battery with certainty: it is to recharge."""
    model = table("recycling")
    assert model.actions[0] == ("recharge", "little", "big")
    assert (BATTERY[:, 0] == [[1, 0], [1, 0]]).all() and (model.R[0, 0, 0] == 0).all()
    wrong = independent(BATTERY[:, [2, 1, 0]], BATTERY[:, [2, 1, 0]])
    swapped = DecPOMDP(model.states, model.actions, model.observations, model.start, wrong,
                       model.O, model.R, model.first)
    assert abs(solve(swapped, 2).value - 7.0) > 0.1


@pytest.mark.parametrize("k", [0.0, -10.0, -100.0])
def test_penalty_is_worth_ten_a_turn_whatever_the_penalty(k):
    values = known.values("penalty", 2, k)
    assert (values.decentralized, values.random) == pytest.approx((20.0, 2 * (22 + 2 * k) / 9))
    assert solve(matrix.penalty(k), 2).value == pytest.approx(20.0)


def test_clusters_lose_nothing_and_merge_what_is_alike():
    weights = np.array([[[0.1, 0.1], [0.0, 0.2]], [[0.05, 0.05], [0.0, 0.1]],
                        [[0.0, 0.0], [0.0, 0.0]], [[0.4, 0.0], [0.0, 0.0]]])
    merged, rows, columns = cluster(weights)
    assert rows == [0, 0, NOWHERE, 1] and columns == [0, 1]
    assert merged.sum((0, 1)) == pytest.approx(weights.sum((0, 1)))


def test_controllers_come_back_from_json_and_know_what_cannot_come_up():
    import json

    model = table("dectiger")
    controller = solve(model, 3).controllers[0]
    again = controllers.from_json(json.loads(json.dumps(controller.to_json())), model, 0)
    assert again == controller
    hunt = known.optimal("twostep", 2)[0]
    assert hunt.after[0][0][0] == NOWHERE and hunt.act([0]) == 0


@pytest.mark.parametrize("change, fault", [
    ({"T": np.full((2, 3, 3, 2), 0.6)}, "sum to 1"), ({"start": np.ones(3) / 3}, "shape"),
])
def test_tables_that_are_no_probabilities_are_refused(change, fault):
    model = table("dectiger")
    parts = {name: getattr(model, name) for name in
             ("states", "actions", "observations", "start", "T", "O", "R")}
    with pytest.raises(ValueError, match=fault):
        DecPOMDP(**{**parts, **change})
