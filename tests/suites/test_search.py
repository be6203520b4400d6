"""The search for settings: the same draws for all, halving, and the best of k."""

from __future__ import annotations

import dataclasses
import itertools
from statistics import fmean

import pytest

from colllm_bench.errors import ConfigError
from colllm_bench.suites.search import Range, Search, best_of

SEARCH = Search(
    draws=8, rungs=(0.25, 0.5, 1.0), keep=0.5, seeds=(900,), seed=3,
    ranges=(
        Range("lr", low=1e-4, high=1e-2, log=True), Range("gae_lambda", low=0.0, high=1.0),
        Range("batch", choices=(16, 32)),
    ),
)


def test_draws_are_the_same_for_every_algorithm():
    for k in range(1, 20):
        whole = SEARCH.draw(k, ["lr", "gae_lambda", "batch"])
        assert SEARCH.draw(k, ["lr", "batch"]) == {n: whole[n] for n in ("lr", "batch")}
        assert SEARCH.draw(k, ["batch", "gae_lambda", "lr"]) == whole
    assert SEARCH.draw(0, ["lr"]) == {}


def test_draws_fill_their_ranges():
    draws = [SEARCH.draw(k, ["lr", "gae_lambda", "batch"]) for k in range(1, 400)]
    rates = [draw["lr"] for draw in draws]
    assert all(1e-4 <= rate <= 1e-2 for rate in rates) and len(set(rates)) > 200
    assert 0.4 < fmean(rate < 1e-3 for rate in rates) < 0.6, "uniform on the logarithm"
    assert {draw["batch"] for draw in draws} == {16, 32}
    assert 0.45 < fmean(draw["gae_lambda"] for draw in draws) < 0.55


def test_the_best_half_goes_on_and_ties_go_to_the_earlier():
    assert SEARCH.survivors({0: 0.1, 1: 0.5, 2: 0.5, 3: 0.4, 4: 0.2}) == [1, 2, 3]
    assert SEARCH.survivors({7: 0.3}) == [7]


def test_the_cost_counts_every_rung():
    assert SEARCH.runs_of_budget(8) == 8 * 0.25 + 4 * 0.5 + 2 * 1.0
    with_seeds = dataclasses.replace(SEARCH, seeds=(900, 901, 902), rung_seeds=(1, 2, 3))
    assert [with_seeds.seeds_of(rung) for rung in range(3)] == [
        (900,), (900, 901), (900, 901, 902)
    ]
    assert with_seeds.runs_of_budget(8) == 8 * 0.25 + 2 * 4 * 0.5 + 3 * 2 * 1.0


@pytest.mark.parametrize("counts", [[1], [1, 2, 4], [0, 1, 2]])
def test_a_rung_has_seeds_that_there_are(counts):
    table = {"draws": 8, "rungs": [0.25, 0.5, 1.0], "keep": 0.5, "seeds": [900, 901, 902],
             "rung_seeds": counts, "seed": 3, "ranges": {"lr": {"low": 0.1, "high": 0.2}}}
    with pytest.raises(ConfigError, match="rung_seeds"):
        Search.of(table)
    assert Search.of(table | {"rung_seeds": [1, 2, 3]}).rung_seeds == (1, 2, 3)


@pytest.mark.parametrize("scores", [[0.3, 0.1, 0.4, 0.1, 0.5], [1.0], [0.2, 0.2]])
def test_the_best_of_k_is_the_mean_over_all_subsets(scores):
    expected = [
        fmean(max(subset) for subset in itertools.combinations(scores, k))
        for k in range(1, len(scores) + 1)
    ]
    assert best_of(scores) == pytest.approx(expected)
