"""credit_v0: what is shown, what is paid and when, what is refused."""

from __future__ import annotations

import random

import pytest

import colllm_bench
from colllm_bench.envs.credit import rules, text
from colllm_bench.envs.credit.env import CreditEnv
from colllm_bench.envs.credit.scripted import Expert, Novice, Random, demonstrations
from colllm_bench.envs.demonstrations import play
from colllm_bench.errors import ConfigError


def played(env: CreditEnv, answers, seed: int = 0):
    """Rewards of an episode in which agent i answers turn t with ``answers(env, t, i)``."""
    env.reset(seed=seed)
    paid, infos = [], {}
    while env.agents:
        t = len(env.roles)
        given = {a: answers(env, t, i) for i, a in enumerate(env.possible_agents)}
        _, rewards, _, _, infos = env.step(given)
        paid.append(rewards["agent_1"])
    return paid, infos["agent_1"]


def right(env: CreditEnv, t: int, i: int) -> str:
    return text.WORDS[env.cues[i]]


def wrong(env: CreditEnv, t: int, i: int) -> str:
    return text.WORDS[(env.cues[i] + 2) % env.game.words]


@pytest.mark.parametrize("options, paid", [
    ({"reward": "dense"}, [0.25] * 4),
    ({"reward": "delayed", "delay": 3}, [0, 0, 0.75, 0.25]),
    ({"reward": "sparse"}, [0, 0, 0, 1.0]),
])
@pytest.mark.parametrize("team", ["mean", "any", "pairs"])
def test_a_perfect_game_earns_1_whenever_it_is_paid(team, options, paid):
    rewards, info = played(CreditEnv(turns=4, team=team, **options), right)
    assert rewards == pytest.approx(paid)
    assert info["success"] and info["score"]["result"] == pytest.approx(1.0)


@pytest.mark.parametrize("team", ["mean", "any", "all"])
def test_wrong_answers_and_no_answers_earn_nothing(team):
    for answers in (wrong, lambda env, t, i: "red, I think"):
        rewards, info = played(CreditEnv(turns=4, team=team, reward="dense"), answers)
        assert rewards == [0.0] * 4 and info["success"] is False


def test_a_part_counts_once_it_has_enough_right_answers():
    def late(env, t, i):
        return (right if t >= i else wrong)(env, t, i)

    rewards, _ = played(CreditEnv(turns=5, team="all", need=3, reward="dense"), late)
    assert rewards == [0, 0, 0, 0, 1.0]  # the third agent has its third right answer last


def test_neighbours_climb():
    """Right and next: the fine; other words: a modest gain; no answer: nothing."""
    def mixed(env, t, i):
        return text.WORDS[(env.cues[i] + (0 if i == 0 else 1)) % 6]

    assert played(CreditEnv(agents=2, turns=1, team="pairs"), mixed)[0] == [pytest.approx(-30 / 11)]
    assert played(CreditEnv(agents=2, turns=1, team="pairs"), wrong)[0] == [pytest.approx(5 / 11)]
    assert played(CreditEnv(agents=2, turns=1, team="pairs"), lambda *_: "")[0] == [0.0]


def test_no_answer_never_pays_more_than_a_safe_one():
    for partner in range(rules.ROLES):
        payoff = rules.PAIR_PAYOFF
        assert payoff[rules.NONE][partner] <= payoff[rules.OTHER][partner]


def test_only_the_last_agent_sees_the_coin_and_only_at_the_start():
    env = CreditEnv(luck=2.0, turns=2)
    sides = set()
    for seed in range(20):
        seen, _ = env.reset(seed=seed)
        shown = {a: text.read_coin(o["text"]) for a, o in seen.items()}
        sides.add(shown["agent_3"])
        assert shown["agent_1"] == shown["agent_2"] == 0
        seen, *_ = env.step({})
        assert all("coin" not in o["text"] for o in seen.values())
        _, rewards, *_ = env.step({})
        assert rewards["agent_1"] == shown["agent_3"] * 1.0
    assert sides == {1, -1}


def test_noise_has_its_size_and_follows_from_seed_and_answers():
    noisy = [played(CreditEnv(noise=0.5, reward="dense"), right, seed)[0] for seed in range(300)]
    extra = [sum(rewards) - 1.0 for rewards in noisy]
    mean = sum(extra) / len(extra)
    spread = (sum((x - mean) ** 2 for x in extra) / len(extra)) ** 0.5
    assert abs(mean) < 0.12 and spread == pytest.approx(0.5, abs=0.09)
    assert noisy[3] == played(CreditEnv(noise=0.5, reward="dense"), right, 3)[0]
    others = played(CreditEnv(noise=0.5), wrong, 3)[0]
    assert sum(others) != pytest.approx(sum(noisy[3]) - 1.0, abs=1e-6)


@pytest.mark.parametrize("sees, seen", [
    ("own", "left=7 own=1 cue={}"), ("none", "left=7 cue={}"), ("all", "left=7 a=1 b=0 c=0 cue={}"),
])
def test_what_is_seen_of_results(sees, seen):
    env = CreditEnv(sees=sees)
    env.reset(seed=1)
    texts, *_ = env.step({"agent_1": right(env, 0, 0)})
    cue = text.cue_name(env.cues[0], 0.25)
    assert texts["agent_1"]["text"] == seen.format(cue)
    full = CreditEnv(sees=sees, style="full")
    full.reset(seed=1)
    prose, *_ = full.step({"agent_1": right(full, 0, 0)})
    assert text.read_cue(prose["agent_1"]["text"]) == (env.cues[0], 0.25)
    assert prose["agent_1"]["text"].endswith(": red, blue, green, gold, gray or pink?")


def test_the_splits_draw_other_cues_from_equal_seeds_and_the_same_words_are_right():
    train, held_out = CreditEnv(split="train"), CreditEnv(split="eval")
    shown = [[e.reset(seed=s)[0]["agent_1"]["text"] for s in range(20)] for e in (train, held_out)]
    assert shown[0] != shown[1]
    for env in (train, held_out):
        assert sum(played(env, right)[0]) == pytest.approx(1.0)


@pytest.mark.parametrize("written, word", [
    ("red", 0), ("  Blue.\nbecause", 1), ("<answer>gold</answer>", 3), ("\\boxed{pink}", 5),
    ("red or blue", None), ("lime", None), ("", None), (None, None), ("the word is red", None),
    ("The correct answer is pink.\n\nThe other words are", 5), ("I see.\nAnswer: gold", 3),
    ("The answer is red, blue", None), ("Answer: red\nAnswer: blue", None),
    ("The answer is not red.", None),
    ("<answer>red</answer> <answer>blue</answer>", None),
])
def test_answers_are_one_word_of_the_first_six(written, word):
    assert text.parse(written, 6) == word
    env = CreditEnv()
    env.reset(seed=0)
    *_, infos = env.step({"agent_1": written})
    assert infos["agent_1"]["invalid"] is (word is None)
    assert infos["agent_1"]["notice"].startswith(text.INVALID) is (word is None)


@pytest.mark.parametrize("options, says", [
    ({"agents": 17}, "2 to 16"), ({"turns": 0}, "1 to 64"), ({"turns": True}, "1 to 64"),
    ({"reward": "milestone"}, "delayed"), ({"delay": 2}, "reward='delayed'"),
    ({"need": 3}, "team='all'"), ({"team": "all", "need": 9}, "1 to 8"),
    ({"cues": 7}, "2 to 6"), ({"team": "pairs", "words": 2, "cues": 2}, "3 to 8"),
    ({"luck": -1.0}, "0 to 1000"), ({"noise": float("nan")}, "0 to 1000"),
    ({"base": 0.5}, "0.001"), ({"sees": "some"}, "own"),
])
def test_what_is_no_option_is_refused_in_words(options, says):
    with pytest.raises(ConfigError, match=says):
        CreditEnv(**options)


def test_frames_and_pictures_show_the_hidden():
    env = colllm_bench.make("credit", render_mode="ansi", luck=1.0)
    env.reset(seed=0)
    env.step({"agent_1": right(env, 0, 0), "agent_2": "?"})
    assert "said" in env.render() and env.frame()["text"] == env.render()
    assert env.state().count("\n") == 3 and "coin" in env.state()


@pytest.mark.parametrize("make, low, high", [(Expert, 1, 1), (Random, 0.1, 0.24),
                                              (Novice, 0.19, 0.32)])
def test_scripted_agents_are_right_as_often_as_they_should(make, low, high):
    env, got = CreditEnv(turns=64), []
    for seed in range(3):
        for _ in play(env, [make() for _ in range(3)], seed):
            pass
        got.append(env._score()["right"])
    assert low <= sum(got) / 3 <= high


def test_demonstrations_are_chats_of_all_kinds_and_repeat_by_seed():
    chats = list(demonstrations(random.Random(4), 150))
    assert chats == list(demonstrations(random.Random(4), 150))
    assert any(chat[0]["content"].startswith("master of") for chat in chats)
    seen = "\n".join(message["content"] for chat in chats for message in chat)
    for piece in ("turns=1 words", "turns=64", "of=16", "words=8", "cue=a4", "cue=a5", "coin=up",
                  " a=0 b=0", "own=0"):
        assert piece in seen
    for chat in chats:
        assert [m["role"] for m in chat[1:]] == ["user", "assistant"] * ((len(chat) - 1) // 2)
