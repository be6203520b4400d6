"""How often playing waits for the device: once a generated token, whatever plays."""

from __future__ import annotations

import pytest
import torch
from helpers import build_team

from colllm_bench.models.sampling import PerTurnRandom

READS = ("tolist", "item", "__bool__", "__int__", "__float__", "__index__", "cpu", "nonzero")


@pytest.fixture
def exchanges(monkeypatch):
    """Counts values that go between host and device: on CUDA each is a wait."""
    count = [0]
    # torch remembers which functions obey `with torch.device("meta")` when that is first used. Were
    # they the counting ones, models that later tests load would have buffers that nobody filled.
    with torch.device("meta"):
        torch.zeros(1)

    def counted(owner, name):
        inner = getattr(owner, name)

        def call(*args, **kwargs):
            count[0] += 1
            return inner(*args, **kwargs)

        monkeypatch.setattr(owner, name, call)

    for name in READS:
        counted(torch.Tensor, name)
    for name in ("tensor", "as_tensor", "from_numpy"):
        counted(torch, name)
    return count


@pytest.mark.parametrize("tuning", ["lora", "full"])
@pytest.mark.parametrize("streams", [False, True])
def test_a_generated_token_waits_once(model_folder, exchanges, tuning, streams):
    team = build_team(model_folder("Llama"), 2, tuning=tuning)
    prompts = [[5, 6, 7], [5, 6], [8, 9, 10, 11], [12]]  # rows of different lengths
    counts = {}
    for tokens in (2, 12):
        generator = torch.Generator().manual_seed(0)
        if streams:
            generator = PerTurnRandom(0, [(row,) for row in range(4)], tokens)
        session = team.session(
            2, generator=generator, temperature=1.0, max_action_tokens=tokens, end_ids=()
        )
        exchanges[0] = 0
        actions = session.generate(prompts)
        counts[tokens] = exchanges[0]
        assert [len(ids) for ids, _ in actions] == [tokens] * 4
    assert counts[12] - counts[2] == 10
