"""classic_v0 as an environment: texts, grammar, rewards, ends, rows of agents, bad values."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from statistics import fmean, stdev

import numpy as np
import pytest

import colllm_bench
from colllm_bench.envs.classic import known, text
from colllm_bench.envs.classic.env import ClassicEnv
from colllm_bench.envs.classic.games import GAMES, matrix, table
from colllm_bench.envs.classic.games.matrix import CLIMB
from colllm_bench.errors import ConfigError


def act(env: ClassicEnv, *words: str):
    return env.step(dict(zip(env.possible_agents, words, strict=True)))


def paid(env: ClassicEnv, *words: str) -> float:
    rewards = act(env, *words)[1]
    assert len(set(rewards.values())) == 1
    return rewards["player_1"]


def test_climb_pays_its_matrix_and_ends():
    env = ClassicEnv(game="climb")
    for one, two in itertools.product(range(3), repeat=2):
        env.reset(seed=0)
        assert paid(env, "abc"[one], "abc"[two]) == CLIMB[one, two]
        assert env.agents == []
    assert [CLIMB[i, i] for i in range(3)] == [11, 7, 5]


def test_a_row_of_agents_earns_the_mean_over_its_neighbours():
    env = ClassicEnv(game="climb", agents=4)
    env.reset(seed=0)
    assert paid(env, "a", "b", "c", "c") == pytest.approx((-30 + 6 + 5) / 3)
    env = ClassicEnv(game="penalty", agents=3, k=-70, turns=2)
    env.reset(seed=0)
    assert paid(env, "a", "a", "c") == pytest.approx((10 - 70) / 2)
    assert paid(env, "c", "c", "c") == 10 and env.agents == []


def test_twostep_pays_seven_or_the_second_game():
    env = ClassicEnv(game="twostep")
    for first, second, total in [("a", "ab", 7), ("b", "bb", 8), ("b", "aa", 0), ("b", "ab", 1)]:
        seen, _ = env.reset(seed=0)
        assert seen["player_1"]["text"] == "left=2 start"
        seen, rewards, *_ = act(env, first, "b")
        assert rewards["player_1"] == 0
        assert {s["text"] for s in seen.values()} == {f"left=1 game={first}"}
        assert paid(env, *second) == total


def test_guesses_are_paid_by_what_the_other_sees():
    seen_pairs = set()
    for game, name in itertools.product(("guess", "guesscolor"), range(20)):
        env = ClassicEnv(game=game)
        seen, _ = env.reset(seed=name)
        one, two = (seen[a]["text"].partition("see=")[2] for a in env.agents)
        seen_pairs.add((one, two))
        other = "blue" if one == "yellow" else "yellow"
        right, wrong = (1, 0) if game == "guess" else (10, -10)
        assert paid(env, two, one) == right
        env.reset(seed=name)
        assert paid(env, two, other) == (right + wrong) / 2
        if game == "guesscolor":
            env.reset(seed=name)
            assert paid(env, "safe", "safe") == 5
    assert len(seen_pairs) == 4


def test_staghunt_ends_at_once_if_anyone_is_safe():
    env = ClassicEnv(game="staghunt")
    env.reset(seed=0)
    assert paid(env, "b", "a") == 0.5 and env.agents == []
    won = Counter()
    for seed in range(40):
        env.reset(seed=seed)
        seen, *_ = act(env, "b", "b")
        one, two = (seen[a]["text"][-1] for a in env.agents)
        won[one, two] += paid(env, two, one)
        assert env.agents == []
    assert sum(won.values()) == 40 and len(won) == 4


def test_tigers_stay_while_all_listen_and_are_heard_as_often_as_they_should():
    env, heard = ClassicEnv(game="dectiger", turns=2), []
    for seed in range(1500):
        env.reset(seed=seed)
        tiger = env.hidden
        seen, rewards, *_ = act(env, "listen", "listen")
        assert env.hidden == tiger and rewards["player_1"] == -2
        heard += [s["text"] == f"left=1 hear={('left', 'right')[tiger]}" for s in seen.values()]
    assert abs(fmean(heard) - 0.85) < 4 * (0.85 * 0.15 / len(heard)) ** 0.5


@pytest.mark.parametrize("words, at, away", [
    (("left", "left"), -50, 20), (("listen", "left"), -101, 9), (("left", "listen"), -101, 9),
    (("left", "right"), -100, -100),
])
def test_doors_pay_as_published(words, at, away):
    env = ClassicEnv(game="dectiger")
    returns = set()
    for seed in range(20):
        env.reset(seed=seed)
        tiger = env.hidden
        returns.add((tiger, paid(env, *words)))
    assert returns == {(0, at), (1, away)}


@pytest.mark.parametrize("game", [name for name, game in GAMES.items() if not game.chain])
def test_random_play_earns_what_the_table_says(game):
    """The environment samples the table: 4 standard errors of 1,200 episodes."""
    env = ClassicEnv(game=game)
    returns = []
    rng = random.Random(5)
    for seed in range(1200):
        env.reset(seed=seed)
        while env.agents:
            act(env, *(rng.choice(env.words) for _ in env.agents))
        returns.append(env._return)
    expected = known.values(game, env.turns).random
    assert abs(fmean(returns) - expected) < 4 * stdev(returns) / len(returns) ** 0.5 + 1e-9


def test_sparse_rewards_are_the_return_at_the_end():
    totals = {}
    for reward in ("dense", "sparse"):
        env = ClassicEnv(game="recycling", reward=reward, turns=4)
        env.reset(seed=3)
        totals[reward] = [paid(env, "big", "little") for _ in range(4)]
    assert totals["sparse"][:3] == [0.0] * 3
    assert totals["sparse"][3] == pytest.approx(sum(totals["dense"]))


@pytest.mark.parametrize("written, word", [
    ("Listen!", "listen"), ("**left**", "left"), ("right\nbecause", "right"),
    ("<answer>listen</answer>", "listen"), ('{"action": "left"}', "left"), ("open left", None),
    ("My action is listen.", "listen"), ("Options:\n- left\n- right", None),
    ("Action: open left", None),
    ("listen or left", None), ("", None), (None, None), (7, None), ("<answer>up</answer>", None),
])
def test_one_word_is_understood_however_dressed(written, word):
    env = ClassicEnv(game="dectiger")
    env.reset(seed=0)
    seen, _, _, _, infos = env.step({"player_1": written, "player_2": "listen"})
    assert infos["player_1"]["invalid"] == (word is None)
    assert seen["player_1"]["text"].endswith(" invalid") == (word is None)
    assert bool(infos["player_1"]["notice"]) == (word is None)
    assert word is None or env.played[0].actions[0] == word
    assert not infos["player_2"]["invalid"]


def test_what_is_not_understood_is_drawn_evenly():
    env, drawn = ClassicEnv(game="climb"), Counter()
    for seed in range(900):
        env.reset(seed=seed)
        act(env, "what?", "c")
        drawn[env.played[0].actions[0]] += 1
    assert set(drawn) == {"a", "b", "c"} and all(240 < n < 360 for n in drawn.values())


def test_full_style_says_the_same_as_brief():
    for game in GAMES.values():
        brief, full = (ClassicEnv(game=game.name, style=style) for style in text.STYLES)
        pairs = set()
        for seed in range(15):
            one, two = brief.reset(seed=seed)[0], full.reset(seed=seed)[0]
            while brief.agents:
                pairs |= {(one[a]["text"], two[a]["text"]) for a in brief.agents}
                word = brief.words[seed % len(brief.words)]
                one, two = act(brief, word, word)[0], act(full, word, word)[0]
        assert len({b for b, _ in pairs}) == len({f for _, f in pairs}) == len(pairs)


def test_full_instructions_give_rules_and_every_word():
    for game in GAMES.values():
        env = ClassicEnv(game=game.name, style="full")
        told = env.reset(seed=0)[1]["player_2"]["instructions"]
        assert told.startswith("You are agent 2 of 2") and "{" not in told
        assert all(f"\n{word}: " in told for word in env.words)
        assert set(game.actions) == set(env.words)
        seen = {name for names in env.model.observations for name in names}
        assert set(game.seen) == seen
    told = ClassicEnv(game="penalty", agents=3, k=-55, style="full").reset(seed=0)[1]
    assert "-55" in told["player_1"]["instructions"] and "row" in told["player_1"]["instructions"]


def test_rewards_and_states_show_in_no_observation():
    """Two tigers, one hearing: the texts are the same."""
    seen = {}
    for seed in range(200):
        env = ClassicEnv(game="dectiger")
        env.reset(seed=seed)
        texts = act(env, "left", "left")[0]
        seen.setdefault(tuple(t["text"] for t in texts.values()), set()).add(env._return)
    assert len(seen) == 4 and all(len(returns) == 2 for returns in seen.values())


def test_splits_have_other_luck_and_seeds_repeat():
    def luck(split, seed=1):
        env = ClassicEnv(game="dectiger", split=split, turns=4)
        env.reset(seed=seed)
        return [tuple(act(env, "left", "left")[0].items()) for _ in range(4)]

    assert luck("train") == luck("train") == luck("train", np.int64(1))
    assert len({str(luck(split)) for split in ("train", "dev", "eval")}) == 3


def test_success_is_a_return_of_at_least_the_optimal_mean():
    env = ClassicEnv(game="climb", turns=2)
    for words, success in ((("a", "a"), True), (("b", "b"), False)):
        env.reset(seed=0)
        act(env, *words)
        *_, infos = act(env, *words)
        assert infos["player_1"]["success"] is success
        assert infos["player_1"]["score"] == {"return": 22.0 if success else 14.0}


def test_max_cycles_truncates():
    env = ClassicEnv(game="climb", turns=9, max_cycles=2)
    env.reset(seed=0)
    act(env, "a", "a")
    _, _, terminated, truncated, _ = act(env, "a", "a")
    assert all(truncated.values()) and not any(terminated.values())


@pytest.mark.parametrize("options", [
    {"agents": 1}, {"agents": 17}, {"agents": "2"}, {"turns": 0}, {"turns": 11}, {"turns": 1.0},
    {"k": 5}, {"k": "x"}, {"k": True}, {"reward": "milestone"}, {"style": "short"},
    {"split": "test"}, {"render_mode": "gif"}, {"max_cycles": 0},
])
def test_bad_values_name_themselves_and_what_is_allowed(options):
    ((name, value),) = options.items()
    with pytest.raises(ConfigError, match="allowed: ") as error:
        ClassicEnv(**options)
    assert f"{name}={value!r}" in str(error.value)


@pytest.mark.parametrize("options, words", [
    ({"game": "dectiger", "agents": 3}, "defined for 2.*climb, penalty"),
    ({"game": "dectiger", "turns": 9}, "2, 3, 4 in dectiger"),
    ({"game": "tigers"}, "did you mean 'dectiger'"), ({"game": 3}, "unknown game '3'"),
    ({"game": "climb", "k": -5.0}, "no effect in game 'climb'"),
])
def test_what_a_game_is_not_defined_for_is_told_in_words(options, words):
    with pytest.raises(ConfigError, match=words):
        ClassicEnv(**options)


def test_render_modes(capsys):
    env = ClassicEnv(game="dectiger", render_mode="ansi")
    env.reset(seed=0)
    act(env, "listen", "nonsense")
    picture = env.render()
    assert "tiger=" in picture and "[" in picture
    env = ClassicEnv(agents=16, turns=10, render_mode="rgb_array")
    env.reset(seed=0)
    first = env.render()
    act(env, *"abc" * 5, "a")
    assert first.dtype == np.uint8 and (first != env.render()).any()
    assert env.frame()["kind"] == "parts" and len(env.frame()["parts"]) == 16


def test_made_by_name_and_by_pettingzoo():
    import pettingzoo

    from colllm_bench.envs import register_pettingzoo

    register_pettingzoo()
    env = pettingzoo.make("parallel", "colllm/classic-v0", game="recycling")
    assert isinstance(env, ClassicEnv)
    assert colllm_bench.make("classic_v0", game="buffers", turns=5).turns == 5


def test_tables_are_shared_and_penalties_are_not():
    assert table("dectiger") is table("dectiger")
    assert table("penalty", -5.0).R[0, 0, 2, 0] == -5
    assert (matrix.penalty(-5.0).R == table("penalty", -5.0).R).all()
