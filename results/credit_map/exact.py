"""Variance, bias and signal of every estimator at frozen policies, with exact values.

    python results/credit_map/exact.py       # about a minute; writes exact.json

Two policies a cell, as tables [agent, cue, word]: the untrained built-in model's, read off its own
distributions, and one that is right half of the time. Episodes are drawn from the table in
numpy; values are the oracle's. For each estimator: the sum over turns of the variance of
the advantage, and with the scores of a softmax table the variance (trace of the covariance),
signal-to-noise ratio and bias of an episode's policy gradient. Theory stands beside them.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import learn
import numpy as np
import theory
from cells import Cell, frozen

from colllm_bench.envs.credit.env import CreditEnv
from colllm_bench.envs.credit.oracle import Oracle
from colllm_bench.runs.files import write_json
from colllm_bench.runs.provenance import environment

HERE = Path(__file__).parent
LAMBDAS = (0.0, 0.5, 0.8, 0.95, 1.0)
GROUP = 8
"""Episodes of a Monte-Carlo group, as in training."""
NUMBERS = 120_000_000
"""Episodes x (agents x turns)^2 is about this: time and memory; but no more episodes than:"""
MOST = 20_000


def untrained_table(own: Cell) -> np.ndarray:
    """The untrained model's policy [N, C, K] in a cell."""
    from colllm_bench.setup.resolve import resolve
    from colllm_bench.training.trainer import Trainer

    trainer = Trainer(resolve(learn.config_of((own.name, "cc oracle", learn.LR, 990))))
    table, _ = trainer.critic.policy_table(trainer.play(0))
    return np.round(table, 5)


def half_table(game: Any) -> np.ndarray:
    """Right half of the time, every other word equally often else."""
    table = np.full((game.agents, game.cues, game.words), 0.5 / (game.words - 1))
    table[:, np.arange(game.cues), np.arange(game.cues)] = 0.5
    return table


def draw(
    game: Any, table: np.ndarray, episodes: int, group: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Cues and answers [E, T, N], coins [E], noise [E, T]; ``group`` episodes share a start."""
    shape = (episodes, game.turns, game.agents)
    cues = rng.integers(game.cues, size=shape)
    cues[:, 0] = np.repeat(cues[::group, 0], group, axis=0)
    coins = np.zeros(episodes)
    if game.luck:
        coins = np.repeat(rng.choice((1.0, -1.0), episodes // group), group)
    reach = table.cumsum(-1)[np.arange(game.agents), cues]  # [E, T, N, K]
    answers = (rng.random(shape)[..., None] > reach).sum(-1)
    answers[answers == game.words] = -1
    noise = np.zeros(shape[:2])
    paid = np.array(game.payments) - 1
    noise[:, paid] = rng.normal(0, game.noise, (episodes, len(paid))) / len(paid) ** 0.5
    return cues, answers, coins, noise


def gae(rewards: np.ndarray, values: np.ndarray, lam: float) -> np.ndarray:
    """[E, T, N] advantages at gamma 1 of rewards [E, T] and values [E, T, N]."""
    after = np.concatenate([values[:, 1:], np.zeros_like(values[:, :1])], 1)
    delta = rewards[..., None] + after - values
    for t in range(delta.shape[1] - 2, -1, -1):
        delta[:, t] += lam * delta[:, t + 1]
    return delta


def scores_times(
    advantages: np.ndarray, table: np.ndarray, cues: np.ndarray, answers: np.ndarray
) -> np.ndarray:
    """[E, D] each episode's gradient: the sum of advantage times score of a softmax table."""
    agents, count, words = table.shape
    full = np.concatenate([table, 1 - table.sum(-1, keepdims=True)], -1)
    parts = []
    for i in range(agents):
        score = np.eye(words + 1)[answers[..., i]] - full[i, cues[..., i]]
        weighted = score * advantages[..., i, None]
        own = np.einsum("etc,etk->eck", np.eye(count)[cues[..., i]], weighted)
        parts.append(own.reshape(len(cues), -1))
    return np.concatenate(parts, 1)


def summary(
    advantages: np.ndarray, gradient: np.ndarray, truth: np.ndarray, group: int
) -> dict[str, float]:
    """What is kept of an estimator. A group's episodes are not independent: the variance is that
    of a group's mean, times its size. ``along``: the mean gradient's part along the true one, over
    the latter's length (1: no bias); ``bias``: their distance over that length, sampling error
    taken off; ``snr``: the squared length of that part over the variance."""
    means = gradient.reshape(-1, group, gradient.shape[1]).mean(1)
    variance = float(means.var(0, ddof=1).sum() * group)
    mean, noise = means.mean(0), float(means.var(0, ddof=1).sum() / len(means))
    length = float(truth @ truth)
    along = float(mean @ truth) / length
    gap = max(float(((mean - truth) ** 2).sum()) - noise, 0.0)
    return {
        "advantage_variance": float(advantages.var(0).mean(-1).sum()),
        "gradient_variance": variance, "snr": along**2 * length / variance,
        "along": along, "bias": (gap / length) ** 0.5,
    }


def estimators(
    oracle: Oracle, episodes: tuple[np.ndarray, ...]
) -> dict[str, np.ndarray]:
    """Advantages [E, T, N] of each estimator on independent episodes."""
    cues, answers, coins, noise = episodes
    agents = cues.shape[-1]
    rewards = oracle.rewards(cues, answers, coins) + noise
    to_go = np.repeat(rewards[:, ::-1].cumsum(1)[:, ::-1, None], agents, -1)
    values = {name: oracle.values(cues, answers, coins, name) for name in ("local", "joint")}
    others = oracle.leave_one_out(cues, answers, coins)
    found = {"mc raw": to_go, "mc constant": to_go - to_go.mean(0)}
    for lam in LAMBDAS:
        for learner, name in (("dc", "local"), ("cc", "joint")):
            found[f"{learner} {lam:g}"] = gae(rewards, values[name], lam)
        found[f"hier {lam:g}"] = found[f"cc {lam:g}"] + values["joint"] - others
        constant = np.full_like(values["joint"], oracle.expected_return())
        found[f"cold {lam:g}"] = gae(rewards, constant, lam)
    return found


def explained(oracle: Oracle, episodes: tuple[np.ndarray, ...]) -> dict[str, float]:
    """Explained variance of the exact values at returns-to-go, all turns in one pool."""
    cues, answers, coins, noise = episodes
    rewards = oracle.rewards(cues, answers, coins) + noise
    to_go = rewards[:, ::-1].cumsum(1)[:, ::-1, None]
    found = {}
    for name in ("joint", "local"):
        left = to_go - oracle.values(cues, answers, coins, name)
        found[name] = 1 - float(left.var((0, 1)).mean() / to_go.var())
    return found


def predictions(own: Cell, p: float) -> dict[str, float] | None:
    """Theory's sums of advantage variances, by estimator; None where there is no closed form."""
    if not theory.has_theory(own):
        return None
    found = {"mc constant": theory.monte_carlo_variance(own, p),
             "mc group": theory.monte_carlo_variance(own, p, GROUP)}
    for lam in LAMBDAS:
        found[f"dc {lam:g}"] = theory.gae_variance(own, p, theory.LOCAL, lam)
        found[f"cc {lam:g}"] = theory.gae_variance(own, p, theory.JOINT, lam)
        found[f"hier {lam:g}"] = theory.others_variance(own, p, lam)
    return found


def measure(own: Cell, policy: str, table: np.ndarray) -> dict[str, Any]:
    """All of one cell at one policy."""
    game = CreditEnv(agents=own.agents, **own.options).game
    rng = np.random.default_rng(own.number)
    count = min(NUMBERS // (game.agents * game.turns) ** 2, MOST) // GROUP * GROUP
    oracle, episodes = Oracle(game, table), draw(game, table, count, 1, rng)
    found = estimators(oracle, episodes)
    gradients = {key: scores_times(a, table, *episodes[:2]) for key, a in found.items()}
    # No noise, no coin, no teammate's chance: the least noisy unbiased estimator is the truth.
    exact = oracle.action_values(*episodes[:3]) - oracle.leave_one_out(*episodes[:3])
    truth = scores_times(exact, table, *episodes[:2]).mean(0)
    rows = {key: summary(found[key], gradients[key], truth, 1) for key in found}
    cues, answers, coins, noise = draw(game, table, count, GROUP, rng)
    rewards = oracle.rewards(cues, answers, coins) + noise
    to_go = rewards[:, ::-1].cumsum(1)[:, ::-1].reshape(-1, GROUP, game.turns)
    group = (to_go - to_go.mean(1, keepdims=True)).reshape(rewards.shape)[..., None]
    group = np.repeat(group, game.agents, -1)
    rows["mc group"] = summary(group, scores_times(group, table, cues, answers), truth, GROUP)
    right = float(table[:, np.arange(game.cues), np.arange(game.cues)].mean())
    return {
        "cell": own.name, "policy": policy, "right": right, "episodes": count,
        "estimators": rows, "theory": predictions(own, right),
        "explained_variance": explained(oracle, episodes),
        "theory_explained": {
            knows: theory.explained(own, right, knows) for knows in ("joint", "local")
        } if theory.has_theory(own) else None,
        "table": table.tolist() if policy == "untrained" else None,
    }


def rounded(value: Any) -> Any:
    """Numbers to five significant digits, through lists and dictionaries."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def main() -> None:
    began, rows = time.process_time(), []
    for own in frozen():
        game = CreditEnv(agents=own.agents, **own.options).game
        for policy, table in (("untrained", untrained_table(own)), ("half", half_table(game))):
            rows.append(rounded(measure(own, policy, table)))
        print(own.name, round(time.process_time() - began), "s", flush=True)
    about = environment()
    report = {
        "commit": about["commit"], "modified": about["modified"], "cpu": about["cpu"],
        "cpu_seconds": round(time.process_time() - began, 1), "rows": rows,
    }
    write_json(HERE / "exact.json", report)


if __name__ == "__main__":
    main()
