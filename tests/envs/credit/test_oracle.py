"""The oracle against the rules: every history of small games, and many episodes of larger ones."""

from __future__ import annotations

import itertools
from collections import defaultdict

import numpy as np
import pytest

from colllm_bench.envs.credit import rules, text
from colllm_bench.envs.credit.oracle import Oracle
from colllm_bench.errors import ConfigError


def game(agents=2, turns=2, cues=2, words=3, team="mean", need=1, sees="own", every=None, luck=0.0):
    payments = rules.payments(turns, every or turns)
    return rules.Game(agents, turns, cues, words, team, need, sees, payments, luck)


def a_policy(g: rules.Game, seed: int = 0, none: float = 0.1) -> np.ndarray:
    """A table in which no two rows are alike."""
    weights = np.random.default_rng(seed).uniform(0.2, 1.0, (g.agents, g.cues, g.words))
    return (1 - none) * weights / weights.sum(-1, keepdims=True)


def rewards(g: rules.Game, cues, answers, coin) -> list[float]:
    """What the rules pay after each turn of an episode."""
    roles = [
        [rules.role(c, None if w < 0 else w, g.words) for c, w in zip(*turn, strict=True)]
        for turn in zip(cues, answers, strict=True)
    ]
    paid, out = 0.0, []
    for played in range(1, g.turns + 1):
        earned = rules.result(g, roles[:played]) if played in g.payments else paid
        out.append(earned - paid)
        paid = earned
    out[-1] += 0.5 * g.luck * coin
    return out


def every_episode(g: rules.Game, policy: np.ndarray):
    """(probability, cues [T, N], answers [T, N], coin) of all episodes of a small game."""
    full = np.concatenate([policy, 1 - policy.sum(-1, keepdims=True)], -1)  # -1 is no answer
    one = list(itertools.product(range(g.cues), [*range(g.words), -1]))
    places = list(itertools.product(range(g.turns), range(g.agents)))
    for coin in (1, -1) if g.luck else (0,):
        for chosen in itertools.product(one, repeat=len(places)):
            chance = 0.5 if g.luck else 1.0
            cues, answers = np.zeros((2, g.turns, g.agents), dtype=int)
            for (t, i), (cue, word) in zip(places, chosen, strict=True):
                chance *= full[i, cue, word] / g.cues
                cues[t, i], answers[t, i] = cue, word
            yield chance, cues, answers, coin


def history(g: rules.Game, cues, answers, coin, t: int, i: int | None, knows: str) -> tuple:
    """What a viewer has seen before the answers of turn t, as the environment shows it."""
    if knows == "none":
        return (t,)
    seen = []
    for j in range(g.agents) if knows == "joint" else (i,):
        counts = [
            [int((cues[:k, m] == answers[:k, m]).sum()) for m in range(g.agents)]
            for k in range(t + 1)
        ]
        shown = [tuple(text.progress(g, j, c).values()) for c in counts]
        seen.append((tuple(cues[: t + 1, j]), tuple(answers[:t, j]), tuple(shown)))
        if j == g.agents - 1:
            seen.append(coin)
    return (t, i if knows == "local" else None, *seen)


CASES = [
    dict(team=team, sees=sees, every=every)
    for team in rules.TEAMS for sees, every in (("own", None), ("all", 1), ("none", 1))
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: "-".join(map(str, c.values())))
@pytest.mark.parametrize("knows", ["joint", "local", "none"])
def test_values_are_the_conditional_means_over_all_episodes(case, knows):
    words = 3 if case["team"] == "pairs" else 2
    g, gamma = game(**case, need=1, words=words, luck=0.5), 0.9
    policy = a_policy(g)
    episodes = list(every_episode(g, policy))
    chance = np.array([e[0] for e in episodes])
    cues, answers, coins = (np.array([e[k] for e in episodes]) for k in (1, 2, 3))
    paid = np.array([rewards(g, *e[1:]) for e in episodes])
    values = Oracle(g, policy, gamma).values(cues, answers, coins, knows)
    assert chance.sum() == pytest.approx(1.0)
    for t in range(g.turns):
        to_go = (paid[:, t:] * gamma ** np.arange(g.turns - t)).sum(1)
        for i in range(g.agents):
            keys = defaultdict(list)
            for e in range(len(episodes)):
                keys[history(g, cues[e], answers[e], coins[e], t, i, knows)].append(e)
            for same in keys.values():
                mean = (chance[same] * to_go[same]).sum() / chance[same].sum()
                assert np.abs(values[same, t, i] - mean).max() < 1e-9


@pytest.mark.parametrize("team", rules.TEAMS)
def test_action_values_average_to_values(team):
    """V_i = sum over own answers of pi * Q_i; the leave-one-out baseline likewise of Q."""
    g = game(agents=3, turns=3, team=team, need=2, luck=1.0)
    policy = a_policy(g, seed=1)
    oracle, rng = Oracle(g, policy), np.random.default_rng(2)
    cues = rng.integers(0, g.cues, (50, g.turns, g.agents))
    answers = rng.integers(-1, g.words, cues.shape)
    coins = rng.choice([1, -1], 50)
    full = np.concatenate([policy, 1 - policy.sum(-1, keepdims=True)], -1)
    t, i = 1, 2
    values, left_out = oracle.values(cues, answers, coins, "local"), 0.0
    expected = np.zeros(50)
    for word in [*range(g.words), -1]:
        other = answers.copy()
        other[:, t, i] = word
        chance = full[i, cues[:, t, i], word]
        expected += chance * oracle.action_values(cues, other, coins, "local")[:, t, i]
        left_out += chance * oracle.action_values(cues, other, coins, "joint")[:, t, i]
    assert expected == pytest.approx(values[:, t, i], abs=1e-12)
    assert left_out == pytest.approx(oracle.leave_one_out(cues, answers, coins)[:, t, i], abs=1e-12)


def sample(g: rules.Game, policy: np.ndarray, count: int, seed: int):
    rng = np.random.default_rng(seed)
    cues = rng.integers(0, g.cues, (count, g.turns, g.agents))
    edges = policy[np.arange(g.agents), cues].cumsum(-1)
    answers = (rng.random(cues.shape)[..., None] >= edges).sum(-1)
    answers[answers == g.words] = -1
    return cues, answers, rng.choice([1, -1], count) if g.luck else np.zeros(count)


@pytest.mark.parametrize("team", rules.TEAMS)
def test_expected_return_of_a_large_game_is_the_mean_of_many(team):
    g = game(agents=5, turns=12, cues=4, words=6, team=team, need=3, every=5, luck=0.3)
    policy = a_policy(g, seed=3)
    episodes = sample(g, policy, 1000, seed=4)
    paid = np.array([rewards(g, *e) for e in zip(*episodes, strict=True)])
    returns = paid.sum(1)
    error = returns.std() / len(returns) ** 0.5
    assert abs(returns.mean() - Oracle(g, policy).expected_return()) < 4 * error
    values = Oracle(g, policy).values(*episodes, "joint")[:, -1, 0]
    residual = paid[:, -1] - values
    assert abs(residual.mean()) < 4 * residual.std() / len(returns) ** 0.5
    assert abs(np.corrcoef(residual, values)[0, 1]) < 4 / len(returns) ** 0.5


def advantage_variance(g: rules.Game, gae_lambda: int, knows: str, count: int = 4000):
    """[N] variance of advantages, summed over turns, in units of an answer (variance 1)."""
    policy = np.full((g.agents, g.cues, g.words), 1.0 / g.words)
    cues, answers, coins = sample(g, policy, count, seed=5)
    scale = 2 * g.agents * g.turns  # a fair coin of plus or minus 1 an answer
    values = scale * Oracle(g, policy).values(cues, answers, coins, knows)
    returns = scale * ((cues == answers).sum((1, 2)) / (g.agents * g.turns) + g.luck / 2 * coins)
    whole = np.broadcast_to(returns[:, None, None], values[:, :1].shape)
    last = np.concatenate([values[:, 1:], whole], 1)
    advantages = whole - values if gae_lambda else last - values
    return advantages.var(0).sum(0)


def test_without_luck_the_three_differ_as_the_theory_says():
    """n agents, T turns, fair answers: MC, DC, CC = nT^2, (n-1)T^2 + T(T+1)/2, nT(T+1)/2 at
    lambda 1 (docs/credit.md, P2), and nT for every critic at lambda 0 (P1)."""
    n, turns = 3, 20
    g = game(agents=n, turns=turns, words=2)
    wanted = {
        "none": n * turns**2,
        "local": (n - 1) * turns**2 + turns * (turns + 1) / 2,
        "joint": n * turns * (turns + 1) / 2,
    }
    for knows, theory in wanted.items():
        assert advantage_variance(g, 1, knows) == pytest.approx(theory, rel=0.08)
        assert advantage_variance(g, 0, knows) == pytest.approx(n * turns, rel=0.08)


def test_luck_that_a_teammate_saw_burdens_all_but_the_joint_critic():
    """P3: B^2 / 4 at every turn for those that did not see the coin, nothing for the joint."""
    plain, lucky = game(agents=2, turns=4, words=2), game(agents=2, turns=4, words=2, luck=2.0)
    extra = (2 * 2 * 4) ** 2 * 1.0 * 4  # in units of an answer: B^2 / 4 = 1, at each of 4 turns
    for knows, burdens in (("joint", (0, 0)), ("local", (1, 0)), ("none", (1, 1))):
        more = advantage_variance(lucky, 1, knows) - advantage_variance(plain, 1, knows)
        assert more == pytest.approx(np.array(burdens) * extra, abs=0.05 * extra)


@pytest.mark.parametrize("policy, says", [
    (np.ones((2, 2, 2)), "shape"), (np.ones((2, 2, 3)), "probabilities"),
    (np.full((2, 2, 3), -0.1), "probabilities"),
])
def test_what_is_no_policy_is_refused(policy, says):
    with pytest.raises(ConfigError, match=says):
        Oracle(game(), policy)


def test_unknown_knowledge_is_refused():
    g = game()
    with pytest.raises(ConfigError, match="joint, local, none"):
        Oracle(g, a_policy(g)).values(*sample(g, a_policy(g), 2, 0), "everything")
