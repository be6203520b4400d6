"""How much of the final outcome a history foretells: all fronts' histories against one's own.

The explained variance of the return, held out, by the same recurrent probe on two inputs: the
joint history (every commander's observations and orders) and one commander's. The gap is what
a centralized critic can know and a decentralized one cannot. Needs torch (imported here only).
"""

from __future__ import annotations

import random

import numpy as np
import torch

from colllm_bench.envs.strategy.env import StrategyEnv
from colllm_bench.envs.strategy.rules import ORDERS, RESULTS
from colllm_bench.envs.strategy.scripted import Novice, play
from colllm_bench.envs.strategy.text import SIGHTS

_SIGHTS = {word: k for k, word in enumerate(SIGHTS)}
_RESULTS = {word: k for k, word in enumerate(RESULTS)}
_ORDERS = {word: k for k, word in enumerate(ORDERS)}
FEATURES = 8 + len(_SIGHTS) + len(_RESULTS) + len(_ORDERS)


def features(observation: str, last_order: str | None) -> np.ndarray:
    """[FEATURES] float32: a brief observation and the order before it, as numbers."""
    words = observation.split(" ")
    row = np.zeros(FEATURES, dtype=np.float32)
    for k in range(6):
        value = words[k].partition("=")[2]
        if value == "?":
            row[6] = 1.0
        else:
            row[k] = int(value) / 10.0
    row[7] = 1.0
    row[8 + _SIGHTS[words[6]]] = 1.0
    row[8 + len(_SIGHTS) + _RESULTS[words[7]]] = 1.0
    if last_order is not None:
        row[8 + len(_SIGHTS) + len(_RESULTS) + _ORDERS[last_order]] = 1.0
    return row


def collect(level: int, agents: int, episodes: int, seed: int):
    """Novice play: ([E, T, N, FEATURES] histories, [E, T] mask, [E] returns)."""
    env = StrategyEnv(agents=agents, level=level)
    rng = random.Random(seed)
    x = np.zeros((episodes, env.turns, agents, FEATURES), dtype=np.float32)
    mask = np.zeros((episodes, env.turns), dtype=bool)
    wins = np.zeros(episodes, dtype=np.float32)
    for episode in range(episodes):
        orders: dict[str, str | None] = dict.fromkeys(env.possible_agents)
        turns = play(env, [Novice() for _ in range(agents)], rng.getrandbits(40))
        for t, (seen, _, actions) in enumerate(turns):
            for i, agent in enumerate(env.possible_agents):
                x[episode, t, i] = features(seen[agent]["text"], orders[agent])
            mask[episode, t] = True
            orders = actions
        wins[episode] = env.campaign.won
    return torch.from_numpy(x), torch.from_numpy(mask), torch.from_numpy(wins)


class Probe(torch.nn.Module):
    """A GRU over each commander's history; the encodings given are averaged, then valued."""

    def __init__(self, width: int = 48):
        super().__init__()
        self.encode = torch.nn.Linear(FEATURES, width)
        self.gru = torch.nn.GRU(width, width, batch_first=True)
        self.head = torch.nn.Sequential(
            torch.nn.Linear(width, width), torch.nn.ReLU(), torch.nn.Linear(width, 1)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, T, N, F] histories to [B, T] values, one from the N histories together."""
        b, t, n, f = x.shape
        rows = x.transpose(1, 2).reshape(b * n, t, f)
        hidden, _ = self.gru(torch.relu(self.encode(rows)))
        return self.head(hidden.view(b, n, t, -1).mean(1)).squeeze(-1)


def explained_variance(values, mask, returns) -> list[float]:
    """1 - Var(return - value) / Var(return) in the first, middle and last third of the days."""
    total = mask.shape[1]
    target = returns[:, None].expand_as(values)
    out = []
    for part in range(3):
        window = torch.zeros_like(mask)
        window[:, part * total // 3 : (part + 1) * total // 3] = True
        chosen = window & mask
        error, truth = (target - values)[chosen], target[chosen]
        out.append(float(1 - (error**2).mean() / truth.var(unbiased=False).clamp_min(1e-9)))
    return out


def fit(x, mask, returns, held, *, joint: bool, seed: int, epochs: int = 12) -> list[float]:
    """Train a probe and return its explained variance on held-out episodes, by thirds.

    A tenth of the training episodes chooses the epoch, so that a probe with less to see is
    not punished for overfitting. The local probe reads each commander alone, all of them
    in turn, so it sees as many rows as the joint one.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        probe = Probe()
    optimizer = torch.optim.AdamW(probe.parameters(), lr=2e-3, weight_decay=1e-2)
    own = len(x) // 10
    order = torch.Generator().manual_seed(seed)
    best, chosen = float("inf"), None
    for _ in range(epochs):
        for rows in (torch.randperm(len(x) - own, generator=order) + own).split(64):
            loss = _loss(probe, x[rows], mask[rows], returns[rows], joint)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(probe.parameters(), 1.0)
            optimizer.step()
        with torch.no_grad():
            score = float(_loss(probe, x[:own], mask[:own], returns[:own], joint))
        if score < best:
            best, chosen = score, {k: v.clone() for k, v in probe.state_dict().items()}
    probe.load_state_dict(chosen)
    with torch.no_grad():
        hx, hmask, hreturns = held
        if joint:
            return explained_variance(torch.sigmoid(probe(hx)), hmask, hreturns)
        parts = [
            explained_variance(torch.sigmoid(probe(hx[:, :, i : i + 1])), hmask, hreturns)
            for i in range(hx.shape[2])
        ]
        return [sum(third) / len(parts) for third in zip(*parts, strict=True)]


def _loss(probe, x, mask, returns, joint: bool) -> torch.Tensor:
    """Cross-entropy of the win probability: a proper score, whose optimum is the mean return."""
    if not joint:
        b, t, n, f = x.shape
        x = x.transpose(1, 2).reshape(b * n, t, 1, f)
        mask, returns = mask.repeat_interleave(n, 0), returns.repeat_interleave(n)
    logits = probe(x)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, returns[:, None].expand_as(logits), reduction="none"
    )
    return (loss * mask).sum() / mask.sum()


def gap(level: int, agents: int, episodes: int, held: int, seed: int = 0) -> dict:
    """Explained variance (early, middle, late) of the joint and the local history."""
    x, mask, returns = collect(level, agents, episodes, seed)
    test = collect(level, agents, held, seed + 1)
    return {
        "joint": fit(x, mask, returns, test, joint=True, seed=seed),
        "local": fit(x, mask, returns, test, joint=False, seed=seed),
        "wins": float(returns.mean()),
        "episodes": episodes,
        "held_out": held,
    }
