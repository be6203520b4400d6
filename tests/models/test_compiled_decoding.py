"""Decoding through torch.compile: the same play, and no compiling from turn to turn."""

from __future__ import annotations

import pytest
import torch
from helpers import build_team, shake
from torch._dynamo.utils import counters

from colllm_bench.errors import ConfigError
from colllm_bench.models import compiled_decoding
from colllm_bench.models.compiled_decoding import SteadyBuffers
from colllm_bench.models.kv_cache import RaggedKVCache
from colllm_bench.models.sampling import PerTurnRandom

EPISODES = 6
RULES = "hold the fort and send three guards to the north gate before the west gate falls " * 3


@pytest.fixture
def backend(monkeypatch):
    """Traced as ever, but run by torch itself: compiling takes a second, not a minute."""
    torch._dynamo.reset()
    counters.clear()
    monkeypatch.setattr(compiled_decoding, "BACKEND", "aot_eager")
    yield
    torch._dynamo.reset()


def played(folder, agents: int = 2, turns: int = 7, keep=(), sharing: bool = False, **options):
    """Turns of rows that differ in length; tokens of a third of the vocabulary end an action.
    Yields what is generated, turn by turn."""
    team = build_team(folder, agents, **options)
    shake(team)
    team.shares_prefixes = sharing
    names = [(row,) for row in range(agents * EPISODES)]
    session = team.session(
        EPISODES, generator=PerTurnRandom(0, names, 12), temperature=0.8, max_action_tokens=12,
        end_ids=range(0, 320, 3),
    )
    keep = dict(keep)
    words = ["3 guards", "hold the fort", "a"]
    for turn in range(turns):
        rows = agents * session.episodes
        if turn == 0:
            rules = RULES if sharing else "rules"
            feeds = [team.prompts.first_turn(rules, words[row % 3]) for row in range(rows)]
            feeds[1] = None  # waits for a turn
        else:
            feeds = [team.prompts.next_turn(words[(row + turn) % 3], ended=True)
                     for row in range(rows)]
        yield session.generate(feeds)
        if turn in keep:
            session.keep(keep[turn])


def same(one, other):
    assert len(one) == len(other) and any(row is not None for row in one)
    for mine, theirs in zip(one, other, strict=True):
        assert (mine is None) == (theirs is None)
        if mine is not None:
            assert mine[0] == theirs[0]
            assert mine[1] == pytest.approx(theirs[1], abs=1e-4)


@pytest.mark.parametrize(
    "architecture",
    ["Llama", *(pytest.param(name, marks=pytest.mark.slow) for name in ("GPT2", "Gemma2"))],
)
def test_play_is_the_same_and_compiled_once(model_folder, backend, architecture):
    folder = model_folder(architecture)
    keep = {1: [0, 2, 3, 4, 5], 2: [1, 2, 4], 3: [0, 2], 5: [1]}
    plain = list(played(folder, keep=keep))
    assert not counters["stats"]
    graphs = []
    for turn, whole in zip(played(folder, keep=keep, compile_decoding=True), plain, strict=True):
        same(turn, whole)
        graphs.append(counters["stats"]["unique_graphs"])
    lengths = {len(row[0]) for turn in plain for row in turn if row is not None}
    assert len(lengths) > 3
    # 6, 5, 3 and 2 episodes, and buffers that grew: one graph. One episode: another.
    assert graphs == [1] * 6 + [2]
    assert not counters["graph_break"]


def test_beginnings_that_were_read_once_go_on(model_folder, backend):
    plain = list(played(model_folder(), turns=2, sharing=True, share="all"))
    compiled = played(model_folder(), turns=2, sharing=True, share="all", compile_decoding=True)
    for turn, whole in zip(compiled, plain, strict=True):
        same(turn, whole)
    assert counters["stats"]["unique_graphs"] == 1


@pytest.mark.slow
def test_compiled_by_inductor(model_folder):
    torch._dynamo.reset()
    plain = list(played(model_folder(), turns=3, keep={1: [0, 1, 2]}))
    compiled = played(model_folder(), turns=3, keep={1: [0, 1, 2]}, compile_decoding=True)
    for turn, whole in zip(compiled, plain, strict=True):
        same(turn, whole)


def test_a_new_rollout_reads_the_adapters_anew(model_folder, backend):
    found = {}
    for compiled in (False, True):
        team = build_team(model_folder(), 2, compile_decoding=compiled)
        found[compiled] = []
        for seed in (1, 2):
            shake(team, seed)
            session = team.session(
                1, generator=torch.Generator(), temperature=0.0, max_action_tokens=6, end_ids=()
            )
            found[compiled] += session.generate([team.prompts.first_turn("", "hold")] * 2)
    same(found[True], found[False])
    assert found[True][:2] != found[True][2:]


def cache_of(rows: int, columns: int, value: float) -> RaggedKVCache:
    cache = RaggedKVCache(1, multiple=64)
    cache.places.reserve(columns)
    cache.layers[0].take(*(torch.full((rows, 2, columns, 4), value) for _ in range(2)))
    return cache


def test_buffers_stay_where_they_are():
    steady = SteadyBuffers()
    first = cache_of(4, 64, 1.0)
    steady.settle(first)
    place = first.layers[0].keys.data_ptr()
    steady.settle(first)
    assert first.layers[0].keys.data_ptr() == place
    other = cache_of(2, 128, 2.0)  # beside it: in a place of its own
    steady.settle(other)
    assert other.layers[0].keys.data_ptr() != place
    assert (first.layers[0].keys == 1).all() and (other.layers[0].values == 2).all()
    place = other.layers[0].keys.data_ptr()
    del other, first
    later = cache_of(1, 192, 3.0)
    steady.settle(later)
    assert later.layers[0].keys.data_ptr() == place
    later.keep(torch.tensor([0]))
    assert later.layers[0].keys.data_ptr() != place
    steady.settle(later)
    assert later.layers[0].keys.data_ptr() == place and (later.layers[0].keys == 3).all()
    wide = cache_of(4, 128, 4.0)
    del later
    steady.settle(wide)
    assert (wide.layers[0].keys == 4).all()


def test_what_cannot_be_compiled_is_refused_in_words(model_folder, monkeypatch):
    options = dict(generator=torch.Generator(), temperature=1.0, max_action_tokens=2)
    with pytest.raises(ConfigError, match="with tuning 'full'"):
        build_team(model_folder(), tuning="full", compile_decoding=True).session(2, **options)
    team = build_team(model_folder(), compile_decoding=True)
    team.supports_kv_cache = False
    with pytest.raises(ConfigError, match="LlamaForCausalLM, whose cache cannot hold"):
        team.session(2, **options)

    def broken(graph, inputs):
        raise RuntimeError("no triton on this machine")

    torch._dynamo.reset()
    monkeypatch.setattr(compiled_decoding, "BACKEND", broken)
    session = build_team(model_folder(), compile_decoding=True).session(2, **options)
    with pytest.raises(ConfigError, match="compile LlamaForCausalLM here: .*no triton on this"):
        session.generate([[5, 6, 7]] * 4)


@pytest.mark.slow
def test_without_a_compiler_the_run_ends_in_words(model_folder, monkeypatch):
    torch._dynamo.reset()
    monkeypatch.setattr(torch._inductor.config.cpp, "cxx", ("no-such-compiler",))
    team = build_team(model_folder(), compile_decoding=True)
    session = team.session(2, generator=torch.Generator(), temperature=1.0, max_action_tokens=2)
    with pytest.raises(ConfigError, match="cannot compile LlamaForCausalLM here: .*compiler"):
        session.generate([[5, 6, 7]] * 4)
