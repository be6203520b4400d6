"""What can be known: a recurrent network over the same tokens, learned from scratch on the same
episodes with many passes and early stopping."""

from __future__ import annotations

import math

import torch

from colllm_bench.learners.value_metrics import THIRDS, fit_metrics


def by_third(metrics: dict[str, float]) -> list[float | None]:
    """Explained variance early, middle, late; None in a third that has no turn."""
    found = [round(metrics[f"explained_variance_{name}"], 4) for name in THIRDS]
    return [None if math.isnan(value) else value for value in found]


class Probe(torch.nn.Module):
    """Bags of a turn's observation and action tokens, a GRU over an agent's turns, the mean over
    agents, a head."""

    def __init__(self, vocabulary: int, width: int = 48):
        super().__init__()
        self.bag = torch.nn.EmbeddingBag(2 * vocabulary, width, mode="mean")
        self.gru = torch.nn.GRU(2 * width, width, batch_first=True)
        self.head = torch.nn.Sequential(
            torch.nn.Linear(width, width), torch.nn.ReLU(), torch.nn.Linear(width, 1)
        )
        torch.nn.init.normal_(self.bag.weight, std=0.3)

    def forward(self, inputs) -> torch.Tensor:
        """[E, T] values of the team's mean encoding; ``inputs`` from :func:`tokens_of`."""
        ids, offsets, (e, n, t) = inputs
        bags = self.bag(ids, offsets).view(e * n, t, -1)
        return self.head(self.gru(bags)[0].view(e, n, t, -1).mean(1)).squeeze(-1)


def tokens_of(episodes, vocabulary: int, agents: list[int]):
    """Flat token ids with offsets: of each episode, agent and turn the observation's bag and
    that of the action before (shifted by the vocabulary)."""
    longest = max(len(x.turns) for e in episodes for x in e.trajectories)
    ids, offsets = [], []
    for episode in episodes:
        for i in agents:
            turns, before = episode.trajectories[i].turns, []
            for t in range(longest):
                turn = turns[t] if t < len(turns) else None
                for bag in (turn.prompt_ids if turn else [], before):
                    offsets.append(len(ids))
                    ids += bag
                before = [vocabulary + x for x in turn.action_ids] if turn else []
    return torch.tensor(ids), torch.tensor(offsets), (len(episodes), len(agents), longest)


def fit_probe(
    batches, held, vocabulary: int, agents: list[int], gamma: float
) -> list[float | None]:
    """Explained variance (early, middle, late) of held-out episodes by the probe on ``agents``'
    histories."""
    episodes = [e for batch in batches for e in batch]
    own, order = len(episodes) // 5, torch.Generator().manual_seed(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        probe = Probe(vocabulary)
    optimizer = torch.optim.AdamW(probe.parameters(), lr=2e-3, weight_decay=1e-2)
    best, chosen = float("inf"), None
    for _ in range(25):
        for rows in (torch.randperm(len(episodes) - own, generator=order) + own).split(32):
            loss = _loss(probe, [episodes[i] for i in rows], vocabulary, agents)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(probe.parameters(), 1.0)
            optimizer.step()
        with torch.no_grad():
            score = float(_loss(probe, episodes[:own], vocabulary, agents))
        if score < best:
            best, chosen = score, {k: v.clone() for k, v in probe.state_dict().items()}
    probe.load_state_dict(chosen)
    with torch.no_grad():
        values = probe(tokens_of(held, vocabulary, agents))
    turns = []
    for e, episode in enumerate(held):
        for i in agents:
            for t, turn in enumerate(episode.trajectories[i].turns):
                turn.value = turn.return_ = float(values[e, t])
                turns.append(turn)
    metrics = fit_metrics(turns, held, gamma)
    return by_third(metrics)


def _loss(probe: Probe, episodes, vocabulary: int, agents: list[int]) -> torch.Tensor:
    values = probe(tokens_of(episodes, vocabulary, agents))
    targets, mask = torch.zeros_like(values), torch.zeros_like(values)
    for e, episode in enumerate(episodes):
        following, rewards = 0.0, episode.rewards
        for t in range(len(rewards) - 1, -1, -1):
            following += rewards[t]
            targets[e, t], mask[e, t] = following, 1.0
    return ((values - targets) ** 2 * mask).sum() / mask.sum()


def probe_rows(batches, held, vocabulary: int, agents: int) -> list[dict]:
    """The joint probe's row, and the mean of the local ones'."""
    rows = []
    for name, groups in (("probe joint", [list(range(agents))]),
                         ("probe local", [[i] for i in range(agents)])):
        explained = {}
        for count in sorted({10, 20, len(batches)} & set(range(len(batches) + 1))):
            found = [fit_probe(batches[:count], held, vocabulary, own, 1.0) for own in groups]
            explained[64 * count] = [
                None if None in x else round(sum(x) / len(found), 4) for x in zip(*found)
            ]
        rows.append({"critic": name, "explained": explained})
    return rows
