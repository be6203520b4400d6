"""Value heads: pooled as the formula says, whatever the order and number of agents."""

from __future__ import annotations

import math

import pytest
import torch
from handmade_episodes import episode
from torch.nn.functional import gelu

from colllm_bench.baselines.hierarchical import HierarchicalCritic
from colllm_bench.baselines.sequential import SequentialCredit
from colllm_bench.models.value_head import ValueHead, ValueTable
from colllm_bench.objectives import critic_inputs

INPUTS = {"local": critic_inputs.LOCAL, "joint": critic_inputs.JOINT,
          "seq": SequentialCredit.critic_input, "hier": HierarchicalCritic.critic_input}
EPISODES = [episode(1, [3, 3, 3], cut=True), episode(2, [1, 4, 2]), episode(3, [2, 2, 2])]
SIZE = 5


def head_of(width, history, seed=0):
    """A head whose last layer and units are not the first ones."""
    generator = torch.Generator().manual_seed(seed)
    head = ValueHead(SIZE, width, history, generator, "cpu")
    with torch.no_grad():
        for tensor in head.value[-1].parameters():
            tensor.copy_(torch.randn(tensor.shape, generator=generator))
        for name, buffer in head.named_buffers():
            if name.endswith("_mean"):
                buffer.copy_(torch.randn(buffer.shape, generator=generator))
            elif name.endswith("_std"):
                buffer.copy_(0.5 + torch.rand(buffer.shape, generator=generator))
    return head


def features_of(readings, seed=1):
    """Hidden states of cells, each a function of its agent and place; none where none is read."""
    generator = torch.Generator().manual_seed(seed)
    cells = [cell for reading in readings for cell in reading.cells]
    observed, acted = torch.randn(2, len(cells), SIZE, generator=generator)
    for c, cell in enumerate(cells):
        if cell.acted is None:
            acted[c] = 0
    return observed, acted


def slowly(head, reading, position, observed, acted):
    """One value, by the formula of the module's docstring, cell by cell."""
    def turn(c):
        standard = torch.zeros(SIZE)
        if reading.cells[c].acted is not None:
            standard = (acted[c] - head.acted_mean) / head.acted_std
        both = torch.cat([(observed[c] - head.observed_mean) / head.observed_std, standard])
        return gelu(head.turn(both)) if head.width else both

    def observation(c):
        standard = (observed[c] - head.observed_mean) / head.observed_std
        return gelu(head.observation(standard)) if head.width else standard

    def before(c):
        chain = []
        while (c := reading.cells[c].before) is not None:
            chain.append(turn(c))
        return torch.stack(chain).mean(0) if chain else torch.zeros_like(turn(0)), len(chain)

    team = len(position.observed)
    parts = [sum(observation(c) for c in position.observed) / team]
    if head.history:
        parts.append(sum(before(c)[0] for c in position.observed) / team)
    parts.append(sum([turn(c) for c in position.acted], torch.zeros_like(turn(0))) / team)
    clock = math.log1p(before(position.observed[0])[1])
    parts.append(torch.tensor([clock, len(position.acted) / team]))
    return head.value(torch.cat(parts)) * head.target_std + head.target_mean


@pytest.mark.parametrize("width", [0, 7])
@pytest.mark.parametrize("history", [False, True])
@pytest.mark.parametrize("name", INPUTS)
def test_values_are_the_formulas(name, history, width):
    readings = [INPUTS[name].read(e) for e in EPISODES]
    observed, acted = features_of(readings)
    head = head_of(width, history)
    for critic in range(INPUTS[name].critics(3)):
        table = ValueTable.of(readings, critic, "cpu")
        found = head(observed, acted, table)
        expected, index, cells, positions = [], [], 0, 0
        for reading in readings:
            own = [x[cells : cells + len(reading.cells)] for x in (observed, acted)]
            for p, position in enumerate(reading.positions):
                if position.critic == critic:
                    expected.append(slowly(head, reading, position, *own))
                    index.append(positions + p)
            cells += len(reading.cells)
            positions += len(reading.positions)
        assert table.index.tolist() == index
        torch.testing.assert_close(found, torch.cat(expected), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("width", [0, 7])
@pytest.mark.parametrize("name", ["joint", "hier"])
def test_the_order_and_the_number_of_agents_do_not_matter(name, width):
    """A team of six, each the double of one of three, is worth what the three are."""
    head = head_of(width, True)
    three, six = (INPUTS[name].read(episode(1, [2] * n, cut=True)) for n in (3, 6))
    made = {}

    def features(reading, kind):
        return torch.stack([
            made.setdefault((kind, cell.agent % 3, k // len(set(c.agent for c in reading.cells))),
                            torch.randn(SIZE, generator=generator))
            if kind == "observed" or cell.acted is not None else torch.zeros(SIZE)
            for k, cell in enumerate(reading.cells)
        ])

    generator = torch.Generator().manual_seed(0)
    values = []
    for reading in (three, six):
        table = ValueTable.of([reading], 0, "cpu")
        found = head(features(reading, "observed"), features(reading, "acted"), table)
        values.append([v.item() for v, p in zip(found, reading.positions) if not p.also])
    assert values[0] == pytest.approx(values[1], abs=1e-5) and len(set(values[0])) == 3


@pytest.mark.parametrize("width", [0, 7])
@pytest.mark.parametrize("name", ["seq", "hier"])
def test_an_action_that_is_not_read_moves_no_bit(name, width):
    """Not even by rounding: sums leave it out, they do not take it out."""
    reading = INPUTS[name].read(episode(1, [2, 2, 2], cut=True))
    table, head = ValueTable.of([reading], 0, "cpu"), head_of(width, True)
    observed, acted = features_of([reading])
    before = head(observed, acted, table)
    for c, cell in enumerate(reading.cells):
        if cell.acted is None:
            continue
        other = acted.clone()
        other[c] *= 3.0
        moved = head(observed, other, table) != before
        t = c // 3
        for p, position in enumerate(reading.positions):
            later = position.observed[0] // 3 > t
            assert moved[p].item() == (later or c in position.acted)


def test_memory_grows_with_the_team_and_not_with_its_square():
    """The largest tensor of a pass, numbers of cells aside."""
    def largest(agents):
        reading = INPUTS["hier"].read(episode(1, [4] * agents, cut=True))
        observed, acted = features_of([reading])
        head, sizes = head_of(7, True), []
        table = ValueTable.of([reading], 0, "cpu")
        with torch.autograd.graph.saved_tensors_hooks(
            lambda x: sizes.append(x.numel() if x.is_floating_point() else 0) or x, lambda x: x
        ):
            head(observed.requires_grad_(), acted.requires_grad_(), table)
        return max(sizes)

    assert largest(8) < 2.2 * largest(4)


def test_units_are_those_of_the_first_batch():
    head = ValueHead(SIZE, 7, True, torch.Generator().manual_seed(0), "cpu")
    readings = [INPUTS["joint"].read(e) for e in EPISODES]
    observed, acted = (3.0 * x + 2.0 * (x != 0) for x in features_of(readings))
    head.fit_inputs(observed, acted)
    head.fit_inputs(observed * 9, acted * 9)
    there = acted[acted.abs().sum(1) > 0]
    assert len(there) < len(acted), "cells without an action are no zeros to be averaged in"
    torch.testing.assert_close(head.observed_mean, observed.mean(0))
    torch.testing.assert_close(head.acted_mean, there.mean(0))
    torch.testing.assert_close(head.acted_std, there.std(0, unbiased=False) + 1e-3)


def test_a_token_that_the_first_batch_hardly_had_weighs_no_hundredfold():
    head = ValueHead(2, 4, True, torch.Generator().manual_seed(0), "cpu", counts=3)
    batch = torch.tensor([[1.0, 0, 0, 0.0, 0], [3, 0, 0, 0.02, 4]])
    head.fit_inputs(batch, batch)
    assert head.observed_std.tolist() == pytest.approx([1.001, 0.001, 0.3, 0.3, 2.001], rel=1e-4)
    assert head.observed_mean.tolist() == pytest.approx([2, 0, 0, 0.01, 2])


def test_the_unit_of_targets_waits_until_they_vary():
    head = ValueHead(SIZE, 0, False, torch.Generator().manual_seed(0), "cpu")
    head.fit_targets(torch.zeros(4))
    assert (head.target_mean.item(), head.target_std.item()) == (0.0, 1.0)
    with torch.no_grad():
        head.value[-1].bias += 0.5
    head.fit_targets(torch.tensor([1.0, 3.0]))
    head.fit_targets(torch.tensor([10.0, 30.0]))
    assert (head.target_mean.item(), head.target_std.item()) == (2.0, 1.0)
    assert head.value[-1].bias.item() == 0.0


def test_first_values_are_constant_and_a_generator_decides_the_rest():
    one, same, other = (
        ValueHead(SIZE, 7, True, torch.Generator().manual_seed(seed), "cpu") for seed in (0, 0, 1)
    )
    readings = [INPUTS["seq"].read(e) for e in EPISODES]
    assert not one(*features_of(readings), ValueTable.of(readings, 0, "cpu")).any()
    assert torch.equal(one.observation.weight, same.observation.weight)
    assert not torch.equal(one.observation.weight, other.observation.weight)
