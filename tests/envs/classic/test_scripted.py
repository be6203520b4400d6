"""Scripted players, what scores lie between, and the demonstrations."""

from __future__ import annotations

import random
from collections import Counter
from statistics import fmean, stdev

import pytest

from colllm_bench.config import RunConfig
from colllm_bench.envs.classic import known
from colllm_bench.envs.classic.env import ClassicEnv
from colllm_bench.envs.classic.games import GAMES
from colllm_bench.envs.classic.scripted import Blind, Expert, Novice, Random, demonstrations, play
from colllm_bench.errors import ConfigError
from colllm_bench.evaluation.held_out import summarize_teams
from colllm_bench.evaluation.score_range import known_range, measured_range

ALL = [(game.name, turns) for game in GAMES.values() for turns in game.turns[:3]]


def returns(cls, episodes: int = 300, **options) -> list[float]:
    env = ClassicEnv(split="eval", **options)
    totals = []
    for seed in range(episodes):
        for _ in play(env, [cls() for _ in env.possible_agents], seed):
            pass
        totals.append(env._return)
    return totals


@pytest.mark.parametrize("game, turns", ALL)
@pytest.mark.parametrize("cls, column", [
    (Expert, "decentralized"), (Blind, "blind"), (Random, "random"),
], ids=["expert", "blind", "random"])
def test_scripted_teams_are_worth_what_is_known(game, turns, cls, column):
    """Within 4.5 standard errors of 300 episodes."""
    totals = returns(cls, game=game, turns=turns)
    expected = getattr(known.values(game, turns), column)
    assert abs(fmean(totals) - expected) <= 4.5 * stdev(totals) / len(totals) ** 0.5 + 1e-9


@pytest.mark.parametrize("agents", [2, 3, 8, 16])
@pytest.mark.parametrize("game, best", [("climb", 22), ("penalty", 20)])
def test_experts_in_a_row_earn_the_best_pairs_reward(game, best, agents):
    assert set(returns(Expert, 3, game=game, turns=2, agents=agents)) == {best}


def test_novices_are_poor_and_try_everything():
    assert fmean(returns(Novice, game="dectiger")) < -80
    tried = Counter()
    env = ClassicEnv(game="dectiger")
    for seed in range(100):
        tried.update(word for *_, done in play(env, [Novice(), Novice()], seed)
                     for word in done.values())
    assert min(tried.values()) > 0.15 * sum(tried.values()) and len(tried) == 3


def test_scripted_players_read_the_brief_style_only():
    player = Expert()
    with pytest.raises(ConfigError, match="style='brief'"):
        player.reset("player_1", "You are agent 1 of 2.", 0)
    player.reset("player_1", "dectiger agent=1 of=2 turns=3", 0)
    with pytest.raises(ConfigError, match="style='brief'"):
        player.act("The game begins.", {})


def test_demonstrations_mix_all_games_and_sizes_and_are_legal():
    chats = list(demonstrations(random.Random(0), 300))
    firsts = [chat[0]["content"].split("\n")[-1] for chat in chats]
    assert {word for first in firsts for word in first.split() if word in GAMES} == set(GAMES)
    assert any("of=16" in first for first in firsts)
    words = {word for game in GAMES.values() for word in game.actions}
    for chat in chats:
        for message in chat[2::2]:
            assert message["role"] == "assistant"
            assert set(message["content"].split("\n")) <= words
    assert chats == list(demonstrations(random.Random(0), 300))


@pytest.mark.parametrize("options, ends", [
    ({"game": "dectiger", "turns": 3}, (-6.0, 5.1908125)),
    ({"game": "dectiger"}, (-6.0, 5.1908125)),
    ({"game": "climb", "turns": 2, "reward": "sparse"}, (-62 / 9, 22.0)),
    ({"game": "penalty", "k": -100.0}, (-178 / 9, 10.0)),
    ({"game": "dectiger", "turns": 2}, (-92.444444444, -4.0)),
    ({"game": "guess"}, None),
])
def test_scores_lie_between_blind_and_optimal(options, ends):
    """Where a blind team is optimal 0 is the random team; where all are alike nothing is."""
    found = known_range(RunConfig(env="classic", agents=2, env_options=options))(None)
    assert found == (None if ends is None else pytest.approx(ends))


def test_other_environments_measure_their_scores():
    assert known_range(RunConfig(env="strategy")) is None
    team = {"returns": [1.0], "successes": [1], "invalid": 0.0}
    assert measured_range({"random": team, "scripted": {**team, "returns": [3.0]}}) == (1.0, 3.0)
    assert measured_range({"random": team, "scripted": team}) is None
    assert "score_range" not in summarize_teams(RunConfig(), {"trained": team, "untrained": team})


def test_a_blind_team_scores_exactly_zero_and_the_summary_says_the_range():
    config = RunConfig(env="classic", agents=2, env_options={"game": "dectiger"}, algo="mc")
    team = {"returns": returns(Blind, 50, game="dectiger"), "successes": [0] * 50, "invalid": 0.0}
    summary = summarize_teams(config, {"trained": team, "untrained": team})
    assert summary["score"]["trained"]["mean"] == pytest.approx(0.0)
    assert summary["score_range"] == pytest.approx((-6.0, 5.1908125))


def test_the_blind_team_can_be_evaluated_by_name_where_there_is_one():
    from colllm_bench.teams.kinds import LoadOptions
    from colllm_bench.teams.specs import KINDS, parse_team

    spec = parse_team("blind")
    assert spec.kind is KINDS["blind"] and not spec.kind.is_reference
    config, options = RunConfig(env="classic", agents=2), LoadOptions(temperature=1.0, seed=0)
    assert spec.kind.load("", config, options).policy is Blind
    assert not spec.kind.available(RunConfig(env="strategy"))
    with pytest.raises(ConfigError, match="no blind team"):
        spec.kind.load("", RunConfig(env="strategy"), options)
