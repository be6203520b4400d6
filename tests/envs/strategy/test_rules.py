"""The rules of the siege, one situation at a time, with hand-worked outcomes."""

from __future__ import annotations

from random import Random

import pytest

from colllm_bench.envs.strategy import rules
from colllm_bench.envs.strategy.rules import Front, State, play_day


def front(road=(), army=3, garrison=2, wall=2, **more) -> Front:
    return Front(road=list(road), army=army, garrison=garrison, wall=wall, **more)


def state(*fronts, supply=5, reserves=(), income=0, breach=False, turns=20) -> State:
    return State(list(fronts), supply, list(reserves), turns, income, breach)


def day(s: State, *orders, seed=0) -> State:
    play_day(s, list(orders), Random(seed))
    return s


def test_march_moves_one_cell():
    s = day(state(front([False, True]), front()), "march", "hold")
    assert s.fronts[0].road == [True] and s.fronts[0].result == "marched"
    assert s.day == 1


def test_ambush_costs_two_troops_and_the_day_and_is_spent():
    s = day(state(front([True, False], army=1), front()), "march", "hold")
    assert s.fronts[0].army == 0 and s.fronts[0].road == [False, False]
    assert s.fronts[0].result == "ambushed"


def test_scouting_clears_the_ambush_and_shows_the_fort():
    s = day(state(front([True, True]), front()), "scout", "hold")
    assert s.fronts[0].road == [False, True] and s.fronts[0].scouted


def test_march_at_the_gate_and_strike_from_afar_do_nothing():
    s = day(state(front(), front([False]), reserves=[0]), "march", "strike")
    assert [f.result for f in s.fronts] == ["stuck", "far"]
    assert s.reserves == [0] and s.struck == []


@pytest.mark.parametrize("army, wall, result", [(2, 1, "hit"), (1, 2, "repelled")])
def test_strike_needs_an_army_as_large_as_the_garrison(army, wall, result):
    s = day(state(front(army=army), front()), "strike", "hold")
    assert (s.fronts[0].wall, s.fronts[0].result) == (wall, result)
    assert s.fronts[0].army == (army if result == "hit" else army - 1)


def test_strike_where_the_reserve_stands_is_repelled():
    s = day(state(front(army=6), front(), reserves=[0]), "strike", "hold")
    assert s.fronts[0].result == "repelled" and s.fronts[0].army == 5 and s.fronts[0].wall == 2


def test_army_never_falls_below_zero():
    s = day(state(front(army=0), front()), "strike", "hold")
    assert s.fronts[0].army == 0


def test_training_draws_on_the_shared_pool_and_lots_decide():
    served = set()
    for seed in range(20):
        s = day(state(front(), front(), front(), supply=1), "train", "train", "train", seed=seed)
        results = [f.result for f in s.fronts]
        assert sorted(results) == ["empty", "empty", "trained"] and s.supply == 0
        served.add(results.index("trained"))
    assert served == {0, 1, 2}


def test_training_a_full_army_keeps_the_wagon():
    s = day(state(front(army=rules.ARMY_CAP), front()), "train", "hold")
    assert s.fronts[0].result == "full" and s.supply == 5


def test_troops_sent_on_a_day_can_be_trained_elsewhere_that_day():
    s = day(state(front(army=3), front(army=1), supply=0), "send", "train")
    assert [f.army for f in s.fronts] == [2, 2] and s.supply == 0
    s = day(state(front(army=0), front()), "send", "hold")
    assert s.fronts[0].result == "none" and s.supply == 5


def test_income_arrives_in_tenths_and_the_pool_is_capped():
    s = state(front(), front(), supply=0, income=15, turns=40)
    amounts = [day(s, "hold", "hold").supply for _ in range(10)]
    assert amounts == [1, 3, 4, 6, 7, 9, 10, 12, 13, 15]
    for _ in range(10):
        day(s, "hold", "hold")
    assert s.supply == rules.SUPPLY_CAP


def test_reserve_rides_to_the_striker_and_stays_when_nobody_struck():
    s = state(front(army=6, wall=9), front(army=6, wall=9), front(), reserves=[2])
    assert day(s, "strike", "hold", "hold").reserves == [0]
    assert day(s, "hold", "hold", "hold").reserves == [0]
    assert day(s, "hold", "strike", "hold").reserves == [1]


def test_reserve_is_drawn_by_lot_among_strikers():
    goals = set()
    for seed in range(20):
        s = state(front(wall=9), front(wall=9), front(), reserves=[2])
        goals.add(day(s, "strike", "strike", "hold", seed=seed).reserves[0])
    assert goals == {0, 1}


def test_reserves_never_share_a_front():
    rng = Random(0)
    for _ in range(300):
        n = rng.randint(2, 8)
        k = rng.randint(1, n - 1)
        s = state(*(front(wall=99) for _ in range(n)), reserves=rng.sample(range(n), k))
        orders = [rng.choice(["strike", "hold"]) for _ in range(n)]
        before = set(s.reserves)
        play_day(s, orders, rng)
        assert len(set(s.reserves)) == k
        strikers = {i for i, order in enumerate(orders) if order == "strike"}
        assert len(strikers & set(s.reserves)) == min(len(strikers), k)
        assert set(s.reserves) <= before | strikers


def test_feint_at_a_fallen_fort_draws_the_reserve_at_no_cost():
    s = day(state(front(wall=0, army=2), front(), reserves=[1]), "strike", "hold")
    assert s.fronts[0].result == "feint" and s.fronts[0].army == 2 and s.reserves == [0]


def test_victory_and_defeat_end_the_campaign():
    s = state(front(wall=1), front(wall=1), front(wall=0), turns=2)
    assert not s.over
    day(s, "strike", "strike", "hold")
    assert s.won and s.over and s.progress() == 1.0
    s = state(front(), front(), turns=1)
    assert day(s, "hold", "hold").over and not s.won


class TestBreach:
    def test_the_last_wall_holds_against_a_lone_strike(self):
        s = day(state(front(wall=1), front(), breach=True), "strike", "hold")
        assert s.fronts[0].result == "alone" and s.fronts[0].wall == 1

    def test_it_falls_with_support_on_the_same_day(self):
        s = day(state(front(wall=1), front(wall=2), breach=True), "strike", "strike")
        assert s.fronts[0].wall == 0

    def test_it_falls_with_support_the_day_before(self):
        s = state(front(wall=1), front(wall=2), breach=True)
        day(s, "hold", "strike")
        assert day(s, "strike", "hold").fronts[0].wall == 0

    def test_a_front_is_no_support_to_itself(self):
        s = state(front(wall=2), front(), breach=True)
        day(s, "strike", "hold")
        assert day(s, "strike", "hold").fronts[0].result == "alone"

    def test_the_last_fort_needs_no_support(self):
        s = day(state(front(wall=1), front(wall=0), breach=True), "strike", "hold")
        assert s.won

    def test_two_last_walls_can_fall_together(self):
        s = day(state(front(wall=1), front(wall=1), breach=True), "strike", "strike")
        assert s.won

    def test_other_walls_fall_to_one_front(self):
        s = day(state(front(wall=2), front(), breach=True), "strike", "hold")
        assert s.fronts[0].wall == 1


def test_an_order_not_understood_changes_nothing_but_the_day():
    s = day(state(front([True]), front()), None, "hold")
    assert s.fronts[0].result == "invalid" and s.fronts[0].road == [True] and s.day == 1


def test_progress_counts_cells_walls_and_missing_troops():
    s = state(front([False, False], army=1, garrison=2, wall=1), front(wall=0))
    assert s.fronts[0].need == 4
    assert s.progress() == pytest.approx(0.5)
    day(s, "march", "hold")
    assert s.progress() == pytest.approx((1 / 4 + 1) / 2)


def test_every_result_has_its_sentence():
    rng = Random(1)
    seen = set()
    for _ in range(300):
        s = state(
            front([rng.random() < 0.5], army=rng.randint(0, 6)),
            front(army=rng.randint(0, 6), wall=rng.randint(0, 2)),
            supply=rng.randint(0, 1),
            reserves=[rng.randint(0, 1)],
            breach=True,
        )
        orders = [rng.choice([*rules.ORDERS, None]) for _ in range(2)]
        play_day(s, orders, rng)
        seen |= {f.result for f in s.fronts}
    assert seen == set(rules.RESULTS) - {"start"}
