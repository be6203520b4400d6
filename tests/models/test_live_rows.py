"""Rows whose action has ended are left out, and the others do not notice."""

from __future__ import annotations

import pytest
import torch
from helpers import build_team, shake

from colllm_bench.models.live_rows import LiveRows
from colllm_bench.models.sampling import PerTurnRandom

EPISODES = 6


@pytest.fixture
def computed(monkeypatch):
    """Counts the rows of every pass over rows that were left over."""
    rows: list[int] = []
    inner = LiveRows.logits

    def counted(self, *args):
        logits = inner(self, *args)
        rows.append(len(logits))
        return logits

    monkeypatch.setattr(LiveRows, "logits", counted)
    return rows


def played(folder, large: bool, streams: bool, **options):
    """Three turns of two agents; tokens of a third of the vocabulary end an action."""
    team = build_team(folder, 2, **options)
    shake(team)
    if large:
        team.size = 10**9
    generator = torch.Generator().manual_seed(0)
    if streams:
        generator = PerTurnRandom(0, [(row,) for row in range(2 * EPISODES)], 12)
    session = team.session(
        EPISODES, generator=generator, temperature=1.0, max_action_tokens=12,
        end_ids=range(0, 320, 3),
    )
    words = ["3 guards", "hold the fort", "a"] * 4
    first = [team.prompts.first_turn("rules", text) for text in words]
    first[2] = None  # waits for a turn
    found = [session.generate(first)]
    later = [team.prompts.next_turn(text, ended=True) for text in reversed(words)]
    found.append(session.generate(later))
    session.keep([0, 3, 4])
    found.append(session.generate(later[:6]))
    return [row for turn in found for row in turn]


@pytest.mark.parametrize("architecture", ["Llama", "GPT2"])
@pytest.mark.parametrize("streams", [False, True])
def test_actions_are_the_same(model_folder, computed, architecture, streams):
    whole = played(model_folder(architecture), False, streams)
    assert not computed
    fewer = played(model_folder(architecture), True, streams)
    assert computed and max(computed) <= EPISODES and min(computed) < max(computed)
    lengths = {len(row[0]) for row in whole if row is not None}
    assert len(lengths) > 3
    for one, other in zip(whole, fewer, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            assert one[0] == other[0]
            assert one[1] == pytest.approx(other[1], abs=1e-4)


def test_copies_of_a_model_for_each_agent_run_whole(model_folder, computed):
    whole = played(model_folder(), False, True, tuning="full")
    assert played(model_folder(), True, True, tuning="full") == whole
    assert not computed
